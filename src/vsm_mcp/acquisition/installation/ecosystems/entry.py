"""Which of several programs of a package is its server."""

import re
from collections.abc import Iterable

from vsm_mcp.errors import InstallationError, IntegrityError
from vsm_mcp.model.server import PackageRef

_SEPARATORS = re.compile(r"[-_.]+")


def normalised(name: str) -> str:
    """Return a name as names are compared: lower case, one kind of separator."""
    return _SEPARATORS.sub("-", name).lower()


def choose(programs: Iterable[str], package: str) -> str:
    """Return the only program, or the one named like the package, or the only one with ``mcp`` in its name.

    Raises:
        InstallationError: None of these exists.
    """
    names = sorted(programs)
    like = [name for name in names if normalised(name) == normalised(package.rpartition("/")[2])]
    mcp = [name for name in names if "mcp" in normalised(name).split("-")]
    for found in (names, like, mcp):
        if len(found) == 1:
            return found[0]
    raise no_server(
        package, f"{len(names)} programs, none of them named like the package" if names else "no executable"
    )


def no_server(package: str, why: str) -> InstallationError:
    """Return the error for a package without a server in it."""
    return InstallationError(
        f"There is no MCP server in {package}: {why}.",
        stage="fetch",
        remedies=("Check that it is the package of a server, not a library.", "Choose another server."),
    )


def lies(package: PackageRef, name: str, version: str) -> IntegrityError:
    """Return the error for a package that says of itself that it is another one than the registry says."""
    return IntegrityError(
        f"The archive of {package} says that it is {name[:100]!r} in version {version[:60]!r}.",
        stage="fetch",
        remedies=("Do not install this package.", "Tell its registry: the listing and the archive disagree."),
    )

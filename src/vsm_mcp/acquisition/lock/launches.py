"""How an installed package is started, found anew in its files: a lock tells it, and never decides it. Blocking."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ValidationError

from vsm_mcp.acquisition.installation.ecosystems.entry import choose
from vsm_mcp.acquisition.lock.entries import LockedLaunch, LockedServer
from vsm_mcp.errors import InstallationError, IntegrityError
from vsm_mcp.model.server import PACKAGE_ROOT, PackageRef

_NESTED = "node_modules"
_NODE = "node"
_LARGEST_MANIFEST = 1_000_000


class _Manifest(BaseModel):
    bin: str | Mapping[str, str] = {}


def insist_on_entry(locked: LockedServer, tree: Path) -> LockedLaunch:
    """Return how a locked server is started, if that is its own program, its own words and nothing else.

    Raises:
        IntegrityError: The lock would start something else, or with other words or variables.
    """
    package = PackageRef.parse(locked.package.package)
    launch = locked.launch
    expected = (*_words(tree, package), *locked.candidate.arguments)
    fits = launch is not None and (launch.program == _NODE) is (package.ecosystem == "npm")
    if launch is None or not fits or launch.arguments != expected or launch.env:
        raise IntegrityError(
            f"{locked.candidate.name} would be started by the lock in another way than {package} is.",
            stage="fetch",
            remedies=(
                "Take back the edit: restore the file from version control.",
                "Acquire it without the lock, then lock it anew.",
            ),
        )
    return launch


def _words(tree: Path, package: PackageRef) -> tuple[str, ...]:
    """Return the words between the interpreter and the server's own."""
    if package.ecosystem != "npm":
        return ("-I", f"{PACKAGE_ROOT}/start.py")
    place = f"{_NESTED}/{package.name}"
    return (f"{PACKAGE_ROOT}/{place}/{_program(tree / place / 'package.json', package)}",)


def _program(manifest: Path, package: PackageRef) -> PurePosixPath:
    try:
        with manifest.open("rb") as file:
            said = _Manifest.model_validate_json(file.read(_LARGEST_MANIFEST)).bin
        programs = {package.name: said} if isinstance(said, str) else said
        program = PurePosixPath(programs[choose(programs, package.name)])
    except (OSError, ValidationError, InstallationError) as error:
        raise IntegrityError(
            f"The installed {package} does not say how it is started.",
            stage="fetch",
            remedies=("Lock it anew with the network.",),
        ) from error
    if program.is_absolute() or ".." in program.parts:
        raise IntegrityError(
            f"The program of {package} is outside of it: {str(program)[:200]}.",
            stage="fetch",
            remedies=("Do not use this package: its program would be a file of somebody else.",),
        )
    return program

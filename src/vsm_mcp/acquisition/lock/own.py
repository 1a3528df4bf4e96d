"""The files of one package alone, out of an installed tree that holds all it needs as well. Blocking."""

import csv
import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vsm_mcp.acquisition.installation.ecosystems.entry import normalised
from vsm_mcp.errors import InstallationError
from vsm_mcp.model.server import PackageRef

_NESTED = "node_modules"
_SITE = "site"
_LARGEST_RECORD = 50_000_000


def own_files(tree: Path, package: PackageRef, into: Path) -> None:
    """Copy what belongs to ``package`` itself into the directory ``into``, as if it had been unpacked there.

    Raises:
        InstallationError: The tree does not hold the package.
    """
    if package.ecosystem == "npm":
        place = tree / _NESTED / package.name
        if not place.is_dir():
            raise _missing(package)
        shutil.copytree(place, into, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(_NESTED))
        return
    site = tree / _SITE
    for name in _recorded(site, package):
        source, target = site / name, into / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _recorded(site: Path, package: PackageRef) -> Iterator[PurePosixPath]:
    """Return what the wheel's own record names below ``site``; the record is a text of the package, so it may lie."""
    for described in importlib.metadata.distributions(path=[str(site)]):
        if normalised(described.metadata["Name"] or "") == normalised(package.name):
            text = (described.read_text("RECORD") or "")[:_LARGEST_RECORD]
            for row in csv.reader(text.splitlines()):
                name = PurePosixPath(row[0]) if row else PurePosixPath("/")
                if not name.is_absolute() and ".." not in name.parts:
                    yield name
            return
    raise _missing(package)


def _missing(package: PackageRef) -> InstallationError:
    return InstallationError(
        f"The installed tree does not hold {package}.", stage="fetch", remedies=("Lock it anew with the network.",)
    )

"""What an unpacked wheel says about itself, read without running any of it. Blocking."""

import re
from configparser import ConfigParser
from configparser import Error as EntryPointsError
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from packaging.version import InvalidVersion, Version

from vsm_mcp.acquisition.installation.ecosystems.entry import choose, lies, no_server, normalised
from vsm_mcp.errors import InstallationError
from vsm_mcp.model.server import PackageRef

LARGEST_METADATA = 2_000_000

_DAMAGED = "Choose another version, or tell its publisher that the wheel is damaged."
_REFERENCE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*:\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:\[.*\])?")
_OWNERSHIP = re.compile(r"mcp-name:\s*([A-Za-z0-9.-]{1,100}/[A-Za-z0-9._-]{1,100})")
_SCRIPT = """\
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))
sys.argv[0] = {name!r}

if __name__ == "__main__":
    start = import_module({module!r})
    for name in {attribute!r}.split("."):
        start = getattr(start, name)
    sys.exit(start())
"""
_MODULE = """\
import sys
from pathlib import Path
from runpy import run_module

sys.path.insert(0, str(Path(__file__).parent / "site"))

if __name__ == "__main__":
    run_module({module!r}, run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """What was read.

    Attributes:
        program: The text of a program that starts the server from the directory above ``site``.
        ownership: The server name it claims (``mcp-name:``).
        publisher: Its author or maintainer, as stated.
    """

    program: str
    ownership: str | None
    publisher: str


def read_wheel(site: Path, package: PackageRef) -> WheelFacts:
    """Read the metadata of one package in a directory of unpacked wheels.

    Raises:
        IntegrityError: It says that it is another package or version.
        InstallationError: The package is not there, or there is no server in it.
    """
    info = _info_directory(site, package)
    metadata = _metadata(info)
    name, version = str(metadata.get("Name", "")), str(metadata.get("Version", ""))
    if normalised(name) != normalised(package.name) or not _same(version, package.version):
        raise lies(package, name, version)
    said = metadata.get_payload()
    found = _OWNERSHIP.search(f"{said}\n{metadata.get('Description', '')}")
    return WheelFacts(
        program=_program(site, info, package),
        ownership=found.group(1) if found else None,
        publisher=_publisher(metadata),
    )


def _info_directory(site: Path, package: PackageRef) -> Path:
    for path in site.glob("*.dist-info"):
        if normalised(path.name.removesuffix(".dist-info").rpartition("-")[0]) == normalised(package.name):
            return path
    raise InstallationError(f"The wheel of {package} holds no metadata.", stage="fetch", remedies=(_DAMAGED,))


def _same(stated: str, version: str | None) -> bool:
    if version is None:
        return True
    try:
        return Version(stated) == Version(version)
    except InvalidVersion:
        return stated == version


def _metadata(info: Path) -> Message:
    return BytesParser().parsebytes(_read(info / "METADATA"))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_METADATA)
    except FileNotFoundError:
        return b""


def _publisher(metadata: Message) -> str:
    for key in ("Author", "Author-email", "Maintainer", "Maintainer-email"):
        stated = str(metadata.get(key, "")).strip()
        if stated and stated != "UNKNOWN":
            return stated[:200]
    return ""


def _program(site: Path, info: Path, package: PackageRef) -> str:
    scripts = _console_scripts(info)
    module = normalised(package.name).replace("-", "_")
    if not scripts and (site / module / "__main__.py").is_file():
        return _MODULE.format(module=module)
    name = choose(scripts, package.name)
    reference = _REFERENCE.fullmatch(scripts[name].strip())
    if reference is None:
        raise no_server(package.name, f"its program {name!r} is {scripts[name][:80]!r}, which is not MODULE:FUNCTION")
    return _SCRIPT.format(name=name, module=reference.group(1), attribute=reference.group(2))


def _console_scripts(info: Path) -> dict[str, str]:
    parser = ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue] - the documented way to keep the case
    try:
        parser.read_string(_read(info / "entry_points.txt").decode())
    except (EntryPointsError, UnicodeDecodeError) as error:
        raise InstallationError(
            f"The programs of {info.name} cannot be read: {error}.", stage="fetch", remedies=(_DAMAGED,)
        ) from error
    return dict(parser["console_scripts"]) if "console_scripts" in parser else {}

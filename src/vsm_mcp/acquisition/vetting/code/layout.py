"""Layout: files that act by their name or kind alone, and which language a file is written in."""

import re
import sys
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import PurePosixPath

from vsm_mcp.acquisition.vetting.code.flow.calls import Hit
from vsm_mcp.model.verdict import Severity


class Language(Enum):
    """What a file is read as."""

    PYTHON = auto()
    JAVASCRIPT = auto()
    TYPESCRIPT = auto()
    SHELL = auto()


_LANGUAGES = {
    **dict.fromkeys((".py", ".pyw"), Language.PYTHON),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), Language.JAVASCRIPT),
    **dict.fromkeys((".ts", ".mts", ".cts", ".tsx"), Language.TYPESCRIPT),
    **dict.fromkeys((".sh", ".bash", ".zsh", ".ps1", ".bat", ".cmd"), Language.SHELL),
}
_SHEBANGS = (
    (re.compile(rb"#!.{0,80}\bpython"), Language.PYTHON),
    (re.compile(rb"#!.{0,80}\b(?:node|bun|deno)\b"), Language.JAVASCRIPT),
    (re.compile(rb"#!.{0,80}\b(?:ba|da|z|k)?sh\b"), Language.SHELL),
)
_NATIVE = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe")
_NATIVE_PLACES = re.compile(
    r"\.(?:so|pyd|dylib|dll|node)(?:\.\d+)*$|(?:^|/)(?:prebuilds?|build/Release|[\w.-]+\.libs|bin)/", re.IGNORECASE
)
_STANDARD = sys.stdlib_module_names - {"test", "tests", "this", "antigravity"}
_DATA = re.compile(r"^[^/]+\.data/(?:purelib|platlib)/")
_TOP_LEVEL = re.compile(r"(\w+)(?:\.py|/__init__\.py)")
_LONGEST_PATH_FILE = 4096
_STARTED_BY_NAME = ("sitecustomize.py", "usercustomize.py")


def language(name: str, head: bytes) -> Language | None:
    """Say what a file is written in, by its ending or its first line; ``None`` when it is no source."""
    if name.endswith((".d.ts", ".d.mts", ".d.cts", ".pyx", ".pxd")):
        return None
    by_ending = _LANGUAGES.get(PurePosixPath(name).suffix.lower())
    if by_ending is not None or not head.startswith(b"#!"):
        return by_ending
    return next((found for pattern, found in _SHEBANGS if pattern.match(head)), None)


def misplaced(name: str, head: bytes, *, ecosystem: str) -> Iterator[Hit]:
    """Yield what a file does by its name or kind: ``name`` is its path inside the package, with slashes."""
    path = PurePosixPath(name)
    if path.suffix == ".pyc" and ecosystem != "file":
        yield Hit("compiled-code", Severity.HIGH, "compiled Python is run instead of the source that was read", 0)
    if path.suffix == ".pth":
        yield from _paths(head)
    if path.name in _STARTED_BY_NAME:
        yield Hit("starts-by-name", Severity.HIGH, f"Python runs {path.name} whenever it starts", 0)
    if ecosystem == "pypi" and _module(path) in _STANDARD:
        what = f"it takes the place of Python's own module {_module(path)}"
        yield Hit("shadows-standard-library", Severity.HIGH, what, 0)
    if head.startswith(_NATIVE):
        usual = bool(_NATIVE_PLACES.search(name))
        severity = Severity.INFO if usual else Severity.MEDIUM
        yield Hit("native-code", severity, "a binary program or library cannot be read", 0)


def _paths(head: bytes) -> Iterator[Hit]:
    lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
    runs = len(head) >= _LONGEST_PATH_FILE or any(line.startswith((b"import ", b"import\t")) for line in lines)
    what = "Python runs the code in it whenever it starts" if runs else "it changes where Python finds modules"
    yield Hit("path-file", Severity.HIGH if runs else Severity.MEDIUM, what, 0)


def _module(path: PurePosixPath) -> str:
    """Return the top-level module that a file is, or is the beginning of; empty for other files."""
    inside = _DATA.sub("", path.as_posix())
    found = _TOP_LEVEL.fullmatch(inside)
    return found.group(1) if found else ""

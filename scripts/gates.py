"""The gates of .ci/run that no tool has: file length, what is in the wheel, what the tests ran, README's commands."""

import argparse
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 400
MUST_RUN = ("broker", "live", "node", "sandbox", "security", "promise")
MOST_AGAIN = 8
COMMANDS = ("demo", "test")


class GateError(Exception):
    """A gate that is not passed."""


def check_lengths() -> str:
    """No file of code is longer than 400 lines."""
    files = [path for folder in ("src", "examples", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))]
    lines = {path: path.read_text().count("\n") for path in files}
    too_long = [f"{path.relative_to(ROOT)}: {count}" for path, count in lines.items() if count > LONGEST_FILE]
    if too_long or not files:
        raise GateError(f"longer than {LONGEST_FILE} lines: {', '.join(too_long) or 'no file found'}")
    return f"{len(files)} files, the longest has {max(lines.values())} lines"


def check_wheel() -> str:
    """The wheel holds what it must and nothing else, and it is what is installed here, byte for byte."""
    wheels = list((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        raise GateError(f"dist holds {len(wheels)} wheels, not 1")
    with zipfile.ZipFile(wheels[0]) as wheel:
        inside = {name: wheel.read(name) for name in wheel.namelist()}
    missing = [part for part in ("vsm_mcp/py.typed", "catalogue.json", "licenses/LICENSE") if not _holds(inside, part)]
    foreign = [name for name in inside if not name.startswith(("vsm_mcp/", "vsm_mcp-"))]
    installed = _installed()
    differ = [
        name
        for name, content in inside.items()
        if name.startswith("vsm_mcp/") and _read(installed.parent / name) != content
    ]
    if missing or foreign or differ or installed.is_relative_to(ROOT / "src"):
        raise GateError(f"missing {missing}, foreign {foreign}, unlike the installed package at {installed}: {differ}")
    return f"{wheels[0].name}: {len(inside)} files, the same as installed"


def check_ran(junit: str) -> str:
    """Every kind of test really ran."""
    ran: Counter[str] = Counter()
    for case in ET.parse(junit).iter("testcase"):  # noqa: S314 - written by pytest a moment ago
        if case.find("skipped") is None:
            marks = {str(entry.get("value")) for entry in case.iter("property") if entry.get("name") == "mark"}
            ran.update(marks | {"all"})
            ran["examples"] += case.get("classname", "").startswith("tests.examples")
    absent = [kind for kind in (*MUST_RUN, "examples", "all") if not ran[kind]]
    if absent:
        raise GateError(f"no test ran of: {', '.join(absent)}")
    return ", ".join(f"{count} {kind}" for kind, count in ran.most_common())


def check_few_failed(junit: str) -> str:
    """So few tests failed that it may be because everything ran at once: they may be run once more, alone."""
    cases = ET.parse(junit).iter("testcase")  # noqa: S314 - written by pytest a moment ago
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    if not 0 < len(failed) <= MOST_AGAIN:
        raise GateError(f"{len(failed)} tests failed; at most {MOST_AGAIN} are run once more")
    return "\n".join(failed)


def check_all_ran(junit: str) -> str:
    """There were tests, and none was skipped."""
    cases = list(ET.parse(junit).iter("testcase"))  # noqa: S314 - written by pytest a moment ago
    skipped = [str(case.get("name")) for case in cases if case.find("skipped") is not None]
    if skipped or not cases:
        raise GateError(f"skipped: {', '.join(skipped)}" if skipped else "no test ran")
    return f"{len(cases)} tests, none skipped"


def readme_command(which: str) -> str:
    """Return README's first (demo) or second (test) command, literally."""
    blocks = (ROOT / "README.md").read_text().split("```bash\n")[1:]
    if len(blocks) != len(COMMANDS):
        raise GateError(f"README has {len(blocks)} bash blocks, not {len(COMMANDS)}")
    return blocks[COMMANDS.index(which)].split("```")[0].strip()


def _installed() -> Path:
    spec = find_spec("vsm_mcp")
    if spec is None or spec.origin is None:
        raise GateError("vsm_mcp is not installed")
    return Path(spec.origin).parent


def _holds(names: Iterable[str], part: str) -> bool:
    return any(name.endswith(part) for name in names)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


GATES: dict[str, Callable[..., str]] = {
    "lengths": check_lengths,
    "wheel": check_wheel,
    "ran": check_ran,
    "all-ran": check_all_ran,
    "few-failed": check_few_failed,
    "readme": readme_command,
}


def main() -> int:
    """Run one gate; return 0 when it is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gate", choices=GATES)
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    try:
        print(GATES[options.gate](*options.arguments))
    except GateError as error:
        print(f"{options.gate}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

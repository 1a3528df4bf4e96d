"""Write docs/security/enforcement.md: what the sandbox of a real machine held, as reported by its self-test.

Make one report per user on the machine, then the page::

    python -m vsm_mcp self-test --json > root.json           # as root
    python -m vsm_mcp self-test --json > user.json           # as an ordinary user
    python scripts/enforcement.py root.json user.json

Nothing on the page is written by hand but its sentences: each figure is one of the reports'.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from vsm_mcp.model.enforcement import Aspect, Level

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("held", "refused", "open", "not shown", "not applicable")
LARGEST = 4_000_000
OPENING = """\
# What is enforced

<!-- Written by scripts/enforcement.py from the reports of the self-test. Do not edit. -->

These tables were written by a program, from what `python -m vsm_mcp self-test --json` said on one machine, as root and
as an ordinary user. Yours may hold more or less: run the same command there. What a line says was read back from the
running system, or tried; it is not what was asked for.

*Kernel*: the Linux kernel holds it, whatever happens to this library. *Supervised*: this library watches and acts,
which takes a moment. *None*: nothing holds it.
"""
TRIED = """\
## What was tried

A program inside the sandbox makes every attempt that is known to this library. *Open* would mean that it got out, or
that nothing came back; *refused*, that a dangerous policy could not even be written down; *not shown*, that there was
nothing outside to reach, so that holding it proves nothing.
"""
CLOSING = """\
## Elsewhere

| Platform | What is known |
|---|---|
| Linux with control groups v2 that this user may change | not measured |
| Linux with systemd, where a user may have a scope of its own | not measured |
| Linux on other processors than the ones above | not measured; one that the filter does not know is refused |
| inside Docker or Podman (profile *nested*) | not measured |
| macOS, Windows | not measured; there is nothing to confine with, so no server is started |

Which way of limiting memory and processor a machine allows is found out by trying, best first: control groups v2, a
scope of systemd, control groups v1, and a watchdog of this library, which works everywhere.
"""


class Held(BaseModel):
    """How one aspect was held."""

    requested: str
    level: Level
    mechanism: str = ""


class Attempted(BaseModel):
    """What came of one attempt."""

    theme: str
    outcome: str


class Enforced(BaseModel):
    """What the sandbox was seen to enforce."""

    confiner: str
    profile: str
    held: Mapping[Aspect, Held]


class Host(BaseModel):
    """Where it was tried."""

    system: str
    machine: str
    user: int


class SelfTest(BaseModel):
    """One report of the self-test, as far as the page shows it."""

    attempts: tuple[Attempted, ...]
    counts: Mapping[str, int]
    enforcement: Enforced
    host: Host

    @property
    def who(self) -> str:
        """The kind of user, which decides what holds."""
        return "root" if self.host.user == 0 else "an ordinary user"

    @property
    def where(self) -> str:
        """The machine, without what tells it from others of its kind."""
        release = re.match(r"\D+[0-9]+\.[0-9]+", self.host.system)
        return f"{release[0] if release else self.host.system} on {self.host.machine}"


def render(reports: Sequence[SelfTest]) -> str:
    """Return the page."""
    return "\n".join((OPENING, *_aspects(reports), TRIED, *_attempts(reports), CLOSING))


def _aspects(reports: Sequence[SelfTest]) -> Iterator[str]:
    yield f"| What is confined | {' | '.join(f'{one.where}, {one.who}' for one in reports)} |"
    yield "|---" * (len(reports) + 1) + "|"
    for aspect in Aspect:
        asked = next((one.enforcement.held[aspect].requested for one in reports if aspect in one.enforcement.held), "")
        cells = (_cell(one.enforcement.held.get(aspect)) for one in reports)
        yield f"| {aspect}: {asked or 'nothing asked'} | {' | '.join(cells)} |"
    yield ""
    yield from (
        f"Confined by {one.enforcement.confiner}, profile {one.enforcement.profile} ({one.who})." for one in reports
    )
    yield ""


def _cell(held: Held | None) -> str:
    if held is None:
        return "**none**"
    level = f"**{held.level}**" if held.level is Level.NONE else str(held.level)
    return f"{level}{': ' if held.mechanism else ''}{_plain(held.mechanism)}"


def _attempts(reports: Sequence[SelfTest]) -> Iterator[str]:
    yield f"| Attempts | {' | '.join(SHOWN)} |"
    yield "|---" * (len(SHOWN) + 1) + "|"
    for one in reports:
        for theme in dict.fromkeys(attempt.theme for attempt in one.attempts):
            yield f"| {theme}, {one.who} | {' | '.join(_count(one, theme, outcome) for outcome in SHOWN)} |"
        totals = (str(one.counts.get(outcome, 0)) for outcome in SHOWN)
        yield f"| **all, {one.who}** | {' | '.join(totals)} |"
    yield ""


def _count(report: SelfTest, theme: str, outcome: str) -> str:
    number = sum((one.theme, one.outcome) == (theme, outcome) for one in report.attempts)
    return str(number) if number else "-"


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("<", "(").replace(">", ")")


def read(path: Path) -> SelfTest:
    """Read a report.

    Raises:
        ValueError: It is none.
    """
    data = path.read_bytes()
    if len(data) > LARGEST:
        raise ValueError(f"{path} is larger than a report.")
    try:
        return SelfTest.model_validate_json(data)
    except ValidationError as error:
        raise ValueError(f"{path} is no report of the self-test: {error.error_count()} part(s) are wrong.") from error


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path, help="what self-test --json printed, one file per user")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "security" / "enforcement.md", help="the page")
    options = parser.parse_args()
    try:
        reports = [read(path) for path in options.reports]
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    options.page.write_text(render(reports), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Reports of the escape suite: what was tried, what came of it, what is enforced, and in which state this leaves us."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import groupby

from pydantic import computed_field

from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.report import Report, printable

_NAME_WIDTH = 48
_ASPECT_WIDTH = 14
_LEVEL_WIDTH = 11
_LONGEST_DETAIL = 160


class Outcome(StrEnum):
    """What came of one attempt."""

    HELD = "held"
    """It got nowhere, and outside of the sandbox there was something to reach."""
    REFUSED = "refused"
    """It was refused beforehand: nothing was started."""
    OPEN = "open"
    """It got through, or it gave no verdict, which counts the same."""
    NOT_SHOWN = "not shown"
    """Nothing was shown: what should be reachable from outside is not, or it was not tried."""
    NOT_APPLICABLE = "not applicable"
    """There is nothing of the kind to attack on this machine."""


PASSED = frozenset({Outcome.HELD, Outcome.REFUSED, Outcome.NOT_APPLICABLE})


class Attempted(Report, frozen=True):
    """One attempt and what came of it.

    Attributes:
        name: What was tried.
        theme: The part of the table it belongs to.
        gain: What an attacker would gain.
        outcome: What came of it.
        detail: What was seen.
        remedy: What to do about it; empty when nothing is to be done.
    """

    name: str
    theme: str
    gain: str
    outcome: Outcome
    detail: str = ""
    remedy: str = ""


class HostFacts(Report, frozen=True):
    """The machine on which it was tried, as far as it decides what holds.

    Attributes:
        system: The kernel's name and release.
        machine: The type of the machine.
        user: The number of the user that ran it; 0 is root.
        python: The interpreter that attacked.
    """

    system: str
    machine: str
    user: int
    python: str


class SelfTestReport(Report, frozen=True):
    """What an attacker inside the sandbox of this machine can do.

    Attributes:
        passed: Everything was held, refused, or is not applicable.
        counts: How many attempts came to which outcome.
        open: The names of the attempts that got through, or gave no verdict.
        refused: The names of the attempts that were refused beforehand.
        not_shown: The names of the attempts that show nothing.
        attempts: All attempts.
        enforcement: What the sandbox of the first attempt was seen to enforce.
        host: Where it was tried.
        seconds: How long it took.
        warnings: What a person should know, in full sentences.
    """

    attempts: tuple[Attempted, ...]
    enforcement: Enforcement
    host: HostFacts
    seconds: float
    warnings: tuple[str, ...] = ()

    @computed_field
    @property
    def passed(self) -> bool:
        """Everything was held, refused, or is not applicable; and there was something."""
        return bool(self.attempts) and all(one.outcome in PASSED for one in self.attempts)

    @computed_field
    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many attempts came to which outcome."""
        return {outcome: len(self._named(outcome)) for outcome in Outcome}

    @computed_field
    @property
    def open(self) -> tuple[str, ...]:
        """The attempts that got through, or gave no verdict."""
        return self._named(Outcome.OPEN)

    @computed_field
    @property
    def refused(self) -> tuple[str, ...]:
        """The attempts that were refused beforehand."""
        return self._named(Outcome.REFUSED)

    @computed_field
    @property
    def not_shown(self) -> tuple[str, ...]:
        """The attempts that show nothing."""
        return self._named(Outcome.NOT_SHOWN)

    def _named(self, outcome: Outcome) -> tuple[str, ...]:
        return tuple(one.name for one in self.attempts if one.outcome is outcome)

    def __str__(self) -> str:
        """Show a table: one line per theme, each attempt that did not pass, what is enforced, and the verdict."""
        where = f"{self.host.system} {self.host.machine}, user {self.host.user}"
        lines = [
            f"Escape attempts on {where}, sandbox {self.enforcement.confiner}, profile {self.enforcement.profile}",
            "",
            *_themes(self.attempts),
            "",
            "Enforced",
            *_enforced(self.enforcement),
            *(f"  note: {printable(warning)}" for warning in self.warnings),
            "",
            self._verdict(),
        ]
        return "\n".join(lines)

    def _verdict(self) -> str:
        counts = ", ".join(f"{number} {outcome}" for outcome, number in self.counts.items() if number)
        word = "Nothing got out" if self.passed else "NOT SAFE: something got out or could not be shown"
        return f"{word}: {len(self.attempts)} attempts, {counts or 'none'}, in {self.seconds:.1f} s."


class Seen(StrEnum):
    """What was seen of one way to or from the network."""

    BLOCKED = "blocked"
    REACHED = "reached"
    UNKNOWN = "unknown"
    NOTHING_THERE = "nothing there"


class Channel(Report, frozen=True):
    """One way to or from the network.

    Attributes:
        name: Which.
        expected: What the policy means.
        seen: What was seen inside. What gave no verdict counts as reached where it should be blocked.
        passed: It is as the policy means, and from outside there was something to reach.
        control: What was seen outside of the sandbox; empty when there is nothing to show from outside.
        detail: What was seen inside, or why it shows nothing.
    """

    name: str
    expected: Seen
    seen: Seen
    passed: bool
    control: str = ""
    detail: str = ""


class IsolationReport(Report, frozen=True):
    """What a confined server can reach of the network.

    Attributes:
        passed: Everything is as the policy says, and every control got through outside.
        requested: What the policy allows, in words.
        channels: Each way that was tried.
        mechanism: Who holds the network, and by what.
        seconds: How long it took.
    """

    requested: str
    channels: tuple[Channel, ...]
    mechanism: str
    seconds: float

    @computed_field
    @property
    def passed(self) -> bool:
        """Every way is as the policy says, and there was something."""
        return bool(self.channels) and all(one.passed for one in self.channels)

    def __str__(self) -> str:
        """Show one line per channel and the verdict."""
        lines = [f"Network of a confined server: {self.requested} ({self.mechanism})", ""]
        for one in self.channels:
            control = f"  (outside: {printable(one.control)})" if one.control else ""
            sign = "  ok" if one.passed else "FAIL"
            lines.append(f"{sign}  {one.name:{_NAME_WIDTH}} {one.seen}: {printable(one.detail)}{control}")
        word = "As it should be" if self.passed else "NOT ISOLATED, or not shown"
        return "\n".join((*lines, "", f"{word}: {len(self.channels)} channels, in {self.seconds:.1f} s."))


def _short(text: str) -> str:
    return printable(text[:_LONGEST_DETAIL]) + ("..." if len(text) > _LONGEST_DETAIL else "")


def _sign(outcome: Outcome) -> str:
    signs = {Outcome.OPEN: "OPEN", Outcome.NOT_SHOWN: " ?? ", Outcome.NOT_APPLICABLE: "  - "}
    return signs.get(outcome, "  ok")


def _themes(attempts: Iterable[Attempted]) -> Iterable[str]:
    for theme, group in groupby(attempts, key=lambda one: one.theme):
        found = tuple(group)
        bad = tuple(one for one in found if one.outcome not in PASSED)
        yield f"{'  ok' if not bad else '!!!!'}  {theme:{_ASPECT_WIDTH + 8}} {_numbers(found)}"
        for one in bad:
            yield f"      {_sign(one.outcome).strip():4} {one.name:{_NAME_WIDTH}} {_short(one.detail)}"
            yield f"           an attacker gains {one.gain}"
            if one.remedy:
                yield f"           -> {one.remedy}"


def _numbers(found: tuple[Attempted, ...]) -> str:
    seen = {outcome: sum(one.outcome is outcome for one in found) for outcome in Outcome}
    return ", ".join(f"{number} {outcome}" for outcome, number in seen.items() if number)


def _enforced(enforcement: Enforcement) -> Iterable[str]:
    for aspect, held in enforcement.held.items():
        yield f"  {aspect:{_ASPECT_WIDTH}} {held.level:{_LEVEL_WIDTH}} {held.requested}: {held.mechanism or 'nothing'}"
        if held.evidence:
            yield f"  {'':{_ASPECT_WIDTH + _LEVEL_WIDTH + 1}} seen: {_short(held.evidence)}"

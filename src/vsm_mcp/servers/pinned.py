"""What a held server may be called for: the tools that are what they were when somebody looked at them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from pydantic import Field

from vsm_mcp.errors import CapabilityMissingError, PayloadError, QuarantinedError
from vsm_mcp.events import EventSink, StatementsChanged, ToolsQuarantined, ignore
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.pins import Drift, Pins, difference, words_of_change
from vsm_mcp.model.report import Report
from vsm_mcp.model.server import Proven

MOST_TOLD = 1000
_LONGEST_NAME = 128
_LONGEST_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a server says about itself at one moment."""

    tools: tuple[ToolSpec, ...] = ()
    prompts: tuple[PromptSpec, ...] = ()
    instructions: str = ""

    @property
    def pins(self) -> Pins:
        """The digests of all of it."""
        return Pins.of(self.tools, self.prompts, self.instructions)


class Quarantine(Report, frozen=True):
    """What of a server is not what was approved.

    Attributes:
        server: Which server.
        added: Tools that are new or have a new name, with what they say about themselves; not callable.
        changed: Tools that say something else about themselves, with what differs; not callable.
        removed: Tools that are gone.
        prompts: Prompts that were added, changed or removed.
        instructions: What it says about itself now, if that is something else than before.
        pins: The digests of all that it says now: approving means approving exactly these.
    """

    server: str
    added: Mapping[str, str] = Field(default_factory=dict[str, str])
    changed: Mapping[str, str] = Field(default_factory=dict[str, str])
    removed: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    instructions: str | None = None
    pins: Pins


class Custody:
    """Compares what a server lists with what was approved, and lets only what is equal be called.

    A tool that changed stays out until it is approved, also when it changes back: what says one thing now and another
    thing later is not to be trusted.

    Args:
        proven: The server as it was approved.
        emit: Hears of what differs.
        first_use: Take the first listing of a server that was held without any known tool for what was approved.
    """

    def __init__(self, proven: Proven, *, emit: EventSink = ignore, first_use: bool = False) -> None:
        """Begin with nothing callable: nothing was compared yet."""
        self.proven: Proven = proven
        self._emit = emit
        self._unreadable = ""
        self._pins = self._pinned(proven)
        self._first_use = first_use and not proven.tools
        self._listed: Listed | None = None
        self._seen = Pins()
        self._drift = Drift()
        self._changed: dict[str, str] = {}
        self._callable: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._statements: tuple[bool, tuple[str, ...]] = (False, ())

    def review(self, listed: Listed) -> None:
        """Compare what the server says now with what was approved, and tell what differs."""
        if self._first_use:
            self._first_use = False
            self.proven = self._now(listed)
            self._pins = listed.pins
        self._listed = listed
        self._seen = listed.pins
        self._drift = difference(self._pins, self._seen)
        self._note_changes(listed)
        unchanged = self._pins.tools.keys() & self._seen.tools.keys() - self._changed.keys()
        self._callable = frozenset(unchanged)
        self._tell()

    def tell_again(self) -> None:
        """Tell what differs anew when it is reviewed next: whoever heard of it may have forgotten the server since."""
        self._told.clear()
        self._statements = (False, ())

    def check(self, tool: str) -> None:
        """Let a call of ``tool`` pass.

        Raises:
            QuarantinedError: It is not what was approved.
            CapabilityMissingError: The server has no such tool.
        """
        if tool not in self._callable:
            self._refuse(tool)

    @property
    def held_back(self) -> tuple[str, ...]:
        """The tools that are listed and not callable."""
        return tuple(sorted({*self._drift.added, *self._changed} & self._seen.tools.keys()))

    @property
    def quarantine(self) -> Quarantine | None:
        """What is not what was approved; ``None`` when nothing is known to differ."""
        if self._listed is None or not (self._drift or self._changed):
            return None
        said = {tool.name: tool.description[:_LONGEST_DESCRIPTION] for tool in self._listed.tools}
        return Quarantine(
            server=self.proven.candidate.name,
            added={name: said[name] for name in self._drift.added},
            changed=dict(self._changed),
            removed=self._drift.removed,
            prompts=self._drift.prompts,
            instructions=self._listed.instructions if self._drift.instructions else None,
            pins=self._seen,
        )

    def reviewed(self, pins: Pins) -> Proven:
        """Return the server as it would be after ``pins`` are approved; nothing changes yet.

        Raises:
            PayloadError: It is not what the server says now: whoever approved it saw something else.
        """
        name = self.proven.candidate.name
        if self._listed is None or pins != self._seen:
            raise PayloadError(
                f"What was approved of {name} is not what it says now.",
                remedies=(
                    f"Look at what differs now: quarantined({name!r}).",
                    f"Approve what that returns: approve_tools({name!r}, quarantine).",
                    f"Or let the server go: release_capability({name!r}).",
                ),
            )
        return self._now(self._listed)

    def approve(self, pins: Pins) -> Proven:
        """Let everything that is pinned by ``pins`` be called from now on.

        Raises:
            PayloadError: It is not what the server says now.
        """
        self.proven = self.reviewed(pins)
        self._pins, self._drift = pins, Drift()
        self._unreadable = ""
        self._changed.clear()
        self._callable = frozenset(pins.tools)
        self._told.clear()
        self._statements = (False, ())
        return self.proven

    def _now(self, listed: Listed) -> Proven:
        return replace(self.proven, tools=listed.tools, prompts=listed.prompts, instructions=listed.instructions)

    def _pinned(self, proven: Proven) -> Pins:
        """Return the pins; a server whose pins cannot be read has none, so nothing of it is callable."""
        try:
            return proven.pins
        except PayloadError as error:
            self._unreadable = error.message
            return Pins()

    def _note_changes(self, listed: Listed) -> None:
        before = {tool.name: tool for tool in self.proven.tools}
        after = {tool.name: tool for tool in listed.tools}
        for name in self._drift.changed:
            self._changed[name] = words_of_change(before[name], after[name])

    def _tell(self) -> None:
        server, drift = self.proven.candidate.name, self._drift
        news = {*drift.added, *drift.changed, *(f"-{name}" for name in drift.removed)} - self._told
        if news and len(self._told) < MOST_TOLD:
            self._told |= news
            self._emit(ToolsQuarantined(server=server, added=drift.added, changed=drift.changed, removed=drift.removed))
        statements = (drift.instructions, drift.prompts)
        if statements not in (self._statements, (False, ())):
            self._emit(StatementsChanged(server=server, instructions=drift.instructions, prompts=drift.prompts))
        self._statements = statements

    def _refuse(self, tool: str) -> NoReturn:
        server = self.proven.candidate.name
        why = self._why(tool)
        if why is not None:
            raise QuarantinedError(
                f"The tool {tool[:_LONGEST_NAME]!r} of {server} is held back: {why}.",
                server=server,
                tool=tool,
                remedies=(
                    f"Look at what differs: quarantined({server!r}).",
                    f"Approve what that returns: approve_tools({server!r}, quarantine).",
                    f"If you do not know why it changed, let the server go: release_capability({server!r}).",
                ),
            )
        if tool in self._pins.tools:
            raise CapabilityMissingError(
                f"{server} does not list its tool {tool!r} any more; it was there when the server was proven.",
                remedies=(
                    "Use another tool, or acquire another server.",
                    f"Let this one go: release_capability({server!r}).",
                ),
            )
        raise CapabilityMissingError(
            f"{server} has no tool named {tool[:_LONGEST_NAME]!r}.",
            remedies=(f"Its tools are: {', '.join(sorted(self._callable)[:20]) or 'none'}.",),
        )

    def _why(self, tool: str) -> str | None:
        """Return why a tool that is there is not callable, or ``None`` when it is not there."""
        if tool in self._changed:
            return f"it changed since it was approved: {self._changed[tool]}"
        if tool not in self._seen.tools:
            return None
        if self._unreadable:
            return f"what was approved cannot be read: {self._unreadable.removesuffix('.')}"
        return "it was not there when the server was proven"

"""What a command hands back, and what every command is given."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from vsm_mcp.events import EventSink


class ExitCode(IntEnum):
    """What the exit code of a command says, unless the command says otherwise."""

    WELL = 0
    DEGRADED = 1
    UNUSABLE = 2
    INTERRUPTED = 130


class Printable(Protocol):
    """A report: its text is for people, its JSON for programs."""

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Return it as JSON."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a command: what to print, if anything, and the exit code."""

    report: Printable | None
    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """One command.

    Attributes:
        words: Declares its own words and options, if it has any.
        run: Does it.
    """

    run: Callable[[Namespace, EventSink], Awaitable[Result]]
    words: Callable[[ArgumentParser], None] = lambda _: None

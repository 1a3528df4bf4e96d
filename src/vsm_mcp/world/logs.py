"""The host's log: each event becomes a record of the logger ``vsm_mcp`` that says what happened, and where."""

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from inspect import currentframe
from types import FrameType

from vsm_mcp.errors import printable
from vsm_mcp.events import (
    AlgedonicEscalated,
    AlgedonicRaised,
    AnomalySeen,
    AuditFailed,
    AuditRepaired,
    BehaviourDeviated,
    BusLost,
    CallRefused,
    CandidatesFound,
    CircuitOpened,
    EgressDecided,
    Event,
    GapMeasured,
    HandlerDetached,
    HostUnwatched,
    MessageHeard,
    MessageRefused,
    OperationEnded,
    Progress,
    RequestFailed,
    ResourceExceeded,
    ResultMisshaped,
    SelfTestAdvanced,
    ServerGivenUp,
    ServerReviewed,
    SourceFailed,
    SourceRead,
    StageEntered,
    StageLeft,
    StatementsChanged,
    ToolsQuarantined,
)

LOGGER = "vsm_mcp"
LONGEST_VALUE = 300
"""Characters of a value that the message shows; the attribute of the record has it whole."""

_ERRORS = (AuditFailed, RequestFailed)
_WARNINGS = (
    AlgedonicEscalated,
    AlgedonicRaised,
    AnomalySeen,
    AuditRepaired,
    BehaviourDeviated,
    BusLost,
    CallRefused,
    CircuitOpened,
    EgressDecided,
    HandlerDetached,
    HostUnwatched,
    MessageRefused,
    ResourceExceeded,
    ResultMisshaped,
    ServerGivenUp,
    ServerReviewed,
    SourceFailed,
    StageLeft,
    StatementsChanged,
    ToolsQuarantined,
)
_DETAILS = (CandidatesFound, GapMeasured, MessageHeard, Progress, SelfTestAdvanced, SourceRead, StageEntered)
_VARYING = frozenset({AlgedonicRaised, EgressDecided, OperationEnded, ServerReviewed, StageLeft})
_LEVELS: Mapping[type[Event], int] = {
    **dict.fromkeys(_ERRORS, logging.ERROR),
    **dict.fromkeys(_WARNINGS, logging.WARNING),
    **dict.fromkeys(_DETAILS, logging.DEBUG),
}
"""What is none of these is told at ``INFO``; those that vary are at most told at this level."""


class EventLog:
    """Writes events to the logger ``vsm_mcp``. Nothing is shown unless the host has configured handlers.

    A record has the attribute ``vsm_event``, the name of the event, ``vsm_node``, and for every field of the event one
    that is called like it, with ``vsm_`` before. ``pathname``, ``lineno`` and ``funcName`` say where it happened.

    Args:
        node: The name of this host, if it has one.
    """

    def __init__(self, *, node: str | None = None) -> None:
        """Find the logger; it gets a handler that does nothing, so that nothing is printed by itself."""
        self._logger = logging.getLogger(LOGGER)
        self._node = node
        if not any(isinstance(handler, logging.NullHandler) for handler in self._logger.handlers):
            self._logger.addHandler(logging.NullHandler())

    def __repr__(self) -> str:
        """Show of which host it tells."""
        return f"EventLog(node={self._node!r})"

    @contextmanager
    def at(self, level: str | None) -> Generator[None]:
        """Let pass what has ``level`` or more within the context.

        ``None`` leaves a level that the host gave the logger itself. Where it gave none, warnings pass: others, such as
        the MCP SDK, configure the root logger, and every start of a server would be shown to who asked for nothing.
        """
        before = self._logger.level
        if level is None:
            level = "WARNING" if before == logging.NOTSET else logging.getLevelName(before)
        self._logger.setLevel(level.upper())
        try:
            yield
        finally:
            self._logger.setLevel(before)

    def passes(self, level: int) -> bool:
        """Return whether what has this level is written now."""
        return self._logger.isEnabledFor(level)

    def hear(self, event: Event, /) -> None:
        """Write an event down, if its level passes."""
        kind = type(event)
        level = _LEVELS.get(kind, logging.INFO)
        if not self._logger.isEnabledFor(level):
            return  # which is how most events end
        if kind in _VARYING:
            level = _level_of(event)
        if self._logger.isEnabledFor(level):
            known = {field.name: getattr(event, field.name) for field in fields(event)}
            self.write(level, kind.__name__, known, of=event)

    def write(self, level: int, name: str, known: Mapping[str, object], *, of: object) -> None:
        """Write one record down.

        Args:
            level: Its level.
            name: What happened.
            known: What is known of it, by name; ``None`` is not shown.
            of: The value that was handed on from where it happened.
        """
        file, line, function = _origin(of)
        shown = (f"{field}={_shown(value)}" for field, value in known.items() if value is not None)
        extra = {"vsm_event": name, "vsm_node": self._node, **{f"vsm_{field}": known[field] for field in known}}
        message = " ".join((name, *shown))
        record = self._logger.makeRecord(LOGGER, level, file, line, message, (), None, function, extra)
        self._logger.handle(record)


def _level_of(event: Event) -> int:
    match event:
        case OperationEnded(stage="absorbed") | StageLeft(failure=None) | EgressDecided(allowed=True):
            return logging.DEBUG
        case OperationEnded() | AlgedonicRaised(pain=False) | ServerReviewed(reasons=()):
            return logging.INFO
        case _:
            return logging.WARNING


def _shown(value: object) -> str:
    match value:
        case float():
            text = f"{value:.6g}"
        case str():  # those of enumerations as well
            text = repr(str(value))
        case _:
            text = repr(value)
    text = printable(text)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _origin(of: object) -> tuple[str, int, str]:
    """Return file, line and function of the innermost frame that was not given ``of`` from outside: there it was made.

    Those in between only hand it on, however many they are.
    """
    frame = currentframe()
    while frame is not None and (_was_given(frame, of) or frame.f_code.co_filename == __file__):
        frame = frame.f_back
    if frame is None:
        return "(unknown)", 0, "(unknown)"
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname


def _was_given(frame: FrameType, value: object) -> bool:
    code = frame.f_code
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(frame.f_locals.get(name) is value for name in given)

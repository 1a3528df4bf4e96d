"""Calls: what was found in a file, its functions, and one call with what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.code.flow.values import UNKNOWN, Scope, Value, merged
from vsm_mcp.model.verdict import Permission, Severity


class Hit(NamedTuple):
    """Something found in a file."""

    code: str
    severity: Severity
    what: str
    line: int
    permission: Permission | None = None


class Reading(NamedTuple):
    """What reading one file gave.

    Attributes:
        hits: What was found.
        nested: Code in its texts, with the line on which it is run.
        problem: Why not all of it was understood; empty when it was.
        variables: The environment variables it reads by name.
        programs: The programs it starts by name.
        contacts: The hosts it talks to by name.
    """

    hits: tuple[Hit, ...]
    nested: tuple[tuple[str, int], ...] = ()
    problem: str = ""
    variables: frozenset[str] = frozenset()
    programs: frozenset[str] = frozenset()
    contacts: frozenset[str] = frozenset()


TOO_DEEP: str = "its expressions are nested too deeply"


@dataclass(slots=True)
class Function:
    """A function of the scanned file: what it was given so far and what it returns.

    Attributes:
        parameters: Their names, in order.
        scope: Its variables.
        result: What it returns; code that is read asks by ``returned()``.
        called: True when something in the file calls it, or hands it to what may.
    """

    parameters: tuple[str, ...]
    scope: Scope
    result: Value = UNKNOWN
    called: bool = False
    _asked: bool = False

    def returned(self) -> Value:
        """Return what it returns, as far as is known by now."""
        self._asked = True
        return self.result

    def returns(self, value: Value) -> None:
        """Note that it may return ``value``."""
        result = merged(self.result, value)
        if self._asked and result != self.result:
            self.scope.outermost.outdated = True
        self.result = result

    def give(self, arguments: Sequence[Value]) -> None:
        """Note the arguments of a call."""
        self.called = True
        for name, argument in zip(self.parameters, arguments, strict=False):
            if argument != UNKNOWN:
                self.scope.bind(name, argument)


@dataclass(slots=True)
class Call:
    """One call: what is called, with what, where.

    Attributes:
        everything: All arguments, the named ones last.
    """

    callee: Value
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]
    line: int
    scope: Scope
    everything: tuple[Value, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Put all arguments together once; they are asked for often."""
        self.everything = (*self.arguments, *self.keywords.values()) if self.keywords else self.arguments

    @property
    def text(self) -> str:
        """All known texts of the arguments, one a line."""
        return "\n".join(value.text for value in self.everything if value.text)

    @property
    def first(self) -> Value:
        """The first argument."""
        return self.everything[0] if self.everything else UNKNOWN

    @property
    def inert(self) -> bool:
        """True when it is a call to something that an earlier call returned."""
        return "()" in self.callee.name

    @property
    def handle(self) -> bool:
        """True when it is a method of an open file."""
        return self.inert and self.callee.text is None

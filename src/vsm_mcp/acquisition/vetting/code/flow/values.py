"""Values: what is known of an expression without running it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from vsm_mcp.acquisition.vetting.code.flow.texts import HOLE

LONGEST_TEXT = 32 * 1024
_DOWNLOADED = "(downloaded)"


class Label:
    """Where a value comes from. Labels travel with values from source to use; each is one bit of a number."""

    NONE: Final = 0
    LITERAL: Final = 1
    """Written in the file itself."""
    DECODED: Final = 2
    """Came out of a decoder."""
    PACKED: Final = 4
    """Came out of a decoder that was fed from the file itself."""
    REMOTE: Final = 8
    """Came over the network."""
    ENVIRONMENT: Final = 16
    """Holds the whole environment."""
    SECRET: Final = 32
    """Was read from a place of credentials."""
    SPLIT: Final = 64
    """A text put together from pieces that are all in the file."""
    HIDDEN: Final = 128
    """A name that was put together or decoded."""
    FILE: Final = 256
    """What a file holds."""
    SPIED: Final = 512
    """What a person types, copies, says or sees."""


CARRIED: Final = Label.DECODED | Label.PACKED | Label.REMOTE | Label.FILE | Label.SPIED
"""What survives a call to a function that is not known."""

ENCODED: Final = Label.DECODED | Label.PACKED
"""What came out of any decoder."""


class Value(NamedTuple):
    """What is known of an expression.

    Attributes:
        name: What it is, dotted: ``os.environ``, ``requests.get().text``; empty when not known.
        text: The text it is, with ``HOLE`` for unknown parts; ``None`` when nothing is known of its text.
        labels: Where it comes from.
    """

    name: str = ""
    text: str | None = None
    labels: int = Label.NONE

    def labelled(self, labels: int) -> "Value":
        """Return it with more labels."""
        if labels & self.labels == labels:
            return self
        return Value(name=self.name, text=self.text, labels=self.labels | labels)


UNKNOWN = Value()


def literal(text: str) -> Value:
    """Return the value of a text that is written in the file."""
    return Value(text=text if len(text) <= LONGEST_TEXT else None, labels=Label.LITERAL)


def labels_of(values: Iterable[Value]) -> int:
    """Return all labels of some values."""
    labels: int = Label.NONE
    for value in values:
        labels |= value.labels
    return labels


def joined(values: Iterable[Value], separator: str = "") -> Value:
    """Put texts together; unknown ones become holes."""
    parts = list(values)
    known = [part.text for part in parts if part.text is not None]
    labels = labels_of(parts)
    if len(known) == len(parts) and len(known) > 1 and HOLE not in "".join(known):
        labels |= Label.SPLIT
    if not known:
        return Value(labels=labels)
    text = separator.join(HOLE if part.text is None else part.text for part in parts)
    return Value(text=text if len(text) <= LONGEST_TEXT else None, labels=labels)


def merged(old: Value, new: Value) -> Value:
    """Return what is known of a variable that may be either: the newer name and text win, no label is lost."""
    return Value(
        name=new.name or old.name,
        text=old.text if new.text is None else new.text,
        labels=old.labels | new.labels,
    )


class Scope:
    """The variables of one function or file.

    Attributes:
        parent: The scope around it.
        names: What is known of its variables.
        result_of: The name of the function whose ``return`` belongs here.
        encloses: True when there are functions inside of this one.
        outdated: In the scope of a whole file: true once something became known after it had been asked for.
    """

    def __init__(self, parent: "Scope | None" = None) -> None:
        self.parent = parent
        self.names: dict[str, Value] = {}
        self.result_of = ""
        self.encloses = False
        self.outdated = False
        self._asked: set[str] = set()
        self._passed: set[str] = set()
        if parent is not None:
            parent.encloses = True

    def lookup(self, name: str) -> Value | None:
        """Return what is known of a variable here or further out."""
        scope: Scope | None = self
        while scope is not None:
            scope._asked.add(name)  # noqa: SLF001 - another one of this class
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def bind(self, name: str, value: Value) -> None:
        """Note that a variable of this scope may be ``value``."""
        self.put(name, merged(self.names.get(name, UNKNOWN), value))

    def own(self, name: str) -> Value:
        """Return what is known of a variable of this very scope."""
        self._asked.add(name)
        return self.names.get(name, UNKNOWN)

    def put(self, name: str, value: Value) -> None:
        """Note that a variable of this scope is ``value``, whatever it was."""
        old = self.names.get(name)
        if (name in self._asked and value != old) or (old is None and name in self._passed):
            self.outermost.outdated = True
        self.names[name] = value

    @property
    def downloaded(self) -> bool:
        """True once something that came over the network was written to a file, in this function."""
        return self.function.own(_DOWNLOADED).text is not None

    def download(self) -> None:
        """Note that something that came over the network was written to a file."""
        self.function.bind(_DOWNLOADED, Value(text=""))

    def owner(self, name: str) -> "Scope | None":
        """Return the scope that has the variable."""
        scope: Scope | None = self
        while scope is not None and name not in scope.names:
            scope._passed.add(name)  # noqa: SLF001 - another one of this class
            scope = scope.parent
        return scope

    @property
    def outermost(self) -> "Scope":
        """The whole file's scope."""
        return self if self.parent is None else self.parent.outermost

    @property
    def function(self) -> "Scope":
        """The outermost function that this scope is inside of, or the file itself."""
        scope = self
        while scope.parent is not None and scope.parent.parent is not None:
            scope = scope.parent
        return scope

    def knows(self, words: frozenset[str]) -> bool:
        """Say whether something is known of one of these variables, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            scope._asked |= words  # noqa: SLF001 - another one of this class
            if any(scope.names[word] != UNKNOWN for word in words & scope.names.keys()):
                return True
            scope = scope.parent
        return False

"""From the values of a program to JSON values, within bounds."""

import math
from collections.abc import Iterable, Mapping

from vsm_mcp.model.json import JsonValue

DEEPEST = 64

_SMALL = 8
_ENORMOUS = 1 << 64


class Plain:
    """Turns values into JSON values: tuples and sets become lists, and what JSON has no word for is refused.

    Args:
        room: How large all values together may be: characters of texts, 8 for each other value.
        what: What they are, for complaints, such as ``"The result"``.
    """

    def __init__(self, room: int, *, what: str) -> None:
        """Start with all the room."""
        self._limit = room
        self._room = room
        self._what = what

    def __repr__(self) -> str:
        """Show how much room is left."""
        return f"Plain(room={self._room})"

    def value(self, value: object, *, depth: int = DEEPEST) -> JsonValue:
        """Return one value.

        Raises:
            TypeError: It holds something that JSON has no word for.
            ValueError: It is too large or too deep, or holds a number that JSON has no word for.
        """
        if depth == 0:
            raise ValueError(f"{self._what} is more than {DEEPEST} levels deep")
        if isinstance(value, str):
            return self._text(value)
        self._take(_SMALL)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, Mapping):
            return self._object(value, depth)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(value, list | tuple | set | frozenset):
            return self._array(value, depth)  # pyright: ignore[reportUnknownArgumentType]
        raise TypeError(f"{self._what} holds a value of type {type(value).__name__}, which JSON has no word for")

    def _object(self, entries: Mapping[object, object], depth: int) -> JsonValue:
        return {self._key(key): self.value(value, depth=depth - 1) for key, value in entries.items()}

    def _array(self, items: Iterable[object], depth: int) -> JsonValue:
        return [self.value(item, depth=depth - 1) for item in items]

    def _text(self, value: str) -> str:
        self._take(len(value))
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{self._what} holds half of a character, which cannot be sent") from error
        return value

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise ValueError(f"{self._what} is larger than {self._limit}")

    def _number(self, value: float) -> JsonValue:
        if isinstance(value, int):
            if abs(value) >= _ENORMOUS:
                raise ValueError(f"{self._what} holds an integer of {value.bit_length()} bits; at most 64 are sent")
        elif not math.isfinite(value):
            raise ValueError(f"{self._what} holds {value}, which JSON has no word for")
        return value

    def _key(self, key: object) -> str:
        if not isinstance(key, str):
            raise TypeError(f"{self._what} holds a dict with a key of type {type(key).__name__}; JSON knows only str")
        return self._text(key)

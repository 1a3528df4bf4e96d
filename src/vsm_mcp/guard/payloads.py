"""Payload bounds: arguments and results are of bounded size and depth, and of nothing but JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from pydantic import BaseModel, Field

from vsm_mcp.errors import PayloadError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.guard.sizes import says_only_text
from vsm_mcp.model.call import Caller, ToolCall, ToolResult
from vsm_mcp.model.json import JsonValue

MIB = 1 << 20
LARGEST = 1 << 40
_SHOWN = 40
_PATH_SHOWN = 12

_SMALL_FIELDS = 32
SMALL_VALUES = _SMALL_FIELDS + 1
_SMALL_NAME = 64
_SMALL_TEXT = 4096
_SMALL_BLOCKS = 4
_SMALL_DEPTH = 3
_SMALL_NUMBER = 1 << 63
_PLAIN = (int, float, type(None))
_MOST_OF_SMALL = SMALL_VALUES * 4 * (_SMALL_NAME + _SMALL_TEXT)


class Bounds(BaseModel, frozen=True, extra="forbid"):
    """How much one message may be.

    Attributes:
        bytes: Bytes of all texts and names in it, in UTF-8, and what else its JSON takes, nearly.
        depth: How deep objects and arrays may be in one another.
        values: How many values there may be: objects, arrays, texts, numbers and so on.
        name: How many characters the name of a field may have.
        text: How many characters one text may have.
    """

    bytes: int = Field(default=MIB, ge=1, le=LARGEST)
    depth: int = Field(default=64, ge=1, le=200)
    values: int = Field(default=100_000, ge=1, le=LARGEST)
    name: int = Field(default=1000, ge=1, le=LARGEST)
    text: int = Field(default=MIB, ge=1, le=LARGEST)


class PayloadOptions(BaseModel, frozen=True, extra="forbid"):
    """How much goes to servers, and comes from them.

    Attributes:
        arguments: Bounds of the arguments of a call.
        results: Bounds of what a tool answers.
    """

    arguments: Bounds = Bounds()
    results: Bounds = Bounds(bytes=10 * MIB, text=10 * MIB, values=200_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How large a value is.

    Attributes:
        bytes: Bytes of its texts and names in UTF-8, and what else its JSON takes, nearly.
        depth: How deep its objects and arrays are in one another; 0 for a text or a number.
        values: How many values it has, itself included.
    """

    bytes: int
    depth: int
    values: int


class PayloadBounds:
    """Lets pass what is within bounds; the walk over a value ends at the first thing that is not.

    Args:
        caller: Makes the calls that pass.
        options: The bounds.
        emit: Hears of calls that do not pass, and of results that are withheld.
    """

    def __init__(self, caller: Caller, options: PayloadOptions, *, emit: EventSink = ignore) -> None:
        """Keep the bounds."""
        self._caller = caller
        self._emit = emit
        self._arguments = options.arguments
        self._results = options.results
        self._small_arguments_fit = _small_fits(options.arguments, objects=1)
        self._small_results_fit = _small_fits(options.results, objects=_SMALL_BLOCKS + 1)

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"PayloadBounds({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call whose arguments are within bounds, and return its result if that is, too.

        Raises:
            PayloadError: Something is too large or too deep, or is no JSON; it names the place. When it is about the
                result, the call was made.
        """
        self.check(call)
        result = await self._caller.call(call)
        self.examine(call, result)
        return result

    def check(self, call: ToolCall, /) -> bool:
        """Return whether the arguments of a call, which are within bounds, are few and short texts and numbers.

        Raises:
            PayloadError: They are not within bounds.
        """
        if self._small_arguments_fit and small(call.arguments):
            return True
        try:
            extent(call.arguments, self._arguments)
        except PayloadError as error:
            raise self._refusal(call, "The arguments for", error) from error
        return False

    def examine(self, call: ToolCall, result: ToolResult, /) -> None:
        """Do nothing if a result is within bounds.

        Raises:
            PayloadError: It is not; the call was made.
        """
        if self._small_results_fit and _small_result(result):
            return
        try:
            self._measure(result)
        except PayloadError as error:
            raise self._refusal(call, "The call was made, but the result of", error) from error

    def _measure(self, result: ToolResult) -> None:
        if len(result.text) > self._results.text:
            raise PayloadError(
                f"the text has {len(result.text)} characters, {self._results.text} are allowed.",
                remedies=("Ask for less at once.",),
            )
        # Text is made of content, so only the content counts; where there is none, the text does.
        extent((result.content or result.text, result.structured), self._results)

    def _refusal(self, call: ToolCall, what: str, error: PayloadError) -> PayloadError:
        message = f"{what} {call.tool!r} of {call.server} cannot pass: {error.message}"
        self._emit(CallRefused(server=call.server, tool=call.tool, agent=call.agent, reason=message, guard="payloads"))
        return PayloadError(
            message,
            remedies=(
                "Ask for less at once, or send less.",
                "Raise the bound if it is too low: the setting largest_request or largest_answer, or PayloadOptions.",
            ),
        )


def extent(value: JsonValue, bounds: Bounds) -> Extent:
    """Return how large ``value`` is, in one pass that ends where it goes beyond ``bounds``.

    The pass keeps a list of what is still to be seen: neither depth nor a value that holds itself can exhaust it.

    Raises:
        PayloadError: It is beyond the bounds, or no JSON; the message names the place and never the value.
    """
    walk = _Walk(bounds)
    walk.see(value, 0, None)
    while walk.waiting:
        walk.enter(walk.waiting.pop())
    return Extent(bytes=bounds.bytes - walk.bytes_left, depth=walk.deepest, values=bounds.values - walk.values_left)


def small(value: JsonValue) -> bool:
    """Return whether this is an object of few and short texts and numbers: most are, and need no walk."""
    if not isinstance(value, dict) or len(value) > _SMALL_FIELDS:
        return False
    for name, item in value.items():
        if not isinstance(name, str) or len(name) > _SMALL_NAME:  # pyright: ignore[reportUnnecessaryIsInstance] - from outside
            return False
        if isinstance(item, str):
            if len(item) > _SMALL_TEXT:
                return False
        elif not _is_short(item):
            return False
    return True


class _Place(NamedTuple):
    """An object or array that is still to be entered, and how the walk came there."""

    container: Mapping[str, JsonValue] | Sequence[JsonValue]
    depth: int
    key: str | int
    above: "_Place | None"


class _Walk:
    """One pass over a value: what is left of the bounds, and what is still to be seen."""

    __slots__ = ("_bounds", "bytes_left", "deepest", "values_left", "waiting")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.bytes_left = bounds.bytes
        self.values_left = bounds.values
        self.deepest = 0
        self.waiting: list[_Place] = []

    def enter(self, place: _Place) -> None:
        """See everything in an object or array."""
        if place.depth > self._bounds.depth:
            raise _beyond(place.above, place.key, f"is deeper than {self._bounds.depth} levels")
        self.deepest = max(self.deepest, place.depth)
        container = place.container
        if isinstance(container, Mapping):
            for name, item in container.items():
                self._name(name, place)
                self.see(item, name, place)
        else:
            for index, item in enumerate(container):
                self.see(item, index, place)

    def see(self, item: JsonValue, key: str | int, above: _Place | None) -> None:
        """Count one value; what is in it is seen later."""
        self.values_left -= 1
        if self.values_left < 0:
            raise _beyond(above, key, f"is one value more than the {self._bounds.values} that are allowed")
        if isinstance(item, str):
            self._text(item, key, above)
        elif isinstance(item, _PLAIN):
            self.bytes_left -= _width(item, key, above)
        elif isinstance(item, dict | list | tuple | Mapping):
            self.bytes_left -= 3
            self.waiting.append(_Place(item, above.depth + 1 if above else 1, key, above))
        else:
            raise _beyond(above, key, f"is of type {type(item).__name__}, which JSON does not have")
        if self.bytes_left < 0:
            raise _beyond(above, key, f"is beyond the {self._bounds.bytes} bytes that are allowed")

    def _name(self, name: object, place: _Place) -> None:
        if not isinstance(name, str):
            raise _beyond(place.above, place.key, f"has a field whose name is of type {type(name).__name__}")
        if len(name) > self._bounds.name:
            raise _beyond(
                place.above,
                place.key,
                f"has a field whose name has {len(name)} characters, {self._bounds.name} are allowed",
            )
        self.bytes_left -= _bytes(name) + 1

    def _text(self, text: str, key: str | int, above: _Place | None) -> None:
        if len(text) > self._bounds.text:
            raise _beyond(above, key, f"has {len(text)} characters, {self._bounds.text} are allowed")
        # A text has at least as many bytes as characters, so one that is far too long is not encoded.
        self.bytes_left -= len(text) if len(text) > self.bytes_left else _bytes(text)


def _bytes(text: str) -> int:
    return 3 + (len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")))


def _width(item: float | None, key: str | int, above: _Place | None) -> int:
    """Return the bytes of what is neither text nor holds anything."""
    if isinstance(item, float):
        if not isfinite(item):
            raise _beyond(above, key, "is a number that JSON does not have")
        return 10
    return 6 if item is None else 2 + item.bit_length() // 3


def _beyond(above: _Place | None, key: str | int, why: str) -> PayloadError:
    """Return the error, with the last steps of the way to the place."""
    keys: list[str] = []
    while above is not None and len(keys) < _PATH_SHOWN:
        keys.append(str(key)[:_SHOWN])
        key, above = above.key, above.above
    where = "/".join(reversed(keys if above is None else (*keys, "...")))
    return PayloadError(f"{where or 'the whole'} {why}.")


def _small_fits(bounds: Bounds, *, objects: int) -> bool:
    """Return whether so many objects that `small` lets pass are within the bounds."""
    return (
        bounds.bytes >= objects * _MOST_OF_SMALL
        and bounds.text >= _SMALL_TEXT
        and bounds.name >= _SMALL_NAME
        and bounds.depth >= _SMALL_DEPTH
        and bounds.values >= (objects + 1) * SMALL_VALUES
    )


def _is_short(item: JsonValue) -> bool:
    if isinstance(item, int):
        return -_SMALL_NUMBER <= item < _SMALL_NUMBER
    return item is None or (isinstance(item, float) and isfinite(item))


def _small_result(result: ToolResult) -> bool:
    content = result.content
    if len(result.text) > _SMALL_TEXT or len(content) > _SMALL_BLOCKS:
        return False
    if says_only_text(result):
        return True
    for block in content:
        if not small(block):
            return False
    return result.structured is None or small(result.structured)

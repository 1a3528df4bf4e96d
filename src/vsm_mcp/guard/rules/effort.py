"""Effort: how much work a schema can make at most, found by looking at it, before anything is judged by it.

A schema comes from a server, and may be made to keep us busy: parts that refer to each other can ask for work that
doubles with each of them, or with each level of a value. So the work is added up first, as far as a limit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from vsm_mcp.model.json import JsonObject, JsonValue

MOST_PARTS = 2000
LONGEST_CHAIN = 64
DEEPEST_VALUE = 64
COUNTLESS = 1 << 60

_HERE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_HERE_BY_NAME = ("dependentSchemas", "dependencies")
_BELOW = (
    "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains",
    "additionalProperties", "unevaluatedProperties", "propertyNames",
)  # fmt: skip
_BELOW_BY_NAME = ("properties", "patternProperties")
_SCHEMAS = frozenset({*_HERE, *_HERE_BY_NAME, *_BELOW, *_BELOW_BY_NAME, "$defs", "definitions"})
_LOOKS_BACK = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_ELSEWHERE = ("$dynamicRef", "$recursiveRef")


class UnjudgeableError(Exception):
    """Nothing can be judged by this schema in bounded time; the text says why."""


@dataclass(slots=True, eq=False, repr=False)
class Part:
    """A schema within the schema.

    Attributes:
        schema: The part itself.
        weight: What it asks by itself: words, and values to compare with.
        here: The parts that judge the same value.
        below: The parts that judge what is in the value.
    """

    schema: dict[str, JsonValue]
    weight: int
    here: list["Part"] = field(default_factory=list["Part"])
    below: list["Part"] = field(default_factory=list["Part"])

    @property
    def looks_back(self) -> bool:
        """Whether it asks, for each thing in the value, what the other parts said of it."""
        return not _LOOKS_BACK.isdisjoint(self.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found in a schema.

    Attributes:
        root: The whole of it.
        parts: Every part that can be asked, each after those that judge the same value.
    """

    root: Part
    parts: tuple[Part, ...]

    def steps_by_depth(self, most: int) -> tuple[int, ...]:
        """Return how many steps each value takes at most, by the depth of the whole; the last is for all deeper ones.

        Each part is applied to each value no more often than there are ways to it through the schema. So the ways
        are counted: first for values that hold nothing, then for each further level, until they are more than
        ``most``.
        """
        counts: tuple[int, ...] = ()
        below: dict[int, int] = {}
        for _ in range(DEEPEST_VALUE + 1):
            steps = self._steps(below)
            counts = (*counts, steps[id(self.root)])
            if counts[-1] > most or steps == below:
                return counts
            below = steps
        return (*counts, COUNTLESS)

    def _steps(self, below: Mapping[int, int]) -> dict[int, int]:
        steps: dict[int, int] = {}
        for part in self.parts:
            here = sum(steps[id(other)] for other in part.here)
            inside = sum(below.get(id(other), 0) for other in part.below)
            steps[id(part)] = min(COUNTLESS, part.weight + (2 if part.looks_back else 1) * here + inside)
        return steps


def survey(root: dict[str, JsonValue]) -> Survey:
    """Look at every part of a schema that can be asked.

    Raises:
        UnjudgeableError: There are too many, or they refer to what is not in the schema, or to themselves without end.
    """
    found: dict[int, Part] = {}
    waiting = [_part(root, found)]
    while waiting:
        part = waiting.pop()
        for group, schemas in ((part.here, _here(part.schema, root)), (part.below, _below(part.schema))):
            for schema in schemas:
                if id(schema) not in found:
                    waiting.append(_part(schema, found))
                group.append(found[id(schema)])
    heights: dict[int, int] = {}
    ordered: list[Part] = []
    for part in found.values():
        _visit(part, heights, ordered)
    return Survey(root=found[id(root)], parts=tuple(ordered))


def _part(schema: dict[str, JsonValue], found: dict[int, Part]) -> Part:
    if len(found) >= MOST_PARTS:
        raise UnjudgeableError(f"it has more than {MOST_PARTS} parts")
    for word in _ELSEWHERE:
        if word in schema:
            raise UnjudgeableError(f"it uses {word!r}")
    if found and isinstance(schema.get("$id", schema.get("id")), str):
        raise UnjudgeableError("a part of it has an address of its own")
    weight = 1 + len(schema) + sum(_size(value) for word, value in schema.items() if word not in _SCHEMAS)
    part = found[id(schema)] = Part(schema, weight)
    return part


def _here(schema: dict[str, JsonValue], root: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    for word in _HERE:
        yield from _schemas(schema.get(word))
    for word in _HERE_BY_NAME:
        yield from _named(schema.get(word))
    if "$ref" in schema:
        yield from _schemas(_target(schema["$ref"], root))


def _below(schema: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    for word in _BELOW:
        yield from _schemas(schema.get(word))
    for word in _BELOW_BY_NAME:
        yield from _named(schema.get(word))


def _schemas(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            yield item


def _named(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    for item in value.values() if isinstance(value, dict) else ():
        if isinstance(item, dict):
            yield item


def _target(reference: JsonValue, root: JsonObject) -> JsonValue:
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise UnjudgeableError(f"it refers to {str(reference)[:80]!r}, and only '#/...' is followed")
    place: JsonValue = root
    for step in unquote(reference[2:]).split("/") if len(reference) > 1 else ():
        place = _step(place, step.replace("~1", "/").replace("~0", "~"), reference)
    return place


def _step(place: JsonValue, step: str, reference: str) -> JsonValue:
    if isinstance(place, dict) and step in place:
        return place[step]
    if isinstance(place, list) and step.isdecimal() and len(step) < len(str(MOST_PARTS)) + 1 and int(step) < len(place):
        return place[int(step)]
    raise UnjudgeableError(f"it refers to {reference[:80]!r}, which is not in it")


def _size(value: JsonValue) -> int:
    waiting, count = [value], 0
    while waiting:
        item = waiting.pop()
        count += 1
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return count


def _visit(part: Part, heights: dict[int, int], ordered: list[Part], *, depth: int = 0) -> int:
    """Put a part behind those that judge the same value, and return how many may be at work at once for it."""
    height = heights.get(id(part))
    if height == 0:
        raise UnjudgeableError("a part of it refers to itself without end")
    if height is None:
        heights[id(part)] = 0
        height = 1
        if depth <= LONGEST_CHAIN:
            height += max((_visit(other, heights, ordered, depth=depth + 1) for other in part.here), default=0)
        if max(depth, height) > LONGEST_CHAIN:
            raise UnjudgeableError(f"more than {LONGEST_CHAIN} parts of it refer to one another for one value")
        heights[id(part)] = height
        _append(part, ordered)
    return height


def _append(part: Part, ordered: list[Part]) -> None:
    if part.looks_back and any(other.looks_back for other in _all_here(part)):
        raise UnjudgeableError("parts of it ask what was not evaluated, one within the other")
    ordered.append(part)


def _all_here(part: Part) -> Iterator[Part]:
    seen: set[int] = set()
    waiting = list(part.here)
    while waiting:
        other = waiting.pop()
        if id(other) not in seen:
            seen.add(id(other))
            waiting.extend(other.here)
            yield other

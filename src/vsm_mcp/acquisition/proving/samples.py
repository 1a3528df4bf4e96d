"""Arguments that should fit a tool, made from what its schema says: the same for the same tool, every time."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeGuard

from vsm_mcp.acquisition.proving.patterns import text_for
from vsm_mcp.acquisition.proving.schemas import violation
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.server import WORK_ROOT

DEEPEST = 8
MOST_PIECES = 300
LONGEST_TEXT = 2_000
LONG_TEXT = 200
LARGEST_NUMBER = 1e15
MOST_ITEMS = 20
MOST_VARIANTS = 12
MOST_TRIED = 60
MOST_STEPS = 2_000

_FORMATS: Mapping[str, str] = {
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "example",
    "iri": "https://example.com/",
    "email": "someone@example.com",
    "date": "2024-02-29",
    "date-time": "2024-02-29T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "json-pointer": "",
    "regex": "a",
    "byte": "dGVzdA==",
}
_NAMED: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(rf"(?:^|[_\-.]){words}$"), value)
    for words, value in {
        "time_?zone": "UTC",
        "(?:uri|url|link)": "https://example.com/",
        "e?mail": "someone@example.com",
        "date": "2024-02-29",
    }.items()
)
_PATH = re.compile(r"(?:^|[_\-.])(?:path|dir|directory|folder|root|cwd|repo(?:sitory)?)$")
_FILE = re.compile(r"(?:^|[_\-.])file(?:_?name|_?path)?$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_EXAMPLE = re.compile(
    r"\b(?:e\.g\.|for example|such as|example:|like),?:?\s*(['\"`])([^'\"`\n]{1,80})\1", re.IGNORECASE
)
_TEXT = "test"


def sample_arguments(schema: JsonObject) -> JsonObject | None:
    """Return arguments for the required part of ``schema``, or ``None`` when no value can be known.

    Defaults, constants, enumerations and examples come first (those that a description quotes after "e.g." or the
    like as well), then the plainest value that keeps to type, bounds, format and pattern. Paths are in the writable
    directory.
    """
    try:
        made = _Sampler(schema).required()
    except (_UnknowableError, OverflowError, RecursionError):
        return None
    return made if _fits(schema, made) else None


def variants(schema: JsonObject, plain: JsonObject, *, seed: str) -> Iterator[JsonObject]:
    """Yield further arguments, each different from ``plain`` in one thing: other values, bounds, optional ones.

    The first ones differ in what is required.

    Args:
        schema: What they should fit.
        plain: Arguments that fit.
        seed: Becomes part of other texts; the same seed gives the same arguments.
    """
    described = _object(schema.get("properties"))
    required = [name for name in described if name in plain]
    others = [name for name in described if name not in plain]
    found: list[JsonObject] = [plain]
    for changed in islice(_changed(schema, plain, (*required, *others)[:MOST_ITEMS], seed=seed), MOST_TRIED):
        if changed not in found and _fits(schema, changed):
            found.append(changed)
            yield changed


def nonsense(schema: JsonObject) -> JsonObject | None:
    """Return arguments that must be refused: of wrong types, or missing; ``None`` when nothing is required."""
    required = [str(name) for name in _list(schema.get("required"))][:MOST_ITEMS]
    properties = _object(schema.get("properties"))
    sampler = _Sampler(schema)
    wrong = {name: _WRONG.get(sampler.kind(_object(properties.get(name)))) for name in required}
    made = {name: value for name, value in wrong.items() if value is not None}
    try:
        return next(
            (one for one in (made, {}) if required and violation(schema, one, steps=MOST_STEPS) is not None), None
        )
    except PayloadError:
        return None


class _UnknowableError(Exception):
    """There is no telling what would fit."""


class _Sampler:
    """Makes values for one schema, on a budget."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = MOST_PIECES

    def required(self) -> JsonObject:
        """Make the required part of the whole."""
        return self._members(self._root, 0)

    def kind(self, described: JsonObject) -> str:
        """Return of which type a property must be; empty when that is not known."""
        try:
            return _kind(self._plain(described))
        except _UnknowableError:
            return ""

    def others(self, name: str, described: JsonObject, *, known: JsonValue, seed: str) -> Iterator[JsonValue]:
        """Make values for a property: those it names, other ones than ``known``, its bounds, and a plain one."""
        try:
            described = self._plain(described)
            plain = self._value(name, described, 0)
        except (_UnknowableError, OverflowError):
            return
        yield from (value for key in ("enum", "examples") for value in _list(described.get(key)))
        if isinstance(known, str):
            yield f"{WORK_ROOT}/{seed}" if _is_path(name) else f"{known} {seed}"
        if _is_number(known):
            yield known + 1
        if isinstance(known, bool):
            yield not known
        if plain is not None and known is None:
            yield plain
        yield from () if _is_path(name) else _bounds(described)

    def _value(self, name: str, described: JsonObject, depth: int) -> JsonValue:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            raise _UnknowableError
        described = self._plain(described)
        known = [value for value in _named_values(described) if _harmless(name, value, described)]
        if known:
            return known[0]
        return self._of_kind(_kind(described), name, described, depth=depth)

    def _of_kind(self, kind: str, name: str, described: JsonObject, *, depth: int) -> JsonValue:
        makers: Mapping[str, Callable[[], JsonValue]] = {
            "string": lambda: _text(name, described),
            "integer": lambda: _number(described, whole=True),
            "number": lambda: _number(described, whole=False),
            "array": lambda: self._items(name, described, depth),
            "object": lambda: self._members(described, depth),
            "boolean": lambda: False,
        }
        return makers.get(kind, lambda: None)()

    def _members(self, described: JsonObject, depth: int) -> JsonObject:
        required = described.get("required", ())
        properties = described.get("properties", {})
        if not _is_list(required) or not isinstance(properties, Mapping):
            raise _UnknowableError
        made: dict[str, JsonValue] = {}
        for name in map(str, required):
            inner = properties.get(name)
            if inner is not True and not isinstance(inner, Mapping):
                raise _UnknowableError
            made[name] = self._value(name, _object(inner), depth + 1)
        return made

    def _items(self, name: str, described: JsonObject, depth: int) -> JsonValue:
        least = described.get("minItems", 0)
        if not isinstance(least, int) or not 0 <= least <= MOST_ITEMS:
            raise _UnknowableError
        first = [_object(inner) for inner in _list(described.get("prefixItems"))][:least]
        rest = _object(described.get("items"))
        wanted = [*first, *(rest for _ in range(least - len(first)))]
        return [self._value(name.removesuffix("s"), inner, depth + 1) for inner in wanted]

    def _plain(self, described: JsonObject) -> JsonObject:
        """Follow references and choose among alternatives until something plain is left."""
        for _ in range(DEEPEST):
            reference = described.get("$ref")
            key = next((key for key in ("allOf", "anyOf", "oneOf") if _list(described.get(key))), "$ref")
            rest = {name: value for name, value in described.items() if name != key}
            if key != "$ref":
                described = _chosen(key, _list(described.get(key)), rest)
            elif isinstance(reference, str):
                described = _merged(self._find(reference), rest)
            else:
                return described
        raise _UnknowableError

    def _find(self, reference: str) -> JsonObject:
        if not reference.startswith("#"):
            raise _UnknowableError
        place: JsonValue = self._root
        for part in reference[1:].split("/")[1:]:
            word = part.replace("~1", "/").replace("~0", "~")
            place = _object(place).get(word)
        if not isinstance(place, Mapping):
            raise _UnknowableError
        return place


def _changed(schema: JsonObject, plain: JsonObject, names: Sequence[str], *, seed: str) -> Iterator[JsonObject]:
    described = _object(schema.get("properties"))
    for name in names:
        made = _Sampler(schema).others(name, _object(described[name]), known=plain.get(name), seed=seed)
        yield from ({**plain, name: value} for value in islice(made, MOST_VARIANTS))


def _fits(schema: JsonObject, made: JsonObject) -> bool:
    """What cannot be judged may fit: it is tried."""
    try:
        return violation(schema, made, steps=MOST_STEPS) is None
    except PayloadError:
        return True


def _chosen(key: str, options: Sequence[JsonValue], rest: JsonObject) -> JsonObject:
    """Return all options together (``allOf``), or the first that is not just ``null``."""
    described = [_object(option) for option in options[:MOST_ITEMS]]
    if key == "allOf":
        for option in described:
            rest = _merged(option, rest)
        return rest
    return _merged(next((option for option in described if option.get("type") != "null"), described[0]), rest)


def _merged(found: JsonObject, rest: JsonObject) -> JsonObject:
    """Return both together; where they differ ``rest`` counts, except that what either requires is required."""
    merged = {**found, **rest}
    if _is_list(found.get("required")) and "required" in rest:
        merged["required"] = [*_list(found.get("required")), *_list(rest.get("required"))]
    if "properties" in found and "properties" in rest:
        merged["properties"] = {**_object(found["properties"]), **_object(rest["properties"])}
    return merged


def _named_values(described: JsonObject) -> Iterator[JsonValue]:
    """Yield the values that a schema names itself, best first."""
    if described.get("default") is not None:
        yield described["default"]
    if "const" in described:
        yield described["const"]
    yield from (value for key in ("enum", "examples") for value in _list(described.get(key))[:1])
    example = _EXAMPLE.search(str(described.get("description", ""))[:LONGEST_TEXT])
    if example is not None and _kind(described) == "string":
        yield example[2]


def _harmless(name: str, value: JsonValue, described: JsonObject) -> bool:
    """Tell whether a named value stays in the writable directory, or is the only one that is allowed."""
    if not _is_path(name) or not isinstance(value, str) or "const" in described or "enum" in described:
        return True
    inside = value == WORK_ROOT or value.startswith(f"{WORK_ROOT}/")
    return ".." not in value.split("/") and (inside or not value.startswith(("/", "~", "\\")))


def _kind(described: JsonObject) -> str:
    """Return the type that is asked for, or that the other words suggest."""
    kinds = described.get("type")
    if isinstance(kinds, str):
        return kinds
    if _is_list(kinds):
        return next((str(kind) for kind in kinds if kind != "null"), "null")
    return next((kind for word, kind in _SUGGESTS.items() if word in described), "string")


def _text(name: str, described: JsonObject) -> str:
    pattern, form = described.get("pattern"), described.get("format")
    if isinstance(pattern, str):
        made = text_for(pattern)
        if made is None:
            raise _UnknowableError
        return made
    if isinstance(form, str) and form in _FORMATS:
        return _FORMATS[form]
    if _is_path(name):
        return f"{WORK_ROOT}/sample.txt" if _FILE.search(_words(name)) else WORK_ROOT
    words = _words(name)
    return _of_length(next((value for named, value in _NAMED if named.search(words)), _TEXT), described)


def _of_length(text: str, described: JsonObject) -> str:
    least, most = described.get("minLength", 0), described.get("maxLength", LONGEST_TEXT)
    if not isinstance(least, int) or not isinstance(most, int) or least > LONGEST_TEXT:
        raise _UnknowableError
    return (text * (least // len(text) + 1) if len(text) < least else text)[: max(most, 0)]


def _number(described: JsonObject, *, whole: bool) -> JsonValue:
    """Return 1 if it may be, else the number nearest to it that may."""
    step = described.get("multipleOf")
    step = step if _is_number(step) and step > 0 else 1
    low, high = _least(described, step), _most(described, step)
    value = min(max(1, low), high)
    if low > high and not whole:  # an open interval narrower than two steps
        value = (low - step + high + step) / 2
    if "multipleOf" in described:
        value = math.ceil(value / step) * step
    if abs(value) > LARGEST_NUMBER:
        raise _UnknowableError
    return int(value) if whole else float(value)


def _least(described: JsonObject, step: float) -> float:
    least, above = described.get("minimum"), described.get("exclusiveMinimum")
    return max(least if _is_number(least) else -math.inf, above + step if _is_number(above) else -math.inf)


def _most(described: JsonObject, step: float) -> float:
    most, below = described.get("maximum"), described.get("exclusiveMaximum")
    return min(most if _is_number(most) else math.inf, below - step if _is_number(below) else math.inf)


def _bounds(described: JsonObject) -> Iterator[JsonValue]:
    """Yield the values at the edge of what is allowed."""
    match _kind(described):
        case "integer" | "number":
            bounds = (described.get("minimum"), described.get("maximum"))
            yield from (bound for bound in bounds if _is_number(bound))
            yield from (0, -1)
        case "string" if described.keys().isdisjoint({"enum", "format", "pattern"}):
            most = described.get("maxLength")
            yield ""
            yield "x" * min(most if isinstance(most, int) and most > 0 else LONG_TEXT, LONG_TEXT)
        case _:
            return


def _is_path(name: str) -> bool:
    words = _words(name)
    return bool(_PATH.search(words) or _FILE.search(words))


def _words(name: str) -> str:
    """Return a name with underscores between its words."""
    return _HUMP.sub("_", name[: MOST_ITEMS * 10]).lower()


def _is_number(value: JsonValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: JsonValue) -> TypeGuard[Sequence[JsonValue]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _list(value: JsonValue) -> Sequence[JsonValue]:
    return value if _is_list(value) else ()


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


_SUGGESTS: Mapping[str, str] = {
    "properties": "object",
    "required": "object",
    "items": "array",
    "prefixItems": "array",
    "minimum": "number",
    "maximum": "number",
    "multipleOf": "number",
}
_WRONG: Mapping[str, JsonValue] = {
    "object": "nonsense",
    **{kind: {"nonsense": ["nonsense"]} for kind in ("string", "integer", "number", "boolean", "array", "null")},
}

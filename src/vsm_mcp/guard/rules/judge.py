"""Judge: one schema, compiled, that says in bounded time where a value breaks it."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from jsonschema_rs import FancyRegexOptions, RegexOptions, ValidationError, Validator, validator_for

from vsm_mcp.errors import PayloadError, printable
from vsm_mcp.guard.payloads import SMALL_VALUES, Bounds, extent, small
from vsm_mcp.guard.rules.effort import DEEPEST_VALUE, Part, UnjudgeableError, survey
from vsm_mcp.model.json import JsonObject, JsonValue

MOST_STEPS = 1_000_000
LONGEST_MATCHED = 4000
MOST_BACKTRACKING = 2000
MOST_PATTERN = 1 << 16
LIGHT = 100

_SCHEMA_BOUNDS = Bounds(bytes=256 << 10, depth=64, values=20_000, text=64 << 10)
_VALUE_BOUNDS = Bounds(bytes=64 << 20, depth=DEEPEST_VALUE, values=1_000_000, text=64 << 20)
_OLD = ("draft-03", "draft-04", "draft-06")
_LONGEST_REASON = 300
_PATH_SHOWN = 12


class Judge:
    """Says where a value breaks a schema.

    The schema is looked at first: what would need more than `MOST_STEPS` steps for a value is refused before it is
    begun. Nothing is fetched. A pattern runs on an engine whose time is linear in the text; one that needs looking
    ahead or back runs on another, which gives up after `MOST_BACKTRACKING` steps. Neither is given a text of more than
    `LONGEST_MATCHED` characters: that breaks the schema.

    Args:
        schema: The schema, as the server sent it.

    Raises:
        UnjudgeableError: Nothing can be judged by this schema in bounded time; the text says why.
    """

    def __init__(self, schema: JsonObject) -> None:
        """Look at the schema and compile it."""
        own = plain(schema, _SCHEMA_BOUNDS)
        found = survey(own)
        patterns = _shorten(own, found.parts)
        self._steps = found.steps_by_depth(MOST_STEPS)
        self._validator = _compiled(own, patterns=patterns)
        named = any("patternProperties" in part.schema for part in found.parts)
        self._small_is_quick = self._at_depth(1) * SMALL_VALUES <= MOST_STEPS
        self._any_is_quick = self._steps[-1] <= LIGHT and not named
        self._valid = self._validator.is_valid

    def __repr__(self) -> str:
        """Show how much work it makes."""
        return f"Judge(steps={self._steps[-1]})"

    def breach(self, value: JsonValue) -> str | None:
        """Return what breaks which rule, without the value itself; ``None`` when everything fits.

        Raises:
            PayloadError: The value is no JSON, or too large to be judged by this schema.
        """
        if not (self._any_is_quick or (self._small_is_quick and small(value))):
            self._weigh(value)
        try:
            return None if self._valid(value) else self._why(value)
        except ValueError:  # other mappings and sequences than the engine knows
            extent(value, _VALUE_BOUNDS)
            own = _plain(value)
        try:
            return None if self._valid(own) else self._why(own)
        except ValueError as error:
            reason = printable(str(error))[:_LONGEST_REASON]
            raise PayloadError(f"it cannot be judged: {reason}.", remedies=("Send simpler values.",)) from error

    def _weigh(self, value: JsonValue) -> None:
        size = extent(value, _VALUE_BOUNDS)
        steps = size.values * self._at_depth(size.depth)
        if steps > MOST_STEPS:
            raise PayloadError(
                f"judging its {size.values} values, {size.depth} levels deep, could take {steps} steps;"
                f" {MOST_STEPS} are allowed.",
                remedies=("Send less at once.",),
            )

    def _at_depth(self, depth: int) -> int:
        return self._steps[min(depth, len(self._steps) - 1)]

    def _why(self, value: JsonValue) -> str:
        error = next(iter(self._validator.iter_errors(value)), None)
        if error is None:
            return "it breaks the schema"  # what the engine gave up may fit the second time
        where = "/".join(str(step)[:40] for step in error.instance_path[:_PATH_SHOWN])
        rule = printable(error.message)[:_LONGEST_REASON]
        return f"{printable(where) or 'the whole'}: {rule}"


def plain(value: JsonObject, bounds: Bounds) -> dict[str, JsonValue]:
    """Return a copy of dictionaries and lists.

    Raises:
        PayloadError: It is beyond ``bounds``, or no JSON.
    """
    extent(value, bounds)
    return {name: _plain(item) for name, item in value.items()}


def digest(schema: JsonObject) -> str:
    """Return what stands for a schema: the same for the same one, whatever the order of its fields.

    Raises:
        PayloadError: It is too large, or no JSON.
    """
    text = json.dumps(plain(schema, _SCHEMA_BOUNDS), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _shorten(root: Mapping[str, JsonValue], parts: Sequence[Part]) -> bool:
    """Let every pattern see short texts only, and return whether there is any pattern."""
    patterns = False
    for part in parts:
        schema = part.schema
        patterns = patterns or "patternProperties" in schema
        if isinstance(schema.get("pattern"), str):
            if any(old in str(root.get("$schema")) for old in _OLD):
                raise UnjudgeableError("it has patterns, in a version of the language that cannot bound them")
            short: JsonValue = {
                "if": {"maxLength": LONGEST_MATCHED},
                "then": {"pattern": schema.pop("pattern")},
                "else": False,
            }
            others = schema.get("allOf")
            schema["allOf"] = [*(others if isinstance(others, list) else ()), short]
            patterns = True
    return patterns


def _compiled(schema: dict[str, JsonValue], *, patterns: bool) -> Validator:
    """Compile on the linear engine, and on the other one only when a pattern needs it."""
    limits = {"size_limit": MOST_PATTERN, "dfa_size_limit": MOST_PATTERN}
    try:
        return _on(RegexOptions(**limits), schema)
    except (ValidationError, ValueError) as error:
        if not patterns:
            raise _unusable(error) from error
    try:
        return _on(FancyRegexOptions(backtrack_limit=MOST_BACKTRACKING, **limits), schema)
    except (ValidationError, ValueError) as error:
        raise _unusable(error) from error


def _on(engine: RegexOptions | FancyRegexOptions, schema: dict[str, JsonValue]) -> Validator:
    return validator_for(schema, pattern_options=engine, offline=True, validate_formats=False, mask="it")


def _unusable(error: Exception) -> UnjudgeableError:
    return UnjudgeableError(f"it is no usable schema: {printable(str(error).partition(chr(10))[0])[:_LONGEST_REASON]}")

"""Does a value fit a schema of a server? Answered by a library, on a budget, because the schema may be hostile."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from jsonschema import Draft202012Validator
from jsonschema.validators import extend  # pyright: ignore[reportUnknownVariableType] - untyped
from referencing import Registry

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue

MOST_STEPS = 20_000

_UNJUDGED = frozenset(
    {"pattern", "patternProperties", "uniqueItems", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"}
)
"""What a server could keep us busy with: foreign regular expressions, comparisons of all with all, uncounted walks."""


class _Violation(Protocol):
    """What the library says of a value that breaks a rule."""

    validator: str
    absolute_path: Iterable[str | int]


class _Judge(Protocol):
    """The library's judge of one schema."""

    def iter_errors(self, instance: JsonValue) -> Iterable[_Violation]:
        """Yield what breaks a rule."""
        ...


_Asked = tuple[object, JsonValue, JsonValue, JsonObject]
"""What a rule is asked: the judge, what the rule wants, the value, and the schema around it."""

_Rule = Callable[[*_Asked], Iterable[_Violation] | None]


def violation(schema: JsonObject, value: JsonValue, *, steps: int = MOST_STEPS) -> str | None:
    """Return where ``value`` breaks which rule of ``schema``, or ``None``; never what the value is.

    Patterns, uniqueness and what depends on other schemas' evaluation are not judged.

    Args:
        schema: What it should fit.
        value: What is judged.
        steps: How many rules may be applied: about 100,000 take a second.

    Raises:
        PayloadError: The schema is broken, refers to something elsewhere, or takes too long to judge.
    """
    budget = _Budget(steps)
    try:
        found = next(iter(_errors(schema, value, budget)), None)
    except Exception as error:  # a library at work on hostile input may raise anything
        raise PayloadError(f"The schema cannot be judged: {type(error).__name__}.") from error
    if found is None:
        return None
    where = "/".join(str(part)[:40] for part in found.absolute_path)
    return f"{where[:200] or 'the whole'} breaks {found.validator!r}"


def _errors(schema: JsonObject, value: JsonValue, budget: "_Budget") -> Iterable[_Violation]:
    rules: Mapping[str, _Rule] = Draft202012Validator.VALIDATORS
    counted = {name: _nothing if name in _UNJUDGED else budget.counted(name, rule) for name, rule in rules.items()}
    # The registry is empty: what the schema refers to is in it, or nowhere. Nothing is fetched.
    judge: _Judge = extend(Draft202012Validator, counted)(schema, registry=Registry())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - untyped
    return judge.iter_errors(value)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - untyped


def _nothing(*_asked: *_Asked) -> Iterable[_Violation]:
    return ()


class _SpentError(Exception):
    """The budget is spent."""


class _Budget:
    """Counts the rules that are applied, each by how much there is to compare."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def counted(self, name: str, rule: _Rule) -> _Rule:
        """Return ``rule``, applied on the budget."""

        def judge(*asked: *_Asked) -> Iterable[_Violation]:
            _, wanted, _, schema = asked
            self._spend(wanted if name in {"enum", "const"} else None)
            if name == "additionalProperties" and "patternProperties" in schema:
                return ()  # the rule would match names with the patterns
            return rule(*asked) or ()

        return judge

    def _spend(self, compared: JsonValue) -> None:
        waiting = [compared]
        while waiting:
            item = waiting.pop()
            self._left -= 1
            if self._left < 0:
                raise _SpentError
            if isinstance(item, Mapping):
                waiting.extend(item.values())
            elif isinstance(item, Sequence) and not isinstance(item, str):
                waiting.extend(item)

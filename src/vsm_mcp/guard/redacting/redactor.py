"""Hides secrets in whatever is to be shown or kept: text, JSON, addresses, command lines."""

from collections.abc import Iterable, Mapping, Sequence

from vsm_mcp.guard.redacting.shapes import HIDDEN, names_secret, without_shapes
from vsm_mcp.guard.redacting.writing import SHORTEST_SECRET, forms_of, readings, unescaped
from vsm_mcp.model.json import JsonValue

DEEPEST = 64
MOST_VALUES = 200_000


class Redactor:
    """Hides secrets by value, however they are written; if wanted also by shape and by the name beside them.

    What is nested deeper than 64 levels, and what comes after 200,000 values, is hidden without being looked at.

    Args:
        hide: The secrets. Those of fewer than four characters would blot out ordinary text, and stay.
        guess: Whether to hide as well what looks like a secret: token shapes, names such as ``apiKey``, and who signs
            in within an address. Meant for what is shown or kept, not for what is used.
        shortest: How many characters a secret must have to be hidden.
    """

    def __init__(self, hide: Iterable[str] = (), *, guess: bool = False, shortest: int = SHORTEST_SECRET) -> None:
        """Prepare the ways in which each secret may be written; how they may be escaped is seen when they are."""
        secrets = {secret for secret in hide if len(secret) >= shortest}
        forms = {form for secret in secrets for form in forms_of(secret)}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._least = 1 if guess else min(map(len, self._forms), default=1)
        self._numbers = frozenset(secret for secret in secrets if secret.lstrip("-").isdecimal())
        self._guess = guess

    def __bool__(self) -> bool:
        """True when there is anything to hide."""
        return self._guess or bool(self._forms)

    def finds(self, text: str) -> bool:
        """Tell whether one of the secrets is written in ``text``."""
        return self.has(tuple(readings(text)))

    def has(self, texts: Sequence[str]) -> bool:
        """Tell whether one of the secrets is written in one of ``texts``, which are read as they are."""
        return any(form in text for text in texts for form in self._forms)

    def text(self, text: str) -> str:
        """Return ``text`` without secrets; the same object when there is none in it.

        Where a secret is written with escapes, they are read in the whole text.
        """
        if len(text) < self._least:
            return text
        if self._forms:
            text = self._blotted(text)
            for reading in unescaped(text):
                told = self._blotted(reading)
                if told is not reading:
                    text = told
        return without_shapes(text) if self._guess else text

    def value(self, value: JsonValue) -> JsonValue:
        """Return ``value`` without secrets, names included; the same object when there is none in it."""
        if value is None or not self:
            return value
        return _Walk(self, guess=self._guess, numbers=self._numbers).value(value, DEEPEST)

    def words(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return a command line without secrets: what follows ``--token`` is one, when guessing is wanted."""
        told: list[str] = []
        hide_next = False
        for word in words:
            option, equals, _ = word.partition("=")
            is_name = self._guess and option.startswith("-") and names_secret(option)
            if is_name and equals:
                told.append(f"{option}={HIDDEN}")
            elif hide_next and not word.startswith("--"):
                told.append(HIDDEN)
            else:
                told.append(self.text(word))
            hide_next = is_name and not equals
        return tuple(told)

    def _blotted(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text


class _Walk:
    """One walk through one value: it counts what it looked at."""

    __slots__ = ("_guess", "_left", "_numbers", "_redactor")

    def __init__(self, redactor: Redactor, *, guess: bool, numbers: frozenset[str]) -> None:
        self._redactor = redactor
        self._guess = guess
        self._numbers = numbers
        self._left = MOST_VALUES

    def value(self, value: JsonValue, depth: int) -> JsonValue:
        if isinstance(value, str):
            return self._redactor.text(value)
        if value is None or isinstance(value, bool | int | float):
            return self._number(value)
        if depth <= 0 or self._left < len(value):
            return HIDDEN
        self._left -= len(value)
        return self._object(value, depth - 1) if isinstance(value, Mapping) else self._list(value, depth - 1)

    def _number(self, value: float | None) -> JsonValue:
        hidden = self._numbers and not isinstance(value, bool) and str(value) in self._numbers
        return HIDDEN if hidden else value

    def _object(self, value: Mapping[str, JsonValue], depth: int) -> JsonValue:
        changed = False
        told: dict[str, JsonValue] = {}
        for name, inner in value.items():
            shown = self._redactor.text(name)
            if self._guess and inner is not None and not isinstance(inner, bool) and names_secret(name):
                kept: JsonValue = HIDDEN
            else:
                kept = self.value(inner, depth)
            changed = changed or kept is not inner or shown is not name
            told[shown] = kept
        return told if changed else value

    def _list(self, value: Sequence[JsonValue], depth: int) -> JsonValue:
        told = [self.value(inner, depth) for inner in value]
        return told if any(new is not old for new, old in zip(told, value, strict=True)) else value

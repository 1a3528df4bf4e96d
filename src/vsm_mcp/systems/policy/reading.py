"""Reads figures, words and their collections that come from outside: exactly what was meant, or a clear refusal."""

from collections.abc import Mapping
from math import inf, isinf
from sys import float_info

from vsm_mcp.errors import PayloadError, VSMError

LARGEST = 1e12
"""The largest amount that is taken: sums of any number of such amounts stay exact enough and never overflow."""

LONGEST_KEY = 200

_SHOWN = 60


def number(
    name: str,
    value: object,
    *,
    low: float = -inf,
    high: float = inf,
    error: type[VSMError] = PayloadError,
) -> float:
    """Return ``value`` as a number between ``low`` and ``high``, which are included.

    Raises:
        VSMError: Of type ``error``: it is no number, not finite, or outside.
    """
    if (type(value) is float or type(value) is int) and low <= value <= high and -LARGEST <= value <= LARGEST:
        return float(value)  # the usual case, first: this is called for every figure of every option
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise error(f"{name} must be a number, not {shown(value)}.", remedies=(f"Give {name} as a number.",))
    if not max(low, -float_info.max) <= value <= min(high, float_info.max):
        raise error(
            f"{name} is {shown(value)}, and must be {_between(low, high)}.",
            remedies=(f"Give {name} {_between(low, high)}.",),
        )
    return float(value)


def text(name: str, value: object, *, longest: int, error: type[VSMError] = PayloadError) -> str:
    """Return ``value`` as a text that says something, without white space around it.

    Raises:
        VSMError: Of type ``error``: it is no text, says nothing, or is longer than ``longest`` characters.
    """
    if not isinstance(value, str):
        raise error(f"{name} must be a text, not {shown(value)}.", remedies=(f"Give {name} as a text.",))
    if len(value) > longest or not (stripped := value.strip()):
        raise error(
            f"{name} must have 1 to {longest} characters, not {len(value.strip())}.",
            remedies=(f"Say {name} in at most {longest} characters.",),
        )
    if not stripped.isascii() and not is_writable(stripped):
        raise error(f"{name} holds half of a character.", remedies=(f"Give {name} as text that UTF-8 can hold.",))
    return stripped


def entries(name: str, value: object, *, most: int, error: type[VSMError] = PayloadError) -> dict[str, object]:
    """Return ``value`` as a mapping by name.

    Raises:
        VSMError: Of type ``error``: it is no mapping, has more than ``most`` entries, or a key that is no text.
    """
    if type(value) is not dict and not isinstance(value, Mapping):
        raise error(f"{name} must be a mapping, not {shown(value)}.", remedies=(f"Give {name} as a mapping.",))
    size = len(value)  # pyright: ignore[reportUnknownArgumentType]
    if size > most:
        raise error(f"{name} has {size} entries, and at most {most} are taken.", remedies=(f"Shorten {name}.",))
    pairs: list[tuple[object, object]] = list(value.items())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return {
        key
        if type(key) is str and len(key) <= LONGEST_KEY and key.isascii() and key.strip()
        else _key(name, key, error): entry
        for key, entry in pairs
    }


def items(name: str, value: object, *, most: int, error: type[VSMError] = PayloadError) -> tuple[object, ...]:
    """Return ``value`` as a tuple.

    Raises:
        VSMError: Of type ``error``: it is neither list nor tuple, or longer than ``most``.
    """
    if not isinstance(value, list | tuple):
        raise error(f"{name} must be a list, not {shown(value)}.", remedies=(f"Give {name} as a list.",))
    found: tuple[object, ...] = tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if len(found) > most:
        raise error(f"{name} has {len(found)} entries, and at most {most} are taken.", remedies=(f"Shorten {name}.",))
    return found


def numbers(
    name: str,
    value: object,
    *,
    most: int,
    low: float = -LARGEST,
    high: float = LARGEST,
    error: type[VSMError] = PayloadError,
) -> dict[str, float]:
    """Return ``value`` as numbers by name, each between ``low`` and ``high``.

    ``low`` and ``high`` are finite.

    Raises:
        VSMError: Of type ``error``: it is no such mapping, or too large.
    """
    if type(value) is dict and not value:
        return {}
    return {
        key: entry
        if type(entry) is float and low <= entry <= high
        else number(f"{name} {shown(key)}", entry, low=low, high=high, error=error)
        for key, entry in entries(name, value, most=most, error=error).items()  # pyright: ignore[reportUnknownArgumentType]
    }


def only(name: str, given: Mapping[str, object], *, allowed: frozenset[str]) -> None:
    """Refuse keys that mean nothing: a misspelt one must not be passed over.

    Raises:
        PayloadError: There is such a key.
    """
    if unknown := sorted(given.keys() - allowed):
        raise PayloadError(
            f"{name} has no {', '.join(shown(key) for key in unknown[:5])}.",
            remedies=(f"Use only {', '.join(sorted(allowed))}.",),
        )


def is_writable(text: str) -> bool:
    """Return whether ``text`` can be encoded; one with half of a surrogate pair cannot, and no report of it either."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """Return ``value`` as it can be put into a message: short, whatever it is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        return "a whole number that is too large"
    written = repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}..."


def _key(name: str, key: object, error: type[VSMError]) -> str:
    return text(f"A key of {name}", key, longest=LONGEST_KEY, error=error)


def _between(low: float, high: float) -> str:
    if isinf(high):
        return "a finite number" if isinf(low) else f"a finite number of at least {low:g}"
    return f"at most {high:g}" if isinf(low) else f"between {low:g} and {high:g}"

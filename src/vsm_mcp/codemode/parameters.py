"""From the schema of a tool's arguments to parameters as Python has them, and from a call's arguments to an object."""

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.model.json import JsonObject, JsonValue

MOST_PARAMETERS = 256
LONGEST_IDENTIFIER = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a tool.

    Attributes:
        name: Its name in programs: a Python identifier.
        argument: Its name in the schema, under which it is sent.
        required: Whether a call must give it.
        schema: What the schema says about its values.
    """

    name: str
    argument: str
    required: bool
    schema: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All parameters of a tool, in the order in which positional arguments fill them.

    Attributes:
        known: Those the schema names: required ones first, each group in the schema's order.
        open: Whether a call may give further arguments, by keyword: the schema says so, or says nothing of any.
    """

    known: tuple[Parameter, ...] = ()
    open: bool = False

    def bind(self, function: str, args: Sequence[JsonValue], kwargs: JsonObject) -> dict[str, JsonValue]:
        """Return the arguments of a call by their names in the schema.

        Args:
            function: The name to use in complaints.
            args: The positional arguments.
            kwargs: The keyword arguments.

        Raises:
            TypeError: Too many, too few, unknown or doubled arguments; worded as Python words it.
        """
        if len(args) > len(self.known):
            raise TypeError(self._too_many(function, len(args)))
        bound = {parameter.argument: value for parameter, value in zip(self.known, args, strict=False)}
        names = {parameter.name: parameter.argument for parameter in self.known}
        for name, value in kwargs.items():
            argument = names.get(name)
            if argument is None and not self.open:
                raise TypeError(f"{function}() got an unexpected keyword argument {name[:LONGEST_IDENTIFIER]!r}")
            key = name if argument is None else argument
            if key in bound:
                raise TypeError(f"{function}() got multiple values for argument {name[:LONGEST_IDENTIFIER]!r}")
            bound[key] = value
        missing = [each.name for each in self.known if each.required and each.argument not in bound]
        if missing:
            raise TypeError(_missing(function, missing))
        return bound

    def _too_many(self, function: str, given: int) -> str:
        least = sum(parameter.required for parameter in self.known)
        most = len(self.known)
        takes = f"{most}" if least == most else f"from {least} to {most}"
        noun = "argument" if takes == "1" else "arguments"
        was = "was" if given == 1 else "were"
        return f"{function}() takes {takes} positional {noun} but {given} {was} given"


def parameters_of(schema: JsonObject) -> Parameters:
    """Return the parameters of a tool whose arguments ``schema`` describes; the schema is untrusted.

    Names that Python cannot have are changed, always in the same way: other characters become ``_``, keywords get a
    ``_`` behind, names that are then taken get a number behind.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return Parameters(open=schema.get("additionalProperties") is not False)
    needed = schema.get("required")
    needs = {name for name in needed if isinstance(name, str)} if isinstance(needed, Sequence) else set[str]()
    ordered = sorted(properties, key=lambda name: name not in needs)[:MOST_PARAMETERS]
    names = identifiers(ordered)
    known = tuple(
        Parameter(name=names[each], argument=each, required=each in needs, schema=_object(properties[each]))
        for each in ordered
    )
    further = schema.get("additionalProperties")
    is_open = further is True or isinstance(further, Mapping) or len(properties) > MOST_PARAMETERS
    return Parameters(known=known, open=is_open)


def identifiers(names: Sequence[str], *, reserved: frozenset[str] = frozenset(), first: str = "x") -> dict[str, str]:
    """Return a Python identifier for each of ``names``; no two share one, and none is reserved or begins with ``_``.

    Names that are identifiers already keep them, whatever else is there.

    Args:
        names: The names; one that occurs twice counts once.
        reserved: Identifiers that are taken from the start.
        first: What stands before a name that would not begin with a letter.
    """
    plain = {name: name for name in names if _plain(name) and name not in reserved}
    taken = {*plain.values(), *reserved}
    for name in sorted({*names} - plain.keys()):
        plain[name] = _free(_mangled(name, first), taken)
        taken.add(plain[name])
    return plain


def _plain(name: str) -> bool:
    fits = name.isascii() and name.isidentifier() and len(name) <= LONGEST_IDENTIFIER
    return fits and not name.startswith("_") and not keyword.iskeyword(name)


def _mangled(name: str, first: str) -> str:
    text = re.sub(r"[^A-Za-z0-9]+", "_", name)[:LONGEST_IDENTIFIER].lstrip("_") or first
    if text[0].isdigit():
        text = f"{first}_{text}"
    return f"{text}_" if keyword.iskeyword(text) else text


def _free(wanted: str, taken: set[str]) -> str:
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _missing(function: str, names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    noun = "argument" if len(quoted) == 1 else "arguments"
    head = ", ".join(quoted[:-1]) + ("," if len(quoted) > 2 else "")  # noqa: PLR2004 - the comma before "and"
    listed = f"{head} and {quoted[-1]}" if head else quoted[-1]
    return f"{function}() missing {len(quoted)} required positional {noun}: {listed}"

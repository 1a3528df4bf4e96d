"""Pins: the digests of everything a server says about itself, and what differs between two sets of them.

Canonical JSON is what is hashed: names sorted by code point, the order of arrays kept, no white space, text as UTF-8
with only what JSON requires escaped. A number is its value: ``1``, ``1.0`` and ``1e0`` are one number, written ``1``;
whole numbers are written digit by digit, others with the fewest digits that tell them apart. So two values have the
same bytes exactly when they are equal as JSON.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue

DEEPEST = 64
LARGEST_WHOLE = 10**400
"""Above every double, which is as far as numbers of other languages go."""

SHOWN_AT_MOST = 8

_text: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode
_NAMED: Mapping[bool | None, str] = {None: "null", True: "true", False: "false"}
_PICTURES = frozenset({"_meta", "icons"})
"""What may differ from one listing to the next and what no model reads: private notes and pictures."""


def canonical(value: JsonValue) -> bytes:
    """Return the one way to write ``value`` down.

    Raises:
        PayloadError: It is no JSON value, nested too deep, or holds a number that JSON does not know.
    """
    pieces: list[str] = []
    _write(value, DEEPEST, pieces)
    return "".join(pieces).encode("utf-8", "surrogatepass")


def digest(value: JsonValue) -> str:
    """Return the sha256 of ``value`` in canonical form, in hex.

    Raises:
        PayloadError: It has no canonical form.
    """
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The digests of what a server says about itself.

    Attributes:
        tools: Digest by name of the tool.
        prompts: Digest by name of the prompt.
        instructions: Digest of its instructions.
    """

    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    instructions: str = ""

    @classmethod
    def of(cls, tools: Sequence[ToolSpec], prompts: Sequence[PromptSpec] = (), instructions: str = "") -> Self:
        """Pin what a server lists and says.

        Raises:
            PayloadError: Something of it has no canonical form.
        """
        return cls(
            tools={tool.name: digest(tool_form(tool)) for tool in tools},
            prompts={prompt.name: digest(prompt_form(prompt)) for prompt in prompts},
            instructions=digest(instructions),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What differs from what was pinned. A renamed tool is one that was removed and one that was added.

    Attributes:
        added: Tools that were not there.
        changed: Tools that say something else about themselves.
        removed: Tools that are gone.
        prompts: Prompts that were added, changed or removed.
        instructions: Whether the instructions are others.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    instructions: bool = False

    def __bool__(self) -> bool:
        """True when something differs."""
        return bool(self.added or self.changed or self.removed or self.prompts or self.instructions)

    def __str__(self) -> str:
        """Say it in one line, for people."""
        parts = {"added": self.added, "changed": self.changed, "removed": self.removed, "other prompts": self.prompts}
        said = [f"{word}: {_listed(names)}" for word, names in parts.items() if names]
        return "; ".join([*said, *(["other instructions"] if self.instructions else [])]) or "nothing differs"


def difference(pinned: Pins, seen: Pins) -> Drift:
    """Return what of ``seen`` differs from what was ``pinned``."""
    added, changed, removed = _compared(pinned.tools, seen.tools)
    return Drift(
        added=added,
        changed=changed,
        removed=removed,
        prompts=tuple(sorted(name for names in _compared(pinned.prompts, seen.prompts) for name in names)),
        instructions=pinned.instructions != seen.instructions,
    )


def words_of_change(pinned: ToolSpec, seen: ToolSpec) -> str:
    """Say in words in which parts two forms of a tool differ."""
    before, after = tool_form(pinned), tool_form(seen)
    said = [
        _change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if _differ(before.get(name), after.get(name))
    ]
    return "; ".join(said[:SHOWN_AT_MOST]) or "nothing that is pinned changed"


def tool_form(tool: ToolSpec) -> JsonObject:
    """Return what is pinned of a tool: all that it said of itself, without pictures and private notes."""
    stated: dict[str, JsonValue] = {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
    }
    return _stated({**stated, **tool.raw})


def prompt_form(prompt: PromptSpec) -> JsonObject:
    """Return what is pinned of a prompt: all that it said of itself, without pictures and private notes."""
    return _stated({"name": prompt.name, "description": prompt.description, **prompt.raw})


def _stated(said: JsonObject) -> JsonObject:
    return {name: value for name, value in said.items() if value is not None and name not in _PICTURES}


def _write(value: JsonValue, room: int, pieces: list[str]) -> None:
    if room < 0:
        raise PayloadError(f"A value is nested deeper than {DEEPEST} levels.", remedies=("Use a flatter one.",))
    if isinstance(value, str):
        pieces.append(_text(value))
    elif isinstance(value, Mapping):
        _write_object(value, room, pieces)
    elif isinstance(value, Sequence):
        _write_array(value, room, pieces)
    elif value is None or isinstance(value, bool):
        pieces.append(_NAMED[value])
    else:
        pieces.append(_number(value))


def _write_object(value: JsonObject, room: int, pieces: list[str]) -> None:
    separator = "{"
    for name in sorted(value):
        pieces.append(f"{separator}{_text(name)}:")
        _write(value[name], room - 1, pieces)
        separator = ","
    pieces.append("}" if value else "{}")


def _write_array(value: Sequence[JsonValue], room: int, pieces: list[str]) -> None:
    separator = "["
    for entry in value:
        pieces.append(separator)
        _write(entry, room - 1, pieces)
        separator = ","
    pieces.append("]" if value else "[]")


def _number(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int) and abs(value) < LARGEST_WHOLE:
        return str(value)
    raise PayloadError(f"A {type(value).__name__} of this value is nothing that JSON can say.")


def _compared(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the names that were added, that changed and that were removed, each sorted."""
    changed = (name for name in before.keys() & after.keys() if before[name] != after[name])
    return (
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(changed)),
        tuple(sorted(before.keys() - after.keys())),
    )


def _differ(before: JsonValue, after: JsonValue) -> bool:
    return canonical(before) != canonical(after)


def _change(name: str, before: JsonValue, after: JsonValue) -> str:
    if before is None or after is None:
        return f"{name} was {'added' if before is None else 'removed'}"
    if isinstance(before, str) and isinstance(after, str):
        return f"{name} was {_quoted(before)} and is {_quoted(after)}"
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        parts = sorted(key for key in {*before, *after} if _differ(before.get(key), after.get(key)))
        return f"{name} changed in {_listed(parts)}"
    return f"{name} changed"


_LONGEST_QUOTE = 120


def _quoted(text: str) -> str:
    """Return ``text``, which comes from outside, short and so that it cannot steer a terminal."""
    return ascii(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}...")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(ascii(name[:_LONGEST_QUOTE]) for name in names[:SHOWN_AT_MOST])
    return shown if len(names) <= SHOWN_AT_MOST else f"{shown} and {len(names) - SHOWN_AT_MOST} more"

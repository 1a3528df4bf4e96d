"""Words: all that one server says about itself to a model, and the digests by which parts of it are waived."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.pins import digest, prompt_form, tool_form
from vsm_mcp.model.server import Proven, Running

LONGEST_LABEL = 64
"""A finding names a tool or a prompt by so many characters of its name."""

INSTRUCTIONS = "instructions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a server says about itself.

    Attributes:
        server: Its name.
        tools: Its tools.
        prompts: Its prompts.
        instructions: What it says when a connection begins.
    """

    server: str
    tools: tuple[ToolSpec, ...] = ()
    prompts: tuple[PromptSpec, ...] = ()
    instructions: str = ""

    @classmethod
    def of(cls, said: Running | Proven) -> Self:
        """Return the words of a server that runs or ran."""
        return cls(
            server=said.installed.candidate.name,
            tools=said.tools,
            prompts=said.prompts,
            instructions=said.instructions,
        )


class Digests:
    """The digests of the parts of what a server says, each found by the place that a finding names.

    They are the digests by which these parts are pinned, so any change of a part is another part.

    Args:
        words: What it says.
    """

    def __init__(self, words: Words) -> None:
        """Sort the parts by how findings call them; a server may call several the same."""
        self._parts: dict[str, list[JsonValue]] = {INSTRUCTIONS: [words.instructions]}
        self._known: dict[str, tuple[str, ...]] = {}
        for tool in words.tools:
            self._parts.setdefault(tool.name[:LONGEST_LABEL], []).append(tool_form(tool))
        for prompt in words.prompts:
            self._parts.setdefault(prompt.name[:LONGEST_LABEL], []).append(prompt_form(prompt))

    def of(self, where: str) -> str | None:
        """Return the digest of what is at a place; ``None`` when nothing is, or nothing that can be pinned.

        Where it cannot be told which of several parts is meant, it is the digest of the digests of all of them.
        """
        try:
            meant = sorted({one for label in _labels(where) for one in self._digests(label)})
        except PayloadError:
            return None
        if len(meant) > 1:
            return digest(meant)
        return meant[0] if meant else None

    def all(self) -> frozenset[str]:
        """Return every digest by which something of it can be waived; what cannot be pinned has none."""
        return frozenset(found for found in map(self.of, self._parts) if found is not None)

    def _digests(self, label: str) -> tuple[str, ...]:
        if label not in self._known:
            self._known[label] = tuple(digest(form) for form in self._parts.get(label, ()))
        return self._known[label]


def _labels(where: str) -> Iterator[str]:
    """Yield what may be the name of a part in a place such as ``name: input.path``; names may hold colons, too."""
    yield where
    end = where.find(": ", 0, LONGEST_LABEL + 2)
    while end >= 0:
        yield where[:end]
        end = where.find(": ", end + 1, LONGEST_LABEL + 2)

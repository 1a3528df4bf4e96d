"""Which tools of the servers that are held or known do what is asked, by their words and by words near in meaning."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from vsm_mcp.acquisition.discovery.index.documents import LONGEST_ARGUMENTS, Document
from vsm_mcp.acquisition.discovery.index.expansion import Expansion
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.ranking import Matched, Ranking
from vsm_mcp.acquisition.discovery.reading import mapping, text
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.server import Candidate, ToolSummary

MOST_ARGUMENTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTool:
    """A tool as it is matched.

    Attributes:
        server: The server that has it.
        tool: Its name there.
        title: The server's title.
        description: What the tool does; untrusted text.
        arguments: Names and descriptions of its arguments.
    """

    server: str
    tool: str
    title: str = ""
    description: str = ""
    arguments: str = ""

    @classmethod
    def of(cls, server: str, tool: ToolSpec | ToolSummary, *, title: str = "") -> Self:
        """Return what is matched of a tool that a server listed, or that a source published."""
        arguments = " ".join(_arguments(tool.input_schema)) if isinstance(tool, ToolSpec) else ""
        return cls(
            server=server,
            tool=tool.name,
            title=title,
            description=tool.description,
            arguments=arguments[:LONGEST_ARGUMENTS],
        )

    @classmethod
    def published(cls, candidate: Candidate) -> tuple[Self, ...]:
        """Return what is matched of all tools that are published of a server."""
        return tuple(cls.of(candidate.name, tool, title=candidate.title) for tool in candidate.tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A tool that has words of what is asked, or near ones, with its score and why, the strongest word first."""

    server: str
    tool: str
    score: float
    why: tuple[Matched, ...]


class CapabilityMatcher:
    """Finds the tools for an operation; never changed once made. Pure: it neither waits nor calls.

    Scores order the tools for one operation; whether arguments fit, and whether a tool really does it, is not decided
    here.

    Args:
        tools: What can be found; of several with one name at one server the last one counts.
        tokenizer: Cuts texts into terms; give one to share its memory.
        expansion: Knows what words are near in meaning; the table of the package when it is not given.
    """

    def __init__(
        self,
        tools: Iterable[KnownTool],
        *,
        tokenizer: Tokenizer | None = None,
        expansion: Expansion | None = None,
    ) -> None:
        """Count the words of all tools."""
        self._tools = {json.dumps([tool.server, tool.tool]): tool for tool in tools}
        documents = (_document(key, tool) for key, tool in self._tools.items())
        self._ranking = Ranking(documents, tokenizer=tokenizer, expansion=expansion)

    def __repr__(self) -> str:
        """Show the size."""
        return f"CapabilityMatcher(tools={len(self._tools)})"

    def __len__(self) -> int:
        """Return the number of tools."""
        return len(self._tools)

    def match(self, text: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Return at most ``limit`` tools for ``text``, best first; equals in the order of servers and names."""
        hits = self._ranking.search(text, limit=limit)
        found = ((self._tools[hit.key], hit) for hit in hits)
        return tuple(Match(server=tool.server, tool=tool.tool, score=hit.score, why=hit.why) for tool, hit in found)


def _document(key: str, tool: KnownTool) -> Document:
    """Return a tool as a document: its server's names tell of what it is part of, not what it is."""
    return Document(
        key=key,
        name=tool.tool,
        category=f"{tool.server} {tool.title}",
        description=tool.description,
        arguments=tool.arguments,
    )


def _arguments(schema: JsonObject) -> Iterator[str]:
    for name, told in list(mapping(schema.get("properties")).items())[:MOST_ARGUMENTS]:
        yield name
        yield text(mapping(told).get("description"))

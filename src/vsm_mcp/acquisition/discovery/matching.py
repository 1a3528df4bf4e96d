"""Which tools of the servers that are held or known do what is asked, by their words and by words near in meaning."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from vsm_mcp.acquisition.discovery.hit import Matched
from vsm_mcp.acquisition.discovery.index.bm25f import WEIGHTS
from vsm_mcp.acquisition.discovery.index.documents import LONGEST_ARGUMENTS, Document
from vsm_mcp.acquisition.discovery.index.expansion import Expansion
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.mixing import mixed
from vsm_mcp.acquisition.discovery.ranking import Ranking
from vsm_mcp.acquisition.discovery.reading import mapping, text
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder, told
from vsm_mcp.acquisition.discovery.semantic.meanings import Meanings
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.server import Candidate, ToolSummary
from vsm_mcp.servers.routing.likeness import Compared, Likeness, Matching

MOST_ARGUMENTS = 64

MOST_ORDERED = 200
"""How many tools get a score when all are compared: the best ones; those behind them are all alike."""

_OWN = sum(1 << bit for bit, field in enumerate(WEIGHTS) if field in {"name", "description"})


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
        embedder: Compares all tools by meaning as well, such as `MiniLM` of the extra ``semantic``; it looks at all
            of them at once, some ten milliseconds each, and at each text that is matched.
    """

    def __init__(
        self,
        tools: Iterable[KnownTool],
        *,
        tokenizer: Tokenizer | None = None,
        expansion: Expansion | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        """Count the words of all tools."""
        self._tools = {json.dumps([tool.server, tool.tool]): tool for tool in tools}
        documents = [_document(key, tool) for key, tool in self._tools.items()]
        self._tokenizer = tokenizer or Tokenizer()
        self._ranking = Ranking(documents, tokenizer=self._tokenizer, expansion=expansion)
        self._meanings: Meanings | None = None
        if embedder is not None:
            self._meanings = Meanings.of(embedder, {document.key: told(document) for document in documents})

    def __repr__(self) -> str:
        """Show the size."""
        return f"CapabilityMatcher(tools={len(self._tools)})"

    def __len__(self) -> int:
        """Return the number of tools."""
        return len(self._tools)

    def match(self, text: str, *, limit: int = 10) -> tuple[Match, ...]:
        """Return at most ``limit`` tools for ``text``, best first; equals in the order of servers and names.

        Raises:
            ConfigurationError: The embedder returns something else than one vector of length 1.
        """
        if self._meanings is None:
            hits = self._ranking.search(text, limit=limit)
        else:
            hits = mixed(self._ranking.found(text), self._meanings.alike(text), limit=limit)
        found = ((self._tools[hit.key], hit) for hit in hits)
        return tuple(Match(server=tool.server, tool=tool.tool, score=hit.score, why=hit.why) for tool, hit in found)

    def compare(self, text: str) -> Mapping[tuple[str, str], Likeness]:
        """Return how like ``text`` is to the tools, by server and name; those that have none of its words are left out.

        The share is of words as they are, in a tool's own name and description: near words only order.
        """
        owners = {term: self._owners(term) for term in self._tokenizer.query(text)}
        weights = {term: math.log(1 + (len(self) + 1) / (len(keys) + 0.5)) for term, keys in owners.items()}
        total = math.fsum(weights.values())
        shared: dict[str, list[str]] = {}
        for term in sorted(owners):
            for key in owners[term]:
                shared.setdefault(key, []).append(term)
        scores = {hit.key: hit.score for hit in self._ranking.search(text, limit=MOST_ORDERED)}
        return {
            (self._tools[key].server, self._tools[key].tool): Likeness(
                score=scores.get(key, 0.0),
                share=math.fsum(weights[term] for term in shared.get(key, ())) / total,
                words=tuple(shared.get(key, ())),
            )
            for key in scores.keys() | shared.keys()
        }

    def _owners(self, term: str) -> list[str]:
        """Return the tools that have a term in their own name or description."""
        index = self._ranking.index
        return [
            index.key(number + offset)
            for offset, posting in index.postings(term)
            for number, mask in zip(posting.numbers, posting.fields, strict=True)
            if mask & _OWN
        ]


def matching() -> Matching:
    """Return what makes tools ready to be compared with needs, as the router asks for; it remembers stems."""
    tokenizer = Tokenizer()

    def matched(tools: Iterable[tuple[str, ToolSpec]]) -> Compared:
        known = (KnownTool.of(server, tool) for server, tool in tools)
        return CapabilityMatcher(known, tokenizer=tokenizer).compare

    return matched


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
    for name, said in list(mapping(schema.get("properties")).items())[:MOST_ARGUMENTS]:
        yield name
        yield text(mapping(said).get("description"))

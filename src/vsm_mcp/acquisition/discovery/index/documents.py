"""What is ranked: a server, or a single tool, as the texts of its fields."""

from collections.abc import Iterator
from dataclasses import dataclass

from vsm_mcp.acquisition.discovery.reading import items, mapping, text
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.server import Candidate, ToolSummary

MOST_TOOLS = 256
LONGEST_DESCRIPTION = 1024
LONGEST_TOOL_TEXT = 600
LONGEST_NAME = 200
LONGEST_ARGUMENTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A server as the ranking sees it: a key and the texts of its fields; ``arguments`` are those of its tools."""

    key: str
    name: str
    title: str = ""
    description: str = ""
    category: str = ""
    tools: tuple[ToolSummary, ...] = ()
    arguments: str = ""

    @classmethod
    def of(cls, candidate: Candidate, key: str) -> "Document":
        """Return what is ranked of a candidate."""
        package = "" if candidate.package.ecosystem == "file" else candidate.package.name
        return cls(
            key=key,
            name=package if candidate.slug in package else f"{candidate.slug} {package}",
            title=candidate.title,
            description=candidate.summary,
            category=" ".join((candidate.name.rpartition("/")[0], *candidate.keywords)),
            tools=candidate.tools,
        )

    @classmethod
    def read(cls, row: JsonObject) -> "Document":
        """Read ``{"id", "name", "title", "description", "category", "tools": [{"name", "description", "params"}]}``.

        ``params`` are pairs of name and description; a single tool that stands for itself may have them as well.
        """
        tools = [mapping(tool) for tool in items(row.get("tools"), MOST_TOOLS)]
        return cls(
            key=str(row.get("id")),  # as it is: the caller compares it with its own
            name=text(row.get("name"), LONGEST_NAME),
            title=text(row.get("title"), LONGEST_NAME),
            description=text(row.get("description"), LONGEST_DESCRIPTION),
            category=text(row.get("category"), LONGEST_NAME),
            tools=tuple(
                ToolSummary(
                    name=text(tool.get("name"), LONGEST_NAME),
                    description=text(tool.get("description"), LONGEST_TOOL_TEXT),
                )
                for tool in tools
            ),
            arguments=" ".join(word for told in (row, *tools) for word in _arguments(told))[:LONGEST_ARGUMENTS],
        )


def _arguments(told: JsonObject) -> Iterator[str]:
    for pair in items(told.get("params"), MOST_TOOLS):
        yield from (text(word, LONGEST_TOOL_TEXT) for word in items(pair, 2))

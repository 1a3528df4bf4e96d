"""Targets: globs that name agents, servers and tools, and answers about calls that are found once and then kept."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import Annotated, TypeVar

from pydantic import AfterValidator, StringConstraints

LONGEST_PATTERN = 300
MOST_RULES = 1000
MOST_KEPT = 4096
LONGEST_KEPT = 1000

Answer = TypeVar("Answer")


def _has_two_parts(pattern: str) -> str:
    server, colon, tool = pattern.partition(":")
    if colon and server == "tool":
        raise ValueError(f"{pattern!r} names a server called 'tool'; write '*:{tool}' for a tool of any server.")
    if not server or (colon and not tool):
        raise ValueError(f"{pattern!r} is no SERVER:TOOL; write '*' for any server or any tool.")
    return pattern


Glob = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATTERN)]
"""A name, or a pattern with ``*``, ``?`` and ``[...]``; upper and lower case differ."""

Target = Annotated[Glob, AfterValidator(_has_two_parts)]
"""``SERVER:TOOL``, both globs; without a colon it means every tool of the server."""


class Targets:
    """Says whether a tool of a server is among those that were named.

    Args:
        patterns: Each ``SERVER:TOOL`` or ``SERVER``.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile the patterns."""
        self._patterns = tuple((pattern, *_compiled(pattern)) for pattern in patterns)

    def __repr__(self) -> str:
        """Show the patterns."""
        return f"Targets({[pattern for pattern, _, _ in self._patterns]!r})"

    def match(self, server: str, tool: str) -> str | None:
        """Return the first pattern that names this tool; ``None`` when none does."""
        for pattern, servers, tools in self._patterns:
            if servers.match(server) and tools.match(tool):
                return pattern
        return None


class Answers(dict[tuple[str, str, str], Answer]):
    """Answers about (agent, server, tool), each found when first asked for: ``answers[agent, server, tool]``.

    At most ``most`` are kept; beyond, all are forgotten and found again. Names that are very long are not kept.
    A dictionary that fills itself is the quickest look there is; it is done at every call.

    Args:
        find: Finds an answer.
        most: How many are kept.
    """

    def __init__(self, find: Callable[[str, str, str], Answer], *, most: int = MOST_KEPT) -> None:
        """Keep how answers are found."""
        super().__init__()
        self._find = find
        self._most = most

    def __missing__(self, key: tuple[str, str, str]) -> Answer:
        """Find an answer and keep it."""
        agent, server, tool = key
        answer = self._find(agent, server, tool)
        if len(agent) + len(server) + len(tool) <= LONGEST_KEPT:
            if len(self) >= self._most:
                self.clear()
            self[key] = answer
        return answer


def compiled(glob: str) -> re.Pattern[str]:
    """Return the regular expression of a glob; it takes no more than time linear in name and pattern, each time."""
    return re.compile(translate(glob))


def _compiled(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    server, _, tool = pattern.partition(":")
    return compiled(server), compiled(tool or "*")

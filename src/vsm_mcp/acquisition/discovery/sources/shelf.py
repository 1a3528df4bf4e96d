"""The shelf: what the host itself offers, in-process servers, server files, and servers that run elsewhere."""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.addresses import is_here
from vsm_mcp.model.launch import RemoteLaunch, endpoints_of
from vsm_mcp.model.server import Candidate, PackageRef, ToolSummary, Variable


class Shelf:
    """Servers of the host's own, offered by name. Offering is not trusting: they go the same way in as any other."""

    name = "shelf"
    fresh_for = AT_ONCE

    def __init__(self) -> None:
        """Start empty."""
        self._offers: dict[str, Candidate] = {}
        self._private: set[str] = set()
        self._listing = Listing()

    def __repr__(self) -> str:
        """Show the names on offer."""
        return f"Shelf({', '.join(self._offers)})"

    def __len__(self) -> int:
        """Return how many servers are on offer."""
        return len(self._offers)

    def offer(
        self,
        name: str,
        make: Callable[[], object],
        *,
        summary: str = "",
        title: str = "",
        tools: Sequence[ToolSummary] = (),
    ) -> Candidate:
        """Offer an in-process server.

        Args:
            name: Its name: letters, digits, dots, dashes and underscores.
            make: Returns a fresh server object of the MCP SDK each time.
            summary: What it can do, in a sentence: it is found by these words.
            title: For people.
            tools: Its tools, as far as they are known: it is found by these as well.

        Raises:
            ConfigurationError: The name is taken.
            PayloadError: The name is not of that form.
        """
        package = PackageRef(ecosystem="memory", name=name)
        return self._put(
            Candidate(
                name=name,
                source=self.name,
                package=package,
                title=title,
                summary=summary,
                tools=tuple(tools),
                make=make,
            )
        )

    def offer_file(
        self,
        path: str | Path,
        *,
        name: str = "",
        summary: str = "",
        title: str = "",
        tools: Sequence[ToolSummary] = (),
        arguments: Sequence[str] = (),
        environment: Sequence[Variable] = (),
        egress: Sequence[str] = (),
    ) -> Candidate:
        """Offer a server file of this machine; it is copied, scanned, confined and proven like any package.

        Args:
            path: The program that speaks MCP over its standard input and output.
            name: Its name; by default the file's, without its ending.
            summary: What it can do, in a sentence: it is found by these words.
            title: For people.
            tools: Its tools, as far as they are known: it is found by these as well.
            arguments: Words to start it with.
            environment: The variables it reads.
            egress: The hosts it talks to; it is let talk to those of them that the policy allows.

        Raises:
            ConfigurationError: The name is taken, or the file does not exist.
        """
        place = Path(path).expanduser().resolve()
        if not place.is_file():
            raise ConfigurationError(
                f"There is no server file {place}.", remedies=("Give the path of an existing file.",)
            )
        return self._put(
            Candidate(
                name=name or re.sub(r"[^A-Za-z0-9._-]+", "-", place.stem).strip("-.") or "server",
                source=self.name,
                package=PackageRef(ecosystem="file", name=str(place)),
                title=title,
                summary=summary,
                tools=tuple(tools),
                arguments=tuple(arguments),
                environment=tuple(environment),
                egress=tuple(egress),
            )
        )

    def connect(
        self,
        name: str,
        launch: RemoteLaunch,
        *,
        summary: str = "",
        title: str = "",
        tools: Sequence[ToolSummary] = (),
        private: bool = False,
    ) -> Candidate:
        """Offer a server that runs elsewhere: what it lists is scanned, proven and pinned like that of any other.

        Nothing here confines it, and its code is not seen.

        Args:
            name: Its name: letters, digits, dots, dashes and underscores. Policies know it as ``remote:NAME``.
            launch: Where it is: `HttpLaunch`, `TcpLaunch` or `WebSocketLaunch`.
            summary: What it can do, in a sentence: it is found by these words.
            title: For people.
            tools: Its tools, as far as they are known: it is found by these as well.
            private: Whether its host, and that of the issuer it names, may have a private address; one that is written
                as this machine's own always may.

        Raises:
            ConfigurationError: The name is taken.
            PayloadError: The name is not of that form.
        """
        candidate = self._put(
            Candidate(
                name=name,
                source=self.name,
                package=PackageRef(ecosystem="remote", name=name),
                title=title,
                summary=summary,
                tools=tuple(tools),
                remote=launch,
            )
        )
        self._private.update(host for host, _ in endpoints_of(launch) if private or is_here(host))
        return candidate

    @property
    def private(self) -> Collection[str]:
        """The hosts of servers elsewhere that may have a private address, in lower case."""
        return self._private

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return what is on offer, in the order it was offered."""
        return self._listing

    def _put(self, candidate: Candidate) -> Candidate:
        if candidate.name in self._offers:
            raise ConfigurationError(
                f"The shelf already offers a server named {candidate.name!r}.",
                remedies=("Give every server on the shelf a name of its own.",),
            )
        self._offers[candidate.name] = candidate
        self._listing = Listing(candidates=tuple(self._offers.values()))
        return candidate

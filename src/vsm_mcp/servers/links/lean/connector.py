"""Makes links on the raw path; what is slow to load is loaded by the first link, in a thread."""

from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, Unpack

import anyio.to_thread

from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.servers.links.link import Link, Remote, Start
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.servers.links.terms import Given, Terms


class Opens(Protocol):
    """Makes links over processes."""

    def stdio(
        self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Link]:
        """Start a process and speak with it over its standard input and output."""
        ...


class LeanConnector:
    """Makes links that cost little per call over processes; all other links are made through the SDK.

    So are all of a host that answers what servers ask: here such questions are refused, but for signs of life.

    Args:
        eras: What is learned of how servers want to be greeted, by digest of their package.
        terms: How long to wait, how much to read, and what servers may ask of the host.
    """

    def __init__(self, *, eras: MutableMapping[str, str], **terms: Unpack[Given]) -> None:
        """Keep memory and deadlines; nothing is loaded."""
        self._eras = eras
        self._terms = Terms.of(**terms)
        self._others = LazyConnector(eras=eras, **terms)
        self._opener: Opens | None = None

    def __repr__(self) -> str:
        """Show the deadlines."""
        return f"LeanConnector({self._terms})"

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""
        opener = await self._opens()
        async with opener.stdio(start, name=name, digest=digest, hide=hide) as link:
            yield link

    def remote(
        self, launch: RemoteLaunch, remote: Remote, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Link]:
        """Speak with a server that runs elsewhere."""
        return self._others.remote(launch, remote, name=name, digest=digest, hide=hide)

    def memory(self, make: Callable[[], object], *, name: str) -> AbstractAsyncContextManager[Link]:
        """Speak with a server object of this process."""
        return self._others.memory(make, name=name)

    def forget(self, name: str) -> None:
        """Know nothing of what a server granted any more."""
        self._others.forget(name)

    async def _opens(self) -> Opens:
        if self._terms.consent.answers:
            return self._others
        if self._opener is None:
            self._opener = await anyio.to_thread.run_sync(self._load)
        return self._opener

    def _load(self) -> Opens:
        from vsm_mcp.servers.links.lean.opening import Opener  # noqa: PLC0415 - loads the models of the protocol

        return Opener(self._eras, self._terms)

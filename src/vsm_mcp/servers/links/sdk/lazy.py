"""Loads the MCP SDK when the first connection is made, not when the library is imported."""

from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Unpack

import anyio
import anyio.to_thread

from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.servers.links.link import Connector, Forgetting, Link, Remote, Start
from vsm_mcp.servers.links.terms import Given, Terms


class LazyConnector:
    """Makes links through the SDK. It takes a second to load, so it is loaded by the first link, in a thread.

    Args:
        eras: What is learned of how servers want to be greeted, by digest of their package.
        terms: How long to wait, how much to read, and what servers may ask of the host.
    """

    def __init__(self, *, eras: MutableMapping[str, str], **terms: Unpack[Given]) -> None:
        """Keep memory and deadlines; nothing is loaded."""
        self._eras = eras
        self._given = terms
        self._terms = Terms.of(**terms)
        self._loading = anyio.Lock()
        self._loaded: Connector | None = None

    def __repr__(self) -> str:
        """Show the deadlines."""
        return f"LazyConnector({self._terms})"

    @asynccontextmanager
    async def stdio(self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()) -> AsyncGenerator[Link]:
        """Start a process and speak with it over its standard input and output."""
        connector = await self._connector()
        async with connector.stdio(start, name=name, digest=digest, hide=hide) as link:
            yield link

    @asynccontextmanager
    async def remote(
        self, launch: RemoteLaunch, remote: Remote, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AsyncGenerator[Link]:
        """Speak with a server that runs elsewhere."""
        connector = await self._connector()
        async with connector.remote(launch, remote, name=name, digest=digest, hide=hide) as link:
            yield link

    @asynccontextmanager
    async def memory(self, make: Callable[[], object], *, name: str) -> AsyncGenerator[Link]:
        """Speak with a server object of this process."""
        connector = await self._connector()
        async with connector.memory(make, name=name) as link:
            yield link

    def forget(self, name: str) -> None:
        """Know nothing of what a server granted any more."""
        if isinstance(self._loaded, Forgetting):
            self._loaded.forget(name)

    async def _connector(self) -> Connector:
        if self._loaded is None:
            async with self._loading:
                self._loaded = self._loaded or await anyio.to_thread.run_sync(self._load)
        return self._loaded

    def _load(self) -> Connector:
        from vsm_mcp.servers.links.sdk.client import SdkConnector  # noqa: PLC0415 - loads the SDK, a second of work

        return SdkConnector(eras=self._eras, **self._given)

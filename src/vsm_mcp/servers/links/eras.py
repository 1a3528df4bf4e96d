"""In which order a server is greeted: in the newest way first, and afresh in the old way when it dies of that."""

from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from enum import StrEnum
from typing import Protocol

import anyio

from vsm_mcp.errors import StartError
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.terms import Terms


class Era(StrEnum):
    """How a server wants to be greeted: a property of its code, learned once per installed package."""

    AUTO = "auto"
    LEGACY = "legacy"
    OLDER_HTTP = "older-http"
    """In the old way, over the older kind of HTTP, which has two streams."""


class Attempts(Protocol):
    """Tries to come to an understanding, each time over a fresh connection."""

    silent: bool
    """Whether the last attempt just met silence."""

    @property
    def rested(self) -> float:
        """For how many seconds of the last attempt somebody else than the server was waited for."""
        ...

    @property
    def older_http(self) -> bool:
        """Whether the last attempt was refused in the way of servers that know only the older kind of HTTP."""
        ...

    def open(self, era: Era, seconds: float) -> AbstractAsyncContextManager[Link]:
        """Connect and greet; the deadline ends with the greeting.

        Raises:
            StartError: It was not understood, or met silence.
        """
        ...


class Greeter:
    """Greets servers, and remembers for each package what worked.

    Args:
        eras: What was learned, by digest of the package.
        terms: How long greetings may take.
    """

    def __init__(self, eras: MutableMapping[str, str], terms: Terms) -> None:
        """Keep memory and deadlines."""
        self._eras = eras
        self._probe = min(terms.probe, terms.start)
        self._start = terms.start

    async def greet(self, attempts: Attempts, life: AsyncExitStack, digest: str) -> Link:
        """Return a link that ends with ``life``.

        Raises:
            StartError: It did not come up or does not speak the protocol.
        """
        era, link = await self._first_understood(attempts, life, self._eras.get(digest))
        self._eras[digest] = era
        return link

    async def _first_understood(self, attempts: Attempts, life: AsyncExitStack, known: str | None) -> tuple[Era, Link]:
        end = anyio.current_time() + self._start
        if known is not None:
            return await _enter(attempts, life, era=Era(known), seconds=self._start)
        try:
            return await _enter(attempts, life, era=Era.AUTO, seconds=self._probe)
        except StartError:
            end += attempts.rested
            if attempts.older_http:
                return await _enter(attempts, life, era=Era.OLDER_HTTP, seconds=_left(end))
        slow, attempts.silent = attempts.silent, False
        try:
            return await _enter(attempts, life, era=Era.LEGACY, seconds=_left(end))
        except StartError as error:
            if not slow or attempts.silent or error.exit_code is not None:
                raise
        # Slow, and it refuses the old greeting: a new server that needs more time than a probe has.
        return await _enter(attempts, life, era=Era.AUTO, seconds=_left(end))


async def _enter(attempts: Attempts, life: AsyncExitStack, *, era: Era, seconds: float) -> tuple[Era, Link]:
    return era, await life.enter_async_context(attempts.open(era, seconds))


def _left(end: float) -> float:
    return max(0.0, end - anyio.current_time())

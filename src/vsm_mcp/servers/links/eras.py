"""In which order a server is greeted: in the newest way first, and afresh in the old way when it dies of that."""

from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from enum import StrEnum
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Lasting(Protocol):
    """A memory of eras that outlives this process."""

    async def keep(self, digest: str) -> None:
        """Write down what is known of a package that was greeted, unless it stands there or the package does not stay.

        What cannot be written down is learned again some day.
        """
        ...


class Greeter:
    """Greets servers, and remembers for each package what worked.

    What is remembered is tried first, and is no more than a hint: when it is wrong the other ways are tried after it.

    Args:
        eras: What was learned, by digest of the package; written down where that is a `Lasting` memory.
        terms: How long greetings may take.
    """

    def __init__(self, eras: MutableMapping[str, str], terms: Terms) -> None:
        """Keep memory and deadlines."""
        self._eras = eras
        self._probe = min(terms.probe, terms.start)
        self._start = terms.start

    async def greet(self, attempts: Attempts, life: AsyncExitStack, digest: str, *, package: bool = True) -> Link:
        """Return a link that ends with ``life``.

        Args:
            attempts: Tries to come to an understanding.
            life: Ends the link.
            digest: What the server is remembered by.
            package: Whether that is the digest of its code; only then it stays true and is written down.

        Raises:
            StartError: It did not come up or does not speak the protocol.
        """
        known = self._eras.get(digest)
        era, link = await self._first_understood(attempts, life, known)
        if era != known:
            self._eras[digest] = era
        if package and isinstance(self._eras, Lasting):
            await self._eras.keep(digest)
        return link

    async def _first_understood(self, attempts: Attempts, life: AsyncExitStack, known: str | None) -> tuple[Era, Link]:
        end = anyio.current_time() + self._start
        # What is remembered gets nearly all of the time, as when it was learned; the rest is for when it is wrong.
        seconds = self._probe if known is None else self._start - min(self._probe, self._start / 2)
        first = Era.AUTO if known is None else Era(known)
        try:
            return await _enter(attempts, life, era=first, seconds=seconds)
        except StartError as error:
            end += attempts.rested
            if first is not Era.AUTO:
                return await _newest_after_all(attempts, life, error, end=end)
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


async def _newest_after_all(
    attempts: Attempts, life: AsyncExitStack, error: StartError, *, end: float
) -> tuple[Era, Link]:
    """Greet a server in the newest way that failed, with ``error``, in the old way that was remembered."""
    try:
        return await _enter(attempts, life, era=Era.AUTO, seconds=_left(end))
    except StartError:
        if not attempts.older_http:
            raise error from None  # most likely the memory was right, and the server is broken
        end += attempts.rested
    return await _enter(attempts, life, era=Era.OLDER_HTTP, seconds=_left(end))


async def _enter(attempts: Attempts, life: AsyncExitStack, *, era: Era, seconds: float) -> tuple[Era, Link]:
    return era, await life.enter_async_context(attempts.open(era, seconds))


def _left(end: float) -> float:
    return max(0.0, end - anyio.current_time())

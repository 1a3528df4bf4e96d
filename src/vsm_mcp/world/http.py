"""HTTP, bounded: one method, one reply, never more bytes than asked for."""

import ssl
import zlib
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx2

from vsm_mcp.errors import LinkError, PayloadError

DEFAULT_LIMIT = 10_000_000
MOST_REDIRECTS = 10

_HARMLESS = frozenset({"accept", "content-type", "if-none-match"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered: status code, headers in lower case, the whole body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """True for a status of 200 to 299."""
        return 200 <= self.status < 300  # noqa: PLR2004


class Http(Protocol):
    """Sends one request and returns one bounded reply."""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = DEFAULT_LIMIT,
        cafile: str | None = None,
    ) -> Reply:
        """Send a request.

        Args:
            method: Such as ``GET``.
            url: Where to.
            headers: What goes along; one's own headers go to this server only, wherever it redirects to.
            body: What is sent.
            limit: How many bytes the answer may have.
            cafile: The file of certificates, in PEM, that are trusted for this instead of the usual ones.

        Raises:
            LinkError: No answer came, or the certificates cannot be read.
            PayloadError: The answer is larger than ``limit`` bytes.
        """
        ...


class HttpClient:
    """HTTP over the network, honouring the proxy and certificate settings of this process.

    Args:
        timeout: Seconds one request may take from first byte to last.
    """

    def __init__(self, *, timeout: float = 30.0) -> None:
        """Keep the timeout; connections are made per request."""
        self._timeout = timeout

    def __repr__(self) -> str:
        """Show the timeout."""
        return f"HttpClient(timeout={self._timeout})"

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = DEFAULT_LIMIT,
        cafile: str | None = None,
    ) -> Reply:
        """Send a request and read at most ``limit`` bytes of the answer."""
        trusted = True if cafile is None else await anyio.to_thread.run_sync(_trusted, cafile)
        own = frozenset(map(str.lower, headers or ())) - _HARMLESS
        try:
            with anyio.fail_after(self._timeout):
                async with (
                    _client(url, self._timeout, own=own, trusted=trusted) as client,
                    client.stream(method, url, headers=headers, content=body) as response,
                ):
                    return await _receive(response, limit)
        except TimeoutError as error:
            raise _no_answer(method, url, f"it took more than {self._timeout:g} seconds") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise _no_answer(method, url, _reason(error)) from error


def _trusted(cafile: str) -> ssl.SSLContext:
    """Return what trusts nothing but the certificates of a file. Blocking."""
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise LinkError(
            f"The certificates of {cafile} cannot be read: {error.strerror or error}.",
            remedies=("Name a file of certificates in PEM.",),
        ) from error


def _client(url: str, timeout: float, *, own: Collection[str], trusted: ssl.SSLContext | bool) -> httpx2.AsyncClient:
    """Return a client that follows redirects, with the headers ``own`` only to where they were meant for."""
    first = httpx2.URL(url)

    async def follow_safely(request: httpx2.Request) -> None:
        if first.scheme == "https" and request.url.scheme != "https":
            raise httpx2.UnsupportedProtocol("it was redirected to an address without encryption")
        if not _is_meant_for(first, request.url):
            for name in own:
                request.headers.pop(name, None)

    return httpx2.AsyncClient(
        follow_redirects=True,
        max_redirects=MOST_REDIRECTS,
        headers={"accept-encoding": "gzip"},
        timeout=timeout,
        verify=trusted,
        event_hooks={"request": [follow_safely]},
    )


def _is_meant_for(first: httpx2.URL, later: httpx2.URL) -> bool:
    """Tell whether ``later`` is of the same server; the same host on its usual port, now encrypted, is."""
    if first.host != later.host:
        return False
    upgraded = (first.scheme, later.scheme) == ("http", "https") and first.port is None
    return later.port == first.port and (upgraded or first.scheme == later.scheme)


def _reason(error: BaseException) -> str:
    """Return what an error says, or else what led to it: under trio only that says what is wrong with a certificate."""
    said, cause = "", error
    while cause is not None and not said:
        said, cause = str(cause), cause.__cause__ or cause.__context__
    return said or type(error).__name__


def _no_answer(method: str, url: str, reason: str) -> LinkError:
    return LinkError(
        f"{method} {_shown(url)} got no answer: {reason}.",
        remedies=("Check the network, the proxy, the address and the certificates.",),
    )


async def _receive(response: httpx2.Response, limit: int) -> Reply:
    raw = bytearray()
    chunks = response.aiter_raw()
    async for chunk in chunks:
        raw += chunk
        if len(raw) > limit:
            await _abandon(response, chunks)
            raise _too_large(response, limit)
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = _decoded(bytes(raw), response, limit)
    return Reply(status=response.status_code, headers=headers, body=body)


async def _abandon(response: httpx2.Response, chunks: AsyncIterator[bytes]) -> None:
    """Close the connection, then run the iterators it feeds into its end: abandoned ones warn under trio."""
    await response.aclose()
    with suppress(httpx2.HTTPError, httpx2.StreamError):
        async for _ in chunks:
            pass


def _decoded(raw: bytes, response: httpx2.Response, limit: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity" or not raw:
        return raw
    if encoding not in {"gzip", "x-gzip"}:
        raise httpx2.DecodingError(f"the content encoding {encoding[:40]!r} was not asked for")
    gzip = zlib.decompressobj(wbits=31)
    try:
        body = gzip.decompress(raw, limit + 1)
    except zlib.error as error:
        raise httpx2.DecodingError("the gzip data is broken") from error
    if len(body) > limit:
        raise _too_large(response, limit)
    if not gzip.eof or gzip.unused_data:
        raise httpx2.DecodingError("the gzip data is not whole")
    return body


def _too_large(response: httpx2.Response, limit: int) -> PayloadError:
    return PayloadError(f"{_shown(str(response.url))} answered with more than {limit} bytes.")


def _shown(url: str) -> str:
    """Return ``url`` without user, password, query and fragment: those may hold secrets."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"

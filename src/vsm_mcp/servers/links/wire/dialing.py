"""HTTP connections to addresses that were checked: what was resolved and allowed is what is connected to."""

import select
import ssl
from collections.abc import Iterable

import anyio
import httpcore2
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream
from typing_extensions import override

from vsm_mcp.errors import LinkError
from vsm_mcp.servers.links.link import Dial

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class DialedNetwork(httpcore2.AsyncNetworkBackend):
    """The network of an HTTP client, every connection of which is made by ``dial``.

    Args:
        dial: Connects, to what may be reached only.
    """

    def __init__(self, dial: Dial) -> None:
        """Keep what connects."""
        self._dial = dial

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host.

        Raises:
            httpcore2.ConnectError: It may not or cannot be reached.
            httpcore2.ConnectTimeout: It took too long.
        """
        try:
            with anyio.fail_after(timeout):
                return _Stream(await SocketStream.from_socket(await self._dial(host, port)))
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"no connection within {timeout} seconds") from error
        except LinkError as error:
            raise httpcore2.ConnectError(error.message.removesuffix(".")) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error

    @override
    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            with anyio.fail_after(timeout):
                return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except TimeoutError as error:
            raise httpcore2.ReadTimeout(f"nothing came for {timeout} seconds") from error
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            raise httpcore2.ReadError("the connection broke") from error

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            with anyio.fail_after(timeout):
                await self._stream.send(buffer)
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(f"nothing was taken for {timeout} seconds") from error
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            raise httpcore2.WriteError("the connection broke") from error

    @override
    async def aclose(self) -> None:
        await anyio.aclose_forcefully(self._stream)

    @override
    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                return _Stream(
                    await TLSStream.wrap(
                        self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
                    )
                )
        except TimeoutError as error:
            await self.aclose()
            raise httpcore2.ConnectTimeout(f"no encryption within {timeout} seconds") from error
        except (anyio.BrokenResourceError, anyio.EndOfStream, OSError) as error:
            await self.aclose()
            raise httpcore2.ConnectError(f"no encryption: {error or type(error).__name__}") from error

    @override
    def get_extra_info(self, info: str) -> object:
        if info == "ssl_object" and isinstance(self._stream, TLSStream):
            return self._stream._ssl_object  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - only place it is
        if info == "is_readable":
            raw = self._stream.extra(SocketAttribute.raw_socket, None)  # noqa: S610 - this is no database
            return raw is None or _readable(raw.fileno())
        return None


def _readable(descriptor: int) -> bool:
    """Tell whether an idle connection has something to read: then the other side closed it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

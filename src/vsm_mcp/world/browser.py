"""A browser on this machine: a human authorizes this host in it, and it brings the answer back."""

import webbrowser
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
from anyio.abc import SocketStream

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.addresses import is_here
from vsm_mcp.world.groups import first_error

LONGEST_HEAD = 16 * 1024
HEAD_SECONDS = 10.0
_PAGE = b"<!doctype html><title>Done</title><p>You can close this page and go back to where you came from."


class Browser:
    """Shows a human where to authorize this host, and waits on this machine for the browser to come back.

    Give it as ``Consent(authorize=Browser())``. It listens only while a human is asked, at the port of
    ``AuthorizationCode.redirect``, and only to this machine. On a machine without a browser give ``Browser(print)`` and
    let the port be forwarded to where the browser is.

    Args:
        show: Shows an address to the human: opens it in a browser, unless given.
    """

    def __init__(self, show: Callable[[str], object] = webbrowser.open) -> None:
        """Keep how addresses are shown."""
        self._show = show

    async def __call__(self, server: str, address: str) -> str:
        """Show ``address``; return the one that the browser was sent back to.

        Raises:
            ConfigurationError: The browser would not come back to this machine, cannot be waited for at that port, or
                there is none.
        """
        back = urlsplit((parse_qs(urlsplit(address).query).get("redirect_uri") or [""])[0])
        if back.scheme != "http" or not is_here(back.hostname or ""):
            raise ConfigurationError(
                f"The browser would come back to {back.hostname or 'nowhere'}, and not to this machine.",
                remedies=("Give AuthorizationCode(redirect='http://127.0.0.1:PORT/PATH').",),
            )
        host = back.hostname or ""
        try:
            listener = await anyio.create_tcp_listener(
                local_host="127.0.0.1" if host == "localhost" else host, local_port=back.port or 80
            )
        except OSError as error:
            raise ConfigurationError(
                f"The browser cannot be waited for at {back.netloc}: {error}.",
                remedies=("Give another port: AuthorizationCode(redirect='http://127.0.0.1:PORT/PATH').",),
            ) from error
        waiting = _Waiting(back.path or "/")
        with first_error():
            async with listener, anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, waiting.answer)
                if await anyio.to_thread.run_sync(self._show, address) is False:
                    raise ConfigurationError(
                        f"There is no browser to authorize this host at {server}.",
                        remedies=("Give Browser(print), and open what it prints.",),
                    )
                await waiting.came.wait()
                tasks.cancel_scope.cancel()
        return f"{back.scheme}://{back.netloc}{waiting.target}"


class _Waiting:
    """Answers the browser when it comes back; anything else gets nothing."""

    def __init__(self, path: str) -> None:
        self.came = anyio.Event()
        self.target = ""
        self._path = path

    async def answer(self, stream: SocketStream) -> None:
        async with stream:
            with anyio.move_on_after(HEAD_SECONDS):
                try:
                    await self._answer(stream)
                except (anyio.EndOfStream, anyio.BrokenResourceError, ConnectionError):
                    return  # it went away before it asked for anything

    async def _answer(self, stream: SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if len(head) > LONGEST_HEAD:
                return
            head += await stream.receive()
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        if method != "GET" or urlsplit(target).path != self._path:
            await stream.send(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            return
        self.target = target
        lines = (
            b"HTTP/1.1 200 OK",
            b"connection: close",
            b"content-type: text/html",
            b"content-length: %d" % len(_PAGE),
        )
        await stream.send(b"\r\n".join((*lines, b"", _PAGE)))
        self.came.set()

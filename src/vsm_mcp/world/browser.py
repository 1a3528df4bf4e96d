"""A browser on this machine: a human authorizes this host in it, and it brings the answer back."""

import webbrowser
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, parse_qs, urlsplit

import anyio
import anyio.to_thread
from anyio.abc import Listener, SocketStream

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.addresses import is_here
from vsm_mcp.world.groups import first_error

LONGEST_HEAD = 16 * 1024
HEAD_SECONDS = 10.0
_PAGE = b"<!doctype html><title>Done</title><p>You can close this page and go back to where you came from."


class Browser:
    """Shows a human where to authorize this host, and waits on this machine for the browser to come back.

    Give it as ``Consent(authorize=Browser())``. It listens only while a human is asked, at the port of
    ``AuthorizationCode.redirect``, only to this machine, and takes only the answer to what it asked. Where there is no
    browser, give ``Browser(print)`` and let the port be forwarded to where one is. One server after the other
    is asked about.

    Args:
        show: Shows an address to the human: opens it in a browser, unless given.
    """

    def __init__(self, show: Callable[[str], object] = webbrowser.open) -> None:
        """Keep how addresses are shown."""
        self._show = show
        self._one = anyio.Lock()

    async def __call__(self, server: str, address: str) -> str:
        """Show ``address``; return the one that the browser was sent back to.

        Raises:
            ConfigurationError: The browser would not come back to this machine, cannot be waited for at that port, or
                there is none.
        """
        back = urlsplit(_only(address, "redirect_uri"))
        if back.scheme != "http" or not is_here(back.hostname or ""):
            raise ConfigurationError(
                f"The browser would come back to {back.hostname or 'nowhere'}, and not to this machine.",
                remedies=("Give AuthorizationCode(redirect='http://127.0.0.1:PORT/PATH').",),
            )
        waiting = _Waiting(back, state=_only(address, "state"))
        with first_error():
            async with self._one, await _listener(back) as listener, anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, waiting.answer)
                tasks.start_soon(self._shown, server, address)
                await waiting.came.wait()
                tasks.cancel_scope.cancel()
        return f"{back.scheme}://{back.netloc}{waiting.target}"

    async def _shown(self, server: str, address: str) -> None:
        if await anyio.to_thread.run_sync(self._show, address, abandon_on_cancel=True) is False:
            raise ConfigurationError(
                f"There is no browser to authorize this host at {server}.",
                remedies=("Give Browser(print), and open what it prints.",),
            )


async def _listener(back: SplitResult) -> Listener[SocketStream]:
    host = "127.0.0.1" if back.hostname == "localhost" else back.hostname
    try:
        return await anyio.create_tcp_listener(local_host=host, local_port=back.port or 80)
    except OSError as error:
        raise ConfigurationError(
            f"The browser cannot be waited for at {back.netloc}: {error}.",
            remedies=("Give another port: AuthorizationCode(redirect='http://127.0.0.1:PORT/PATH').",),
        ) from error


class _Waiting:
    """Answers the browser when it comes back; anything else gets nothing."""

    def __init__(self, back: SplitResult, *, state: str) -> None:
        self.came = anyio.Event()
        self.target = ""
        self._path = back.path or "/"
        self._host = back.netloc
        self._state = state

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
        first, *headers = head.decode("latin-1").split("\r\n")
        method, _, rest = first.partition(" ")
        target = rest.partition(" ")[0]
        if method != "GET" or not self._expected(target, headers):
            await stream.send(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            return
        self.target = target
        kind = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/html\r\n"
        await stream.send(b"%bcontent-length: %d\r\n\r\n%b" % (kind, len(_PAGE), _PAGE))
        self.came.set()

    def _expected(self, target: str, headers: Sequence[str]) -> bool:
        """Tell whether it is the browser that was sent away: another page does not know the state, or the host."""
        hosts = [line.partition(":")[2].strip() for line in headers if line.lower().startswith("host:")]
        return urlsplit(target).path == self._path and _only(target, "state") == self._state and hosts == [self._host]


def _only(address: str, name: str) -> str:
    """Return a field of an address; empty when it is not there, or more than once."""
    values = parse_qs(urlsplit(address).query).get(name, [])
    return values[0] if len(values) == 1 else ""

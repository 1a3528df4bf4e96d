"""What a connection to a server offers, whatever it is made of."""

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from vsm_mcp.model.call import Caller, PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.servers.links.connections import HttpConnections
from vsm_mcp.world.processes import Process
from vsm_mcp.world.tokens import MemoryTokens, Tokens

Start = Callable[[], AbstractAsyncContextManager[Process]]
"""Starts a fresh process; leaving its context ends the process."""

Dial = Callable[[str, int], Awaitable[socket.socket]]
"""Connects to a host's port, if that may be reached; raises ``LinkError`` when not. The socket does not block."""

Ask = Callable[[str, JsonObject], Awaitable[JsonObject | None]]
"""Answers what a server asks its client for: gets the server's name and the parameters; ``None`` refuses."""

Authorize = Callable[[str, str], Awaitable[str | None]]
"""Lets a human authorize this host: gets the server's name and the address to show in a browser, and returns the one
that the browser was sent back to; ``None`` when the human refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What servers may ask of the host. What is ``None`` is denied, and not offered to any server.

    Attributes:
        elicit: Asks a human; answers with the result of an elicitation: an ``action`` and perhaps ``content``.
        sample: Asks a model; answers with the result of a sampling request.
        roots: Says which directories a server may work in; answers with ``roots``.
        authorize: Lets a human authorize this host at a server elsewhere that asks for it.
    """

    elicit: Ask | None = None
    sample: Ask | None = None
    roots: Ask | None = None
    authorize: Authorize | None = None

    @property
    def answers(self) -> bool:
        """Whether anything is answered that servers ask while they run."""
        return not (self.elicit is None and self.sample is None and self.roots is None)


def _forget(_secrets: Sequence[str]) -> None:
    """Remember nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """What is given to reach a server that runs elsewhere.

    Attributes:
        dial: Connects, to what may be reached only.
        headers: The headers of every request, with their values; none of these is ever shown.
        client_secret: What this host is known by to the authorization server, if it is; never shown either.
        tokens: Keeps what the server grants.
        obtained: Hears each token that was granted, before it is used.
        connections: Says how many HTTP connections there may be, and who counts them.
    """

    dial: Dial
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    client_secret: str = field(default="", repr=False)
    tokens: Tokens = field(default_factory=MemoryTokens)
    obtained: Callable[[Sequence[str]], object] = _forget
    connections: HttpConnections = field(default_factory=HttpConnections)


@runtime_checkable
class Explained(Protocol):
    """A process whose end somebody can explain, such as one that was ended for going beyond a limit."""

    @property
    def exit_detail(self) -> str:
        """What is known of its end, naming limit and peak; empty when nothing is."""
        ...


@runtime_checkable
class Quoting(Protocol):
    """Knows how what a server said may be quoted."""

    def quoted(self, text: str) -> str:
        """Return ``text`` as it may be shown and kept: short, on one line, and without the secrets of the server."""
        ...


@runtime_checkable
class Forgetting(Protocol):
    """Makes links, and knows from one to the next what servers granted."""

    def forget(self, name: str) -> None:
        """Know nothing of a server any more: it was released."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """Who a server says it is; untrusted."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a connection ended.

    Attributes:
        reason: In a few words.
        exit_code: How the server's process ended; ``None`` when it still ran, or has no process.
        stderr: The last lines it wrote to its error output.
    """

    reason: str
    exit_code: int | None = None
    stderr: tuple[str, ...] = ()


class Link(Caller, Quoting, Protocol):
    """A live connection to one server. Ends with the context that made it, or by itself when the server dies."""

    @property
    def protocol_version(self) -> str:
        """The version of the protocol both sides agreed on."""
        ...

    @property
    def server_info(self) -> ServerInfo | None:
        """Who the server says it is."""
        ...

    @property
    def instructions(self) -> str | None:
        """What the server tells its users; untrusted."""
        ...

    @property
    def dropped(self) -> Mapping[str, str]:
        """Tools that the last listing left out, each with the reason."""
        ...

    @property
    def changes(self) -> int:
        """How often the server said that its lists changed; only that the number is another one means something."""
        ...

    @property
    def alive(self) -> bool:
        """False as soon as the connection is known to be broken or closed."""
        ...

    async def tools(self) -> tuple[ToolSpec, ...]:
        """Ask the server for its tools.

        Raises:
            LinkError: The connection broke, or the list does not end.
            NeedsConfigurationError: The server says that it lacks settings or credentials.
            CallTimeoutError: No answer came.
            ToolError: The server refused to answer.
        """
        ...

    async def prompts(self) -> tuple[PromptSpec, ...]:
        """Ask the server for its prompts; one that does not offer any is not asked.

        Raises:
            LinkError: The connection broke, or the list does not end.
            CallTimeoutError: No answer came.
        """
        ...

    async def ping(self) -> None:
        """Find out whether the server still answers.

        Raises:
            LinkError: The connection broke.
            CallTimeoutError: No answer came.
        """
        ...

    async def ended(self) -> Ending:
        """Wait until the connection breaks by itself and say why."""
        ...


class Connector(Protocol):
    """Makes links."""

    def stdio(
        self, start: Start, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Link]:
        """Start a process and speak with it over its standard input and output.

        Args:
            start: Starts a process; called again when the server does not understand the newest protocol.
            name: The server's name, for messages.
            digest: Identifies the installed package, so that what was learned about it is used again.
            hide: Secrets that the server was given; blotted out where it is quoted, and in what it lists.

        Raises:
            StartError: It did not come up or does not speak the protocol.
            NeedsConfigurationError: It said that it lacks settings or credentials.
        """
        ...

    def remote(
        self, launch: RemoteLaunch, remote: Remote, *, name: str, digest: str, hide: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Link]:
        """Speak with a server that runs elsewhere.

        Args:
            launch: Where it is.
            remote: What is given to reach it.
            name: The server's name, for messages.
            digest: Identifies the server, so that what was learned about it is used again.
            hide: Secrets that the server was given; blotted out where it is quoted, and in what it lists.

        Raises:
            StartError: It could not be reached or does not speak the protocol.
            NeedsConfigurationError: It said that it lacks settings or credentials.
            ExtraMissingError: Its kind of connection needs a library that is not installed.
        """
        ...

    def memory(self, make: Callable[[], object], *, name: str) -> AbstractAsyncContextManager[Link]:
        """Speak with a server object of this process.

        Raises:
            StartError: ``make`` failed or made something else.
        """
        ...

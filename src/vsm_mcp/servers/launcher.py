"""From an installed server to an open link: its files, its confinement, its environment, its process."""

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

import anyio.to_thread

from vsm_mcp.errors import LinkError, NeedsConfigurationError, VSMError
from vsm_mcp.model.enforcement import Enforcement, Usage
from vsm_mcp.model.launch import (
    HttpLaunch,
    InProcessLaunch,
    RemoteLaunch,
    StdioLaunch,
    TcpLaunch,
    WebSocketLaunch,
    address_of,
    endpoints_of,
)
from vsm_mcp.model.server import Artefact, Installed, PackageRef
from vsm_mcp.sandbox.egress.addresses import Resolve, UnreachableError, host_resolver, reach
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.servers.links.connections import DEFAULT_CONNECTIONS, HttpConnections
from vsm_mcp.servers.links.link import Connector, Forgetting, Link, Remote
from vsm_mcp.world.processes import Command
from vsm_mcp.world.secrets import Secrets
from vsm_mcp.world.tokens import MemoryTokens, Tokens, key_of

PolicyFor = Callable[[Installed, Path | None], SandboxPolicy]
"""Gives the confinement of a server, from what is installed and its writable directory (``None``: a scratch one)."""

References = Callable[[Artefact], Mapping[str, str]]
"""Gives, for each variable whose value a server gets from its user, the reference to that value."""

Verify = Callable[[Installed], Awaitable[None]]
"""Makes sure that the files of a server are what was vetted; raises ``IntegrityError`` when they are not."""

IN_PROCESS = Enforcement(
    confiner="none",
    profile="none",
    warnings=("This server is part of the host's own process: nothing confines it.",),
)

"""What is said of a server object of the host's own process."""

SHORTEST_WORD = 8
"""Of a header's value each word of so many characters is a secret of its own, such as what follows ``Bearer``."""


Given = Callable[[str, Sequence[str]], object]
"""Hears the name of a server and the secrets that it is given."""

OnRecord = Callable[[Installed], AbstractAsyncContextManager[object]]
"""Gives what the start of a server, or taking it in, happens in: its record. What cannot enter it does not happen."""


def _forget(_server: str, _secrets: Sequence[str]) -> None:
    """Remember nothing: for those whose calls pass no guards."""


def unrecorded(_installed: Installed) -> AbstractAsyncContextManager[object]:
    """Write nothing down: for those who keep no record."""
    return nullcontext()


async def unverified(_installed: Installed) -> None:
    """Take the files of a server as they are: for what was not vetted either."""


class Launcher:
    """Opens links to installed servers.

    Args:
        sandbox: Starts their processes.
        connector: Speaks with them.
        policy_for: Says how each is confined.
        secrets: Resolves references.
        references: Says which variables a server is given, by reference.
        verify: Asked before each start of a process; when it raises, nothing is started.
        private: Hosts that may be reached although their addresses are private or this machine's own. Metadata services
            and link-local addresses are never reached.
        resolve: Finds the addresses of hosts; this machine's resolver unless given.
        given: Hears which secrets a server is given, each time that it is started or connected to.
        on_record: What the start of a process happens in; when it cannot be entered, nothing is started.
        tokens: Keeps what servers grant that want an authorization.
        http_connections: How many HTTP connections a server may have.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        connector: Connector,
        *,
        policy_for: PolicyFor,
        secrets: Secrets,
        references: References,
        verify: Verify = unverified,
        private: Collection[str] = (),
        resolve: Resolve | None = None,
        given: Given = _forget,
        on_record: OnRecord = unrecorded,
        tokens: Tokens | None = None,
        http_connections: int = DEFAULT_CONNECTIONS,
    ) -> None:
        """Join the parts."""
        self._sandbox = sandbox
        self._connector = connector
        self._policy_for = policy_for
        self._secrets = secrets
        self._references = references
        self._verify = verify
        self._private = private
        self._resolve = resolve
        self._given = given
        self._on_record = on_record
        self._tokens = tokens or MemoryTokens()
        self._http_connections = http_connections

    def prepare(self, installed: Installed, work: Path | None) -> "Opening":
        """Return what opens a link to ``installed``; nothing happens yet."""
        return Opening(self, installed, work, connections=HttpConnections(self._http_connections))

    @asynccontextmanager
    async def open(
        self,
        installed: Installed,
        work: Path | None,
        *,
        confined: Callable[[Confined], None],
        connections: HttpConnections,
    ) -> AsyncGenerator[Link]:
        """Open a link. ``confined`` hears of each process that is started for it, ``connections`` of each connection.

        Raises:
            NeedsConfigurationError: A variable that it requires has no value; nothing was started.
            IntegrityError: Its files are not what was vetted; nothing was started.
            StartError: It did not come up.
            SandboxError: It could not be confined as required.
        """
        name = installed.candidate.name
        match installed.launch:
            case InProcessLaunch(make=make):
                async with self._connector.memory(make, name=name) as link:
                    yield link
            case StdioLaunch(argv=argv, env=env):
                given, secrets = await self._environment(installed)
                self._given(name, secrets)
                command = Command(argv=argv, env={**env, **given})
                policy = self._policy_for(installed, work)
                if policy.work is not None:
                    await anyio.to_thread.run_sync(partial(policy.work.mkdir, 0o700, parents=True, exist_ok=True))
                started = _Newest(confined)
                start = partial(self._process, installed, command, policy, tell=started.note)
                async with self._connector.stdio(start, name=name, digest=installed.digest, hide=secrets) as link:
                    started.settle()
                    yield link
            case HttpLaunch() | TcpLaunch() | WebSocketLaunch() as launch:
                async with self._elsewhere(installed, launch, connections) as link:
                    yield link

    async def forget(self, installed: Installed) -> None:
        """Forget what a server granted that was released: who takes it in again is asked again.

        Raises:
            ConfigurationError: What is kept cannot be removed.
        """
        name, launch = installed.candidate.name, installed.launch
        if isinstance(launch, HttpLaunch) and launch.authorization is not None:
            if isinstance(self._connector, Forgetting):
                self._connector.forget(name)
            await self._tokens.forget(key_of(name, launch))

    @asynccontextmanager
    async def _elsewhere(
        self, installed: Installed, launch: RemoteLaunch, connections: HttpConnections
    ) -> AsyncGenerator[Link]:
        name = installed.candidate.name
        headers = await self._headers(name, launch)
        words = {word for value in headers.values() for word in value.split() if len(word) >= SHORTEST_WORD}
        client_secret = await self._client_secret(name, launch)
        remote = Remote(
            dial=partial(self._dial, endpoints_of(launch)),
            headers=headers,
            client_secret=client_secret,
            tokens=self._tokens,
            obtained=partial(self._given, name),
            connections=connections,
        )
        hide = sorted({*headers.values(), *words, client_secret} - {""})
        self._given(name, hide)
        async with self._connector.remote(launch, remote, name=name, digest=installed.digest, hide=hide) as link:
            yield link

    async def _dial(self, own: Collection[tuple[str, int]], host: str, port: int) -> socket.socket:
        """Connect to a host, if its addresses may be reached; the one that was checked is the one connected to.

        A private one is connected to only where ``own`` has it, which the host's program wrote down: a server may lead
        to others, and those are not let reach what only this machine can.
        """
        self._resolve = self._resolve or host_resolver()
        private = host.lower() in self._private and (host.lower(), port) in own
        try:
            return await reach(host, port, private=private, resolve=self._resolve)
        except UnreachableError as error:
            remedies = ("Make sure that the server runs and that its address is right.",)
            if not private:
                remedies += (f"If it is meant to be a private one, allow it: private=({host!r},).",)
            raise LinkError(f"{host}:{port} cannot be reached: {error}.", remedies=remedies) from error

    async def _headers(self, name: str, launch: RemoteLaunch) -> dict[str, str]:
        """Return the headers of every request, with their values.

        Raises:
            NeedsConfigurationError: A reference leads to nothing, or to what cannot be sent.
        """
        if isinstance(launch, TcpLaunch):
            return {}
        return {
            header: await self._sendable(name, f"the header {header}", reference)
            for header, reference in launch.headers.items()
        }

    async def _client_secret(self, name: str, launch: RemoteLaunch) -> str:
        terms = launch.authorization if isinstance(launch, HttpLaunch) else None
        return (
            await self._sendable(name, "a client_secret", terms.client_secret) if terms and terms.client_secret else ""
        )

    async def _sendable(self, name: str, what: str, reference: str) -> str:
        secret = await self._secrets.get(reference)
        value = "" if secret is None else secret.get_secret_value()
        if not value or not value.isascii() or not value.isprintable():
            raise _empty_handed(name, what, reference)
        return value

    @asynccontextmanager
    async def _process(
        self, installed: Installed, command: Command, policy: SandboxPolicy, *, tell: Callable[[Confined], None]
    ) -> AsyncGenerator[Confined]:
        await self._verify(installed)
        async with AsyncExitStack() as life:
            async with self._on_record(installed):
                confined = await life.enter_async_context(self._sandbox.open(command, policy))
            tell(confined)
            yield confined

    async def _environment(self, installed: Installed) -> tuple[dict[str, str], list[str]]:
        """Return the variables of a server: what its user gives it by reference, else its own default if any.

        Also returns the values that were given by reference: they are secrets.
        """
        candidate, secrets = installed.candidate, dict[str, str]()
        for name, reference in self._references(installed.vetted.artefact).items():
            secret = await self._secrets.get(reference)
            if secret is not None:
                secrets[name] = secret.get_secret_value()
        declared = [variable for variable in candidate.environment if variable.name not in secrets]
        missing = [variable.name for variable in declared if variable.required and variable.default is None]
        if missing:
            raise NeedsConfigurationError(
                f"{candidate.name} requires {', '.join(missing)}, which is not given.",
                names=missing,
                remedies=tuple(how_to_give(candidate.package, name) for name in missing),
            )
        defaults = {variable.name: variable.default for variable in declared if variable.default is not None}
        return {**defaults, **secrets}, list(secrets.values())


def _empty_handed(name: str, what: str, reference: str) -> VSMError:
    variable = (reference.removeprefix("env:"),) if reference.startswith("env:") else ()
    return NeedsConfigurationError(
        f"{name} is given {what} by {reference}, which holds nothing that can be sent.",
        names=variable,
        remedies=(f"Put one line of ASCII text into {reference}.",),
    )


def elsewhere(launch: RemoteLaunch) -> Enforcement:
    """Say what confines a server that runs elsewhere: nothing that is known here."""
    warnings = [f"This server runs elsewhere, at {address_of(launch)}: nothing here confines it or knows its files."]
    if not address_of(launch).startswith(("https:", "wss:")):
        warnings.append("The connection to it is not encrypted: whoever is between can read and change it.")
    return Enforcement(confiner="none", profile="none", warnings=tuple(warnings))


def how_to_give(package: PackageRef, variable: str) -> str:
    """Say how a user gives a variable to a server, and to no other."""
    server = f"{package.ecosystem}:{package.name}"
    return f"Give it to this server by reference: secrets={{{server!r}: {{{variable!r}: 'env:{variable}'}}}}."


class _Newest:
    """The process started last: a connector may start one again that does not speak the newest protocol."""

    def __init__(self, tell: Callable[[Confined], None]) -> None:
        self._tell = tell
        self._confined: Confined | None = None

    def note(self, confined: Confined) -> None:
        self._confined = confined
        self._tell(confined)

    def settle(self) -> None:
        """Tell that it speaks: its start-up is over."""
        if self._confined is not None:
            self._confined.settle()


class Opening:
    """One link to be opened, and what really confines it once it is.

    Args:
        launcher: Opens it.
        installed: The server.
        work: Its writable directory.
        connections: Says how many HTTP connections it may have.
    """

    def __init__(
        self, launcher: Launcher, installed: Installed, work: Path | None, *, connections: HttpConnections
    ) -> None:
        """Keep what is to be opened."""
        self.installed = installed
        self._connections = connections
        self._launcher = launcher
        self._work = work
        self._confined: Confined | None = None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Link]:
        """Open the link."""
        async with self._launcher.open(
            self.installed, self._work, confined=self._note, connections=self._connections
        ) as link:
            yield link

    @property
    def pid(self) -> int | None:
        """The process on this host, if there is one."""
        return None if self._confined is None else self._confined.pid

    @property
    def enforcement(self) -> Enforcement:
        """What confines it."""
        if self._confined is not None:
            return self._confined.enforcement
        launch = self.installed.launch
        return elsewhere(launch) if isinstance(launch, RemoteLaunch) else IN_PROCESS

    @property
    def connections(self) -> HttpConnections | None:
        """Its HTTP connections; ``None`` when it is not reached over HTTP."""
        return self._connections if isinstance(self.installed.launch, HttpLaunch) else None

    def usage(self) -> Usage | None:
        """What it uses, and has used at most; ``None`` when it has no process of its own."""
        return None if self._confined is None else self._confined.usage()

    def _note(self, confined: Confined) -> None:
        self._confined = confined

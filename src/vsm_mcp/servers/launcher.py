"""From an installed server to an open link: its files, its confinement, its environment, its process."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio.to_thread

from vsm_mcp.errors import NeedsConfigurationError
from vsm_mcp.model.enforcement import Enforcement, Usage
from vsm_mcp.model.server import Artefact, InProcessLaunch, Installed, PackageRef, StdioLaunch
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.servers.links.link import Connector, Link
from vsm_mcp.world.processes import Command
from vsm_mcp.world.secrets import Secrets

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
    ) -> None:
        """Join the parts."""
        self._sandbox = sandbox
        self._connector = connector
        self._policy_for = policy_for
        self._secrets = secrets
        self._references = references
        self._verify = verify

    def prepare(self, installed: Installed, work: Path | None) -> "Opening":
        """Return what opens a link to ``installed``; nothing happens yet."""
        return Opening(self, installed, work)

    @asynccontextmanager
    async def open(
        self, installed: Installed, work: Path | None, *, confined: Callable[[Confined], None]
    ) -> AsyncGenerator[Link]:
        """Open a link. ``confined`` hears of each process that is started for it.

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
                command = Command(argv=argv, env={**env, **given})
                policy = self._policy_for(installed, work)
                if policy.work is not None:
                    await anyio.to_thread.run_sync(partial(policy.work.mkdir, 0o700, parents=True, exist_ok=True))
                started = _Newest(confined)
                start = partial(self._process, installed, command, policy, tell=started.note)
                async with self._connector.stdio(start, name=name, digest=installed.digest, hide=secrets) as link:
                    started.settle()
                    yield link

    @asynccontextmanager
    async def _process(
        self, installed: Installed, command: Command, policy: SandboxPolicy, *, tell: Callable[[Confined], None]
    ) -> AsyncGenerator[Confined]:
        await self._verify(installed)
        async with self._sandbox.open(command, policy) as confined:
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
    """

    def __init__(self, launcher: Launcher, installed: Installed, work: Path | None) -> None:
        """Keep what is to be opened."""
        self.installed = installed
        self._launcher = launcher
        self._work = work
        self._confined: Confined | None = None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Link]:
        """Open the link."""
        async with self._launcher.open(self.installed, self._work, confined=self._note) as link:
            yield link

    @property
    def pid(self) -> int | None:
        """The process on this host, if there is one."""
        return None if self._confined is None else self._confined.pid

    @property
    def enforcement(self) -> Enforcement:
        """What confines it."""
        return IN_PROCESS if self._confined is None else self._confined.enforcement

    def usage(self) -> Usage | None:
        """What it uses, and has used at most; ``None`` when it has no process of its own."""
        return None if self._confined is None else self._confined.usage()

    def _note(self, confined: Confined) -> None:
        self._confined = confined

"""Runs package clients: confined, bounded in time and output, heard at work, their failures in words that help."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from vsm_mcp.acquisition.installation.ecosystems.clients.benches import Workplace, bench
from vsm_mcp.acquisition.installation.ecosystems.clients.cell import Cell, Outcome, not_confined
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.given import Given
from vsm_mcp.acquisition.installation.ecosystems.clients.passing import passing
from vsm_mcp.errors import (
    CallTimeoutError,
    ConfigurationError,
    InstallationError,
    IntegrityError,
    PayloadError,
    SandboxError,
    StartError,
    UnsafeCommandError,
)
from vsm_mcp.events import EventSink, Progress, ignore
from vsm_mcp.world.processes import Command, Completed, Processes

INHERITED = (
    "HOME",
    "PATH",
    "LANG",
    "LC_*",
    "TMPDIR",
    "XDG_*",
    "*_PROXY",
    "*_proxy",
    "SSL_CERT_*",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""What every package client may know of the user's environment: where home is, proxies and certificates."""

LONGEST_TAIL = 700
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"()<>,]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """What a text in a client's output means.

    Attributes:
        pattern: The text.
        says: What happened; ``{subject}`` is what the client was asked about.
        remedies: What to do.
        integrity: True when bytes differ from what was pinned.
        reach: True when nothing could be reached: what a refused host looks like from inside.
    """

    pattern: re.Pattern[str]
    says: str
    remedies: tuple[str, ...]
    integrity: bool = False
    reach: bool = False


def symptom(pattern: str, says: str, *remedies: str, integrity: bool = False) -> Symptom:
    """Return a symptom; case does not matter."""
    return Symptom(pattern=re.compile(pattern, re.IGNORECASE), says=says, remedies=remedies, integrity=integrity)


EVERYWHERE: tuple[Symptom, ...] = (
    symptom(
        r"ENOSPC|no space left|disk quota exceeded",
        "The disk is full.",
        "Free disk space for the state directory (VSM_MCP_STATE).",
    ),
    symptom(
        r"certificate|self.signed|UNABLE_TO_(GET|VERIFY)|unknown ?issuer",
        "The registry's certificate is not trusted.",
        "Name your certificates (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS or the client's own setting).",
    ),
    symptom(
        r"\b40[13]\b|unauthorized|E401|E403|forbidden",
        "The registry refuses access to {subject}.",
        "Log in to the registry with your package client, or check its credentials.",
    ),
    Symptom(
        pattern=re.compile(
            r"ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|dns error|error sending request"
            r"|connect error|timed out|network|connection refused",
            re.IGNORECASE,
        ),
        says="The registry cannot be reached.",
        remedies=(
            "Check the network and the proxy settings, then try again.",
            "Offer a server that is on this machine already.",
        ),
        reach=True,
    ),
)


class PackageClient:
    """A program such as ``uv`` or ``npm``, run for one purpose at a time.

    Args:
        processes: Starts it when nothing confines it.
        inherit: Which further variables of the user's environment it may know then: its own configuration.
        symptoms: What its messages mean, looked up in order, before the common ones.
        timeout: Seconds one run may take.
        emit: Hears of its progress.
        cell: Confines it; without one it runs with all rights of this user.
    """

    def __init__(
        self,
        processes: Processes,
        *,
        inherit: Sequence[str] = (),
        symptoms: Sequence[Symptom] = (),
        timeout: float = 300.0,
        emit: EventSink = ignore,
        cell: Cell | None = None,
    ) -> None:
        """Keep the parts."""
        self._processes = processes
        self._inherit = (*INHERITED, *inherit)
        self._symptoms = (*symptoms, *EVERYWHERE)
        self._timeout = timeout
        self._emit = emit
        self._cell = cell

    @property
    def confined(self) -> bool:
        """Whether it runs in a sandbox."""
        return self._cell is not None

    @property
    def keeps(self) -> bool:
        """Whether a confined run finds a directory that is kept between runs."""
        return self._cell is not None and self._cell.keeps

    async def reach(self, program: Path) -> Path:
        """Return where a run can start a program that needs no other files.

        Raises:
            ConfigurationError: It has to be copied, and cannot be.
        """
        return program if self._cell is None else await self._cell.reach(program)

    @asynccontextmanager
    async def workplace(self, into: Path | None = None) -> AsyncGenerator[Workplace]:
        """Make the directory of one run, for what goes ``into`` a directory in the end.

        Raises:
            ConfigurationError: It cannot be made.
        """
        if self._cell is not None:
            async with bench(into) as place:
                yield place
            return
        async with scratch() as home:
            out = home if into is None else into
            yield Workplace(home=home, out=out, shown=str(home), shown_out=str(out), into=into)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        subject: str,
        doing: str,
        defaults: Mapping[str, str] | None = None,
        given: Given | None = None,
    ) -> Completed:
        """Run the client to its good end.

        Args:
            argv: Program and words, with the places as the client calls them.
            cwd: Where, on this machine.
            subject: What it is about, such as a package.
            doing: For people, such as ``"resolving"``.
            defaults: Variables for what the user's environment does not set, when nothing confines it.
            given: What it is given of the user's configuration when it is confined.

        Raises:
            IntegrityError: Bytes differ from what was pinned.
            InstallationError: It failed, took too long, could not be started or could not be confined.
        """
        began = anyio.current_time()
        self._emit(Progress(subject=subject, detail=doing))
        try:
            if self._cell is None:
                command = self._command(argv, cwd, defaults or {})
                outcome = Outcome(completed=await self._processes.run(command, timeout=self._timeout))
            else:
                about = f"{Path(argv[0]).name} {doing} {subject}"
                outcome = await self._cell.run(argv, cwd, given or Given(), subject=about, timeout=self._timeout)
        except SandboxError as error:
            raise not_confined(error, subject) from error
        except (StartError, CallTimeoutError, PayloadError, UnsafeCommandError) as error:
            raise InstallationError(
                f"{subject}: {doing} failed: {error.message}",
                remedies=(*error.remedies, "Allow package clients more time: VSM_MCP_INSTALL_TIMEOUT."),
            ) from error
        if outcome.completed.returncode != 0:
            raise self._explain(outcome, subject, doing)
        self._emit(Progress(subject=subject, detail=f"{doing}: done in {anyio.current_time() - began:.1f} s"))
        return outcome.completed

    def knows(self, *names: str) -> bool:
        """Tell whether the user's environment sets one of these variables for the client."""
        theirs = Command(argv=("/",), inherit=self._inherit).environment()
        return not theirs.keys().isdisjoint(names)

    def _command(self, argv: Sequence[str], cwd: Path, defaults: Mapping[str, str]) -> Command:
        command = Command(argv=tuple(argv), inherit=self._inherit, cwd=cwd)
        theirs = command.environment()
        return replace(command, env={name: value for name, value in defaults.items() if name not in theirs})

    def _explain(self, outcome: Outcome, subject: str, doing: str) -> InstallationError:
        done = outcome.completed
        said = without_addresses((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")).strip()
        tail = " ".join(said.split())[-LONGEST_TAIL:].rstrip(".") or "nothing"
        tail += "".join(f" ({why})" for why in outcome.obstacles)
        known = next((one for one in self._symptoms if one.pattern.search(said)), None)
        if outcome.elsewhere and (known is None or known.reach):
            return sent_elsewhere(outcome.elsewhere, subject, tail)
        if known is not None:
            kind = IntegrityError if known.integrity else InstallationError
            return kind(
                f"{known.says.format(subject=subject)} The package client said: {tail}.", remedies=known.remedies
            )
        return InstallationError(
            f"{doing.capitalize()} {subject} failed with exit code {done.returncode}; the package client said: {tail}.",
            remedies=("Read what the package client said.",),
        )


def sent_elsewhere(hosts: Sequence[str], subject: str, tail: str) -> InstallationError:
    """Return the error for a client that was refused the way to hosts: something sent it there."""
    named = ", ".join(hosts)
    return InstallationError(
        f"{subject}: the registry sent the package client to {named}, which is not configured and was refused. "
        f"The package client said: {tail}.",
        remedies=(
            f"Find out why the registry names {named}; do not use it until you know.",
            "If its files rightly come from there, configure that host as a registry or an index of the client too.",
        ),
    )


def without_addresses(text: str) -> str:
    """Return ``text`` with every address left out: those may hold credentials."""
    return _ADDRESS.sub("(address)", text)


@asynccontextmanager
async def scratch() -> AsyncGenerator[Path]:
    """Make an empty directory for the time of the context; the next one removes what a killed process left.

    Raises:
        ConfigurationError: There is no place for one.
    """
    async with AsyncExitStack() as stack:
        try:
            directory = await stack.enter_async_context(passing())
        except OSError as error:
            raise ConfigurationError(
                f"No temporary directory can be made: {error}.", remedies=("Free disk space, or set TMPDIR.",)
            ) from error
        yield directory

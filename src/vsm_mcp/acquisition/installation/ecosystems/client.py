"""Runs package clients: bounded in time and output, heard while they work, their failures in words that help."""

import re
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread

from vsm_mcp.errors import (
    CallTimeoutError,
    ConfigurationError,
    InstallationError,
    IntegrityError,
    PayloadError,
    StartError,
    UnsafeCommandError,
)
from vsm_mcp.events import EventSink, Progress, ignore
from vsm_mcp.world.files import LocalFiles
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
    """

    pattern: re.Pattern[str]
    says: str
    remedies: tuple[str, ...]
    integrity: bool = False


def symptom(pattern: str, says: str, *remedies: str, integrity: bool = False) -> Symptom:
    """Return a symptom; case does not matter."""
    return Symptom(pattern=re.compile(pattern, re.IGNORECASE), says=says, remedies=remedies, integrity=integrity)


EVERYWHERE = (
    symptom(r"ENOSPC|no space left|disk quota exceeded", "The disk is full.", "Free disk space, then try again."),
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
    symptom(
        r"ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|dns error|error sending request|connect error"
        r"|timed out|network|connection refused",
        "The registry cannot be reached.",
        "Check the network and the proxy settings, then try again.",
        "Offer a server that is on this machine already.",
    ),
)


class PackageClient:
    """A program such as ``uv`` or ``npm``, run for one purpose at a time.

    Args:
        processes: Starts it.
        inherit: Which further variables of the user's environment it may know: its own configuration.
        symptoms: What its messages mean, looked up in order, before the common ones.
        timeout: Seconds one run may take.
        emit: Hears of its progress.
    """

    def __init__(
        self,
        processes: Processes,
        *,
        inherit: Sequence[str] = (),
        symptoms: Sequence[Symptom] = (),
        timeout: float = 300.0,
        emit: EventSink = ignore,
    ) -> None:
        """Keep the parts."""
        self._processes = processes
        self._inherit = (*INHERITED, *inherit)
        self._symptoms = (*symptoms, *EVERYWHERE)
        self._timeout = timeout
        self._emit = emit

    async def run(
        self, argv: Sequence[str], *, cwd: Path, subject: str, doing: str, defaults: Mapping[str, str] | None = None
    ) -> Completed:
        """Run the client to its good end.

        Args:
            argv: Program and words.
            cwd: Where.
            subject: What it is about, such as a package.
            doing: For people, such as ``"resolving"``.
            defaults: Variables for what the user's environment does not set.

        Raises:
            IntegrityError: Bytes differ from what was pinned.
            InstallationError: It failed, took too long or could not be started.
        """
        began = anyio.current_time()
        self._emit(Progress(subject=subject, detail=doing))
        try:
            command = self._command(argv, cwd, defaults or {})
            done = await self._processes.run(command, timeout=self._timeout)
        except (StartError, CallTimeoutError, PayloadError, UnsafeCommandError) as error:
            raise InstallationError(
                f"{subject}: {doing} failed: {error.message}",
                remedies=(*error.remedies, "Allow package clients more time: VSM_MCP_INSTALL_TIMEOUT."),
            ) from error
        if done.returncode != 0:
            raise self._explain(done, subject, doing)
        self._emit(Progress(subject=subject, detail=f"{doing}: done in {anyio.current_time() - began:.1f} s"))
        return done

    def knows(self, *names: str) -> bool:
        """Tell whether the user's environment sets one of these variables for the client."""
        theirs = Command(argv=("/",), inherit=self._inherit).environment()
        return not theirs.keys().isdisjoint(names)

    def _command(self, argv: Sequence[str], cwd: Path, defaults: Mapping[str, str]) -> Command:
        command = Command(argv=tuple(argv), inherit=self._inherit, cwd=cwd)
        theirs = command.environment()
        return replace(command, env={name: value for name, value in defaults.items() if name not in theirs})

    def _explain(self, done: Completed, subject: str, doing: str) -> InstallationError:
        said = without_addresses((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")).strip()
        tail = " ".join(said.split())[-LONGEST_TAIL:].rstrip(".") or "nothing"
        for known in self._symptoms:
            if known.pattern.search(said):
                kind = IntegrityError if known.integrity else InstallationError
                return kind(
                    f"{known.says.format(subject=subject)} The package client said: {tail}.",
                    remedies=known.remedies,
                )
        return InstallationError(
            f"{doing.capitalize()} {subject} failed with exit code {done.returncode}; the package client said: {tail}.",
            remedies=("Read what the package client said.",),
        )


def without_addresses(text: str) -> str:
    """Return ``text`` with every address left out: those may hold credentials."""
    return _ADDRESS.sub("(address)", text)


@asynccontextmanager
async def scratch() -> AsyncGenerator[Path]:
    """Make an empty directory for the time of the context.

    Raises:
        ConfigurationError: There is no place for one.
    """
    try:
        directory = await anyio.to_thread.run_sync(tempfile.mkdtemp, "", "vsm-")
    except OSError as error:
        raise ConfigurationError(
            f"No temporary directory can be made: {error}.", remedies=("Free disk space, or set TMPDIR.",)
        ) from error
    try:
        yield Path(directory)
    finally:
        with anyio.CancelScope(shield=True):
            await LocalFiles().remove(Path(directory))

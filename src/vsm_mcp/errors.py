"""Door 3, catch: the error tree; every error carries remedies.

The branch says what the caller does next::

    VSMError
      ConfigurationError                       fix the setup
        ExtraMissingError (+ImportError)
      AcquisitionError                         take another way
        DiscoveryError
        VettingError
        InstallationError
          IntegrityError
          RollbackError
        VerificationError
        UnconfiguredError
      ServerError                              wait, or configure
        StartError
        LinkError *
        CircuitOpenError *
        NeedsConfigurationError
      CoordinationError *                      wait: others are at it
        ContentionError *
        CapacityError *
      BusError *                               wait, or look after the bus
      CallError                                change the call
        CapabilityMissingError
          DisabledError
        CallTimeoutError * (+TimeoutError)
        ToolError
        ArgumentError
        CodeError
          CodeBudgetError
      RefusedError                             ask a human
        UnsafeCommandError
        PermissionDeniedError (+PermissionError)
        RateLimitError *
        PayloadError
        ZoneError
        AnomalyError
        PolicyError
        SandboxError
        QuarantinedError
        AuditError

    * retryable
"""

from collections.abc import Mapping, Sequence


def printable(text: str) -> str:
    """Return ``text`` on one line and without what would steer a terminal: some of it comes from outside."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


class VSMError(Exception):
    """Anything this library raises on purpose.

    Attributes:
        message: What happened, with names and numbers.
        remedies: What to do about it, as imperatives, best first.
        retryable: True when the same call may succeed later without any change.
    """

    retryable: bool = False

    def __init__(self, message: str, *, remedies: Sequence[str] = ()) -> None:
        """Keep what happened and what to do about it."""
        super().__init__(message)
        self.message = message
        self.remedies: tuple[str, ...] = tuple(remedies)

    def __str__(self) -> str:
        """Show the message, then one line per remedy."""
        return _told(self)


class ConfigurationError(VSMError):
    """The setup is wrong: a setting, a path or a missing program."""


class ExtraMissingError(ConfigurationError, ImportError):
    """A part needs an optional dependency that is not installed."""

    def __init__(self, extra: str) -> None:
        """Name the extra and the line that installs it."""
        super().__init__(
            f"The optional part {extra!r} is not installed.",
            remedies=(f"pip install 'vsm_mcp[{extra}]'",),
        )
        self.extra = extra


class AcquisitionError(VSMError):
    """A capability could not be acquired; nothing half-installed is left behind.

    Attributes:
        stage: The stage of the way in that failed, such as ``"vet"``.
        rolled_back: True when every step that had an effect was undone.
        failures: Why each candidate failed, by name, in the order they were tried.
    """

    def __init__(
        self,
        message: str,
        *,
        stage: str = "",
        rolled_back: bool = True,
        failures: Mapping[str, str] | None = None,
        remedies: Sequence[str] = (),
    ) -> None:
        """Keep the stage, whether it was undone, and why each candidate failed."""
        super().__init__(message, remedies=remedies)
        self.stage = stage
        self.rolled_back = rolled_back
        self.failures: Mapping[str, str] = dict(failures or {})

    def __str__(self) -> str:
        """Show the message, why each candidate failed, then the remedies."""
        return _told(self, *(f"  {name}: {why}" for name, why in self.failures.items()))


class DiscoveryError(AcquisitionError):
    """No source could be asked, or none knows a server for what is wanted."""


class VettingError(AcquisitionError):
    """A candidate was refused by the checks before any of its code ran."""


class InstallationError(AcquisitionError):
    """A package could not be resolved, fetched, staged or committed."""


class IntegrityError(InstallationError):
    """Bytes differ from what was promised: an artefact, a lock or the store."""


class RollbackError(InstallationError):
    """An undo failed; the journal keeps what is left to repair."""


class VerificationError(AcquisitionError):
    """A server was installed and started, and did not prove that it works."""


class UnconfiguredError(AcquisitionError):
    """Nothing could be acquired, and the best server lacks nothing but settings that its user has.

    Attributes:
        server: The server.
        names: The environment variables it asks for, as far as they are known.
    """

    def __init__(
        self,
        message: str,
        *,
        server: str = "",
        names: Sequence[str] = (),
        stage: str = "",
        failures: Mapping[str, str] | None = None,
        remedies: Sequence[str] = (),
    ) -> None:
        """Keep which server it is and the names of what it lacks."""
        super().__init__(message, stage=stage, failures=failures, remedies=remedies)
        self.server = server
        self.names: tuple[str, ...] = tuple(names)


class ServerError(VSMError):
    """A server that was acquired is not usable at the moment."""


class StartError(ServerError):
    """A server did not come up.

    Attributes:
        exit_code: How its process ended; negative for a signal, ``None`` while it still ran.
        stderr: The last lines it wrote to its error output.
    """

    def __init__(
        self,
        message: str,
        *,
        exit_code: int | None = None,
        stderr: Sequence[str] = (),
        remedies: Sequence[str] = (),
    ) -> None:
        """Keep how the process ended and what it said last."""
        super().__init__(message, remedies=remedies)
        self.exit_code = exit_code
        self.stderr: tuple[str, ...] = tuple(stderr)

    def __str__(self) -> str:
        """Show the message, the last words of the server, then the remedies."""
        return _told(self, *(f"  | {line}" for line in self.stderr[-8:]))


class LinkError(ServerError):
    """The connection to a running server broke; the call may or may not have happened."""

    retryable = True


class CircuitOpenError(ServerError):
    """A server failed too often and is left alone for a while.

    Attributes:
        retry_after: Seconds until it is tried again; ``None`` when that is not known.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, remedies: Sequence[str] = ()) -> None:
        """Keep how long to wait, in seconds."""
        super().__init__(message, remedies=remedies)
        self.retry_after = retry_after


class NeedsConfigurationError(ServerError):
    """A server works, but not without settings or credentials that only its user has.

    Attributes:
        names: The environment variables it asks for, as far as they are known.
    """

    def __init__(self, message: str, *, names: Sequence[str] = (), remedies: Sequence[str] = ()) -> None:
        """Keep the names of what is missing."""
        super().__init__(message, remedies=remedies)
        self.names: tuple[str, ...] = tuple(names)


class CoordinationError(VSMError):
    """The operation was not begun, because of other work of the same system."""

    retryable = True


class ContentionError(CoordinationError):
    """Something that the operation needs for itself was held by other work until the deadline."""

    retryable = True


class CapacityError(CoordinationError):
    """All places, or the whole budget of a unit, were taken until the deadline."""

    retryable = True


class BusError(VSMError):
    """What carries messages between systems could not carry one, or cannot be reached."""

    retryable = True


class CallError(VSMError):
    """One call failed; the server is well."""


class CapabilityMissingError(CallError):
    """Nothing that is available can do what was asked for."""


class DisabledError(CapabilityMissingError):
    """A server that is held could do what was asked for, and the host has disabled it."""


class CallTimeoutError(CallError, TimeoutError):
    """A call did not end before its deadline; it may still have happened."""

    retryable = True


class ToolError(CallError):
    """A tool ran and said that it failed, or does not exist under that name."""


class ArgumentError(CallError):
    """The arguments do not fit what the tool takes; nothing was sent."""


class CodeError(CallError):
    """The program of an agent could not be run to its end.

    Attributes:
        line: The line of the program where it ended; ``None`` where that is not known.
        kind: The name of the exception as the program saw it, such as ``"KeyError"``.
        printed: What it had printed until then.
        made: The tools that it had called until then, in the order of the calls.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        kind: str = "",
        printed: str = "",
        made: Sequence[str] = (),
        remedies: Sequence[str] = (),
    ) -> None:
        """Keep where the program ended and what it had done until then."""
        super().__init__(message, remedies=remedies)
        self.line = line
        self.kind = kind
        self.printed = printed
        self.made: tuple[str, ...] = tuple(made)


class CodeBudgetError(CodeError):
    """The program of an agent used up one of its budgets; it cannot catch this itself."""


class RefusedError(VSMError):
    """A rule forbids it. Only a human may change the rule."""


class UnsafeCommandError(RefusedError):
    """A command line or an environment that must not reach a process."""


class PermissionDeniedError(RefusedError, PermissionError):
    """The caller may not use this server or tool."""


class RateLimitError(RefusedError):
    """Too many calls.

    Attributes:
        retry_after: Seconds until the next call can pass.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float, remedies: Sequence[str] = ()) -> None:
        """Keep how long to wait, in seconds."""
        super().__init__(message, remedies=remedies)
        self.retry_after = retry_after


class PayloadError(RefusedError):
    """A message is too large, too deep or not of the agreed shape."""


class ZoneError(RefusedError):
    """Data would flow from a higher zone of trust into a lower one."""


class AnomalyError(RefusedError):
    """A call differs too much from everything seen before."""


class PolicyError(RefusedError):
    """The policy of System 5 forbids it."""


class SandboxError(RefusedError):
    """The confinement that the policy requires cannot be enforced here."""


class QuarantinedError(RefusedError):
    """A tool is not what it was when its server was proven, and nobody has approved the change.

    Attributes:
        server: The server that has it.
        tool: The tool's own name there.
    """

    def __init__(self, message: str, *, server: str = "", tool: str = "", remedies: Sequence[str] = ()) -> None:
        """Name the server and the tool."""
        super().__init__(message, remedies=remedies)
        self.server = server
        self.tool = tool


class AuditError(RefusedError):
    """What may happen only on record cannot be put on record."""


def _told(error: VSMError, *between: str) -> str:
    """Return the message, what stands between and the remedies, one line each: nothing quoted can forge another."""
    lines = (error.message, *between, *(f"  -> {remedy}" for remedy in error.remedies))
    return "\n".join(map(printable, lines))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else char.encode("unicode_escape").decode()

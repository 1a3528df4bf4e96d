"""The witness: makes one call to a server on trial and says what came of it, whatever the server does."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio

from vsm_mcp.acquisition.proving.shapes import shape_of, timeless
from vsm_mcp.errors import CallError, LinkError, NeedsConfigurationError, PayloadError, ServerError
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.pins import digest
from vsm_mcp.model.proof import Trial
from vsm_mcp.model.server import Running
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.servers.diagnosis import complaint_of, needs_configuration

CHECK = "verification"
LONGEST_DETAIL = 500

Accepts = Callable[[ToolResult], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one call.

    Attributes:
        result: What was answered, if anything was.
        failure: Why it does not count as answered well.
        missing: What the server says that it lacks.
        late: Whether it did not answer in time.
        gone: Whether the connection broke.
        elapsed: Seconds.
    """

    result: ToolResult | None = None
    failure: str | None = None
    missing: NeedsConfigurationError | None = None
    late: bool = False
    gone: bool = False
    elapsed: float = 0.0

    @property
    def shape(self) -> JsonValue:
        """What kind of answer it was; ``None`` when there was none."""
        return None if self.result is None else shape_of(self.result)

    @property
    def words(self) -> str | None:
        """A digest of what was said, so that two answers can be compared; ``None`` when they cannot."""
        return (
            None if self.result is None else _digest([self.result.structured, *self.result.content, self.result.text])
        )

    @property
    def lasting(self) -> str | None:
        """The same without what tells the time or numbers the answer."""
        return None if self.result is None else _digest(timeless(self.result))


class Witness:
    """Makes calls to one running server and keeps what was noticed.

    Args:
        running: A throw-away instance.
        timeout: Seconds a call may take that is to prove something.

    Attributes:
        findings: What was noticed and does not refuse.
        missing: What the server says that it lacks, from the first call that said so.
    """

    def __init__(self, running: Running, *, timeout: float) -> None:
        """Begin without having seen anything."""
        self.running = running
        self.findings: list[Finding] = []
        self.missing: NeedsConfigurationError | None = None
        self._timeout = timeout

    @property
    def name(self) -> str:
        """The server's name."""
        return self.running.installed.candidate.name

    async def ask(self, tool: str, arguments: JsonObject, *, most: float | None = None) -> Answer:
        """Make a call and judge the answer by its content; raises for nothing that the server does.

        Args:
            tool: Which tool.
            arguments: With what.
            most: Seconds it may take, if less than the witness's own timeout.
        """
        seconds = self._timeout if most is None else min(most, self._timeout)
        began = anyio.current_time()
        answer = await self._answer(ToolCall(server=self.name, tool=tool, arguments=arguments), seconds)
        return replace(answer, elapsed=anyio.current_time() - began)

    async def attempt(
        self, tool: str, arguments: JsonObject, *, accepts: Accepts | None = None
    ) -> tuple[Trial, Answer]:
        """Make a call that is to prove something, and write it down."""
        answer = await self.ask(tool, arguments)
        failure = answer.failure
        if failure is None and accepts is not None and answer.result is not None:
            failure = _objection(accepts, answer.result)
        if self.missing is None:
            self.missing = answer.missing
        return self.written(tool, arguments, replace(answer, failure=failure)), answer

    def written(self, tool: str, arguments: JsonObject, answer: Answer) -> Trial:
        """Write a call down: what it takes to make it again, and never what was answered to it."""
        return Trial(
            tool=tool,
            arguments=arguments,
            passed=answer.failure is None,
            detail="answered well" if answer.failure is None else answer.failure[:LONGEST_DETAIL],
            elapsed=answer.elapsed,
            shape=answer.shape if answer.failure is None else None,
        )

    def note(self, code: str, severity: Severity, message: str, *, where: str, unknown: bool = False) -> None:
        """Keep something that was noticed."""
        self.findings.append(
            Finding(check=CHECK, code=code, severity=severity, message=message, where=where, unknown=unknown)
        )

    async def _answer(self, call: ToolCall, seconds: float) -> Answer:
        try:
            with anyio.fail_after(seconds):
                result = await self.running.link.call(call)
        except TimeoutError:  # of ours, or of the link
            return Answer(failure=f"no answer within {seconds:g} seconds", late=True)
        except NeedsConfigurationError as error:
            return Answer(failure=error.message, missing=error)
        except (CallError, ServerError, PayloadError) as error:
            return Answer(failure=error.message, gone=isinstance(error, LinkError))
        complaint = complaint_of(result)
        missing = None if complaint is None else needs_configuration(self.name, (complaint,))
        return Answer(result=result, failure=complaint, missing=missing)


def _objection(accepts: Accepts, result: ToolResult) -> str | None:
    """Ask who called for the proof; foreign code, so that whatever it raises is an objection."""
    try:
        return None if accepts(result) else f"the result is not what was wanted: {result.text[:200]!r}"
    except Exception as error:  # noqa: BLE001 - the predicate is foreign code
        return f"the predicate of the probe could not judge the result: {type(error).__name__}: {error}"


def _digest(value: JsonValue) -> str | None:
    try:
        return digest(value)
    except PayloadError:
        return None

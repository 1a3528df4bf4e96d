"""The witness: makes one call to a server on trial and says what came of it, whatever the server does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.proving.shapes import shape_of, timeless
from vsm_mcp.errors import CallError, LinkError, NeedsConfigurationError, PayloadError, ServerError, printable
from vsm_mcp.model.call import Caller, ToolCall, ToolResult
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.pins import digest
from vsm_mcp.model.proof import Trial
from vsm_mcp.model.server import Running
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.servers.diagnosis import complaint_of, needs_configuration
from vsm_mcp.servers.links.link import Quoting
from vsm_mcp.servers.supervision.connection import Connection

CHECK = "verification"
LONGEST_DETAIL = 500
LARGE = 2_000
"""Values from which an answer is looked at in a thread."""

_CHARACTERS = 32
"""So much text is as much work as one value."""

Accepts = Callable[[ToolResult], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What two answers are compared by.

    Attributes:
        shape: What kind of answer it was; ``None`` when that is not known.
        words: A digest of what was said, so that two answers can be compared; ``None`` when they cannot.
        lasting: The same without what tells the time or numbers the answer.
    """

    shape: JsonValue = None
    words: str | None = None
    lasting: str | None = None

    @classmethod
    def of(cls, result: ToolResult) -> Self:
        """Take the likeness of an answer. Its text is one of its contents, and counts once."""
        words = _digest([result.structured, *(result.content or (result.text,))])
        return cls(shape=shape_of(result), words=words, lasting=_digest(timeless(result)))


_UNKNOWN = Likeness()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one call.

    Attributes:
        result: What was answered, if anything was.
        likeness: What it is compared by.
        failure: Why it does not count as answered well.
        missing: What the server says that it lacks.
        late: Whether it did not answer in time.
        gone: Whether the connection broke.
        elapsed: Seconds.
    """

    result: ToolResult | None = None
    likeness: Likeness = _UNKNOWN
    failure: str | None = None
    missing: NeedsConfigurationError | None = None
    late: bool = False
    gone: bool = False
    elapsed: float = 0.0

    @property
    def shape(self) -> JsonValue:
        """What kind of answer it was; ``None`` when there was none."""
        return self.likeness.shape

    @property
    def words(self) -> str | None:
        """A digest of what was said; ``None`` when there is none."""
        return self.likeness.words

    @property
    def lasting(self) -> str | None:
        """The same without what tells the time or numbers the answer."""
        return self.likeness.lasting


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
        self._quoted = _way_to_quote(running.link)

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
            failure = self._quoted(_objection(accepts, answer.result) or "") or None
        if self.missing is None:
            self.missing = answer.missing
        return self.written(tool, arguments, replace(answer, failure=failure)), answer

    def written(self, tool: str, arguments: JsonObject, answer: Answer) -> Trial:
        """Write a call down: what it takes to make it again, never what was answered to it, nor a secret."""
        return Trial(
            tool=tool,
            arguments=arguments,
            passed=answer.failure is None,
            detail="answered well" if answer.failure is None else self._quoted(answer.failure)[:LONGEST_DETAIL],
            elapsed=answer.elapsed,
            shape=answer.shape if answer.failure is None else None,
        )

    def note(self, code: str, severity: Severity, message: str, *, where: str, unknown: bool = False) -> None:
        """Keep something that was noticed."""
        self.findings.append(
            Finding(
                check=CHECK,
                code=code,
                severity=severity,
                message=self._quoted(message),
                where=self._quoted(where),
                unknown=unknown,
            )
        )

    async def _answer(self, call: ToolCall, seconds: float) -> Answer:
        try:
            with anyio.fail_after(seconds):
                result = await self.running.link.call(call)
        except TimeoutError:  # of ours, or of the link
            return Answer(failure=f"no answer within {seconds:g} seconds", late=True)
        except NeedsConfigurationError as error:
            return Answer(failure=error.message.removesuffix("."), missing=error)
        except (CallError, ServerError, PayloadError) as error:
            return Answer(failure=error.message.removesuffix("."), gone=isinstance(error, LinkError))
        with anyio.move_on_after(seconds):
            return await self._judged(result)
        return Answer(result=result, failure=f"what it answered could not be judged within {seconds:g} seconds")

    async def _judged(self, result: ToolResult) -> Answer:
        """Look at an answer: at a large one in a thread, so that nothing else has to wait for it."""
        if _is_large(result):
            complaint, likeness = await anyio.to_thread.run_sync(_seen, result, abandon_on_cancel=True)
        else:
            complaint, likeness = _seen(result)
        if complaint is None:
            return Answer(result=result, likeness=likeness)
        said = self._quoted(complaint)
        missing = needs_configuration(self.name, (said,))
        return Answer(result=result, likeness=likeness, failure=said, missing=missing)


def _way_to_quote(caller: Caller) -> Callable[[str], str]:
    """Return how what comes through ``caller`` may be quoted: the link knows the secrets."""
    link = caller.link if isinstance(caller, Connection) else caller
    return link.quoted if isinstance(link, Quoting) else printable


def _seen(result: ToolResult) -> tuple[str | None, Likeness]:
    return complaint_of(result), Likeness.of(result)


def _is_large(result: ToolResult) -> bool:
    """Tell whether an answer has more than a few values or pages of text; looks at no more than that many."""
    waiting: list[JsonValue] = [result.structured, *result.content]
    left = LARGE
    while waiting and left > 0:
        value = waiting.pop()
        left -= len(value) // _CHARACTERS if isinstance(value, str) else 1
        if isinstance(value, Mapping):
            waiting.extend(islice(value.values(), LARGE))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            waiting.extend(value[:LARGE])
    return left <= 0


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

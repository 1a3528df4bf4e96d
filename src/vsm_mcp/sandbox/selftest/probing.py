"""Runs the probe in a sandbox, and reads what came of each attempt; what it says is bounded and judged as hostile."""

import json
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream
from pydantic import TypeAdapter, ValidationError

from vsm_mcp.errors import PayloadError, VSMError
from vsm_mcp.model.enforcement import Enforcement, ExitReason
from vsm_mcp.sandbox.confiner import Confined, Confiner
from vsm_mcp.sandbox.linux.seccomp import ABSENT as NOT_EXISTING
from vsm_mcp.sandbox.linux.seccomp import REFUSED as NOT_PERMITTED
from vsm_mcp.sandbox.linux.syscalls import NUMBERS
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.selftest.canaries import Scene, limits_as_canary
from vsm_mcp.sandbox.selftest.probe.attempt import Attempt
from vsm_mcp.sandbox.selftest.probe.program import Numbers, catalogue
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import Command

_MACHINES = ("x86_64", "aarch64")
_DECIDED_BY_WORDS = ("clone", "mmap")
_LONGEST_OUTPUT = 1 << 20
_LAST_WORDS = 2000
_LINE = TypeAdapter(tuple[str, str, str])

Said = tuple[str, str]
"""The word for what came of an attempt, and the details."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What one sandbox said, as far as it came.

    Attributes:
        said: What came of each attempt that came to a verdict.
        enforcement: What was seen to confine it; ``None`` when nothing was started.
        end: Why it ended, when a limit ended it, with what was measured.
        failure: Why there is not more: the sandbox was not started, or the probe failed.
    """

    said: dict[str, Said] = field(default_factory=dict[str, Said])
    enforcement: Enforcement | None = None
    end: tuple[ExitReason, str] | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of the probe.

    Attributes:
        names: Which attempts.
        policy: What confines them.
        canary: What else there is to reach.
        heard: Hears of each verdict.
        patience: For how many seconds.
        settled: Whether the limit on CPU applies from the start.
    """

    names: tuple[str, ...]
    policy: SandboxPolicy
    canary: Mapping[str, str] = field(default_factory=dict[str, str])
    heard: Callable[[str], None] = lambda _: None
    patience: float = 30.0
    settled: bool = False


def numbers() -> Numbers:
    """Return the system calls to try on this machine."""
    machine = platform.machine()
    column = _MACHINES.index(machine) if machine in _MACHINES else None

    def of(names: Iterable[str]) -> dict[str, int]:
        found = {name: None if column is None else NUMBERS[name][column] for name in names}
        return {name: -1 if number is None else number for name, number in found.items()}

    return Numbers(of(NOT_PERMITTED), of(NOT_EXISTING), of(_DECIDED_BY_WORDS))


def all_attempts() -> tuple[Attempt, ...]:
    """Return everything the probe can try on this machine."""
    return catalogue(numbers())


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    """Runs the probe with one interpreter against one scene."""

    sandbox: Confiner
    python: Path
    scene: Scene

    async def run(self, job: Job) -> Findings:
        """Run the probe once; a sandbox that does not start, or a probe that fails, is a finding, not an error."""
        findings = Findings()
        try:
            with anyio.fail_after(job.patience):
                await self._run(job, findings)
        except TimeoutError:
            findings.failure = f"no verdict within {job.patience:.0f} s"
        except (VSMError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            findings.failure = str(error)
        return findings

    async def _run(self, job: Job, findings: Findings) -> None:
        command = Command(argv=(str(self.python), "-I", "-S", "/pkg/probe.py"))
        policy = job.policy.model_copy(update={"package": self.scene.package})
        async with self.sandbox.open(command, policy) as confined:
            findings.enforcement = confined.enforcement
            if job.settled:
                confined.settle()
            words = bytearray()
            with first_error():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_last_words, confined.stderr, words)
                    await confined.stdin.send(self._task(job, confined))
                    await confined.stdin.aclose()
                    await _listen(confined.stdout, findings, job)
            code = await confined.wait()
            reason = confined.exit_reason
            findings.end = None if reason is None else (reason, confined.exit_detail)
            if code != 0:
                findings.failure = f"the probe ended with {code}: {_last_line(words) or 'without a word'}"

    def _task(self, job: Job, confined: Confined) -> bytes:
        calls = numbers()
        task = {
            "only": job.names,
            "canary": {**self.scene.canary, **limits_as_canary(job.policy.limits), **job.canary},
            "calls": {"refused": calls.refused, "absent": calls.absent, "others": calls.others},
            "unconfined": confined.enforcement.confiner == "none",
        }
        return json.dumps(task).encode()


def _last_line(words: bytearray) -> str:
    return "".join(words.decode(errors="replace").strip().splitlines()[-1:])


async def _last_words(stream: ByteReceiveStream, words: bytearray) -> None:
    async for chunk in stream:
        words += chunk
        del words[:-_LAST_WORDS]


async def _listen(stream: ByteReceiveStream, findings: Findings, job: Job) -> None:
    data, total = b"", 0
    async for chunk in stream:
        total += len(chunk)
        if total > _LONGEST_OUTPUT:
            raise PayloadError(f"The probe said more than {_LONGEST_OUTPUT} bytes.")
        *lines, data = (data + chunk).split(b"\n")
        for line in lines:
            _hear(line, findings, job)


def _hear(line: bytes, findings: Findings, job: Job) -> None:
    """Take one verdict. Only the first one on an attempt that was asked for counts."""
    try:
        name, word, detail = _LINE.validate_json(line)
    except ValidationError:
        findings.failure = f"the probe said {line[:80]!r}"
        return
    if name in job.names and name not in findings.said:
        findings.said[name] = (word, detail)
        job.heard(name)

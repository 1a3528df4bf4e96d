"""The test of the network: which ways lead out of a sandbox, each shown to be there from outside first."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream

from vsm_mcp.events import EventSink, SelfTestAdvanced, ignore
from vsm_mcp.model.enforcement import Aspect, Held, Level
from vsm_mcp.sandbox.confiner import Confiner
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.selftest.canaries import LOCAL, Scene, canaries
from vsm_mcp.sandbox.selftest.judging import judged, judged_unconfined
from vsm_mcp.sandbox.selftest.probe import network, wayout
from vsm_mcp.sandbox.selftest.probe.attempt import ABSENT, THROUGH, Attempt
from vsm_mcp.sandbox.selftest.probing import Findings, Job, Prober, all_attempts
from vsm_mcp.sandbox.selftest.report import PASSED, Channel, IsolationReport, Outcome, Seen
from vsm_mcp.sandbox.unconfined import Unconfined
from vsm_mcp.world.groups import first_error
from vsm_mcp.world.processes import LocalProcesses, Processes

PATIENCE = 30.0
ALLOWED_NAME = "localhost"
GREETING = b"canary"

_DENIED_NAMES = ("example.com", "denied.example.net", "denied.example.org")
_UNKNOWN = Held(requested="unknown", level=Level.NONE, mechanism="no sandbox was started")


async def network_isolation(
    sandbox: Confiner,
    *,
    python: Path,
    egress: Egress | None = None,
    emit: EventSink = ignore,
    processes: Processes | None = None,
    patience: float = PATIENCE,
) -> IsolationReport:
    """Try every way from a sandbox to this machine, its network and the world.

    Args:
        sandbox: What confines.
        python: An interpreter (3.9 or later) that confined processes can run.
        egress: What the policy allows; ``None`` means nothing. A name of this machine is allowed in addition, to show
            that an allowed name is reached; the names in ``egress`` are not connected to.
        emit: Hears of the progress.
        processes: Starts the controls outside of the sandbox; on this machine when ``None``.
        patience: Seconds after which what has no verdict counts as not isolated.

    Raises:
        SandboxError: Nothing can be confined here.
    """
    begin = anyio.current_time()
    confined = (await sandbox.enforces()).confiner != "none"
    local = LocalProcesses() if processes is None else processes
    async with canaries(local) as scene, _greeter() as port:
        policy = SandboxPolicy() if egress is None else SandboxPolicy(egress=_with_canary(egress, port))
        test = _Test(policy, scene, port, python=python, emit=emit, deadline=begin + patience)
        controls = await test.controls(Unconfined(local))
        findings = await test.inside(sandbox, confined=confined)
        channels = tuple(_channel(one, findings, controls, confined=confined) for one in test.attempts)
    held = _UNKNOWN if findings.enforcement is None else findings.enforcement.held[Aspect.NETWORK]
    return IsolationReport(
        requested=held.requested,
        mechanism=f"{held.level}: {held.mechanism}",
        channels=channels,
        seconds=anyio.current_time() - begin,
    )


def _with_canary(egress: Egress, port: int) -> Egress:
    given = egress.model_dump(exclude={"allow", "private"})
    return Egress(allow=(*egress.allow, f"{ALLOWED_NAME}:{port}"), private=(*egress.private, ALLOWED_NAME), **given)


class _Test:
    """One test of the network under way."""

    def __init__(
        self, policy: SandboxPolicy, scene: Scene, port: int, *, python: Path, emit: EventSink, deadline: float
    ) -> None:
        themes = {network.THEME, wayout.THEME} if policy.egress else {network.THEME}
        self.attempts = tuple(one for one in all_attempts() if one.theme in themes)
        self._policy = policy
        self._scene = scene
        self._python = python
        self._emit = emit
        self._deadline = deadline
        self._done = 0
        self._canary = {
            "allowed": ALLOWED_NAME,
            "allowed port": str(port),
            "denied": next((name for name in _DENIED_NAMES if not policy.egress.knows(name)), _DENIED_NAMES[-1]),
            "own name server": LOCAL if policy.egress else "",
        }

    async def controls(self, outside: Confiner) -> Findings:
        """Try from outside what must be reachable from there."""
        names = tuple(one.name for one in self.attempts if one.control)
        return await self._probe(outside, Job(names=names, policy=SandboxPolicy()), "controls")

    async def inside(self, sandbox: Confiner, *, confined: bool) -> Findings:
        """Try everything from inside; where nothing confines, only what does no harm."""
        names = tuple(one.name for one in self.attempts if confined or one.harmless)
        return await self._probe(sandbox, Job(names=names, policy=self._policy), "network")

    async def _probe(self, sandbox: Confiner, job: Job, step: str) -> Findings:
        prober = Prober(sandbox=sandbox, python=self._python, scene=self._scene)
        left = max(0.0, self._deadline - anyio.current_time())
        return await prober.run(replace(job, canary=self._canary, heard=partial(self._advance, step), patience=left))

    def _advance(self, step: str, _: str) -> None:
        self._done += 1
        total = len(self.attempts) + sum(one.control for one in self.attempts)
        self._emit(SelfTestAdvanced(step=step, done=self._done, total=total))


def _channel(attempt: Attempt, findings: Findings, controls: Findings, *, confined: bool) -> Channel:
    if attempt.name == wayout.ALLOWED:
        return _allowed(findings)
    tried = confined or attempt.harmless
    outcome = judged(attempt, findings, controls) if tried else judged_unconfined(attempt)
    outside = controls.said.get(attempt.name)
    seen = {Outcome.HELD: Seen.BLOCKED, Outcome.OPEN: Seen.REACHED, Outcome.NOT_APPLICABLE: Seen.NOTHING_THERE}
    return Channel(
        name=attempt.name,
        expected=Seen.BLOCKED,
        seen=seen.get(outcome.outcome, Seen.UNKNOWN),
        passed=outcome.outcome in PASSED,
        control="" if outside is None or outside[0] == ABSENT else outside[1],
        detail=outcome.detail,
    )


def _allowed(findings: Findings) -> Channel:
    """Judge the one attempt that must get through."""
    word, detail = findings.said.get(wayout.ALLOWED, ("", findings.failure or "no verdict"))
    reached = word == THROUGH and repr(GREETING) == detail
    seen = Seen.REACHED if reached else Seen.BLOCKED
    return Channel(
        name=wayout.ALLOWED, expected=Seen.REACHED, seen=seen, passed=reached, control="greets", detail=detail
    )


@asynccontextmanager
async def _greeter() -> AsyncGenerator[int]:
    """Greet everybody who connects to this machine at the port that is returned."""
    async with await anyio.create_tcp_listener(local_host=LOCAL) as listener:
        with first_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, _greet)
                try:
                    yield int(listener.extra_attributes[SocketAttribute.local_port]())
                finally:
                    tasks.cancel_scope.cancel()


async def _greet(stream: SocketStream) -> None:
    async with stream:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):  # whoever came went away
            await stream.receive(10)
            await stream.send(GREETING)

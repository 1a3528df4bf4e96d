"""Upgrade: stages the newest allowed version beside the old one, proves it by the recorded calls, and commits it."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import anyio

from vsm_mcp.acquisition.installation.rollback import Transaction
from vsm_mcp.acquisition.installation.store import Record
from vsm_mcp.acquisition.report import (
    Consent,
    FindingRecord,
    PlannedServer,
    TrialRecord,
    records_of,
    trial_records,
)
from vsm_mcp.acquisition.stages import AcquisitionStage as Stage
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.trial import Gate, Sighting, WayIn
from vsm_mcp.acquisition.unheld import unheld
from vsm_mcp.acquisition.upgrading import changes, comparison
from vsm_mcp.errors import (
    AcquisitionError,
    CallError,
    ConfigurationError,
    CoordinationError,
    IntegrityError,
    PayloadError,
    RefusedError,
    RollbackError,
    ServerError,
    VerificationError,
    VettingError,
)
from vsm_mcp.events import EventSink, ignore
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.pins import Pins, difference
from vsm_mcp.model.proof import Trial
from vsm_mcp.model.report import Report
from vsm_mcp.model.server import Candidate, Proven, Resolution, Running, Vetted

COMPARED_FOR = 60.0
"""Seconds one call may take while two versions are compared."""


class UpgradeVerdict(StrEnum):
    """What became of an upgrade."""

    CURRENT = "current"
    UPGRADED = "upgraded"
    REFUSED = "refused"
    FAILED = "failed"


class UpgradeStep(Report, frozen=True):
    """One server of an upgrade. Unless it was upgraded, the old version is untouched and serves on.

    Attributes:
        server: Its name.
        old: The package that was held.
        new: The newest package that is allowed; ``None`` when it is not known.
        verdict: What became of it.
        reasons: Why.
        drift: How its tools, prompts and instructions differ from what was proven before, in words.
        diff: What else changed: package, permissions, dependencies and code, one line each.
        trials: The recorded calls as the new version answered them.
        findings: What was noticed in what it says about itself and in its answers, also when it was refused for that.
        canary: Whether old and new were run side by side on them.
        generation: The generation that holds the new version; going back to the one before undoes it.
        elapsed: Seconds it took.
    """

    server: str
    old: str
    new: str | None = None
    verdict: UpgradeVerdict
    reasons: tuple[str, ...] = ()
    drift: str = ""
    diff: str = ""
    trials: tuple[TrialRecord, ...] = ()
    findings: tuple[FindingRecord, ...] = ()
    canary: bool = True
    generation: int | None = None
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """A step, and the record of the server to adopt in the place of the old one, if there is a new one."""

    step: UpgradeStep
    record: Record | None = None


class Upgrade:
    """Brings held servers to the newest version that the policy allows, one after the other.

    Args:
        way: The parts every server passes on its way in.
        emit: Hears every stage.
    """

    def __init__(self, way: WayIn, *, emit: EventSink = ignore) -> None:
        """Keep the way in."""
        self._way = way
        self._emit = emit

    async def run(
        self, *, consent: Consent, servers: Collection[str] = (), canary: bool = True
    ) -> AsyncGenerator[Upgraded]:
        """Upgrade held servers; yields each one's step when it is done.

        Args:
            consent: Asked with the differences before anything new is installed, and again when the new version
                describes itself otherwise than the old one did.
            servers: Which ones; empty for all.
            canary: Run old and new side by side on the recorded calls, and refuse answers that are less than the old
                ones. Without it the new version alone must answer them well.

        Raises:
            DiscoveryError: One of ``servers`` is not held.
            RollbackError: Something could not be undone; ``recover`` will do it.
        """
        held = {record.name: record for record in await self._way.installer.records()}
        unknown = sorted(set(servers) - held.keys())
        if unknown:
            raise unheld(unknown[0], held, stage="upgrade")
        for name, record in held.items():
            if not servers or name in servers:
                yield await self._upgrade(record, consent, canary=canary)

    async def _upgrade(self, record: Record, consent: Consent, *, canary: bool) -> Upgraded:
        began = anyio.current_time()
        attempt = _Attempt(way=self._way, steps=Steps(emit=self._emit), record=record, consent=consent, canary=canary)
        try:
            new = await attempt.climb()
        except RollbackError:
            raise
        except (VettingError, VerificationError, RefusedError, IntegrityError) as error:
            attempt.say(UpgradeVerdict.REFUSED, error.message)
            new = None
        except (AcquisitionError, CoordinationError, ServerError, ConfigurationError) as error:
            attempt.say(UpgradeVerdict.FAILED, error.message)
            new = None
        return Upgraded(step=attempt.step(elapsed=anyio.current_time() - began), record=new)


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One server on its way to a newer version; notes what is found as it goes."""

    way: WayIn
    steps: Steps
    record: Record
    consent: Consent
    canary: bool
    verdict: UpgradeVerdict = UpgradeVerdict.CURRENT
    reasons: tuple[str, ...] = ()
    new: str | None = None
    drift: str = ""
    diff: str = ""
    trials: tuple[Trial, ...] = ()
    generation: int | None = None
    seen: Sighting = field(default_factory=Sighting)

    @property
    def old(self) -> Resolution:
        return self.record.proven.installed.vetted.artefact.resolution

    @property
    def recorded(self) -> Sequence[Trial]:
        """The calls that the old version answered well when it was proven, as far as the policy still allows them."""
        installed, objection = self.record.proven.installed, self.way.objection
        trials = self.record.proven.evidence.trials
        return [trial for trial in trials if trial.passed and objection(installed, trial.tool) is None]

    def say(self, verdict: UpgradeVerdict, *reasons: str) -> None:
        self.verdict, self.reasons = verdict, reasons

    def step(self, *, elapsed: float) -> UpgradeStep:
        return UpgradeStep(
            server=self.record.name,
            old=str(self.old.package),
            new=self.new,
            verdict=self.verdict,
            reasons=self.reasons,
            drift=self.drift,
            diff=self.diff,
            trials=trial_records(self.trials),
            findings=records_of(self.seen.findings),
            canary=self.canary,
            generation=self.generation,
            elapsed=elapsed,
        )

    async def climb(self) -> Record | None:
        """Return the new record; ``None`` when there is nothing newer."""
        tree = self.record.proven.installed.path
        if tree is None:
            self.say(UpgradeVerdict.CURRENT, "It is a part of the host's own process.")
            return None
        self.way.insist_on_enabled(self.record.name)
        held = self.record.proven.candidate
        candidate = replace(held, version=None, package=replace(held.package, version=None))
        screened = self.way.vetting.screen(candidate)
        if not screened.accepted:
            raise VettingError(
                " ".join(screened.reasons),
                stage=Stage.VET,
                remedies=("Change the policy if this server is to be upgraded.", "Keep the version that is held."),
            )
        async with self.way.installer.exclusively(candidate):
            return await self._newest(candidate, tree)

    async def _newest(self, candidate: Candidate, tree: Path) -> Record | None:
        gate = Gate(way=self.way, steps=self.steps, candidate=candidate, seen=self.seen)
        self.steps.begin(candidate.name, "upgrade")
        resolution = await gate.resolve(self.way.rung)
        self.new = str(resolution.package)
        newer = comparison.newer(resolution.package, self.old.package)
        if newer is None:
            raise VettingError(
                f"It cannot be told whether {resolution.package} is newer than {self.old.package}.",
                stage=Stage.PLAN,
                remedies=("Release it, then acquire the version you want.",),
            )
        if not newer:
            self.say(UpgradeVerdict.CURRENT, f"Nothing newer than {self.old.package} is allowed.")
            return None
        async with self.way.rollback.transaction(f"upgrade {candidate.name}") as transaction:
            await self._replace(gate, resolution, transaction, tree=tree)
        return await self._committed()

    async def _replace(self, gate: Gate, resolution: Resolution, transaction: Transaction, *, tree: Path) -> None:
        vetted = await gate.vet(resolution, transaction)
        plan = await self._plan(vetted, tree)
        self.diff = plan.diff
        with self.steps.stage(Stage.CONSENT):
            await self.consent(plan)
        with self.steps.stage(Stage.STAGE):
            installed = await self.way.installer.stage(vetted, transaction)

        async def look(running: Running) -> None:
            if self.canary:
                await self._compare(running)
            await self._ask_about(running, plan)

        proven = await gate.prove(installed, self._replay, then=look)
        with self.steps.stage(Stage.COMMIT):
            await gate.confirm(proven)
            async with self.way.on_record(installed):
                await self.way.installer.commit(proven, transaction, needs=self.record.needs, replaces=self.record)
            await self.way.learn(proven)

    async def _plan(self, vetted: Vetted, tree: Path) -> PlannedServer:
        """Return the plan that a person sees: beside permissions also what changes in packages, files and code."""
        granted = self.way.granted(vetted.artefact)
        plan = PlannedServer.of(vetted.artefact, vetted.verdict, granted=granted, previous=self.record.proven)
        lines = [plan.diff, *await changes.of_package(self.old, tree, vetted.artefact)]
        return plan.model_copy(update={"diff": "\n".join(line for line in lines if line)})

    async def _replay(self, running: Running) -> Proven:
        """Make the recorded calls to the new version; every one must be answered well."""
        terms = self.way.granted(running.installed.vetted.artefact)
        if self.recorded:
            proven = await self.way.verifier.replay(running, self.recorded, terms=terms)
        else:
            proven = await self.way.verifier.prove(running, terms=terms)
        self.trials = proven.evidence.trials
        return proven

    async def _compare(self, running: Running) -> None:
        """Start the old version too, make every recorded call to both, and refuse what is less than it was."""
        async with self.way.spawner.trial(self.record.proven.installed) as old:
            compared = [(trial.tool, await _compared(trial, old=old, new=running)) for trial in self.recorded]
        found = [f"{tool}: {said}" for tool, said in compared if said is not None]
        if found:
            raise VerificationError(
                f"{running.installed.candidate.name} answers less well than the version that is held: "
                f"{'; '.join(found[:3])}.",
                stage=Stage.VERIFY,
                remedies=("Keep the version that is held.", "If the difference is wanted, upgrade without canary."),
            )

    async def _ask_about(self, running: Running, plan: PlannedServer) -> None:
        """What describes itself otherwise than what was approved needs to be approved anew."""
        drift = difference(self.record.proven.pins, Pins.of(running.tools, running.prompts, running.instructions))
        if not drift:
            return
        self.drift = str(drift)
        lines = [plan.diff, *changes.of_words(drift, self.record.proven.tools, running.tools)]
        self.diff = "\n".join(line for line in lines if line)
        findings = (*records_of(self.seen.findings), *plan.findings)
        tools = tuple(tool.name for tool in running.tools)
        await self.consent(plan.model_copy(update={"tools": tools, "diff": self.diff, "findings": findings}))

    async def _committed(self) -> Record | None:
        current = await self.way.installer.generations.current()
        self.generation = None if current is None else current.number
        self.say(UpgradeVerdict.UPGRADED)
        records = await self.way.installer.records()
        return next((record for record in records if record.name == self.record.name), None)


async def _compared(trial: Trial, *, old: Running, new: Running) -> str | None:
    """Say in which way the new version answers less well; where the old one fails, nothing is less."""
    before = await _answer(old, trial)
    if before is None:
        return None
    after = await _answer(new, trial)
    return "the new version does not answer" if after is None else comparison.worse(before, after)


async def _answer(running: Running, trial: Trial) -> ToolResult | None:
    call = ToolCall(
        server=running.installed.candidate.name,
        tool=trial.tool,
        arguments=trial.arguments,
        timeout=COMPARED_FOR,
    )
    try:
        with anyio.fail_after(COMPARED_FOR):
            return await running.link.call(call)
    except (CallError, ServerError, PayloadError, TimeoutError):
        return None

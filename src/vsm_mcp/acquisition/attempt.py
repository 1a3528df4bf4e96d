"""One candidate on its way in: as published first, then up the repair ladder; kept, or only tried and thrown away.

Nobody gets in on the word given for somebody else: what differs from what was consented to is asked about anew, and
what is held already stays what was approved, or it is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from vsm_mcp.acquisition.discovery.result import RankedServer
from vsm_mcp.acquisition.ladder import repairs
from vsm_mcp.acquisition.report import Consent, PlannedServer
from vsm_mcp.acquisition.stages import AcquisitionStage as Stage
from vsm_mcp.acquisition.steps import Steps
from vsm_mcp.acquisition.trial import Agreement, DiedAtStartError, Gate, Sighting, WayIn
from vsm_mcp.errors import (
    InstallationError,
    IntegrityError,
    PayloadError,
    RollbackError,
    StartError,
    VerificationError,
    VettingError,
)
from vsm_mcp.model.pins import Pins, difference
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Candidate, Installed, Proven, Rung, Running, Vetted
from vsm_mcp.servers.pinned import Quarantine
from vsm_mcp.servers.supervision.spawner import ServerStatus

CLEANUP_SECONDS = 30.0

Adopt = Callable[[Proven], None]
"""Makes a committed server reachable; when it raises, the server is removed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One candidate on its way.

    Attributes:
        way: What it passes.
        steps: Where each stage is written down.
        entry: The candidate with its rank.
        wanted: What it is needed for.
        probe: The calls it must answer well.
        consent: Asked before anything is installed.
        adopt: Makes it reachable once it is committed; ``None`` leaves that to the caller.
        seen: Gets what is seen on the way.
        exactly: Whether it was asked for in just this version: then no other one that is held will do instead.
    """

    way: WayIn
    steps: Steps
    entry: RankedServer
    wanted: str
    consent: Consent
    probe: Probe | Sequence[Probe] | None = None
    adopt: Adopt | None = None
    seen: Sighting = field(default_factory=Sighting)
    exactly: bool = False

    @property
    def candidate(self) -> Candidate:
        """The candidate."""
        return self.entry.candidate

    @property
    def _gate(self) -> Gate:
        return Gate(way=self.way, steps=self.steps, candidate=self.candidate, seen=self.seen)

    async def climb(self) -> Proven:
        """Acquire it: afterwards it is proven, committed and reachable, or nothing has happened.

        Raises:
            AcquisitionError: It was refused, or did not work.
            NeedsConfigurationError: It lacks nothing but settings.
            RefusedError: Consent was not given, or it cannot be confined as required.
        """
        self._screen()
        self.way.insist_on_enabled(self.candidate.name)
        async with self.way.installer.exclusively(self.candidate):
            known = await self.way.installer.find(self.candidate) or await self._in_another_version()
            if known is not None:
                return await self._prove_again(known)
            return await self._first_that_starts(keep=True)

    async def try_out(self) -> Proven:
        """Do all of it but keep nothing: what is returned is gone already.

        Raises:
            AcquisitionError: It was refused, or did not work.
            NeedsConfigurationError: It lacks nothing but settings.
            RefusedError: Consent was not given, or it cannot be confined as required.
        """
        self._screen()
        return await self._first_that_starts(keep=False)

    def _screen(self) -> None:
        screened = self.way.vetting.screen(self.candidate)
        if not screened.accepted:
            remedies = tuple(finding.remedy for finding in screened.findings if finding.remedy)
            raise VettingError(" ".join(screened.reasons), stage=Stage.VET, remedies=remedies)

    async def _first_that_starts(self, *, keep: bool) -> Proven:
        try:
            return await self._bring(self.way.rung, keep=keep)
        except DiedAtStartError as died:
            return await self._repair(died, keep=keep)

    async def _repair(self, died: DiedAtStartError, *, keep: bool) -> Proven:
        """Climb the ladder with the version that died; a rung that cannot be resolved or installed is passed over."""
        resolution = died.installed.vetted.artefact.resolution
        for rung in repairs(resolution, died.error.stderr):
            try:
                return await self._bring(rung, keep=keep, version=resolution.package.version)
            except (IntegrityError, RollbackError):  # wrong bytes and failed undos are never passed over
                raise
            except (DiedAtStartError, InstallationError):
                continue
        raise _dead(died.error) from died.error

    async def _bring(self, rung: Rung, *, keep: bool, version: str | None = None) -> Proven:
        self.steps.begin(self.candidate.name, rung.name)
        resolution = await self._gate.resolve(rung, version=version)
        async with self.way.rollback.transaction(f"acquire {self.candidate.name}") as transaction:
            vetted = await self._gate.vet(resolution, transaction)
            with self.steps.stage(Stage.CONSENT):
                await self._consent(vetted)
            with self.steps.stage(Stage.STAGE):
                installed = await self.way.installer.stage(vetted, transaction)
            proven = await self._prove(installed)
            if not keep:
                return proven  # the transaction ends without a commit: everything is undone
            with self.steps.stage(Stage.COMMIT):
                await self._gate.confirm(proven)
                async with self.way.on_record(installed):
                    committed = await self.way.installer.commit(proven, transaction, needs=(self.wanted,))
                    await self._hand_over(committed)
                await self.way.learn(committed)
                return committed

    async def _consent(self, vetted: Vetted) -> None:
        """Ask once per different plan: who agreed to one agreed to nothing else."""
        artefact = vetted.artefact
        plan = PlannedServer.of(artefact, vetted.verdict, score=self.entry.score, granted=self.way.granted(artefact))
        wanted, before = Agreement.on(plan, artefact.resolution), self.seen.agreed
        self.seen.plan = plan
        if wanted not in before:
            await self.consent(wanted.shown(before[-1]) if before else plan)
            self.seen.agreed = (*before, wanted)

    async def _hand_over(self, committed: Proven) -> None:
        """Make it reachable; a server that nobody can reach is not kept."""
        if self.adopt is None:
            return
        try:
            self.adopt(committed)
        except BaseException:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLEANUP_SECONDS):
                await self.way.installer.remove(committed.candidate.name)
            raise

    async def _in_another_version(self) -> Proven | None:
        """Return the one that is held instead, in another version: a need is no reason to replace it.

        Only an upgrade compares two versions before it replaces one, so just this version is refused; and so is the
        same package under another name.
        """
        name, wanted = self.candidate.name, self.candidate.package
        known = await self.way.installer.find(replace(self.candidate, package=replace(wanted, version=None)))
        if known is None:
            return None
        package = known.installed.vetted.artefact.resolution.package
        if known.candidate.name != name:
            raise _held(
                f"{wanted} is held already as {known.candidate.name}, in another version, and this is {name}.",
                f"Use that: its tools are there for every need. Upgrade it: upgrade([{known.candidate.name!r}]).",
                known,
            )
        if self.exactly:
            raise _held(
                f"{name} is held already as {package}, and this is {wanted}.",
                f"Upgrade it, which compares both: upgrade([{name!r}]).",
                known,
            )
        return known

    async def _prove_again(self, known: Proven) -> Proven:
        """A server that is held, perhaps by another process, still has to work for this need, and to be what it was.

        Only its proof is renewed: what it may be called for is what was approved before.
        """
        self.way.insist_on_enabled(known.candidate.name)
        self.steps.begin(self.candidate.name, known.installed.vetted.artefact.resolution.rung.name)
        quarantine = self.way.spawner.quarantined(known.candidate.name)
        state = self.way.spawner.states().get(known.candidate.name)
        serves_on = quarantine is None and state is not None and state.status is ServerStatus.RUNNING

        async def prove(running: Running) -> Proven:
            _insist_on_approved(known, running, quarantine, serves_on=serves_on)
            return await self._verify(running)

        try:
            proven = await self._gate.prove(known.installed, prove)
        except DiedAtStartError as died:
            raise _dead(died.error) from died.error
        behaviour = proven.behaviour
        if known.behaviour is not None and behaviour is not None:
            behaviour = known.behaviour.join(behaviour)  # the same bytes did both
        proven = replace(known, evidence=proven.evidence, enforcement=proven.enforcement, behaviour=behaviour)
        with self.steps.stage(Stage.COMMIT):
            await self._gate.confirm(proven)
            served = await self.way.installer.serve(proven, needs=(self.wanted,))
            if self.adopt is not None:
                self.adopt(served)
            return served

    async def _prove(self, installed: Installed) -> Proven:
        return await self._gate.prove(installed, self._verify)

    async def _verify(self, running: Running) -> Proven:
        terms = self.way.granted(running.installed.vetted.artefact)
        return await self.way.verifier.prove(running, self.probe, terms=terms)


def _insist_on_approved(known: Proven, running: Running, quarantine: Quarantine | None, *, serves_on: bool) -> None:
    """Refuse a held server that says, here or where it serves, something else than what was approved.

    Where it serves on as it was approved, there is nothing to look at and to approve.
    """
    name = known.candidate.name
    try:
        drift = difference(known.pins, Pins.of(running.tools, running.prompts, running.instructions))
        differs = str(drift) if drift else ""
    except PayloadError as error:
        differs = f"it cannot be compared: {error.message.removesuffix('.')}"
    if not differs and quarantine is not None:
        differs = f"where it serves, {', '.join((*quarantine.added, *quarantine.changed)) or 'it'} is held back"
    if differs:
        anew = f"Release it and acquire it again, which judges what it says now: release_capability({name!r})."
        shown = (
            f"Look at what differs: quarantined({name!r}), once one of its tools was called.",
            f"Approve what that returns: approve_tools({name!r}, quarantine).",
            f"If you do not know why it changed, let it go: release_capability({name!r}).",
        )
        raise VettingError(
            f"{name} says something else than was approved ({differs}); a new need does not approve it.",
            stage=Stage.VERIFY,
            remedies=(anew,) if serves_on else shown,
        )


def _held(why: str, instead: str, known: Proven) -> VettingError:
    release = f"Or release it first: release_capability({known.candidate.name!r})."
    return VettingError(why, stage=Stage.VET, remedies=(instead, release))


def _dead(error: StartError) -> VerificationError:
    said = "; ".join(line.strip() for line in error.stderr[-3:])
    last_words = f" It said last: {said[:500]}" if said else ""
    return VerificationError(f"{error.message}{last_words}", stage=Stage.START, remedies=error.remedies)

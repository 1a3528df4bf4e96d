"""Verification: a server is believed when it did real work before a witness, not before."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.proving.checks import further, independent, repeated, seed_of, structured, unknown_tool
from vsm_mcp.acquisition.proving.samples import sample_arguments
from vsm_mcp.acquisition.proving.shapes import alike
from vsm_mcp.acquisition.proving.uninvited import Uninvited
from vsm_mcp.acquisition.proving.witness import Accepts, Answer, Witness
from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.errors import (
    NeedsConfigurationError,
    PayloadError,
    PermissionDeniedError,
    VerificationError,
    VSMError,
)
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.pins import Pins, difference
from vsm_mcp.model.proof import Evidence, Probe, ProofLevel, Trial
from vsm_mcp.model.server import Installed, Proven, Running
from vsm_mcp.model.verdict import Severity
from vsm_mcp.servers.routing.fitting import misfit
from vsm_mcp.servers.supervision.connection import Connection

MOST_TRIALS = 3
MOST_CONSIDERED = 100
MOST_PROBES = 20
MOST_REPLAYED = 20

Again = Callable[[Running], Awaitable[Pins | None]]
"""Lists once more what a server says about itself; ``None`` when there is no asking it."""


async def listed_again(running: Running) -> Pins | None:
    """Ask a running server once more what it offers.

    Raises:
        VSMError: It did not answer.
    """
    if not isinstance(running.link, Connection):
        return None
    link = await running.link.ready()
    return Pins.of(await link.tools(), await link.prompts(), link.instructions or "")


Objection = Callable[[Installed, str], str | None]
"""Says why a tool of an installed server may not be called; ``None`` when it may."""


def no_objection(_installed: Installed, _tool: str) -> str | None:
    """Object to nothing."""
    return None


class Verifier:
    """Proves by calls that a running server works.

    Levels: *listed* (it names its tools), *callable* (a call came back well), *satisfied* (the result is what was
    wanted). A server that is only listed is never accepted. Content decides whether a call came back well, not what the
    server marked it as; and a tool that says the same whatever it is given is not believed.

    Args:
        timeout: Seconds one trial may take.
        again: Lists once more what a server offers: a list that changes while it is watched is refused.
        objection: Says why a tool may not be called, on trial no more than later; ``None`` when it may.
    """

    def __init__(
        self, *, timeout: float = 60.0, again: Again = listed_again, objection: Objection = no_objection
    ) -> None:
        """Keep the timeout of one trial."""
        self._objection = objection
        self._timeout = timeout
        self._again = again

    async def prove(
        self, running: Running, probe: Probe | Sequence[Probe] | None = None, *, terms: Terms | None = None
    ) -> Proven:
        """Call the server and return it as proven.

        Args:
            running: A throw-away instance: trials may leave traces in it.
            probe: The call that counts, or several that all must hold. Without any the verifier chooses tools whose
                arguments it can make up, those that only read first, and one good answer suffices.
            terms: What the instance got. Whatever no probe names is only called if it can do no lasting harm; when the
                terms are not known, it is taken that it could.

        Raises:
            VerificationError: It lists no tools, a probe's tool is not among them, a call failed, a result was not
                what was wanted, it cannot be believed, or there is nothing that could be tried.
            NeedsConfigurationError: What it lacks is nothing but settings.
            PermissionDeniedError: The policy forbids a tool that would have to be called; it was not.
        """
        session = self._session(running, terms)
        probes = (probe,) if isinstance(probe, Probe) else tuple(probe or ())
        if len(probes) > MOST_PROBES:
            raise session.refusal(f"cannot be given {len(probes)} probes, {MOST_PROBES} are the most")
        if not probes:
            return await session.conclude(await session.first_good(await session.by_itself()))
        proofs = [await session.hold(wanted) for wanted in probes]
        return await session.conclude(proofs[0], level=_level(probes))

    async def replay(
        self,
        running: Running,
        trials: Sequence[Trial],
        probe: Probe | Sequence[Probe] | None = None,
        *,
        terms: Terms | None = None,
    ) -> Proven:
        """Make recorded calls again, on another version perhaps: all must be answered well, and in the same way.

        Args:
            running: A throw-away instance.
            trials: What was recorded (`Evidence.recorded`); those that passed count. The same way means the same
                kind of answer, not the same bytes.
            probe: Further calls that must hold.
            terms: As for ``prove``. What was recorded is called whatever they are.

        Raises:
            VerificationError: As for ``prove``, or an answer is of another kind, or nothing was recorded.
            NeedsConfigurationError: What it lacks is nothing but settings.
            PermissionDeniedError: The policy forbids a tool that would have to be called; it was not.
        """
        session = self._session(running, terms)
        recorded = [trial for trial in trials if trial.passed][:MOST_REPLAYED]
        if not recorded:
            raise session.refusal("has no recorded call that could be made again")
        proofs = [await session.again(trial) for trial in recorded]
        probes = (probe,) if isinstance(probe, Probe) else tuple(probe or ())[:MOST_PROBES]
        for wanted in probes:
            await session.hold(wanted)
        return await session.conclude(proofs[0], level=_level(probes) if probes else ProofLevel.CALLABLE)

    def _session(self, running: Running, terms: Terms | None) -> "_Session":
        witness = Witness(running, timeout=self._timeout)
        forbidden = {
            tool.name: reason
            for tool in running.tools
            if (reason := self._objection(running.installed, tool.name)) is not None
        }
        session = _Session(
            running,
            witness,
            timeout=self._timeout,
            again=self._again,
            forbidden=forbidden,
            uninvited=Uninvited.of(running, terms),
        )
        if not running.tools:
            raise session.refusal("lists no tools")
        return session


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """A call that was answered well."""

    spec: ToolSpec
    trial: Trial
    answer: Answer


class _Session:
    """One verification of one running server, from the first call to the verdict."""

    def __init__(
        self,
        running: Running,
        witness: Witness,
        *,
        timeout: float,
        again: Again,
        forbidden: Mapping[str, str],
        uninvited: Uninvited,
    ) -> None:
        self._running = running
        self._forbidden = forbidden
        self._uninvited = uninvited
        self._free = tuple(tool for tool in running.tools if tool.name not in forbidden and uninvited.may_call(tool))
        self._witness = witness
        self._timeout = timeout
        self._again = again
        self._trials: list[Trial] = []
        self._specs = {tool.name: tool for tool in running.tools}

    async def hold(self, probe: Probe) -> _Proof:
        """Make the call of a probe; it must hold."""
        return await self.first_good(await self._chosen(probe), accepts=probe.accepts)

    async def first_good(self, calls: Sequence[tuple[str, JsonObject]], *, accepts: Accepts | None = None) -> _Proof:
        """Make calls until one is answered well and by real work."""
        begun = len(self._trials)
        for tool, arguments in calls:
            trial, answer = await self._witness.attempt(tool, arguments, accepts=accepts)
            spec = self._specs[tool]
            if trial.passed:
                structured(self._witness, spec, answer)
                why = await self._independent(spec, trial, answer)
                trial = trial if why is None else replace(trial, passed=False, detail=why)
            self._trials.append(trial)
            if trial.passed:
                return _Proof(spec=spec, trial=trial, answer=answer)
        raise self._unproven(self._trials[begun:])

    async def again(self, recorded: Trial) -> _Proof:
        """Make a recorded call again."""
        self._permit(recorded.tool)
        spec = self._specs.get(recorded.tool)
        if spec is None:
            raise self.refusal(f"has no tool {recorded.tool!r} any more")
        trial, answer = await self._witness.attempt(recorded.tool, recorded.arguments)
        if trial.passed and not alike(recorded.shape, answer.shape):
            trial = replace(trial, passed=False, detail="it answers in another way than it did when it was recorded")
        self._trials.append(trial)
        if not trial.passed:
            raise self._unproven([trial])
        structured(self._witness, spec, answer)
        return _Proof(spec=spec, trial=trial, answer=answer)

    async def conclude(self, proof: _Proof, *, level: ProofLevel = ProofLevel.CALLABLE) -> Proven:
        """Look at what else an honest server does, and give the verdict."""
        await self._lists_the_same()
        extra: tuple[Trial, ...] = ()
        reads = proof.spec.read_only and self._uninvited.may_call(proof.spec)
        if reads:
            await repeated(self._witness, proof.spec, proof.trial, answer=proof.answer)
        why = await unknown_tool(self._witness, proof.answer, seed=seed_of(proof.spec))
        if why is not None:
            raise self.refusal(f"cannot be believed: {why}")
        if reads:
            extra = await further(self._witness, proof.spec, proof.trial, answer=proof.answer)
        return Proven(
            installed=self._running.installed,
            tools=self._running.tools,
            evidence=Evidence(
                level=level, trials=tuple(self._trials), further=extra, findings=tuple(self._witness.findings)
            ),
            enforcement=self._running.enforcement,
            prompts=self._running.prompts,
            instructions=self._running.instructions,
        )

    async def by_itself(self) -> Sequence[tuple[str, JsonObject]]:
        """Choose calls that could be made without knowing the server, those that only read first.

        The schemas are foreign and may be laborious: they are read in a thread.
        """
        tools = sorted(self._free, key=lambda tool: (not tool.read_only, _required(tool), tool.name))
        possible = await anyio.to_thread.run_sync(_possible, tools[:MOST_CONSIDERED])
        if possible:
            return possible
        others = len(self._running.tools) - len(self._forbidden) - len(tools)
        if others and self._uninvited.reach is not None:
            raise self.refusal(
                f"has no tool that may be tried unasked: {others} may write, and {self._uninvited.reach}"
            )
        raise self.refusal("has no tool that could be tried without knowing its arguments")

    def refusal(self, why: str, trials: Sequence[Trial] = ()) -> VerificationError:
        """Return the error that says why the server is not accepted."""
        said = "; ".join(f"{trial.tool}: {trial.detail}" for trial in trials)
        return VerificationError(
            f"{self._witness.name} {why.removesuffix('.')}{': ' + said.removesuffix('.') if said else ''}.",
            stage="verify",
            remedies=(
                "Pass a Probe with a tool and arguments that must work.",
                "Name the tool: Operation(tool=...).",
                "Try another server.",
            ),
        )

    async def _independent(self, spec: ToolSpec, trial: Trial, answer: Answer) -> str | None:
        """Ask a tool more than a probe did, if it may be asked at all."""
        if self._uninvited.may_call(spec):
            return await independent(self._witness, spec, trial, answer=answer)
        message = f"Whether {spec.name} does real work was not tried further: it may write, {self._uninvited.reach}."
        self._witness.note("not-tried-further", Severity.INFO, message, where=spec.name, unknown=True)
        return None

    def _unproven(self, trials: Sequence[Trial]) -> VerificationError | NeedsConfigurationError:
        return self._witness.missing or self.refusal("answered no trial well", trials)

    async def _chosen(self, probe: Probe) -> Sequence[tuple[str, JsonObject]]:
        if probe.tool is None:
            given = probe.arguments
            fitting = [one.name for one in self._free if misfit(one.input_schema, given, known_only=True) is None]
            return [(name, given) for name in fitting[:MOST_TRIALS]] or await self.by_itself()
        if probe.tool not in self._specs:
            raise self.refusal(f"has no tool {probe.tool!r}")
        self._permit(probe.tool)
        return [(probe.tool, probe.arguments)]

    def _permit(self, tool: str) -> None:
        if tool in self._forbidden:
            raise PermissionDeniedError(
                f"{tool!r} of {self._witness.name} may not be called, not even to prove it: {self._forbidden[tool]}",
                remedies=("Change the policy if it should be: allow and block, with tool:NAME terms.",),
            )

    async def _lists_the_same(self) -> None:
        """List once more: a server that says something else about itself now is not believed."""
        try:
            with anyio.fail_after(self._timeout):
                seen = await self._again(self._running)
            known = Pins.of(self._running.tools, self._running.prompts, self._running.instructions)
        except TimeoutError as error:
            raise self.refusal(f"did not list its tools again within {self._timeout:g} seconds") from error
        except PayloadError as error:
            raise self.refusal(f"says what cannot be pinned: {error.message}") from error
        except VSMError as error:
            raise self.refusal(f"did not list its tools again: {error.message}") from error
        if seen is None:
            message = "Whether it lists the same tools twice is not known."
            self._witness.note("not-listed-again", Severity.LOW, message, where="tools", unknown=True)
            return
        drift = difference(known, seen)
        if drift:
            raise self.refusal(f"changed what it offers while it was verified ({drift})")


def _required(tool: ToolSpec) -> int:
    required = tool.input_schema.get("required")
    return len(required) if isinstance(required, Sequence) else 0


def _possible(tools: Sequence[ToolSpec]) -> Sequence[tuple[str, JsonObject]]:
    made = ((tool.name, sample_arguments(tool.input_schema)) for tool in tools)
    return list(islice(((name, arguments) for name, arguments in made if arguments is not None), MOST_TRIALS))


def _level(probes: Sequence[Probe]) -> ProofLevel:
    return ProofLevel.SATISFIED if all(probe.accepts for probe in probes) else ProofLevel.CALLABLE

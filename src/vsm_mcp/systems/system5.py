"""System 5, policy: says what the system is allowed to become. It is asked, it never does, and nobody overrules it."""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

import anyio

from vsm_mcp.acquisition.report import Consent, PlannedServer
from vsm_mcp.errors import CallTimeoutError, ConfigurationError, PolicyError, VSMError
from vsm_mcp.systems.autonomy import Autonomy
from vsm_mcp.systems.policy.context import (
    MOST_OPTIONS,
    DecisionContext,
    DecisionStrategy,
    FunnelStrategy,
    Option,
    distinct,
    read_context,
)
from vsm_mcp.systems.policy.decision import Decision
from vsm_mcp.systems.policy.identity import Alignment, Closure, Identity, closure
from vsm_mcp.systems.policy.pressure import (
    PolicyDecision,
    PressureContext,
    PressureLimits,
    decide_under_pressure,
    read_pressure,
)
from vsm_mcp.systems.policy.reading import number
from vsm_mcp.systems.policy.record import DecisionRecord, RecordedOutcome
from vsm_mcp.systems.policy.rules import PolicySet, Proposal
from vsm_mcp.systems.policy.utility import Preferences
from vsm_mcp.systems.policy.weighing.circumstances import Priors
from vsm_mcp.systems.policy.weighing.constraints import Constraints
from vsm_mcp.systems.policy.weighing.options import OptionWeighing
from vsm_mcp.systems.policy.weighing.ventures import VentureWeighing
from vsm_mcp.systems.policy.weighing.writing import write
from vsm_mcp.variety.statistics.calibration import CalibrationReport

Approver = Callable[[PlannedServer], Awaitable[bool]]
"""A human, or someone who answers for one: hears what would be installed and run, and says yes or no."""

DECISION_TIMEOUT = 10.0
"""Seconds that a strategy has to think of options."""

AUTONOMY_RULE, APPROVAL_RULE = "autonomy", "approval"


class System5:
    """Holds identity and policy: permits acquisitions, decides, and answers for what nobody else owns.

    Args:
        autonomy: How far the system may go by itself.
        approve: Who is asked at level ``APPROVE``; a call may name somebody else.
        policy: The rules that nothing outweighs; none by default.
        identity: The purpose and the essential variables; ``None`` when they are not declared.
        limits: From where on a gap is large and a load is high.
        preferences: How cautious decisions are, and what looking costs.
        priors: What circumstances in words stand for.
        strategy: Thinks of options when a context brings none; by default they are read off the funnel of demand.
        record: Remembers decisions and their outcomes.
    """

    def __init__(
        self,
        *,
        autonomy: Autonomy = Autonomy.APPROVE,
        approve: Approver | None = None,
        policy: PolicySet | None = None,
        identity: Identity | None = None,
        limits: PressureLimits | None = None,
        preferences: Preferences | None = None,
        priors: Priors | None = None,
        strategy: DecisionStrategy | None = None,
        record: DecisionRecord | None = None,
    ) -> None:
        """Keep what is decided with."""
        self.autonomy = autonomy
        self.policy: PolicySet = policy or PolicySet()
        self.identity = identity
        self._approve = approve
        self._limits = limits or PressureLimits()
        self._strategy = strategy
        self._record = record or DecisionRecord()
        constraints = Constraints(policy=self.policy, identity=identity)
        preferences, priors = preferences or Preferences(), priors or Priors()
        self._options = OptionWeighing(
            constraints=constraints, preferences=preferences, priors=priors, record=self._record
        )
        self._ventures = VentureWeighing(
            constraints=constraints, preferences=preferences, priors=priors, record=self._record
        )

    def __repr__(self) -> str:
        """Show the level, and how many policies hold."""
        return f"System5(autonomy={self.autonomy.name}, policies={self.policies_active})"

    @property
    def policies_active(self) -> int:
        """How many rules hold; the permissions that come with the level of autonomy are not counted."""
        return self.policy.active

    @property
    def decided(self) -> int:
        """How many decisions were made."""
        return self._record.decided

    def may_acquire(self, approve: Approver | None = None) -> None:
        """Refuse early what could never be permitted.

        Raises:
            PolicyError: The level is below ``APPROVE``, or it is ``APPROVE`` and there is nobody to ask, or a rule
                forbids to ``acquire``; the message names the rule.
        """
        if self.autonomy < Autonomy.APPROVE:
            raise PolicyError(
                f"Rule {AUTONOMY_RULE!r}: at autonomy {self.autonomy.name} nothing is acquired.",
                remedies=(
                    "Look at `plan_acquisition(...)` for what could be done.",
                    "Set Settings(autonomy=Autonomy.APPROVE) or AUTO.",
                ),
            )
        self.policy.permit_name("acquire")
        if self.autonomy is Autonomy.APPROVE and (approve or self._approve) is None:
            raise PolicyError(
                f"Rule {APPROVAL_RULE!r}: an acquisition needs approval and there is nobody to ask.",
                remedies=(
                    "Pass approve=..., a coroutine function that gets the plan and returns True or False.",
                    "Set Settings(autonomy=Autonomy.AUTO, allow=(...)) to acquire inside the allow list by itself.",
                ),
            )

    def consent(self, approve: Approver | None = None) -> Consent:
        """Return who is asked before a server is installed: first the rules, for ``acquire(<name>)``, then a human."""
        ask = approve or self._approve

        async def consent(plan: PlannedServer) -> None:
            self.policy.permit_name(f"acquire({plan.name})")
            if self.autonomy is Autonomy.AUTO:
                return
            # Only the word True approves: an answer such as "no" is true as well.
            if ask is None or (await ask(plan)) is not True:
                raise PolicyError(
                    f"Rule {APPROVAL_RULE!r}: {plan.name} was not approved.",
                    remedies=("Approve it, or name another server.",),
                )

        return consent

    def permit(self, proposal: Proposal) -> None:
        """Let ``proposal`` pass if every rule does.

        Raises:
            PolicyError: A rule refuses it; the message names the rule.
        """
        self.policy.permit(proposal)

    def decide(self, context: PressureContext | Mapping[str, object]) -> PolicyDecision:
        """Return what to do under pressure: one row of a complete table, the same for the same figures.

        Raises:
            PayloadError: A figure is missing or cannot be.
        """
        return decide_under_pressure(read_pressure(context), self._limits)

    def weigh(self, context: DecisionContext | Mapping[str, object]) -> Decision:
        """Decide at once: rules first, then what is worth most.

        Raises:
            PayloadError: The context holds what cannot be weighed.
            ConfigurationError: The strategy failed, or has to be awaited: use ``make_decision``.
        """
        context = read_context(context)
        proposed = self._proposed(context)
        if isinstance(proposed, Awaitable):
            if isinstance(proposed, Coroutine):
                proposed.close()
            raise ConfigurationError(
                "The strategy has to be awaited.", remedies=("Use `await make_decision(context)`.",)
            )
        return self._decision(context, proposed)

    async def make_decision(
        self, context: DecisionContext | Mapping[str, object], *, timeout: float = DECISION_TIMEOUT
    ) -> Decision:
        """Decide, and wait for the strategy to think of options if it has to be waited for.

        Raises:
            PayloadError: The context holds what cannot be weighed.
            CallTimeoutError: The strategy took longer than ``timeout`` seconds.
            ConfigurationError: The strategy failed.
        """
        number("timeout", timeout, low=0.0, error=ConfigurationError)
        context = read_context(context)
        proposed = self._proposed(context)
        if isinstance(proposed, Awaitable):
            proposed = await self._awaited(proposed, timeout=timeout)
        return self._decision(context, proposed)

    def record_outcome(self, decision_id: str, success: bool, note: str = "") -> RecordedOutcome:  # noqa: FBT001 - the shape that is promised
        """Tell what became of a decision: from then on it counts for similar ones.

        Raises:
            PayloadError: No such decision is remembered, or its outcome was told already.
        """
        return self._record.outcome(decision_id, success=success, note=note)

    def calibration(self) -> CalibrationReport:
        """Return how good the probabilities of success were that decisions rested on."""
        return self._record.calibration()

    def align(self, subject: str, figures: Mapping[str, float | None]) -> Alignment:
        """Hold the figures of a goal, a decision or this moment against the identity.

        Raises:
            ConfigurationError: No identity is declared.
            PayloadError: A figure cannot be.
        """
        if self.identity is None:
            raise ConfigurationError("No identity is declared.", remedies=("Give System5(identity=Identity(...)).",))
        return self.identity.align(subject, figures)

    def closure(self, residuals: Mapping[str, float | None], owners: Mapping[str, str]) -> Closure:
        """Find what is left over and owned by nobody.

        Raises:
            PayloadError: An amount cannot be, or an owner has no name.
        """
        return closure(residuals, owners)

    def _proposed(self, context: DecisionContext) -> Sequence[Option] | Awaitable[Sequence[Option]] | None:
        """Return the options to weigh, or ``None`` when the context is to be weighed as a venture."""
        if context.options is not None:
            return context.options
        if self._strategy is None:
            return None if context.venture else FunnelStrategy().propose(context) or None
        with _containing(self._strategy):
            proposed = self._strategy.propose(context)
            return proposed if isinstance(proposed, Awaitable) else _bounded(proposed)

    async def _awaited(self, proposed: Awaitable[Sequence[Option]], *, timeout: float) -> Sequence[Option]:
        with anyio.move_on_after(timeout), _containing(self._strategy):
            return _bounded(await proposed)
        raise CallTimeoutError(
            f"{type(self._strategy).__name__} did not name options within {timeout:g} seconds.",
            remedies=("Give it more time, or name the options yourself.",),
        )

    def _decision(self, context: DecisionContext, options: Sequence[Option] | None) -> Decision:
        if options is not None and options is not context.options:
            distinct(options)
        findings = self._ventures.weigh(context) if options is None else self._options.weigh(context, options)
        return write(context, findings, record=self._record)


def _bounded(proposed: Iterable[Option]) -> tuple[Option, ...]:
    """Return the options, or one too many: a plug-in may name them without end."""
    return tuple(islice(proposed, MOST_OPTIONS + 1))


@contextmanager
def _containing(strategy: DecisionStrategy | None) -> Generator[None]:
    """Turn whatever a plug-in raises into an error of ours."""
    try:
        yield
    except VSMError:
        raise
    except Exception as error:  # a plug-in may raise anything
        raise ConfigurationError(
            f"{type(strategy).__name__} failed: {type(error).__name__}.",
            remedies=("Repair the strategy, or name the options yourself.",),
        ) from error

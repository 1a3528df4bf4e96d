"""Weighs a venture: to enter at once, to enter in phases, or to wait."""

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.system import Priority, SystemId
from vsm_mcp.systems.policy.context import DecisionContext
from vsm_mcp.systems.policy.decision import FULL_ENTRY, PHASED_ENTRY, WAIT
from vsm_mcp.systems.policy.record import DecisionRecord
from vsm_mcp.systems.policy.rules import Proposal
from vsm_mcp.systems.policy.utility import IGNORANCE, Evidence, Preferences, Prior, Score, believe
from vsm_mcp.systems.policy.venture import Appraisal, Venture, appraise
from vsm_mcp.systems.policy.weighing.circumstances import Priors
from vsm_mcp.systems.policy.weighing.constraints import Constraints, Refused
from vsm_mcp.systems.policy.weighing.writing import IDLE, Findings, Step, urgency

_SYMMETRIC = "A pilot tells coming success and coming failure right equally often."


class VentureWeighing:
    """Finds the plan of a venture that is worth most.

    Args:
        constraints: What nothing can outweigh.
        preferences: Caution.
        priors: What circumstances in words stand for, and the stakes when none are given.
        record: Outcomes of similar decisions.
    """

    def __init__(
        self, *, constraints: Constraints, preferences: Preferences, priors: Priors, record: DecisionRecord
    ) -> None:
        """Keep what is weighed with."""
        self._constraints = constraints
        self._caution = preferences.risk_aversion
        self._priors = priors
        self._record = record
        caution = f"{self._caution:g} standard deviations are taken off the probability of success."
        self._assumptions = (_SYMMETRIC, caution)

    def weigh(self, context: DecisionContext) -> Findings:
        """Return what was found out about the plans.

        Raises:
            PayloadError: Neither stakes nor circumstances are known, or the constraints contradict each other.
        """
        not_assessed = [f"objective: {objective}" for objective in context.objectives]
        venture, prior, said = self._stakes(context, not_assessed)
        evidence = self._record.similar(context.kind)
        entered, phased, appraisal = self._plans(venture, prior, evidence)
        refused = self._refused(context, venture, (entered, phased), not_assessed=not_assessed)
        names = {option for option, _ in refused}
        left = [plan for plan in (entered, phased) if plan.name not in names]
        findings = Findings(
            # Of equals the first is taken: what spends nothing, then what is simpler.
            scores=sorted([IDLE, *left], key=_value, reverse=True) if left else [],
            refused=refused,
            not_assessed=not_assessed,
            assumptions=(*self._assumptions, said),
            evpi=appraisal.evpi,
            information=appraisal.information,
        )
        if left:
            best = findings.scores[0]
            findings.recorded = best.name in evidence
            findings.remark = (
                f"The venture itself succeeds with probability {entered.probability:.3g} if carried through."
            )
            findings.look_first = best.name == PHASED_ENTRY
            findings.prior = _prior_of(best, venture, prior)
            findings.break_even = self._break_even(best, appraisal, entered)
            findings.steps = _steps(best, venture, appraisal=appraisal, urgent=urgency(context))
        return findings

    def _stakes(self, context: DecisionContext, not_assessed: list[str]) -> tuple[Venture, Prior, str]:
        outlook = self._priors.read(context.environment)
        not_assessed += outlook.unread
        if context.venture is not None:
            stated = f"The stakes and the probability of {context.venture.probability:g} are taken as stated."
            return context.venture, Prior(context.venture.probability, IGNORANCE.weight), stated
        if not outlook.factors:
            raise PayloadError(
                f"On {context.issue[:60]!r} nothing is known that could be weighed.",
                remedies=("Give options, a funnel, gains, a venture, or an environment with levels.",),
            )
        venture = self._priors.venture(outlook.prior.mean)
        stakes = f" The stakes are declared: value {venture.value:g}, cost {venture.cost:g}."
        return venture, outlook.prior, outlook.said() + stakes

    def _plans(self, venture: Venture, prior: Prior, evidence: Evidence) -> tuple[Score, Score, Appraisal]:
        good, bad = evidence.get(FULL_ENTRY, (0, 0))
        belief = believe(prior, successes=good, failures=bad)
        frank = appraise(venture, belief.mean)
        careful = appraise(venture, max(belief.mean - self._caution * belief.spread, 0.0))
        good, bad = evidence.get(PHASED_ENTRY, (0, 0))
        piloted = believe(Prior(frank.pilot_success, IGNORANCE.weight), successes=good, failures=bad)
        entered = Score(FULL_ENTRY, careful.commit, venture.value, *belief[:2], venture.cost, belief.outcomes)
        phased = Score(PHASED_ENTRY, careful.pilot, venture.value, *piloted[:2], frank.pilot_cost, piloted.outcomes)
        return entered, phased, frank

    def _refused(
        self, context: DecisionContext, venture: Venture, plans: tuple[Score, Score], *, not_assessed: list[str]
    ) -> list[Refused]:
        if not self._constraints.any_for(context):
            return []
        now = {FULL_ENTRY: venture.cost, PHASED_ENTRY: venture.pilot_share * venture.cost}
        proposals = (
            Proposal(
                name=plan.name,
                figures={
                    "cost": now[plan.name],
                    "later_cost": venture.cost - now[plan.name],
                    "probability": plan.probability,
                    "risk": plan.spread,
                },
            )
            for plan in plans
        )
        return self._constraints.refusals(context, proposals, not_assessed=not_assessed)

    def _break_even(self, best: Score, appraisal: Appraisal, entered: Score) -> float | None:
        """Return the believed probability from which on the best is the best: the cautious one plus the caution."""
        from_there = appraisal.commit_from if best.name == FULL_ENTRY else appraisal.acting_from
        if from_there is None:
            return None
        believed = from_there + self._caution * entered.spread
        return believed if believed <= 1.0 else None


def _value(score: Score) -> float:
    return score.value


def _prior_of(best: Score, venture: Venture, prior: Prior) -> float | None:
    if best is IDLE:
        return None
    return prior.mean if best.name == FULL_ENTRY else appraise(venture, prior.mean).pilot_success


def _steps(best: Score, venture: Venture, *, appraisal: Appraisal, urgent: Priority) -> list[Step]:
    if best.name == WAIT:
        return [Step(SystemId.SYSTEM4, _watch(appraisal), Priority.LOW)]
    if best.name == FULL_ENTRY:
        return [
            Step(SystemId.SYSTEM3, f"release the whole cost of {venture.cost:g}", Priority.HIGH),
            Step(SystemId.SYSTEM1, "carry the venture through", urgent),
        ]
    first = venture.pilot_share * venture.cost
    return [
        Step(SystemId.SYSTEM4, "say what the pilot must show, and watch it", Priority.HIGH),
        Step(
            SystemId.SYSTEM3,
            f"release {first:g} and hold back {venture.cost - first:g} until the pilot has shown it",
            Priority.CRITICAL,
        ),
        Step(SystemId.SYSTEM1, "run the pilot", urgent),
    ]


def _watch(appraisal: Appraisal) -> str:
    if appraisal.acting_from is None:
        return "scan for another venture: at no probability of success does this one pay"
    return f"scan: acting pays from a probability of success of {appraisal.acting_from:.3g} on, caution aside"

"""Weighs options against each other: what the rules leave, by caution, additive utility and cost."""

from collections.abc import Mapping, Sequence

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.system import Priority, SystemId
from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.record import DecisionRecord
from vsm_mcp.systems.policy.rules import Proposal
from vsm_mcp.systems.policy.utility import (
    IGNORANCE,
    Preferences,
    Prior,
    break_even,
    evaluate,
    knowing_success,
    normalised,
)
from vsm_mcp.systems.policy.weighing.circumstances import Priors
from vsm_mcp.systems.policy.weighing.constraints import Constraints, Refused
from vsm_mcp.systems.policy.weighing.writing import IDLE, Findings, Step, urgency

_ADDITIVE = "The attributes are additively independent (Keeney & Raiffa 1976, ch. 3)."
_INDEPENDENT = "Options succeed or fail independently of each other; doing nothing is worth 0."

Weights = Sequence[tuple[str, float]]


class OptionWeighing:
    """Finds the option that is worth most.

    Args:
        constraints: What nothing can outweigh.
        preferences: Caution, and what looking costs.
        priors: What circumstances in words stand for; they are the prior of options that state none.
        record: Outcomes of similar decisions.
    """

    def __init__(
        self, *, constraints: Constraints, preferences: Preferences, priors: Priors, record: DecisionRecord
    ) -> None:
        """Keep what is weighed with."""
        self._constraints = constraints
        self._preferences = preferences
        self._priors = priors
        self._record = record
        caution = f"{preferences.risk_aversion:g} standard deviations are taken off each probability of success."
        self._assumptions = (_ADDITIVE, _INDEPENDENT, caution)

    def weigh(self, context: DecisionContext, options: Sequence[Option]) -> Findings:
        """Return what was found out about ``options``, which have different names.

        Raises:
            PayloadError: They cannot be compared, or the constraints contradict each other.
        """
        weights, not_assessed = _weights(context, options)
        prior, assumptions = self._prior(context, not_assessed)
        refused = self._refused(context, options, not_assessed=not_assessed)
        if refused:
            names = {option for option, _ in refused}
            options = [option for option in options if option.name not in names]
        evidence = self._record.similar(context.kind)
        scores = evaluate(
            options,
            weights=weights,
            risk_aversion=self._preferences.risk_aversion,
            evidence=evidence,
            prior=prior,
        )
        findings = Findings(scores=scores, refused=refused, not_assessed=not_assessed, assumptions=assumptions)
        if scores:
            self._compare(findings, context, options=options)
            findings.recorded = scores[0].name in evidence
            self._explain(findings, options, weights=weights, prior=prior)
        return findings

    def _prior(self, context: DecisionContext, not_assessed: list[str]) -> tuple[Prior, tuple[str, ...]]:
        if not context.environment:
            return IGNORANCE, self._assumptions
        outlook = self._priors.read(context.environment)
        not_assessed += outlook.unread
        return outlook.prior, (*self._assumptions, outlook.said())

    def _refused(
        self, context: DecisionContext, options: Sequence[Option], *, not_assessed: list[str]
    ) -> list[Refused]:
        if not self._constraints.any_for(context):
            return []
        proposals = (Proposal(name=one.name, figures=one.figures(), tags=one.tags) for one in options)
        return self._constraints.refusals(context, proposals, not_assessed=not_assessed)

    def _compare(self, findings: Findings, context: DecisionContext, *, options: Sequence[Option]) -> None:
        """Set the best beside doing nothing, and say whether to look before it is done."""
        scores = findings.scores
        if IDLE.name not in [score.name for score in scores]:
            place = len(scores)
            while place and scores[place - 1].value <= 0.0:
                place -= 1
            scores.insert(place, IDLE)
        best = scores[0]
        findings.evpi = knowing_success(scores)
        findings.look_first = findings.evpi > self._preferences.looking_cost
        if best is IDLE:
            urgent = Priority.MEDIUM if findings.look_first else Priority.LOW
            findings.steps.append(Step(SystemId.SYSTEM4, "scan for something worth more than doing nothing", urgent))
            return
        if findings.look_first:
            look = f"scan: find out whether {best.name} will succeed before it is begun"
            findings.steps.append(Step(SystemId.SYSTEM4, look, Priority.HIGH))
        findings.steps.append(Step(_named(options, best.name).system, best.name, urgency(context)))

    def _explain(self, findings: Findings, options: Sequence[Option], *, weights: Weights, prior: Prior) -> None:
        """Say what the best rests on: its prior, its break-even and what each attribute adds."""
        best = findings.scores[0]
        if best is IDLE:
            return
        option = _named(options, best.name)
        findings.prior = prior.mean if option.prior is None else option.prior
        findings.contributions = {name: weight * option.attributes[name] for name, weight in weights}
        if len(findings.scores) > 1:
            caution = self._preferences.risk_aversion
            findings.break_even = break_even(best, other=findings.scores[1].value, risk_aversion=caution)


def _named(options: Sequence[Option], name: str) -> Option:
    return next(option for option in options if option.name == name)


def _weights(context: DecisionContext, options: Sequence[Option]) -> tuple[Weights, list[str]]:
    """Return how much each attribute counts, and which objectives no attribute stands for."""
    known = dict.fromkeys(options[0].attributes, 1.0)
    alike = True
    for option in options:
        if option.attributes.keys() != known.keys():
            alike = False
            known.update(dict.fromkeys(option.attributes, 1.0))
    if not context.objectives:
        chosen = context.weights or known
        if not alike or chosen is not known:
            _refuse_gaps(chosen, options)
        return normalised(chosen), []
    wanted = {_folded(objective): objective for objective in context.objectives}
    chosen = context.weights or {name: 1.0 for name in known if _folded(name) in wanted} or known
    _refuse_gaps(chosen, options)
    served = {_folded(name) for name in chosen}
    unserved = [f"objective: {objective}" for folded, objective in wanted.items() if folded not in served]
    return normalised(chosen), unserved


def _refuse_gaps(chosen: Mapping[str, float], options: Sequence[Option]) -> None:
    for option in options:
        if chosen.keys() <= option.attributes.keys():
            continue
        missing = ", ".join(sorted(chosen.keys() - option.attributes.keys()))
        raise PayloadError(
            f"Option {option.name!r} says nothing about {missing}.",
            remedies=("Give every option the same attributes, or weigh only what all have: weights={...}.",),
        )


def _folded(words: str) -> str:
    return "_".join(words.casefold().replace("-", " ").replace("_", " ").split())

"""Writes a decision down: what was found out becomes actions, reasons with figures, and an entry in the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import Priority, SystemId
from vsm_mcp.systems.policy.context import DecisionContext
from vsm_mcp.systems.policy.decision import ESCALATE, WAIT, Basis, Decision
from vsm_mcp.systems.policy.record import DecisionRecord
from vsm_mcp.systems.policy.utility import Score
from vsm_mcp.systems.policy.weighing.constraints import Refused

IDLE = Score(WAIT, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Doing nothing: it brings nothing, spends nothing, and is always possible."""

_IDLE_SHOWN: dict[str, object] = {**IDLE._asdict(), "probability": None, "spread": None}
_SEEN = (Basis.RECORDED, Basis.GIVEN)
_BURN_RATES = ((14.4, Priority.CRITICAL), (6.0, Priority.HIGH), (1.0, Priority.MEDIUM))
_LOST_SHARES = ((0.4, Priority.CRITICAL), (0.2, Priority.HIGH), (0.1, Priority.MEDIUM))
_NAMED_AT_MOST = 3
_CONSTRAINT = "constraint: "


class Step(NamedTuple):
    """What one system is to do."""

    system: SystemId
    action: str
    priority: Priority


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was found out for one decision; the best score is the first, and none is left when all are refused."""

    scores: list[Score]
    refused: list[Refused]
    not_assessed: list[str]
    assumptions: tuple[str, ...]
    steps: list[Step] = field(default_factory=list[Step])
    recorded: bool = False
    prior: float | None = None
    break_even: float | None = None
    evpi: float | None = None
    information: float | None = None
    look_first: bool = False
    remark: str = ""
    contributions: Mapping[str, float] = field(default_factory=dict[str, float])


def write(context: DecisionContext, findings: Findings, *, record: DecisionRecord) -> Decision:
    """Return the decision, and enter it in ``record``."""
    chosen = _chosen(findings) if findings.scores else _escalated(findings)
    return Decision.model_validate(
        {
            **chosen,
            "id": record.note(context.kind, str(chosen["decision"]), _forecast(findings)),
            "issue": context.issue,
            "actions": [
                {"system": system, "action": action, "priority": priority}
                for system, action, priority in _steps(findings)
            ],
            "alternatives": _alternatives(findings.scores),
            "vetoes": [
                {"rule": refusal.rule, "option": option, "reason": refusal.reason}
                for option, refusal in findings.refused
            ],
            "prior_probability": findings.prior,
            "break_even_probability": findings.break_even,
            "evpi": findings.evpi,
            "pilot_information": findings.information,
            "look_first": findings.look_first,
            "contributions": findings.contributions,
            "not_assessed": findings.not_assessed,
            "assumptions": findings.assumptions,
        }
    )


def urgency(context: DecisionContext) -> Priority:
    """Return how urgent acting is: by burn rate (SRE Workbook 2018, ch. 5), else by the share of demand that is lost.

    When neither is known it is ``medium``: that is a declaration, not a finding.
    """
    if context.burn_rate is not None:
        return _rank(context.burn_rate, _BURN_RATES)
    if context.funnel:
        lost = sum(share for stage, share in context.funnel.items() if stage != Stage.ABSORBED)
        return _rank(lost, _LOST_SHARES)
    return Priority.MEDIUM


def _rank(figure: float, limits: tuple[tuple[float, Priority], ...]) -> Priority:
    return next((priority for limit, priority in limits if figure >= limit), Priority.LOW)


def _chosen(findings: Findings) -> dict[str, object]:
    best = findings.scores[0]
    runner_up = findings.scores[1] if len(findings.scores) > 1 else None
    basis = _basis(best, recorded=findings.recorded)
    return {
        "decision": best.name,
        "rationale": _rationale(best, runner_up, findings),
        "success_probability": best.probability if basis in _SEEN else None,
        "basis": basis,
        "n": best.outcomes,
        "runner_up": None if runner_up is None else runner_up.name,
        "margin": None if runner_up is None else best.value - runner_up.value,
    }


def _escalated(findings: Findings) -> dict[str, object]:
    nothing = dict.fromkeys(("success_probability", "basis", "runner_up", "margin"))
    return {**nothing, "decision": ESCALATE, "rationale": _refusal(findings), "n": 0.0}


def _basis(best: Score, *, recorded: bool) -> Basis | None:
    if best is IDLE:
        return None
    if recorded:
        return Basis.RECORDED
    return Basis.GIVEN if best.outcomes else Basis.PRIOR_ONLY


def _forecast(findings: Findings) -> float | None:
    """Return the probability that is held against the outcome later; waiting and escalating foretell nothing."""
    scores = findings.scores
    return scores[0].probability if scores and scores[0] is not IDLE else None


def _alternatives(scores: list[Score]) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = []
    for score in scores:
        if score is IDLE:
            shown.append(_IDLE_SHOWN)
            continue
        name, value, utility, probability, spread, cost, outcomes = score
        shown.append({
            "name": name,
            "value": value,
            "utility": utility,
            "probability": probability,
            "spread": spread,
            "cost": cost,
            "outcomes": outcomes,
        })  # fmt: skip
    return shown


def _steps(findings: Findings) -> list[Step]:
    steps = findings.steps
    if not findings.scores:
        steps = [Step(SystemId.SYSTEM5, "ask a person: the rules refuse every option", Priority.HIGH)]
    unclear = [said.removeprefix(_CONSTRAINT) for said in findings.not_assessed if said.startswith(_CONSTRAINT)]
    if unclear:
        action = f"have a person judge what no figure tells: {'; '.join(unclear)}"
        steps = [*steps, Step(SystemId.SYSTEM5, action, Priority.MEDIUM)]
    return steps


def _rationale(best: Score, runner_up: Score | None, findings: Findings) -> str:
    sentences = [_worth(best)]
    if findings.remark:
        sentences.append(findings.remark)
    if runner_up is not None:
        sentences.append(f"That is {best.value - runner_up.value:.3g} more than {runner_up.name}.")
    if findings.contributions:
        parts = ", ".join(f"{name} {part:.3g}" for name, part in findings.contributions.items())
        sentences.append(f"Its utility is made of {parts}.")
    if findings.break_even is not None:
        sentences.append(f"Break-even is at a probability of {findings.break_even:.3g}.")
    if findings.evpi is not None:
        sentences.append(f"Knowing beforehand what succeeds would be worth {findings.evpi:.3g}.")
    if findings.information is not None:
        sentences.append(f"The answer of a pilot would be worth {findings.information:.3g}.")
    if findings.refused:
        sentences.append(_refusal(findings))
    return " ".join(sentences)


def _worth(best: Score) -> str:
    if best is IDLE:
        return "Nothing that the rules allow is worth more than doing nothing."
    seen = "prior only" if not best.outcomes else f"from {best.outcomes:g} outcomes"
    return (
        f"{best.name} is worth {best.value:.3g}: it succeeds with probability {best.probability:.3g} "
        f"(sd {best.spread:.2g}, {seen}), then brings {best.utility:.3g}, and costs {best.cost:.3g}."
    )


def _refusal(findings: Findings) -> str:
    said = [f"{option} by {refusal.rule!r} ({refusal.reason})" for option, refusal in findings.refused]
    more = f" and {len(said) - _NAMED_AT_MOST} more" if len(said) > _NAMED_AT_MOST else ""
    return f"Refused: {', '.join(said[:_NAMED_AT_MOST])}{more}."

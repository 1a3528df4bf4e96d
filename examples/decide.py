"""Decisions of System 5: from a table under pressure, by worth in a venture, and what is learnt from outcomes."""

import anyio

from vsm_mcp import Bound, PolicySet, Rule, System5

VENTURE = {
    "issue": "enter the market for time zones",
    "environment": {
        "market_volatility": "high",
        "competition": "intense",
        "resources": {"capital": 0.7, "talent": 0.8, "time": 0.5},
    },
    "constraints": ["cost <= 6", "keep the core business stable"],
    "objectives": ["grow"],
}


async def main() -> None:
    """Decide three times; the last time from what became of the second."""
    thrift = Rule(name="thrift", because="We never earned more in a year.", bounds=(Bound(figure="cost", high=8.0),))
    system5 = System5(policy=PolicySet((thrift,)))
    under_pressure = system5.decide({"variety_gap": 150, "system_load": 0.85, "external_pressure": "high"})
    print(under_pressure.action, under_pressure.priority)
    print(under_pressure.rationale)
    decision = await system5.make_decision(VENTURE)
    print(f"{decision.decision}: prior {decision.prior_probability:.2f}, seen {decision.success_probability}")
    print(decision.rationale)
    for action in decision.actions:
        print(f"  {action.system} ({action.priority}): {action.action}")
    print("not assessed:", "; ".join(decision.not_assessed))
    outcome = system5.record_outcome(decision.id, success=True, note="The pilot was used every day.")
    print(outcome.decision, "succeeded", outcome.successes, "of", outcome.successes + outcome.failures)
    again = await system5.make_decision(VENTURE)
    print(f"{again.decision}: seen {again.success_probability:.2f} from {again.n:g} of {again.basis}")


if __name__ == "__main__":
    anyio.run(main)

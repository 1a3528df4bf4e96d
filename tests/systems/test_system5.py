"""System 5 is asked, never does, and nobody overrules it."""

import math
from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from vsm_mcp.acquisition.report import PlannedServer
from vsm_mcp.errors import CallTimeoutError, ConfigurationError, PayloadError, PolicyError
from vsm_mcp.systems.autonomy import Autonomy
from vsm_mcp.systems.policy.context import DecisionContext, Option
from vsm_mcp.systems.policy.rules import Bound, PolicySet, Proposal, Rule
from vsm_mcp.systems.system5 import DECISION_TIMEOUT, System5

PLAN = PlannedServer(name="io.example/server", package="pypi:server@1.0", accepted=True)


async def yes(plan: PlannedServer) -> bool:
    return plan.accepted


async def no(plan: PlannedServer) -> bool:
    return not plan.accepted


@pytest.mark.parametrize("autonomy", [Autonomy.OBSERVE, Autonomy.SUGGEST])
def test_below_approve_nothing_is_acquired_whoever_approves(autonomy: Autonomy) -> None:
    with pytest.raises(PolicyError, match=autonomy.name):
        System5(autonomy=autonomy).may_acquire(yes)


def test_at_approve_somebody_must_be_there_to_ask() -> None:
    with pytest.raises(PolicyError, match="nobody to ask"):
        System5().may_acquire()
    System5().may_acquire(yes)
    System5(approve=yes).may_acquire()


def test_at_auto_nobody_need_be_there() -> None:
    System5(autonomy=Autonomy.AUTO).may_acquire()


@pytest.mark.anyio
async def test_a_human_who_says_no_is_heard() -> None:
    with pytest.raises(PolicyError, match=r"io\.example/server was not approved"):
        await System5(approve=no).consent()(PLAN)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("said", ["no", "yes", 1, [False], None])
async def test_nothing_but_true_approves(said: object) -> None:
    async def approve(_: PlannedServer) -> bool:
        return said  # pyright: ignore[reportReturnType] - what a careless approver does

    with pytest.raises(PolicyError, match="was not approved"):
        await System5(approve=approve).consent()(PLAN)


@pytest.mark.anyio
async def test_the_approver_of_the_call_goes_before_that_of_the_system() -> None:
    await System5(approve=no).consent(yes)(PLAN)


@pytest.mark.anyio
async def test_at_auto_nobody_is_asked() -> None:
    await System5(autonomy=Autonomy.AUTO, approve=no).consent()(PLAN)


@pytest.mark.promise("C18")
@pytest.mark.parametrize(
    ("system5", "rule"),
    [
        (System5(autonomy=Autonomy.OBSERVE), "autonomy"),
        (System5(), "approval"),
        (
            System5(autonomy=Autonomy.AUTO, policy=PolicySet([Rule(name="frozen", forbids=("acquire*",))])),
            "frozen",
        ),
    ],
)
def test_whoever_may_not_acquire_hears_which_rule_says_so(system5: System5, rule: str) -> None:
    with pytest.raises(PolicyError, match=f"(?i)rule '{rule}'"):
        system5.may_acquire()


@pytest.mark.anyio
async def test_a_rule_refuses_one_server_by_name_before_anybody_is_asked() -> None:
    policy = PolicySet([Rule(name="not that one", forbids=("acquire(io.example/*)",))])
    with pytest.raises(PolicyError, match="rule 'not that one'"):
        await System5(autonomy=Autonomy.AUTO, policy=policy).consent()(PLAN)
    with pytest.raises(PolicyError, match="Rule 'approval'"):
        await System5(approve=no).consent()(PLAN)


def test_figures_do_not_stand_in_the_way_of_acquiring() -> None:
    policy = PolicySet([Rule(name="cheap", bounds=(Bound(figure="cost", high=1.0),))])
    System5(autonomy=Autonomy.AUTO, policy=policy).may_acquire()


def test_it_permits_what_the_rules_allow_and_says_how_many_hold() -> None:
    system5 = System5(policy=PolicySet([Rule(name="no deleting", forbids=("delete*",))]))
    assert system5.policies_active == 1
    assert repr(system5) == "System5(autonomy=APPROVE, policies=1)"
    system5.permit(Proposal(name="read"))
    with pytest.raises(PolicyError, match="no deleting"):
        system5.permit(Proposal(name="delete all"))
    assert System5().policies_active == 0


class Slow:
    """Needs its time to think."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def propose(self, context: DecisionContext, /) -> Sequence[Option]:
        await anyio.sleep(self.seconds)
        return (Option(name=f"think about {context.issue}", attributes={"x": 1.0}),)


class Failing:
    """Fails."""

    def propose(self, context: DecisionContext, /) -> Sequence[Option]:
        raise LookupError(context.issue)


class FailingLater:
    """Fails after a while, with an error that looks like a deadline."""

    async def propose(self, context: DecisionContext, /) -> Sequence[Option]:
        await anyio.lowlevel.checkpoint()
        raise TimeoutError(context.issue)


class Refusing:
    """Refuses in the words of this library."""

    def propose(self, context: DecisionContext, /) -> Sequence[Option]:
        raise PayloadError(f"Nothing comes to mind about {context.issue}.")


class Naming:
    """Names what it was told to name, whatever that is."""

    def __init__(self, *options: object) -> None:
        self.options = options

    def propose(self, context: DecisionContext, /) -> Sequence[Option]:
        return self.options  # type: ignore[return-value] # pyright: ignore[reportReturnType]


@pytest.mark.anyio
async def test_a_decision_takes_no_time_to_wait_for_when_the_options_are_known() -> None:
    context = {"issue": "x", "options": [{"name": "a", "attributes": {"x": 1.0}}]}
    system5 = System5(strategy=Slow(math.inf))
    decided = await system5.make_decision(context)
    assert decided.decision == "a"
    assert system5.decided == 1


@pytest.mark.anyio
async def test_a_strategy_may_be_waited_for() -> None:
    decided = await System5(strategy=Slow(0)).make_decision({"issue": "this"})
    assert decided.decision == "think about this"


@pytest.mark.anyio
@pytest.mark.promise("C71")
async def test_a_decision_has_a_deadline_of_10_seconds_that_can_be_set() -> None:
    assert DECISION_TIMEOUT == 10
    system5, begun = System5(strategy=Slow(math.inf)), anyio.current_time()
    with pytest.raises(CallTimeoutError, match=r"Slow did not name options within 0\.01 seconds") as raised:
        await system5.make_decision({"issue": "this"}, timeout=0.01)
    assert anyio.current_time() - begun < 1
    assert raised.value.retryable
    assert system5.decided == 0


@pytest.mark.anyio
@pytest.mark.parametrize("timeout", [math.nan, -1.0])
async def test_a_deadline_that_cannot_be_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        await System5().make_decision({"issue": "x"}, timeout=timeout)


def test_a_strategy_that_has_to_be_waited_for_cannot_decide_at_once() -> None:
    with pytest.raises(ConfigurationError, match="awaited"):
        System5(strategy=Slow(0)).weigh({"issue": "x"})


@pytest.mark.anyio
async def test_a_strategy_that_fails_is_named() -> None:
    for strategy, error in ((Failing(), "LookupError"), (FailingLater(), "TimeoutError")):
        with pytest.raises(ConfigurationError, match=f"{type(strategy).__name__} failed: {error}"):
            await System5(strategy=strategy).make_decision({"issue": "x"})
    with pytest.raises(PayloadError, match="Nothing comes to mind"):
        System5(strategy=Refusing()).weigh({"issue": "x"})


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Naming(), "0 options"),
        (Naming("a"), "'a' is no option"),
        (Naming(Option(name="a"), Option(name="a")), "2 options have 1 names"),
    ],
)
def test_what_a_strategy_names_must_be_options(strategy: Naming, said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        System5(strategy=strategy).weigh({"issue": "x"})


def test_two_that_were_asked_the_same_decide_the_same() -> None:
    context = DecisionContext(issue="x", environment={"volatility": "high"})
    assert System5().weigh(context) == System5().weigh(context)

"""Leases: all or nothing, in an order in which nobody starves, and only as long as they last."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import CapacityError, ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.lease import Claim, Conflict, Lease
from vsm_mcp.systems.coordination.leases import Leases

CAPACITIES = {"c": 2}


def granted(lease: Lease | Conflict | None) -> Lease:
    assert isinstance(lease, Lease)
    return lease


@dataclass
class Asked:
    """A claim as the model sees it."""

    claim: Claim
    names: frozenset[str]
    order: tuple[float, int]
    ttl: float
    state: str = "waiting"
    ends: float = inf


@dataclass
class Model:
    """The same rules, said in the slowest and plainest way."""

    now: float = 0.0
    asked: list[Asked] = field(default_factory=list[Asked])

    def living(self) -> list[Asked]:
        return [one for one in self.asked if one.state == "held"]

    def waiting(self) -> list[Asked]:
        return sorted((one for one in self.asked if one.state == "waiting"), key=lambda one: one.order)

    def settle(self) -> None:
        while True:
            for one in self.living():
                if one.ends <= self.now:
                    one.state = "lost"
            ready = next((one for one in self.waiting() if self.free_for(one)), None)
            if ready is None:
                return
            ready.state, ready.ends = "held", self.now + ready.ttl

    def free_for(self, one: Asked) -> bool:
        before = [*self.living(), *(other for other in self.waiting() if other.order < one.order)]
        return all(sum(name in other.names for other in before) < CAPACITIES.get(name, 1) for name in one.names)


COMMANDS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.frozensets(st.sampled_from("abcd"), min_size=1),
            st.integers(-2, 2),
            st.sampled_from([1.0, 5.0, inf]),
        ),
        st.tuples(st.just("end"), st.integers(0, 10)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 3.0, 30.0])),
    ),
    max_size=40,
)
Command = tuple[str, frozenset[str], int, float] | tuple[str, int] | tuple[str, float]


@pytest.mark.promise("C9")
@settings(max_examples=300)
@given(COMMANDS)
def test_every_claim_is_granted_exactly_when_the_plain_rules_say_so(commands: list[Command]) -> None:
    leases, model = Leases(capacities=CAPACITIES), Model()
    for command in commands:
        match command:
            case (str(), frozenset() as names, int(priority), float(ttl)):
                claim = leases.ask(names, holder="h", now=model.now, priority=priority, ttl=None if ttl == inf else ttl)
                order = (model.now - 10.0 * priority, len(model.asked))
                model.asked.append(Asked(claim=claim, names=names, order=order, ttl=ttl))
            case ("end", int(which)) if model.asked:
                ended = model.asked[which % len(model.asked)]
                assert leases.withdraw(ended.claim, now=model.now) == (ended.state in {"held", "waiting"})
                ended.state = "ended" if ended.state != "lost" else "lost"
            case ("wait", float(seconds)):
                model.now += seconds
                leases.expire(now=model.now)
            case _:
                continue
        model.settle()
        compare(leases, model)


def compare(leases: Leases, model: Model) -> None:
    for one in model.asked:
        if one.state in {"held", "lost"}:
            assert leases.holds(granted(one.claim.lease), now=model.now) == (one.state == "held")
        if one.state == "waiting":
            assert one.claim.lease is None
            assert leases.conflict(one.claim).held or leases.conflict(one.claim).ahead
    assert leases.held == len(model.living())
    assert leases.waiting == len(model.waiting())
    assert leases.lost == sum(one.state == "lost" for one in model.asked)
    assert model.living() or not model.waiting(), "waiting for nobody is a deadlock"


@settings(max_examples=100)
@given(st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1), max_size=12))
def test_what_shares_nothing_with_anybody_is_never_made_to_wait(wanted: list[frozenset[str]]) -> None:
    leases, taken = Leases(), set[str]()
    for names in wanted:
        claim = leases.ask(names, holder="h", now=0.0)
        if taken.isdisjoint(names):
            assert claim.lease is not None
        taken |= names


@settings(max_examples=100)
@given(st.lists(st.frozensets(st.sampled_from("abcde"), min_size=1), min_size=1, max_size=20))
def test_tokens_only_grow_and_everybody_gets_a_turn(wanted: list[frozenset[str]]) -> None:
    leases, tokens = Leases(), list[int]()
    claims = [leases.ask(names, holder="h", now=0.0) for names in wanted]
    while pending := [claim for claim in claims if claim.lease is not None]:
        first = min(pending, key=lambda claim: granted(claim.lease).token)
        tokens.append(granted(first.lease).token)
        assert leases.withdraw(first, now=0.0)
        claims.remove(first)
    assert claims == []
    assert tokens == sorted(set(tokens))
    assert (leases.held, leases.waiting) == (0, 0)


def test_the_highest_priority_goes_first_and_equal_ones_in_order() -> None:
    leases, order = Leases(), list[str]()
    first = leases.ask({"r"}, holder="first", now=0.0)
    waiting = [
        leases.ask({"r"}, holder=name, now=1.0, priority=p) for name, p in zip("abcd", (0, 5, 5, 0), strict=True)
    ]
    for claim in waiting:
        claim.on_grant = lambda name=claim.holder: order.append(name)
    leases.withdraw(first, now=2.0)
    for _ in waiting:
        leases.withdraw(next(claim for claim in waiting if claim.holder == order[-1]), now=2.0)
    assert order == ["b", "c", "a", "d"]


def test_a_low_priority_waits_only_for_those_that_came_less_than_its_aging_later() -> None:
    leases = Leases(aging=10.0)
    running = leases.ask({"r"}, holder="h", now=0.0, priority=3)
    low = leases.ask({"r"}, holder="low", now=0.0, priority=0)
    now = 0.0
    while low.lease is None:
        now += 1.0
        following = leases.ask({"r"}, holder="h", now=now, priority=3)
        leases.withdraw(running, now=now)
        running = following
        assert now <= 31.0, "it starves"
    assert now > 29.0, "priority was not honoured"


def test_with_ranks_the_smallest_goes_first() -> None:
    leases = Leases()
    holding = leases.ask({"r"}, holder="h", now=0.0, rank=0.0)
    second = leases.ask({"r"}, holder="h", now=0.0, rank=9.0)
    first = leases.ask({"r"}, holder="h", now=0.0, rank=4.0)
    leases.withdraw(holding, now=0.0)
    assert first.lease is not None
    assert second.lease is None


def test_a_holder_that_died_loses_its_lease_and_its_token_is_older_than_the_next() -> None:
    leases = Leases()
    dead = granted(leases.try_grant({"r"}, holder="dead", now=0.0, ttl=10.0))
    assert isinstance(leases.try_grant({"r"}, holder="next", now=9.9), Conflict)
    following = granted(leases.try_grant({"r"}, holder="next", now=10.0))
    assert following.token > dead.token
    assert not leases.holds(dead, now=10.0)
    assert not leases.release(dead, now=10.0)
    assert leases.holds(following, now=10.0)
    assert leases.lost == 1


def test_a_lease_that_is_renewed_lasts_and_one_that_was_lost_cannot_be() -> None:
    leases = Leases(capacities={"r": 2})
    other = granted(leases.try_grant({"r"}, holder="other", now=0.0))
    lease = granted(leases.try_grant({"r"}, holder="h", now=0.0, ttl=10.0))
    renewed = leases.renew(lease, now=9.0, ttl=10.0)
    assert renewed is not None
    assert (renewed.token, renewed.expires_at) == (lease.token, 19.0)
    assert leases.holds(lease, now=18.0)
    assert leases.release(lease, now=18.0)
    assert leases.renew(lease, now=18.0, ttl=10.0) is None
    assert leases.release(other, now=18.0)
    assert leases.lost == 0


def test_a_lease_of_others_is_not_taken_for_one_of_these() -> None:
    ours, others = Leases(), Leases()
    lease = granted(ours.try_grant({"a"}, holder="h", now=0.0))
    foreign = granted(others.try_grant({"b"}, holder="h", now=0.0))
    assert lease.token == foreign.token
    assert not ours.release(foreign, now=0.0)
    assert ours.holds(lease, now=0.0)


def test_a_clock_that_is_set_back_neither_loses_leases_nor_keeps_them_for_ever() -> None:
    leases = Leases()
    lease = granted(leases.try_grant({"r"}, holder="h", now=1000.0, ttl=10.0))
    assert leases.holds(lease, now=0.0)
    assert leases.holds(lease, now=9.0)
    assert not leases.holds(lease, now=10.0)


def test_several_may_hold_what_has_room_for_several() -> None:
    leases = Leases(capacities={"gpu": 2})
    one, _, three = (leases.ask({"gpu"}, holder=name, now=0.0) for name in "abc")
    assert three.lease is None
    leases.withdraw(one, now=0.0)
    assert three.lease is not None


def test_a_conflict_names_who_holds_what_and_how_many_wait() -> None:
    leases = Leases()
    leases.ask({"file", "port"}, holder="writer", now=0.0, ttl=3.0)
    waiting = leases.ask({"file"}, holder="reader", now=0.0)
    conflict = leases.try_grant({"file", "free"}, holder="third", now=0.0)
    assert isinstance(conflict, Conflict)
    assert str(conflict) == "'file' is held by writer; 1 wait for it already"
    assert str(leases.conflict(waiting)) == "'file' is held by writer"
    assert leases.lapse(waiting, now=1.0) == 2.0
    assert "reader" in repr(waiting)
    assert repr(leases) == "Leases(held=1, waiting=1, lost=0)"


def test_without_waiting_nobody_is_overtaken() -> None:
    leases = Leases()
    leases.ask({"a"}, holder="h", now=0.0)
    leases.ask({"a", "b"}, holder="h", now=0.0)
    assert isinstance(leases.try_grant({"b"}, holder="h", now=0.0), Conflict)
    assert isinstance(leases.try_grant({"c"}, holder="h", now=0.0), Lease)


def test_what_is_gone_leaves_nothing_behind() -> None:
    leases = Leases()
    tracemalloc.start()
    for step in range(3000):
        ending = granted(leases.try_grant({f"r{step}"}, holder="h", now=step / 1e6, ttl=3600.0))
        waiting = leases.ask({f"r{step}"}, holder="h", now=step / 1e6, ttl=3600.0)
        leases.release(ending, now=step / 1e6)
        leases.withdraw(waiting, now=step / 1e6)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 50_000


def test_what_is_held_and_who_waits_is_bounded() -> None:
    leases = Leases(most_leases=2)
    leases.ask({"a"}, holder="h", now=0.0)
    leases.ask({"a"}, holder="h", now=0.0)
    with pytest.raises(CapacityError, match=r"1 leases are held and 1 claims wait, and 2 may\."):
        leases.ask({"b"}, holder="h", now=0.0)
    nobody = Leases(most_waiting=0)
    nobody.ask({"a"}, holder="h", now=0.0)
    with pytest.raises(CapacityError, match="0 claims wait already"):
        nobody.ask({"a"}, holder="h", now=0.0)
    assert nobody.waiting == 0


@pytest.mark.parametrize("resources", ["text", (), [""], ["x" * 301], [str(n) for n in range(65)]])
def test_names_that_make_no_sense_are_refused(resources: list[str]) -> None:
    with pytest.raises(PayloadError):
        Leases().ask(resources, holder="h", now=0.0)


@pytest.mark.parametrize("ttl", [0.0, -1.0, nan, inf])
def test_a_time_to_live_that_makes_no_sense_is_refused(ttl: float) -> None:
    with pytest.raises(PayloadError):
        Leases().try_grant({"r"}, holder="h", now=0.0, ttl=ttl)


def test_a_priority_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(PayloadError):
        Leases().ask({"r"}, holder="h", now=0.0, priority=1001)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Leases(aging=0.0),
        lambda: Leases(aging=nan),
        lambda: Leases(most_leases=0),
        lambda: Leases(most_waiting=-1),
        lambda: Leases(capacities={"r": 0}),
    ],
)
def test_options_of_leases_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()

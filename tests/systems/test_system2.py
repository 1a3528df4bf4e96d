"""Two who want the same thing at once do not get in each other's way, and what swings is seen and damped."""

from collections.abc import Callable
from math import inf, nan
from random import Random

import anyio
import anyio.lowlevel
import pytest
from trio.testing import MockClock

from vsm_mcp.errors import ConfigurationError, ContentionError, PayloadError
from vsm_mcp.systems.coordination.conflicts import ConflictPolicy, Contender
from vsm_mcp.systems.coordination.damping import Damper
from vsm_mcp.systems.coordination.lease import Conflict, Lease
from vsm_mcp.systems.coordination.schedule import Work
from vsm_mcp.systems.system2 import VETOES, System2
from vsm_mcp.testing.world import FakeClock


@pytest.mark.anyio
async def test_the_second_waits_and_is_told_that_it_waited() -> None:
    system, order = System2(), list[tuple[str, bool]]()
    first_in = anyio.Event()

    async def first() -> None:
        async with system.exclusively("slides") as alone:
            first_in.set()
            await anyio.wait_all_tasks_blocked()
            order.append(("first", alone))

    async def second() -> None:
        await first_in.wait()
        async with system.exclusively("slides") as alone:
            order.append(("second", alone))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            tasks.start_soon(second)
    assert order == [("first", True), ("second", False)]
    assert system.conflicts == 1


@pytest.mark.anyio
async def test_different_kinds_never_wait_for_each_other() -> None:
    system = System2()
    with anyio.fail_after(5):
        async with system.exclusively("slides") as one, system.exclusively("time") as other:
            assert one
            assert other
    assert system.conflicts == 0


@pytest.mark.anyio
async def test_a_cancelled_waiter_does_not_block_those_behind_it() -> None:
    system = System2()

    async def wait_in_vain() -> None:
        async with system.exclusively("slides"):
            pytest.fail("two at once")

    async with system.exclusively("slides"), anyio.create_task_group() as tasks:
        tasks.start_soon(wait_in_vain)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        async with system.exclusively("slides") as alone:
            assert alone


@pytest.mark.promise("C10", "C99")
@pytest.mark.anyio
async def test_units_that_need_the_same_thing_never_use_it_at_once() -> None:
    system, inside, most = System2(), 0, 0

    async def use(unit: str) -> None:
        nonlocal inside, most
        for _ in range(3):
            async with system.hold({"file", "port"} if unit == "a" else {"port"}, holder=unit):
                inside += 1
                most = max(most, inside)
                await anyio.lowlevel.checkpoint()
                inside -= 1

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for unit in "abcd":
                tasks.start_soon(use, unit)
    assert most == 1
    assert system.claims == 12
    assert system.conflicts == system.conflicts_resolved > 0
    report = system.report()
    assert (report.held, report.waiting, report.lost) == (0, 0, 0)
    assert report.conflicts_per_1000 == pytest.approx(1000.0 * system.conflicts / 12)


@pytest.mark.anyio
async def test_units_that_need_different_things_work_at_the_same_time() -> None:
    system = System2()
    with anyio.fail_after(5):
        async with system.hold({"a", "b"}, holder="one") as first, system.hold({"c"}, holder="other") as second:
            assert second.token > first.token
            assert system.report().held == 2
    assert system.conflicts == 0


@pytest.mark.promise("C8", "C9")
@pytest.mark.anyio
async def test_of_those_who_wait_the_highest_priority_goes_first_and_it_is_on_record() -> None:
    system, order = System2(), list[str]()

    async def use(unit: str, priority: int) -> None:
        async with system.hold({"file"}, holder=unit, priority=priority):
            order.append(unit)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, system.hold({"file"}, holder="first"):
            for unit, priority in (("low", 0), ("high", 9), ("also low", 0)):
                tasks.start_soon(use, unit, priority)
                await anyio.wait_all_tasks_blocked()
    assert order == ["high", "low", "also low"]
    assert [one.order for one in system.resolutions] == [("first", unit) for unit in order]
    assert system.resolutions[0].reasons == ("first held it.", "high waited with priority 9; 0 were ahead.")


@pytest.mark.promise("C8")
@pytest.mark.anyio
async def test_where_time_is_shared_a_busy_unit_lets_the_others_in_by_their_weights() -> None:
    system, order = System2(policy=ConflictPolicy.TIME_SHARING, weights={"heavy": 2.0}), list[str]()

    async def use(unit: str) -> None:
        async with system.hold({"gpu"}, holder=unit):
            order.append(unit)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, system.hold({"gpu"}, holder="first"):
            for unit in ("busy",) * 4 + ("heavy",) * 8:
                tasks.start_soon(use, unit)
                await anyio.wait_all_tasks_blocked()
    assert all(order[at : at + 3].count("busy") == 1 for at in range(0, 12, 3))


@pytest.mark.promise("C70")
@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("trio", {"clock": MockClock(autojump_threshold=0.0)}), id="trio")]
)
async def test_one_waits_five_seconds_unless_told_otherwise() -> None:
    system, start = System2(), anyio.current_time()
    async with system.hold({"file"}, holder="first"):
        with pytest.raises(ContentionError):
            async with system.hold({"file"}, holder="second"):
                pytest.fail("two at once")
        assert anyio.current_time() - start == pytest.approx(5.0)
        with pytest.raises(ContentionError):
            async with system.hold({"file"}, holder="second", timeout=60.0):
                pytest.fail("two at once")
        assert anyio.current_time() - start == pytest.approx(65.0)


@pytest.mark.anyio
async def test_after_the_deadline_one_is_told_who_holds_what() -> None:
    system = System2(timeout=0.01)
    async with system.hold({"file"}, holder="writer"):
        with pytest.raises(
            ContentionError, match=r"'reader' waited 0\.01 s for file: 'file' is held by writer\."
        ) as told:
            async with system.hold({"file"}, holder="reader"):
                pytest.fail("two at once")
        with pytest.raises(ContentionError):
            async with system.hold({"file"}, holder="reader", timeout=0.0):
                pytest.fail("two at once")
    assert told.value.retryable
    assert (system.conflicts, system.conflicts_resolved) == (2, 0)
    assert (system.report().held, system.report().waiting) == (0, 0)


@pytest.mark.anyio
async def test_an_error_inside_gives_everything_back() -> None:
    system = System2()
    with pytest.raises(RuntimeError):
        async with system.hold({"a", "b"}, holder="one"):
            raise RuntimeError
    with anyio.fail_after(5):
        async with system.hold({"a", "b"}, holder="other"):
            assert system.conflicts == 0


@pytest.mark.anyio
async def test_a_waiter_that_is_cancelled_lets_those_behind_it_go() -> None:
    system, entered = System2(), anyio.Event()

    async def want(*resources: str) -> None:
        async with system.hold(resources, holder=resources[-1]):
            entered.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, system.hold({"a"}, holder="first"):
            async with anyio.create_task_group() as cancelled:
                cancelled.start_soon(want, "a", "b")
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(want, "b")
                await anyio.wait_all_tasks_blocked()
                assert not entered.is_set()
                cancelled.cancel_scope.cancel()
            await entered.wait()
    assert system.report().held == 0


@pytest.mark.anyio
async def test_one_that_is_cancelled_inside_gives_back_what_it_held() -> None:
    system = System2()
    with anyio.move_on_after(0.01):
        async with system.hold({"a"}, holder="one"):
            await anyio.sleep_forever()
    assert system.report().held == 0


@pytest.mark.anyio
async def test_a_block_that_outlives_its_lease_loses_it_to_who_waits() -> None:
    system = System2()
    with anyio.fail_after(5):
        async with (
            system.hold({"a"}, holder="stuck", ttl=0.02) as stuck,
            system.hold({"a"}, holder="next") as following,
        ):
            assert following.token > stuck.token
            assert not system.holds(stuck)
            assert system.holds(following)
    assert system.report().lost == 1


@pytest.mark.anyio
async def test_with_a_clock_that_stands_still_a_waiter_is_woken_by_a_sweep() -> None:
    clock, entered = FakeClock(), anyio.Event()
    system = System2(clock=clock)
    assert isinstance(system.lease({"a"}, holder="dead", ttl=100.0), Lease)

    async def want() -> None:
        async with system.hold({"a"}, holder="next"):
            entered.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(want)
            await anyio.wait_all_tasks_blocked()
            assert system.expire() == 0
            clock.advance(100.0)
            assert system.expire() == 1
            await entered.wait()


def test_leases_without_waiting_are_granted_renewed_and_given_back() -> None:
    clock = FakeClock()
    system = System2(clock=clock, capacities={"b": 2})
    lease = system.lease({"a", "b"}, holder="one", ttl=10.0)
    assert isinstance(lease, Lease)
    assert isinstance(system.lease({"b"}, holder="two", ttl=10.0), Lease)
    conflict = system.lease({"a"}, holder="two", ttl=10.0)
    assert isinstance(conflict, Conflict)
    assert str(conflict) == "'a' is held by one"
    clock.advance(9.0)
    assert system.renew(lease, ttl=10.0) is not None
    clock.advance(9.0)
    assert system.holds(lease)
    assert system.release(lease)
    assert not system.release(lease)
    assert (system.claims, system.conflicts) == (3, 1)


@pytest.mark.promise("C8")
def test_a_conflict_is_resolved_by_any_policy_and_told_with_its_reasons() -> None:
    system = System2()
    contenders = [Contender(unit="a"), Contender(unit="b", priority=1)]
    assert system.resolve("gpu", contenders).order == ("b", "a")
    shared = [system.resolve("gpu", contenders, policy=ConflictPolicy.TIME_SHARING).order[0] for _ in range(4)]
    assert shared == ["b", "a", "b", "a"]
    asked = system.resolve(
        "gpu", contenders, policy=ConflictPolicy.ARBITRATION, arbiter=lambda _, units: [one.unit for one in units]
    )
    assert asked.order == ("a", "b")
    assert (system.conflicts, system.conflicts_resolved, len(system.resolutions)) == (6, 6, 6)
    with pytest.raises(PayloadError):
        system.resolve("gpu", contenders[:1])
    assert system.conflicts == 6


@pytest.mark.promise("C10")
def test_what_flaps_is_vetoed_for_a_while_and_the_share_of_vetoes_is_known() -> None:
    clock = FakeClock()
    system = System2(clock=clock)
    assert system.veto_rate is None
    assert system.may_change("route").allowed
    assert [system.flap("route") for _ in range(3)] == [False, False, True]
    assert system.suppressed("route")
    ruling = system.may_change("route")
    assert (ruling.allowed, ruling.retry_after) == (False, pytest.approx(1800.0))
    assert system.veto_rate == pytest.approx(0.5, abs=0.001)
    assert system.report().suppressed == ("route",)
    clock.advance(1800.0)
    assert not system.suppressed("route")
    assert system.may_change("route").allowed
    assert (system.asked, system.vetoed) == (3, 1)


def test_system_2_watches_its_own_vetoes() -> None:
    clock = FakeClock()
    system = System2(clock=clock)
    for _ in range(60):
        for _ in range(3):
            system.flap("route")
        system.may_change("route")
        clock.advance(7200.0)
        system.may_change("route")
    assert VETOES in dict(system.oscillating())
    assert repr(system) == "System2(conflicts=0)"
    assert system.veto_rate == pytest.approx(0.5, abs=0.01)


@pytest.mark.promise("C10")
def test_what_swings_is_named_and_advice_is_given() -> None:
    system = System2()
    for step in range(200):
        system.watch("load", 1.0 if step % 8 < 4 else -1.0)
        system.watch("calm", 1.0)
    ((name, r),) = system.oscillating()
    assert name == "load"
    assert r > 1.0
    advice = system.damp("load")
    assert advice is not None
    assert advice.damper is Damper.HYSTERESIS
    assert system.damp("calm") is None
    assert [one.series for one in system.report().oscillating] == ["load"]


@pytest.mark.promise("C9")
def test_recurrent_work_of_the_units_is_on_the_timetable() -> None:
    system = System2(random=Random(1))  # noqa: S311
    for unit in "ab":
        work = Work(unit=unit, name="sweep", resources=frozenset({"disk"}), period=10.0, duration=2.0)
        system.timetable.plan(work, now=0.0)
    begun = list[str]()
    for second in range(30):
        for turn in system.timetable.due(now=float(second)):
            begun.append(turn.work.unit)
            assert system.timetable.done(turn, now=second + 1.0)
    assert begun.count("a") >= 2
    assert begun.count("b") >= 2
    assert system.report().turns_begun == len(begun)


def test_before_anything_happened_nothing_is_claimed_to_be_known() -> None:
    report = System2().report()
    assert (report.conflicts_per_1000, report.veto_rate) == (None, None)
    assert (report.claims, report.asked, report.oscillating) == (0, 0, ())
    assert str(report).startswith("CoordinationReport\n")


@pytest.mark.anyio
@pytest.mark.parametrize("timeout", [-1.0, nan])
async def test_a_deadline_that_makes_no_sense_is_refused(timeout: float) -> None:
    with pytest.raises(PayloadError):
        async with System2().hold({"a"}, holder="one", timeout=timeout):
            pytest.fail("no such deadline")


@pytest.mark.parametrize("name", ["", "x" * 301])
def test_names_without_sense_are_refused(name: str) -> None:
    system = System2()
    with pytest.raises(PayloadError):
        system.flap(name)
    with pytest.raises(PayloadError):
        system.may_change(name)
    with pytest.raises(PayloadError):
        system.watch(name, 1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: System2(timeout=0.0),
        lambda: System2(timeout=inf),
        lambda: System2(policy=ConflictPolicy.ARBITRATION),
        lambda: System2(weights={"a": 0.0}),
        lambda: System2(capacities={"a": 0}),
    ],
)
def test_options_of_system_2_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()

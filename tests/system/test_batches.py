"""Many operations are done a few at a time, similar ones together, and each has its own end."""

from collections import Counter
from collections.abc import Mapping, Sequence

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, PayloadError, ToolError
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.system.batches import BatchOutcome, execute_in_batches


class Work:
    """Does operations, counts how many are under way, and fails those it is told to."""

    def __init__(self, broken: Mapping[str, Exception] | None = None) -> None:
        self.broken = dict(broken or {})
        self.under_way = list[str]()
        self.together = list[int]()

    async def execute(self, operation: Operation) -> Outcome:
        self.under_way.append(operation.needs)
        try:
            for _ in range(30):
                await anyio.lowlevel.checkpoint()
            self.together.append(len(self.under_way))
            if operation.needs in self.broken:
                raise self.broken[operation.needs]
        finally:
            self.under_way.remove(operation.needs)
        return Outcome(value=operation.needs, text=operation.needs, server="s", tool="t", elapsed=0.0)


def some(*needs: str) -> list[Operation]:
    return [Operation(needs=need) for need in needs]


def numbers(outcome: BatchOutcome) -> Sequence[int]:
    return [item.batch for item in outcome.items]


@pytest.mark.anyio
@pytest.mark.promise("A19", "A67")
async def test_each_operation_has_an_outcome_or_an_error_of_its_own_in_the_order_given() -> None:
    missing, broke = CapabilityMissingError("Nothing can fold."), ToolError("It broke.")
    work = Work({"fold": missing, "cut": broke})
    outcome = await execute_in_batches(work.execute, some("count", "fold", "count", "cut", "weigh"))
    assert [item.operation.needs for item in outcome.items] == ["count", "fold", "count", "cut", "weigh"]
    assert [item.error for item in outcome.items] == [None, missing, None, broke, None]
    assert [item.ok for item in outcome.items] == [True, False, True, False, True]
    assert [one.value for one in outcome.outcomes] == ["count", "count", "weigh"]
    assert [item.operation.needs for item in outcome.failed] == ["fold", "cut"]
    assert (outcome.batches, outcome.elapsed > 0) == (1, True)


@pytest.mark.anyio
@pytest.mark.promise("A64")
async def test_similar_operations_share_a_batch() -> None:
    needs = ["a", "b", "c"] * 4
    outcome = await execute_in_batches(Work().execute, some(*needs))
    assert dict(zip(needs, numbers(outcome), strict=True)) == {"a": 1, "b": 1, "c": 2}
    assert outcome.batches == 2


@pytest.mark.anyio
async def test_operations_are_similar_when_they_differ_in_spelling_only_and_not_when_they_name_other_tools() -> None:
    needs = [*some("Fold  it", "x", "fold it"), Operation(needs="fold it", tool="folder")]
    assert numbers(await execute_in_batches(Work().execute, needs, most=3)) == [1, 1, 1, 2]


@pytest.mark.anyio
@pytest.mark.promise("A65", "A66")
async def test_a_batch_has_at_most_ten_operations_all_at_the_same_time() -> None:
    work = Work()
    outcome = await execute_in_batches(work.execute, some(*["count"] * 25))
    assert Counter(numbers(outcome)) == {1: 10, 2: 10, 3: 5}
    assert max(work.together) == 10


@pytest.mark.anyio
async def test_what_is_no_operation_fails_alone() -> None:
    async def execute(operation: Operation) -> Outcome:
        return Outcome(value=operation.kind, text="", server="s", tool="t", elapsed=0.0)

    outcome = await execute_in_batches(execute, some("", "count", "x" * 300))
    assert [type(item.error) for item in outcome.items] == [PayloadError, type(None), PayloadError]


@pytest.mark.anyio
async def test_nothing_to_do_is_done() -> None:
    outcome = await execute_in_batches(Work().execute, ())
    assert (outcome.items, outcome.batches, outcome.outcomes) == ((), 0, ())


@pytest.mark.anyio
async def test_a_defect_passes_bare_and_ends_the_others() -> None:
    work = Work({"cut": ZeroDivisionError("a defect")})
    with pytest.raises(ZeroDivisionError, match="a defect"):
        await execute_in_batches(work.execute, some("count", "cut", "weigh"))
    assert work.under_way == []


@pytest.mark.anyio
async def test_who_is_cancelled_leaves_nothing_under_way() -> None:
    work = Work()
    with anyio.move_on_after(0) as scope:
        await execute_in_batches(work.execute, some("count", "weigh"))
    assert (scope.cancelled_caught, work.under_way) == (True, [])


@pytest.mark.anyio
async def test_a_batch_without_room_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot have 0 operations"):
        await execute_in_batches(Work().execute, some("count"), most=0)


@given(st.lists(st.sampled_from("abcdef"), max_size=60), st.integers(1, 12))
def test_every_operation_is_done_once_and_no_batch_is_split_without_need(needs: list[str], most: int) -> None:
    async def execute(operation: Operation) -> Outcome:
        return Outcome(value=operation.needs, text="", server="s", tool="t", elapsed=0.0)

    outcome = anyio.run(lambda: execute_in_batches(execute, some(*needs), most=most))
    assert [one.value for one in outcome.outcomes] == needs
    assert max(Counter(numbers(outcome)).values(), default=0) <= most
    assert sorted(set(numbers(outcome))) == list(range(1, outcome.batches + 1))
    for need, times in Counter(needs).items():
        assert len({item.batch for item in outcome.items if item.operation.needs == need}) == -(-times // most)

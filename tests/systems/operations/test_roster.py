"""The roster finds units by kind, in order, and knows without counting how many are viable."""

import tracemalloc
from contextlib import suppress
from random import Random

import pytest

from vsm_mcp.errors import ConfigurationError, ToolError
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.systems.operations import roster as roster_module
from vsm_mcp.systems.operations.roster import MOST_KINDS, Roster
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.operations.unit_policy import UnitPolicy


class Moody:
    """Performs or fails, as told."""

    works = True

    async def execute(self, operation: Operation, /) -> Outcome:
        if not self.works:
            raise ToolError("It broke.")
        return Outcome(value=None, text="", server="host", tool="work", elapsed=0.0)


def unit(name: str, *kinds: str, priority: int = 0, budget: int | None = None) -> OperationalUnit:
    takes = frozenset(kinds) if kinds else None
    return OperationalUnit(name, Moody(), policy=UnitPolicy(takes=takes, priority=priority, most_per_period=budget))


def names(units: tuple[OperationalUnit, ...]) -> list[str]:
    return [one.name for one in units]


def test_units_that_take_a_kind_come_by_priority_and_then_by_name() -> None:
    roster = Roster()
    for one in (unit("b", "read *"), unit("a"), unit("c", "read files", priority=5), unit("d", "write *")):
        roster.add(one)
    assert names(roster.that_take("read files")) == ["c", "a", "b"]
    assert names(roster.that_take("write files")) == ["a", "d"]
    assert names(roster.ordered) == ["c", "a", "b", "d"]
    roster.remove("a")
    roster.add(unit("0", "read files"))
    assert names(roster.that_take("read files")) == ["c", "0", "b"]
    assert repr(roster) == "Roster(units=4, viable=0, failing=0)"


def test_of_many_units_the_few_that_take_a_kind_are_found_and_nothing_is_kept_of_those_that_went() -> None:
    roster = Roster()
    for number in range(3000):
        roster.add(unit(f"u{number}", f"kind {number}", "common"))
    for number in range(3000):
        assert names(roster.that_take(f"kind {number}")) == [f"u{number}"]
    assert len(roster.that_take("common")) == 3000
    for number in range(3000):
        roster.remove(f"u{number}")
    assert roster.that_take("common") == roster.that_take("kind 7") == ()
    assert len(roster) == 0


def test_a_unit_that_is_full_lets_another_one_go_first() -> None:
    roster = Roster()
    for one in (unit("a", budget=0), unit("b", budget=0), unit("c"), unit("d")):
        roster.add(one)
    assert names(roster.for_work("x", most=3)) == ["c", "a", "b"]
    assert names(roster.for_work("x", most=1)) == ["c"]
    roster.remove("c")
    roster.remove("d")
    assert names(roster.for_work("x", most=3)) == ["a", "b"]


def test_names_are_unique_and_unknown_ones_are_told() -> None:
    roster = Roster()
    roster.add(unit("a"))
    with pytest.raises(ConfigurationError, match="named 'a' already"):
        roster.add(unit("a"))
    with pytest.raises(ConfigurationError, match="no unit named 'z'") as caught:
        roster.remove("z")
    assert "There are: a." in str(caught.value)
    assert list(roster.units) == ["a"]
    assert len(roster) == 1


def test_the_number_of_units_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MOST_UNITS", 1)
    roster = Roster()
    roster.add(unit("a"))
    with pytest.raises(ConfigurationError, match="units already"):
        roster.add(unit("b"))


def test_remembered_kinds_are_bounded() -> None:
    roster = Roster()
    roster.add(unit("a"))
    tracemalloc.start()
    for number in range(20 * MOST_KINDS):
        assert names(roster.that_take(f"kind {number}")) == ["a"]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 400 * MOST_KINDS


@pytest.mark.anyio
async def test_a_unit_that_was_replaced_under_its_name_counts_no_longer() -> None:
    roster, old = Roster(), unit("a")
    roster.add(old)
    roster.remove("a")
    roster.add(unit("a"))
    await old.execute(Operation(needs="x"))
    roster.judge(old)
    assert (roster.viable, roster.failing) == (0, 0)


@pytest.mark.anyio
async def test_the_counts_are_those_of_looking_at_every_unit_whatever_happened() -> None:
    luck, roster, away = Random(7), Roster(), dict[str, OperationalUnit]()  # noqa: S311
    for number in range(12):
        roster.add(unit(f"u{number}"))
    for _ in range(600):
        name = f"u{luck.randrange(12)}"
        one = roster.units.get(name) or away[name]
        match luck.randrange(6):
            case 0 if name in roster.units:
                away[name] = roster.remove(name)
            case 0:
                roster.add(away.pop(name))
            case _:
                performer = one.performer
                assert isinstance(performer, Moody)
                performer.works = luck.random() < 0.5
                with suppress(ToolError):
                    await one.execute(Operation(needs="x"))
                roster.judge(one)
        judged = [one.viable for one in roster.units.values()]
        assert (roster.viable, roster.failing) == (judged.count(True), judged.count(False))

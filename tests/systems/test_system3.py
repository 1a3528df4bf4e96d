"""What the whole can afford goes before what a part wants."""

from datetime import UTC, datetime, timedelta

import pytest

from vsm_mcp.errors import PolicyError
from vsm_mcp.systems.system3 import Budget, System3

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Noon:
    def now(self) -> datetime:
        return NOW


def system(**limits: int) -> System3:
    return System3(budget=Budget(**limits), clock=Noon())


def test_within_the_budget_an_acquisition_is_granted() -> None:
    system(servers=2).grant([NOW])


def test_a_server_too_many_is_refused_with_a_remedy() -> None:
    with pytest.raises(PolicyError, match="2 servers are held and the budget allows 2") as refusal:
        system(servers=2).grant([NOW, NOW])
    assert "release_capability" in str(refusal.value)


def test_too_many_acquisitions_within_a_day_are_refused() -> None:
    with pytest.raises(PolicyError, match="within a day"):
        system(acquisitions_per_day=1).grant([NOW - timedelta(hours=23)])


def test_what_was_acquired_the_day_before_does_not_count() -> None:
    system(acquisitions_per_day=1).grant([NOW - timedelta(hours=25)])

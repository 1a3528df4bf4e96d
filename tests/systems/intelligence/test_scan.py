"""The scan sees what demand does, searches servers for the largest gaps, and proposes what to acquire."""

from datetime import timedelta
from random import Random

import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.errors import DiscoveryError
from vsm_mcp.model.operation import Stage
from vsm_mcp.systems.intelligence.scan import Scanner
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.variety.calculator import VarietyCalculator


class Counting:
    """A source that counts how often it is asked, and may be out of order."""

    name = "counting"
    fresh_for = AT_ONCE

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.asked = 0
        self.broken = False

    async def listing(self, known: Listing | None, /) -> Listing:
        self.asked += 1
        if self.broken:
            raise DiscoveryError("It is out of order.", stage="discover")
        return await self._shelf.listing(known)


def shelf() -> Shelf:
    offers = Shelf()
    offers.offer("painter", object, summary="Draws pictures.")
    offers.offer("writer", object, summary="Writes letters.")
    return offers


class Setting:
    """A scanner with all that it looks at."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.variety = VarietyCalculator()
        self.source = Counting(shelf())
        self.scanner = Scanner(
            discovery=MCPDiscovery((self.source,)),
            variety=self.variety,
            clock=self.clock,
            random=Random(1),  # noqa: S311 - a reproducible simulation
        )

    def demand(self, kind: str, stage: Stage, count: int) -> None:
        self.variety.observe_many([(kind, stage)] * count)


@pytest.mark.anyio
async def test_without_demand_nothing_is_seen_and_nothing_is_searched() -> None:
    setting = Setting()
    report = await setting.scanner.scan(held=(), failed={})
    assert (report.gap_share, report.forecast, report.unseen_share, report.drifting) == (None, None, None, None)
    assert (report.threats, report.proposals.best, report.scenarios) == ((), (), ())
    assert setting.source.asked == 0
    assert repr(setting.scanner).startswith("Scanner(last=20")


@pytest.mark.anyio
@pytest.mark.promise("C16")
async def test_the_largest_gap_is_met_with_the_server_found_for_it() -> None:
    setting = Setting()
    setting.demand("read books", Stage.ABSORBED, 60)
    setting.demand("write letters", Stage.UNKNOWN, 30)
    setting.demand("draw pictures", Stage.UNKNOWN, 10)
    report = await setting.scanner.scan(held=(), failed={})
    assert [proposal.server for proposal in report.proposals.best] == ["writer", "painter"]
    assert setting.scanner.candidate("writer") is not None
    assert setting.scanner.candidate("nobody") is None
    assert setting.scanner.last is report
    assert report.scenarios[0].p_over_limit > 0.9
    assert "100 demands" in report.basis
    assert report.model_dump_json()


@pytest.mark.anyio
async def test_a_kind_is_searched_again_only_after_a_while() -> None:
    setting = Setting()
    setting.demand("write letters", Stage.UNKNOWN, 5)
    for _ in range(3):
        await setting.scanner.scan(held=(), failed={})
    assert setting.source.asked == 1
    setting.clock.advance(timedelta(minutes=11))
    await setting.scanner.scan(held=(), failed={})
    assert setting.source.asked == 2


@pytest.mark.anyio
async def test_sources_that_fail_are_named_and_the_rest_is_still_seen() -> None:
    setting = Setting()
    setting.source.broken = True
    setting.demand("write letters", Stage.UNKNOWN, 5)
    report = await setting.scanner.scan(held=(), failed={})
    assert report.sources_failed
    assert report.proposals.best == ()
    assert report.gap_share == 1.0


@pytest.mark.anyio
@pytest.mark.promise("C16")
async def test_demand_that_rises_and_is_not_covered_is_a_threat() -> None:
    setting = Setting()
    setting.demand("read books", Stage.ABSORBED, 400)
    setting.demand("draw pictures", Stage.UNKNOWN, 5)
    setting.demand("read books", Stage.ABSORBED, 300)
    setting.demand("draw pictures", Stage.UNKNOWN, 100)
    report = await setting.scanner.scan(held=(), failed={})
    assert "draw pictures" in [threat.kind for threat in report.threats]
    assert any("It rose from" in threat.why for threat in report.threats)


@pytest.mark.anyio
async def test_demand_that_stays_as_it_is_is_no_threat() -> None:
    setting = Setting()
    for _ in range(200):
        setting.demand("read books", Stage.ABSORBED, 9)
        setting.demand("draw pictures", Stage.UNKNOWN, 1)
    report = await setting.scanner.scan(held=(), failed={})
    assert report.threats == ()
    assert report.drifting is False


@pytest.mark.anyio
@pytest.mark.promise("C17", "C154")
async def test_a_gap_that_grows_from_scan_to_scan_is_foreseen() -> None:
    setting = Setting()
    for step in range(12):
        setting.demand("read books", Stage.ABSORBED, 40)
        setting.demand("draw pictures", Stage.UNKNOWN, 4 * step)
        await setting.scanner.scan(held=(), failed={})
    report = setting.scanner.last
    assert report is not None
    assert report.forecast is not None
    assert report.forecast.mean > (setting.variety.gap().share or 1.0)
    assert any("on its way to" in threat.why for threat in report.threats)


@pytest.mark.anyio
async def test_many_kinds_are_simulated_with_the_rare_ones_together() -> None:
    setting = Setting()
    for number in range(200):
        setting.demand(f"kind {number}", Stage.UNKNOWN if number % 2 else Stage.ABSORBED, 3)
    report = await setting.scanner.scan(held=(), failed={})
    (scenario,) = report.scenarios
    assert report.gap_share is not None
    assert scenario.gap_low - 0.1 < report.gap_share < scenario.gap_high + 0.1

"""Who listens hears what it asked for, and a handler that fails disturbs nobody."""

from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Operation, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.errors import ArgumentError, CapabilityMissingError, ConfigurationError, ToolError
from vsm_mcp.events import (
    CallRefused,
    Event,
    Events,
    GapMeasured,
    HandlerDetached,
    OperationEnded,
    Progress,
    ServerStarted,
)
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.testing.servers import memory_server


def progress(detail: str = "") -> Progress:
    return Progress(subject="any", detail=detail)


@pytest.mark.promise("C84")
def test_a_handler_hears_the_events_of_its_type_with_their_measurements_and_can_warn_of_a_large_gap() -> None:
    events, warnings = Events(), list[str]()

    def warn(event: GapMeasured) -> None:
        if event.kinds > 100:
            warnings.append(f"{event.kinds} kinds are not covered")

    events.attach("large gap", GapMeasured, warn)
    events(GapMeasured(share=0.1, bits=0.5, basis=9, kinds=100))
    events(progress())
    events(GapMeasured(share=0.9, bits=6.6, basis=900, kinds=150))
    assert warnings == ["150 kinds are not covered"]


@pytest.mark.anyio
@pytest.mark.promise("C84", "B63")
async def test_the_events_of_a_living_system_can_be_listened_to_from_before_it_lives(tmp_path: Path) -> None:
    ended, gaps = list[OperationEnded](), list[GapMeasured]()
    settings = Settings(state=tmp_path, autonomy=Autonomy.OBSERVE, sandbox=Confinement.NONE)
    vsm = ViableSystem(settings, sources=(Shelf(),))
    vsm.events.attach("operations", OperationEnded, ended.append)
    async with vsm:
        with vsm.events.attach("gaps", GapMeasured, gaps.append):
            for _ in range(3):
                with pytest.raises(CapabilityMissingError):
                    await vsm.execute(Operation(needs="fold proteins"))
            async with vsm.regulate(every=3600) as cycles:
                while not gaps:  # noqa: ASYNC110 - it is looked for as a host would
                    await anyio.sleep(0.001)
        assert cycles.reports
        stats = vsm.cache_stats()["kinds"]
    assert [event.stage for event in ended] == ["s4_unknown"] * 3
    assert (gaps[0].share, gaps[0].kinds, gaps[0].basis) == (1.0, 1, 3)
    assert (stats.size, stats.hits, stats.misses, stats.evictions) == (1, 2, 1, 0)


def divide(by: int) -> float:
    """Divide one by a number."""
    return 1 / by


@pytest.mark.anyio
@pytest.mark.promise("D53")
async def test_connections_calls_failures_and_refusals_are_told_with_the_time_they_took(tmp_path: Path) -> None:
    shelf, heard = Shelf(), list[Event]()
    shelf.offer("numbers", lambda: memory_server({"divide": divide}), summary="Divides one by a number.")
    settings = Settings(state=tmp_path, allow=("memory:*",), autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        probe = Probe(tool="divide", arguments={"by": 2})
        await vsm.acquire_capability("divide one by a number", "numbers", probe=probe)
        with vsm.events.attach("log", Event, heard.append):
            await vsm.call_tool("divide", {"by": 2})
            with pytest.raises(ToolError):
                await vsm.call_tool("divide", {"by": 0})
            with pytest.raises(ArgumentError):
                await vsm.call_tool("divide", {"by": "two"})
    (started,) = [event for event in heard if isinstance(event, ServerStarted)]
    ended = [event for event in heard if isinstance(event, OperationEnded)]
    (refused,) = [event for event in heard if isinstance(event, CallRefused)]
    assert (started.server, started.elapsed > 0) == ("numbers", True)
    assert [(event.tool, event.stage) for event in ended] == [
        ("divide", "absorbed"),
        ("divide", "s1_failed"),
        ("divide", "s1_failed"),
    ]
    assert all(event.elapsed > 0 for event in ended)
    assert (refused.server, refused.tool, "by" in refused.reason) == ("numbers", "divide", True)


def test_the_sink_of_the_host_hears_everything_last() -> None:
    heard: list[str] = []
    events = Events(lambda event: heard.append(f"sink {type(event).__name__}"))
    events.attach("all", Event, lambda event: heard.append(f"handler {type(event).__name__}"))
    events(progress())
    assert heard == ["handler Progress", "sink Progress"]


def test_a_detached_handler_hears_nothing_and_its_name_is_free_again() -> None:
    events, heard = Events(), list[Event]()
    with events.attach("progress", Progress, heard.append) as subscription:
        events(progress())
        with pytest.raises(ConfigurationError, match="attached already"):
            events.attach("progress", Progress, heard.append)
    subscription.detach()
    events(progress())
    assert len(heard) == 1
    assert repr(subscription) == "Subscription('progress', Progress)"
    assert repr(events) == "Events(nobody listens)"
    events.attach("progress", Progress, heard.append)
    assert repr(events) == "Events(progress)"


def test_a_handler_that_fails_is_detached_after_three_failures_in_a_row_and_disturbs_nobody() -> None:
    heard: list[Event] = []
    events = Events(heard.append)

    def fail(event: Progress) -> None:
        if event.detail != "well":
            raise ValueError(event.detail)

    events.attach("fails", Progress, fail)
    for detail in ("one", "two", "well", "three", "four"):
        events(progress(detail))
    assert not [event for event in heard if isinstance(event, HandlerDetached)]
    events(progress("five"))
    (detached,) = [event for event in heard if isinstance(event, HandlerDetached)]
    assert (detached.name, detached.reason) == ("fails", "ValueError: five")
    events(progress("six"))
    assert len([event for event in heard if isinstance(event, Progress)]) == 7


def test_a_handler_may_detach_others_while_it_hears() -> None:
    events, heard = Events(), list[Event]()
    events.attach("first", Progress, lambda _: events.detach("second"))
    events.attach("second", Progress, heard.append)
    events(progress())
    events(progress())
    assert len(heard) <= 1

"""What operations came to is heard by the systems above, at the moment they end, and by the host last."""

from datetime import timedelta
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import CapabilityMissingError, VSMError
from vsm_mcp.events import CapabilityReleased, Event, OperationEnded
from vsm_mcp.model.operation import Outcome, Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.feedback import Feedback
from vsm_mcp.systems.intelligence.upkeep import Upkeep
from vsm_mcp.systems.operations.unit import OperationalUnit
from vsm_mcp.systems.system3 import Budget, System3
from vsm_mcp.systems.vitals.burn_rate import HOUR, BurnRate
from vsm_mcp.systems.vitals.channels import Channels, Purpose
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.testing.world import FakeClock, RecordingSink
from vsm_mcp.world.world import World

DONE = Outcome(value="done", text="done", server="host", tool="own", elapsed=0.0)


def ended(kind: str = "count words", *, stage: str = Stage.ABSORBED, server: str | None = "words") -> OperationEnded:
    return OperationEnded(kind=kind, stage=stage, server=server, tool="count", elapsed=0.25)


async def well(unit: str) -> bool:
    return bool(unit)


class Above:
    """All who must hear, and the host's sink, which looks at what they know at the moment it hears."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        now = self.clock.now().timestamp()
        self.system3 = System3(budget=Budget(), clock=self.clock, inspect=well)
        self.upkeep = Upkeep()
        self.burn = BurnRate(slo=0.5)
        self.channels = Channels(now=now)
        self.known_when_heard: list[int] = []
        self.heard = RecordingSink()
        self.feedback = Feedback(
            system3=self.system3,
            upkeep=self.upkeep,
            burn=self.burn,
            channels=self.channels,
            clock=self.clock,
            emit=self.hear,
        )

    def hear(self, event: Event, /) -> None:
        self.known_when_heard.append(self.sent(SystemId.SYSTEM1, SystemId.SYSTEM3, Purpose.FEEDBACK))
        self.heard(event)

    def sent(self, source: SystemId, target: SystemId, purpose: Purpose) -> int:
        traffic = self.channels.report(self.clock.now().timestamp()).traffic
        return sum(line.n for line in traffic if (line.source, line.target, line.purpose) == (source, target, purpose))

    def bad_rate(self) -> float | None:
        return self.burn.rate(HOUR, now=self.clock.now().timestamp())


@pytest.mark.promise("C100", "C102")
def test_every_end_of_an_operation_reaches_all_who_must_hear_and_the_host_last() -> None:
    above = Above()
    above.feedback(ended())
    above.feedback(ended(stage=Stage.FAILED))
    above.feedback(ended(stage=Stage.UNKNOWN, server=None))
    told = above.system3.reported.of("words")
    assert told is not None
    assert (told.n, told.elapsed) == (2, pytest.approx(0.25))
    assert told.share == pytest.approx(0.5, abs=0.01)
    assert tuple(above.system3.audits.units) == ("words",)
    assert above.upkeep.used_share("words") == pytest.approx(1 / 3, abs=0.01)
    assert above.bad_rate() == pytest.approx((2 / 3) / 0.5)
    for source, target, purpose in (
        (SystemId.ENVIRONMENT, SystemId.SYSTEM1, Purpose.OPERATIONS),
        (SystemId.SYSTEM1, SystemId.ENVIRONMENT, Purpose.OPERATIONS),
        (SystemId.SYSTEM1, SystemId.SYSTEM3, Purpose.FEEDBACK),
    ):
        assert above.sent(source, target, purpose) == 3
    assert above.known_when_heard == [1, 2, 3]
    assert above.channels.refused == 0


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in {Stage.ABSORBED, Stage.FAILED}])
def test_what_never_ran_says_nothing_about_a_server_and_counts_as_lost(stage: Stage) -> None:
    above = Above()
    above.feedback(ended(stage=stage))
    assert above.system3.reported.of("words") is None
    assert above.upkeep.used_share("words") == 0.0
    assert above.bad_rate() == pytest.approx(2.0)


def test_other_events_only_pass() -> None:
    above, event = Above(), CapabilityReleased(server="words")
    above.feedback(event)
    assert above.heard.events == [event]
    assert above.upkeep.used_share("words") is None
    assert above.bad_rate() is None


@pytest.mark.parametrize("kind", ["x" * 100_000, "", "\x00", "\ud800", "ﬃ" * 200, "'; DROP TABLE kinds; --"])
@pytest.mark.parametrize("server", ["s" * 100_000, "", "\ud800"])
def test_a_hostile_kind_or_name_never_breaks_what_hears_of_it(kind: str, server: str) -> None:
    above = Above()
    event = ended(kind, server=server)
    above.feedback(event)
    assert above.heard.events == [event]
    assert above.sent(SystemId.ENVIRONMENT, SystemId.SYSTEM1, Purpose.OPERATIONS) == 1


def test_a_clock_that_is_set_back_changes_no_count() -> None:
    above = Above()
    above.feedback(ended())
    above.clock.advance(timedelta(days=-365))
    above.feedback(ended(stage=Stage.FAILED))
    assert above.bad_rate() == pytest.approx(1.0)
    assert above.sent(SystemId.SYSTEM1, SystemId.SYSTEM3, Purpose.FEEDBACK) == 2


def test_ever_new_kinds_and_servers_are_heard_in_bounded_memory() -> None:
    above = Above()
    for number in range(3000):
        above.feedback(ended(f"kind {number}", server=f"server {number}"))
    assert len(above.system3.reported) <= 1000
    assert len(above.system3.audits.units) <= 1000
    report = above.channels.report(above.clock.now().timestamp())
    assert all(line.kinds <= 100 for line in report.traffic)
    assert len(above.heard.events) == 3000


class Worker:
    """Does what it is asked."""

    async def execute(self, operation: Operation, /) -> Outcome:
        return DONE


def echo(text: str) -> str:
    """Say it again."""
    return text


@pytest.mark.anyio
@pytest.mark.promise("C100")
async def test_in_a_whole_system_units_tools_and_losses_are_all_heard_of(tmp_path: Path) -> None:
    offers, heard, known = Shelf(), RecordingSink(), list[float | None]()
    offers.offer("parrot", lambda: memory_server({"echo": echo}), summary="Says it again.")

    def hear(event: Event) -> None:
        heard(event)
        if isinstance(event, OperationEnded) and event.server is not None:
            known.append(upkeep.used_share(event.server))

    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, allow=("memory:*",), sandbox=Confinement.NONE)
    clock = FakeClock()
    world = World(clock=clock)
    async with ViableSystem(settings, shelf=offers, sources=(offers,), world=world, emit=hear) as vsm:
        upkeep = vsm.parts.system4.upkeep
        vsm.add_unit(OperationalUnit("packer", Worker()))
        await vsm.execute(Operation(needs="pack boxes"))
        vsm.parts.system1.remove_unit("packer")
        await vsm.acquire_capability("say it again", server="parrot")
        await vsm.execute(Operation(needs="say it again", arguments={"text": "hello"}))
        with pytest.raises(CapabilityMissingError):
            await vsm.parts.system1.execute(Operation(needs="fly"))
        with pytest.raises(VSMError):
            await vsm.parts.system1.execute(Operation(needs="ß" * 150))
        reported = tuple(vsm.parts.system3.reported.units)
    assert [(event.kind, event.stage, event.server) for event in heard.of(OperationEnded)] == [
        ("pack boxes", Stage.ABSORBED, "packer"),
        ("say it again", Stage.ABSORBED, "parrot"),
        ("fly", Stage.UNKNOWN, None),
    ]
    assert reported == ("packer", "parrot")
    assert known == [1.0, pytest.approx(0.5, abs=0.01)]

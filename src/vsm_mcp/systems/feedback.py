"""Feedback: what operations tell the systems above them, at the moment they end."""

from vsm_mcp.events import Event, EventSink, OperationEnded, ignore
from vsm_mcp.model.operation import Stage
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.intelligence.upkeep import Upkeep
from vsm_mcp.systems.system3 import System3
from vsm_mcp.systems.vitals.burn_rate import BurnRate
from vsm_mcp.systems.vitals.channels import LONGEST_KIND, Channels, Purpose
from vsm_mcp.systems.vitals.durations import Durations
from vsm_mcp.world.clock import Clock

_UNNAMED = "(unnamed)"
_REPORTED = frozenset({Stage.ABSORBED, Stage.FAILED})


class Feedback:
    """Hears of every operation that ends, and passes each event on.

    Args:
        system3: Keeps what each server reports of itself.
        upkeep: Keeps which server absorbs how much.
        burn: Watches how fast the budget of lost demand is used up.
        channels: Counts the traffic.
        clock: Says when it happened.
        durations: Keeps how long those took that ran; ``None``: nobody does.
        emit: Hears everything as well, last.
    """

    def __init__(
        self,
        *,
        system3: System3,
        upkeep: Upkeep,
        burn: BurnRate,
        channels: Channels,
        clock: Clock,
        durations: Durations | None = None,
        emit: EventSink = ignore,
    ) -> None:
        """Keep who must hear."""
        self._system3 = system3
        self._upkeep = upkeep
        self._burn = burn
        self._channels = channels
        self._clock = clock
        self._durations = durations
        self._emit = emit

    def __call__(self, event: Event, /) -> None:
        """Take note of an event, and pass it on."""
        if isinstance(event, OperationEnded):
            self._note(event)
        self._emit(event)

    def _note(self, event: OperationEnded) -> None:
        now = self._clock.now().timestamp()
        stage = Stage(event.stage)
        absorbed = stage is Stage.ABSORBED
        if stage in _REPORTED:
            if self._durations is not None:
                self._durations.note(event.elapsed)
            if event.server is not None:
                self._system3.note_operation(event.server, absorbed=absorbed, elapsed=event.elapsed)
        self._upkeep.note(event.server if absorbed else None)
        self._burn.record(now, bad=not absorbed)
        send = self._channels.send
        asked = event.kind[:LONGEST_KIND] or _UNNAMED
        send(SystemId.ENVIRONMENT, SystemId.SYSTEM1, purpose=Purpose.OPERATIONS, kind=asked, now=now)
        send(SystemId.SYSTEM1, SystemId.ENVIRONMENT, purpose=Purpose.OPERATIONS, kind=event.stage, now=now)
        send(SystemId.SYSTEM1, SystemId.SYSTEM3, purpose=Purpose.FEEDBACK, kind=event.stage, now=now)

"""Records what servers are seen to do, and tells when one does what it did not do while it was proven."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vsm_mcp.events import BehaviourDeviated, EgressDecided, EgressEnded, Event, EventSink, ignore
from vsm_mcp.model.behaviour import MOST_NAMES, Behaviour, bounded, deviation
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.supervision.spawner import DynamicSpawner
from vsm_mcp.servers.workspace import Workspace


@dataclass(slots=True)
class Sight:
    """What was seen of a server on trial so far; that no host was seen means from the beginning that none was."""

    seen: Behaviour = field(default_factory=lambda: Behaviour(hosts=frozenset()))

    def note(
        self,
        *,
        hosts: Collection[str] | None = None,
        files: Collection[str] | None = None,
        programs: Collection[str] | None = None,
    ) -> Behaviour:
        """Take note of what it was seen to do, and return all that was seen; ``None`` says that nobody looked."""
        self.seen = self.seen.join(Behaviour(hosts=_names(hosts), files=_names(files), programs=_names(programs)))
        return self.seen


class BehaviourRecorder:
    """Hears what happens: keeps what is seen of servers on trial, and compares what held ones do with their pins.

    It stands before the listeners of the whole: every event passes it. What it keeps is bounded, and kept for servers
    that are on trial or held, no longer; each new thing is told once.

    A deviation is a signal for people and for those who watch over the whole; it stops nothing.

    Args:
        emit: Hears of deviations.
    """

    def __init__(self, *, emit: EventSink = ignore) -> None:
        """Begin with nothing seen."""
        self._emit = emit
        self._trials: dict[str, list[Sight]] = {}
        self._pinned: dict[str, Behaviour] = {}
        self._told: dict[str, set[str]] = {}

    def event(self, event: Event, /) -> None:
        """Take note of an event: what a server asked the network for."""
        match event:
            case EgressDecided(subject=server, host=host, allowed=True):
                self._asked(server, (host,))
            case EgressEnded(subject=server, reached=places):
                self._asked(server, tuple(place.rpartition(":")[0] for place in places))
            case _:
                return

    @contextmanager
    def trial(self, server: str) -> Generator[Sight]:
        """Look at a server for as long as it is on trial; afterwards nothing of that is kept here.

        An event does not say which instance of a server it is about. While an earlier version of it is held and works,
        what either asks the network for is seen of the trial and compared with the pin: nothing goes unseen.
        """
        sight = Sight()
        self._trials.setdefault(server, []).append(sight)
        try:
            yield sight
        finally:
            left = [one for one in self._trials[server] if one is not sight]
            if left:
                self._trials[server] = left
            else:
                del self._trials[server]

    def note(
        self,
        server: str,
        *,
        hosts: Collection[str] | None = None,
        files: Collection[str] | None = None,
        programs: Collection[str] | None = None,
    ) -> None:
        """Take note of what a held server was seen to do; ``None`` says that nobody looked."""
        pinned = self._pinned.get(server)
        if pinned is not None:
            seen = Behaviour(hosts=_names(hosts), files=_names(files), programs=_names(programs))
            self._compare(server, pinned, seen)

    def expect(self, server: str, pinned: Behaviour | None) -> None:
        """Compare from now on what a server does with what it did when it was proven; ``None`` compares nothing."""
        self._told.pop(server, None)
        if pinned is None:
            self._pinned.pop(server, None)
        else:
            self._pinned[server] = pinned

    def forget(self, server: str) -> None:
        """Forget a server that was let go."""
        self.expect(server, None)

    def _asked(self, server: str, hosts: Collection[str]) -> None:
        for sight in self._trials.get(server, ()):
            sight.note(hosts=hosts)
        self.note(server, hosts=hosts)

    def _compare(self, server: str, pinned: Behaviour, seen: Behaviour) -> None:
        told = self._told.setdefault(server, set())
        news = [what for what in deviation(pinned, seen).what if what not in told]
        room = MOST_NAMES - len(told)
        if news and room > 0:
            told.update(news[:room])
            more = ("does more new things than are told",) if len(told) >= MOST_NAMES else ()
            self._emit(BehaviourDeviated(server=server, what=(*news[:room], *more)))


class Watch:
    """Looks from time to time at what held servers do, beside what events tell: their programs and their files.

    Args:
        recorder: Compares it with what was seen when they were proven.
        spawner: Runs them.
        workspace: Where they write.
    """

    def __init__(self, recorder: BehaviourRecorder, spawner: DynamicSpawner, workspace: Workspace) -> None:
        """Keep the parts."""
        self._recorder = recorder
        self._spawner = spawner
        self._workspace = workspace

    def expect(self, proven: Proven) -> None:
        """Compare a server from now on with what it did when it was proven."""
        self._recorder.expect(proven.candidate.name, proven.behaviour)

    def forget(self, server: str) -> None:
        """Forget a server that was let go."""
        self._recorder.forget(server)

    async def look(self) -> None:
        """Look at every server that runs."""
        for name, usage in self._spawner.usages().items():
            self._recorder.note(name, programs=usage.programs, files=await self._workspace.written(name))


def _names(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else bounded(names)[0]

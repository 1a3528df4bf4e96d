"""How servers are kept alive, as the host wants it: restarts, groups, health, pools; one frozen value."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from vsm_mcp.servers.supervision.restart import (
    FIRST_PAUSE,
    JITTER,
    LONGEST_PAUSE,
    MOST_FAILURES,
    STABLE_SECONDS,
    WINDOW_SECONDS,
    RestartPolicy,
)

MOST_PROCESSES = 64
MOST_NAMES = 1000
LONGEST_NAME = 300

_T = TypeVar("_T")
_Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
_Seconds = Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class RestartType(StrEnum):
    """When a server that ended is started anew. A call always starts the server that it needs.

    Attributes:
        PERMANENT: At once, whatever it ended of, so that the next call does not notice.
        TRANSIENT: At once after a crash. To end by itself without an error is no failure: the next call starts it.
        TEMPORARY: By the next call, and never with its group: what rests on it does not bring it back.
    """

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(StrEnum):
    """What the failure of one server of a group means for the others.

    Attributes:
        ONE_FOR_ONE: Nothing.
        REST_FOR_ONE: Those after it rest on it: they are ended with it, and start after it.
    """

    ONE_FOR_ONE = "one_for_one"
    REST_FOR_ONE = "rest_for_one"


class Group(BaseModel, frozen=True, extra="forbid"):
    """Servers that belong together.

    Attributes:
        servers: Their names, in the order in which they start.
        strategy: What the failure of one means for those after it.
    """

    servers: tuple[_Name, ...] = Field(min_length=1, max_length=MOST_NAMES)
    strategy: Strategy = Strategy.REST_FOR_ONE


class Supervision(BaseModel, frozen=True, extra="forbid"):
    """How servers are kept alive. Patterns are globs over the names of servers; the first that matches counts.

    Attributes:
        restart: By pattern, when a server that ended is started anew.
        otherwise: The same for servers that no pattern matches.
        groups: Servers that belong together; each server is in one group at most.
        intensity: Failures within ``period`` after which a server is given up and left alone for a ``period``. Then one
            call may try it: if it serves, all is forgotten; if it fails, it is left alone for another ``period``.
        period: Seconds in which failures count.
        stable: A server that ran so many seconds is well: what failed before does not count any longer.
        first_pause: Seconds to wait after the second failure; doubled by each further one. The first costs no pause.
        longest_pause: The most seconds to wait.
        jitter: The share by which a pause may be shorter, by chance, so that servers do not all start at once.
        check_every: Seconds without a sign of life after which a server is checked: it repeats a quick call that proved
            it, of a tool that only reads, or is pinged where there is none. A call served well is such a sign.
        check_jitter: The share by which ``check_every`` varies in both directions, by chance.
        ping_only: By pattern, the servers that are only pinged: those that are charged for by the call, say.
        check_timeout: Seconds that a server may take to answer.
        check_misses: After so many missing answers in a row it hangs: it is ended and started anew.
        list_every: Seconds after which the next call, or check by a call, has the server list its tools anew, though it
            announced no change.
        idle: Seconds without a call after which a process is ended; the next call starts one. ``None``: never.
        pool: By pattern, how many processes of a server there may be at once; 1 where no pattern matches. They share
            the writable directory of the server.
        spares: Processes that are kept ready beyond those that are busy, within ``pool``.
        starts_at_once: How many processes may be starting at the same time, over all servers.
        principals: Of how many agents it is remembered which process of a pool is theirs; the oldest are forgotten.
    """

    restart: Mapping[_Name, RestartType] = Field(default_factory=dict[str, RestartType], max_length=MOST_NAMES)
    otherwise: RestartType = RestartType.TRANSIENT
    groups: tuple[Group, ...] = Field(default=(), max_length=MOST_NAMES)
    intensity: int = Field(default=MOST_FAILURES, ge=1, le=1000)
    period: _Seconds = WINDOW_SECONDS
    stable: _Seconds = STABLE_SECONDS
    first_pause: _Seconds = FIRST_PAUSE
    longest_pause: _Seconds = LONGEST_PAUSE
    jitter: _Share = JITTER
    check_every: _Seconds = 30.0
    check_jitter: _Share = 0.1
    ping_only: tuple[_Name, ...] = Field(default=(), max_length=MOST_NAMES)
    check_timeout: _Seconds = 5.0
    check_misses: int = Field(default=3, ge=1, le=100)
    list_every: _Seconds = 3600.0
    idle: _Seconds | None = None
    pool: Mapping[_Name, Annotated[int, Field(ge=1, le=MOST_PROCESSES)]] = Field(
        default_factory=dict[str, int], max_length=MOST_NAMES
    )
    spares: int = Field(default=0, ge=0, le=MOST_PROCESSES)
    starts_at_once: int = Field(default=8, ge=1, le=256)
    principals: int = Field(default=1024, ge=1, le=100_000)

    @model_validator(mode="after")
    def _once(self) -> Self:
        named = [name for group in self.groups for name in group.servers]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"a server can be in one group only, and only once: {', '.join(twice)}")
        return self

    @property
    def policy(self) -> RestartPolicy:
        """How patient it is with servers that fail."""
        return RestartPolicy(
            most=self.intensity,
            window=self.period,
            first_pause=self.first_pause,
            longest_pause=self.longest_pause,
            stable=self.stable,
            jitter=self.jitter,
        )

    def restart_of(self, server: str) -> RestartType:
        """Return when ``server`` is started anew."""
        return _first(self.restart, server, self.otherwise)

    def size_of(self, server: str) -> int:
        """Return how many processes of ``server`` there may be at once."""
        return _first(self.pool, server, 1)

    def only_pings(self, server: str) -> bool:
        """Return whether ``server`` is never called to check it."""
        return any(fnmatchcase(server, pattern) for pattern in self.ping_only)


class Order:
    """Who comes before and after whom.

    Args:
        groups: The groups; a server is in one at most.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        """Keep the groups whose order means something."""
        self._of: dict[str, tuple[tuple[str, ...], int]] = {
            name: (group.servers, place)
            for group in groups
            if group.strategy is Strategy.REST_FOR_ONE
            for place, name in enumerate(group.servers)
        }

    def before(self, server: str) -> tuple[str, ...]:
        """Return on which servers ``server`` rests, first to start first."""
        servers, place = self._of.get(server, ((), 0))
        return servers[:place]

    def after(self, server: str) -> tuple[str, ...]:
        """Return which servers rest on ``server``, first to start first."""
        servers, place = self._of.get(server, ((), 0))
        return servers[place + 1 :]


def _first(patterns: Mapping[str, _T], server: str, otherwise: _T) -> _T:
    return next((value for pattern, value in patterns.items() if fnmatchcase(server, pattern)), otherwise)

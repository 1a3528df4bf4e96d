"""The channels between the systems: which ones there are, what goes through them, and whether they are wide enough.

The table is Beer's (The Heart of Enterprise, 1979; Diagnosing the System, 1985): commands go down the central axis and
accounts come up it, units settle collisions through System 2, System 3* looks into units directly, System 4 looks
outside, and pain goes straight to System 5. Tools that are reached by the Model Context Protocol are environment.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import expm1, log
from sys import float_info

from vsm_mcp.errors import ConfigurationError, PayloadError, PolicyError
from vsm_mcp.model.report import Report
from vsm_mcp.model.system import SystemId
from vsm_mcp.variety.meter import VarietyMeter
from vsm_mcp.world.clock import SteadyTime

LONGEST_KIND = 200
DEFAULT_HALF_LIFE = 600.0
DEFAULT_MOST_KINDS = 64
MEMORY = 1000.0
"""Messages after which one counts half in the variety of a channel."""

SHORTEST_WATCH = 1.0
"""Seconds that must be watched before a rate is given."""

_LN2 = log(2.0)


class Purpose(StrEnum):
    """What a channel is for."""

    COMMAND = "command"
    FEEDBACK = "feedback"
    BARGAIN = "bargain"
    COORDINATION = "coordination"
    AUDIT = "audit"
    OPERATIONS = "operations"
    INTELLIGENCE = "intelligence"
    ADAPTATION = "adaptation"
    POLICY = "policy"
    ALGEDONIC = "algedonic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One channel: from whom to whom, and what for."""

    source: SystemId
    target: SystemId
    purpose: Purpose

    def __str__(self) -> str:
        """Show it as an arrow."""
        return f"{self.source} -> {self.target} ({self.purpose})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a channel can carry; ``None`` for what is not known.

    Attributes:
        bits_per_second: Variety it can carry (Ashby 1956, 9/15 and 11/11: a capacity is an amount per time).
        messages_per_second: Messages it can carry, whatever they say.

    Raises:
        ConfigurationError: A number is not positive and finite.
    """

    bits_per_second: float | None = None
    messages_per_second: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no capacity."""
        for value in (self.bits_per_second, self.messages_per_second):
            if value is not None and not 0 < value <= float_info.max:
                raise ConfigurationError(
                    f"{value} per second is not a capacity.", remedies=("Give a positive number, or None.",)
                )


_S1, _S2, _S3 = SystemId.SYSTEM1, SystemId.SYSTEM2, SystemId.SYSTEM3
_AUDIT, _S4, _S5, _OUTSIDE = SystemId.SYSTEM3_STAR, SystemId.SYSTEM4, SystemId.SYSTEM5, SystemId.ENVIRONMENT

_TABLE: Mapping[Purpose, tuple[tuple[SystemId, SystemId], ...]] = {
    Purpose.COMMAND: ((_S5, _S3), (_S3, _S1)),
    Purpose.FEEDBACK: ((_S1, _S3), (_S3, _S5)),
    Purpose.BARGAIN: ((_S3, _S1), (_S1, _S3)),
    Purpose.COORDINATION: ((_S1, _S2), (_S2, _S1), (_S2, _S3), (_S3, _S2)),
    Purpose.AUDIT: ((_AUDIT, _S1), (_S1, _AUDIT), (_AUDIT, _S3), (_S3, _AUDIT)),
    Purpose.OPERATIONS: ((_S1, _OUTSIDE), (_OUTSIDE, _S1), (_S1, _S1)),
    Purpose.INTELLIGENCE: ((_OUTSIDE, _S4), (_S4, _OUTSIDE)),
    Purpose.ADAPTATION: ((_S3, _S4), (_S4, _S3)),
    Purpose.POLICY: ((_S4, _S5), (_S5, _S4)),
    Purpose.ALGEDONIC: ((_S1, _S5), (_S2, _S5), (_S3, _S5), (_AUDIT, _S5), (_S4, _S5)),
}

LINKS: tuple[Link, ...] = tuple(
    Link(source=source, target=target, purpose=purpose) for purpose, pairs in _TABLE.items() for source, target in pairs
)
"""Every channel there is. What is not here is refused."""

ESSENTIAL: frozenset[Link] = frozenset(
    link
    for link in LINKS
    # Silence is good news on the algedonic channel, and units need not deliver to each other.
    if link.purpose is not Purpose.ALGEDONIC and link.source is not link.target
)
"""The channels that a living system uses again and again."""


def way(source: SystemId, target: SystemId, *, purpose: Purpose) -> tuple[SystemId, ...] | None:
    """Return the shortest legal way from one system to another for a purpose, both ends included, or ``None``."""
    queue: deque[tuple[SystemId, ...]] = deque([(source,)])
    seen: set[SystemId] = set()
    while queue:
        path = queue.popleft()
        for start, end in _TABLE[purpose]:
            if start is path[-1] and end is target:
                return (*path, end)
            if start is path[-1] and end not in seen:
                seen.add(end)
                queue.append((*path, end))
    return None


class Traffic(Report, frozen=True):
    """What went through one channel.

    Attributes:
        source: Who sent.
        target: Who received.
        purpose: What for.
        n: Messages since the beginning.
        rate: Messages per second of late, older ones with less weight; ``None`` until one second was watched.
        kinds: Kinds of message that are told apart of late.
        bits: Variety of a message of late: the entropy of its kind (plug-in estimate).
        utilisation: The share of its capacity that is used; ``None`` when its capacity is not known.
        age_s: Seconds since the last message.
    """

    source: SystemId
    target: SystemId
    purpose: Purpose
    n: int
    rate: float | None
    kinds: int
    bits: float | None
    utilisation: float | None
    age_s: float


class ChannelsReport(Report, frozen=True):
    """What went through the channels.

    Attributes:
        watched_s: Seconds that were watched.
        traffic: The channels that were used.
        silent: Essential channels that were never used, as arrows.
        overloaded: Channels that carry as much as they can or more, as arrows: Beer's second principle is broken.
        utilisation: The highest utilisation; ``None`` when none is known.
        refused: Messages that were refused because no such channel exists.
    """

    watched_s: float
    traffic: tuple[Traffic, ...]
    silent: tuple[str, ...]
    overloaded: tuple[str, ...]
    utilisation: float | None
    refused: int


class Channels:
    """Lets through what has a channel, refuses the rest, and measures the traffic in constant time per message.

    It never holds a message back: pain is not delayed by any traffic.

    Args:
        now: When watching begins, in seconds.
        capacity: What each channel can carry, where that is known.
        half_life: Seconds after which a message counts half in the rate.
        most_kinds: Kinds of message that are told apart per channel; further ones are counted together.

    Raises:
        ConfigurationError: An option makes no sense.
        PayloadError: ``now`` is not a finite number of seconds.
    """

    def __init__(
        self,
        *,
        now: float,
        capacity: Mapping[Link, Capacity] | None = None,
        half_life: float = DEFAULT_HALF_LIFE,
        most_kinds: int = DEFAULT_MOST_KINDS,
    ) -> None:
        """Open every channel of the table."""
        if not 0 < half_life <= float_info.max:
            raise ConfigurationError(
                f"A half-life of {half_life} seconds makes no rate.", remedies=("Give a positive number of seconds.",)
            )
        unknown = [str(link) for link in capacity or {} if link not in LINKS]
        if unknown:
            raise ConfigurationError(f"There is no channel {unknown[0]}.", remedies=("Choose from channels.LINKS.",))
        self._time = SteadyTime()
        self._began = self._time.read(now)
        self._half_life = half_life
        self.refused: int = 0
        self._flows = {
            (link.source, link.target, link.purpose): _Flow(
                link=link, capacity=(capacity or {}).get(link, Capacity()), most_kinds=most_kinds
            )
            for link in LINKS
        }

    def __repr__(self) -> str:
        """Show how much went through."""
        sent = sum(flow.n for flow in self._flows.values())
        return f"Channels(sent={sent}, refused={self.refused})"

    def send(self, source: SystemId, target: SystemId, *, purpose: Purpose, kind: str, now: float) -> None:
        """Count one message of ``kind``.

        Raises:
            PolicyError: There is no such channel; the remedy names the legal way.
            PayloadError: ``kind`` is empty or longer than 200 characters, or ``now`` is not finite.
        """
        flow = self._flows.get((source, target, purpose))
        if flow is None:
            self.refused += 1
            raise PolicyError(
                f"{source} has no {purpose} channel to {target}.", remedies=tuple(_legal(source, target, purpose))
            )
        if not 0 < len(kind) <= LONGEST_KIND:
            raise PayloadError(
                f"A kind of message must have 1 to {LONGEST_KIND} characters, not {len(kind)}.",
                remedies=("Name the kind, and send the content elsewhere.",),
            )
        flow.take(kind, self._time.read(now), half_life=self._half_life)

    def report(self, now: float) -> ChannelsReport:
        """Say what went through the channels up to ``now``.

        Raises:
            PayloadError: ``now`` is not a finite number of seconds.
        """
        moment = self._time.read(now)
        watched = moment - self._began
        used = tuple(flow for flow in self._flows.values() if flow.n)
        traffic = tuple(flow.report(moment, watched=watched, half_life=self._half_life) for flow in used)
        known = [line.utilisation for line in traffic if line.utilisation is not None]
        return ChannelsReport(
            watched_s=watched,
            traffic=traffic,
            silent=tuple(str(flow.link) for flow in self._flows.values() if not flow.n and flow.link in ESSENTIAL),
            overloaded=tuple(
                str(flow.link) for flow, line in zip(used, traffic, strict=True) if (line.utilisation or 0.0) >= 1.0
            ),
            utilisation=max(known) if known else None,
            refused=self.refused,
        )


class _Flow:
    """The traffic of one channel."""

    __slots__ = ("_capacity", "_last", "_meter", "_weight", "link", "n")

    def __init__(self, *, link: Link, capacity: Capacity, most_kinds: int) -> None:
        self.link = link
        self.n = 0
        self._capacity = capacity
        self._meter = VarietyMeter(half_life=MEMORY, most_kinds=most_kinds)
        self._weight = 0.0
        self._last = 0.0

    def take(self, kind: str, moment: float, *, half_life: float) -> None:
        self._weight = self._weight * 2.0 ** ((self._last - moment) / half_life) + 1.0 if self.n else 1.0
        self._last = moment
        self.n += 1
        self._meter.observe(kind)

    def report(self, moment: float, *, watched: float, half_life: float) -> Traffic:
        rate = self._rate(moment, watched=watched, half_life=half_life)
        bits = self._meter.required_bits
        return Traffic(
            source=self.link.source,
            target=self.link.target,
            purpose=self.link.purpose,
            n=self.n,
            rate=rate,
            kinds=self._meter.kinds,
            bits=bits,
            utilisation=self._utilisation(rate, bits),
            age_s=moment - self._last,
        )

    def _rate(self, moment: float, *, watched: float, half_life: float) -> float | None:
        """Return the decayed rate, divided by the share of its memory that was watched so that it starts unbiased."""
        if watched < SHORTEST_WATCH:
            return None
        weight = self._weight * 2.0 ** ((self._last - moment) / half_life)
        return weight * _LN2 / half_life / -expm1(-watched / half_life * _LN2)

    def _utilisation(self, rate: float | None, bits: float | None) -> float | None:
        """Return ``rate * H / capacity`` or messages over capacity, whichever is higher (Beer 1979, p. 99)."""
        if rate is None or bits is None:
            return None
        shares: list[float] = []
        if self._capacity.bits_per_second is not None:
            shares.append(rate * bits / self._capacity.bits_per_second)
        if self._capacity.messages_per_second is not None:
            shares.append(rate / self._capacity.messages_per_second)
        return max(shares) if shares else None


def _legal(source: SystemId, target: SystemId, purpose: Purpose) -> Iterator[str]:
    """Say what would be legal instead, the nearest first."""
    path = way(source, target, purpose=purpose)
    if path is not None:
        hops = ", then ".join(f"{start} -> {end}" for start, end in pairwise(path))
        yield f"Send it in steps: {hops} ({purpose})."
        return
    direct = [link.purpose.value for link in LINKS if link.source is source and link.target is target]
    if direct:
        yield f"Use a channel that leads from {source} to {target}: {', '.join(direct)}."
        return
    own = ", ".join(f"{link.target} ({link.purpose})" for link in LINKS if link.source is source)
    yield f"Send to whom {source} has a channel: {own or 'nobody'}."

"""Leases: who holds which resource until when, granted all or nothing, in an order in which nobody starves.

A claim names everything it wants at once and gets all of it or none, so nobody holds one thing while waiting for
another and no circle of waiters can form (Coffman, Elphick & Shoshani 1971: hold and wait is what a deadlock needs).
A lease ends when it is released or when its time to live is over (Gray & Cheriton 1989); its token is larger than that
of every lease before it, so what is guarded can refuse a holder that woke up too late.

Waiting claims have one total order: higher priority first, then who came first; every ``aging`` seconds of waiting
count as one step of priority. A claim is granted when everything it wants is free and no claim before it in the order
wants any of it. So two claims wait for each other only if they share a resource, and no claim waits behind one that
came more than ``aging`` times the difference of their priorities after it.
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush
from math import inf
from sys import float_info

from vsm_mcp.errors import CapacityError, ConfigurationError, PayloadError
from vsm_mcp.systems.coordination.lease import Claim, Conflict, Lease
from vsm_mcp.world.clock import SteadyTime

AGING = 10.0
MOST_LEASES = 100_000
MOST_WAITING = 10_000
MOST_RESOURCES = 64
LONGEST_NAME = 300
HIGHEST_PRIORITY = 1000
LARGEST_CAPACITY = 1_000_000

_SLACK = 64


class Leases:
    """Grants leases. Every call takes the present moment and first lets go of what expired.

    Args:
        capacities: How many may hold a resource at once, where it is more than one.
        aging: Seconds of waiting that count as one step of priority.
        most_leases: Bound on leases held at once.
        most_waiting: Bound on claims that wait.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        capacities: Mapping[str, int] | None = None,
        aging: float = AGING,
        most_leases: int = MOST_LEASES,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Start with everything free."""
        _refuse_options(capacities or {}, aging=aging, most_leases=most_leases, most_waiting=most_waiting)
        self._capacities = {name: int(capacity) for name, capacity in (capacities or {}).items()}
        self._aging = aging
        self._most_leases = most_leases
        self._most_waiting = most_waiting
        self._time = SteadyTime()
        self._moment = 0.0
        self._live: dict[int, Lease] = {}
        self._held: dict[str, list[Lease]] = {}
        self._queues: dict[str, list[tuple[float, int, Claim]]] = {}
        self._expiries: list[tuple[float, int]] = []
        self._token = 0
        self._claims = 0
        self.waiting: int = 0
        self.lost: int = 0

    def __repr__(self) -> str:
        """Show how much is held and how many wait."""
        return f"Leases(held={len(self._live)}, waiting={self.waiting}, lost={self.lost})"

    @property
    def held(self) -> int:
        """How many leases are held; expired ones count until the next call that says what time it is."""
        return len(self._live)

    def try_grant(
        self, resources: Collection[str], *, holder: str, now: float, ttl: float | None = None
    ) -> Lease | Conflict:
        """Grant everything at once if nobody holds or waits for any of it; do not wait.

        Raises:
            PayloadError: The resources or the time to live make no sense.
            CapacityError: Too many leases are held.
        """
        names = _names_of(resources)
        lasting = _positive(ttl)
        self._advance(now)
        self._refuse_more()
        held, queues = self._held, self._queues
        for name in names:
            if name in queues or (name in held and len(held[name]) >= self._capacities.get(name, 1)):
                return self._conflict(names)
        return self._grant(names, holder=holder, ttl=lasting)

    def ask(
        self,
        resources: Collection[str],
        *,
        holder: str,
        now: float,
        priority: int = 0,
        rank: float | None = None,
        ttl: float | None = None,
    ) -> Claim:
        """Claim everything at once; the claim is granted now, or later when its turn comes.

        With a ``rank`` the claims are ordered by it alone, smallest first; use it for all of them or for none.

        Raises:
            PayloadError: The resources, the priority or the time to live make no sense.
            CapacityError: Too many leases are held, or too many claims wait.
        """
        names = _names_of(resources)
        lasting = _positive(ttl)
        if not -HIGHEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
            raise PayloadError(
                f"{priority} is not a priority.", remedies=(f"Give {-HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}.",)
            )
        moment = self._advance(now)
        self._refuse_more()
        self._claims += 1
        place = (moment - priority * self._aging if rank is None else rank, self._claims)
        claim = Claim(names, holder=holder, priority=priority, since=moment, place=place)
        claim.ttl = lasting
        if self._may_go(claim):
            claim.lease = self._grant(names, holder=holder, ttl=lasting)
        else:
            self._enqueue(claim)
        return claim

    def release(self, lease: Lease, *, now: float) -> bool:
        """Give a lease back and grant what waited for it; return False when it had been lost or given back before."""
        self._advance(now)
        current = self._current(lease)
        if current is None:
            return False
        self._free(current)
        return True

    def withdraw(self, claim: Claim, *, now: float) -> bool:
        """End a claim: it waits no longer, or gives back what it was granted; return False when it had ended."""
        self._advance(now)
        if claim.lease is not None:
            return self.release(claim.lease, now=now)
        if not self._dequeue(claim):
            return False
        self._serve(claim.resources)
        return True

    def renew(self, lease: Lease, *, now: float, ttl: float) -> Lease | None:
        """Return the lease with a new time to live, under the same token; ``None`` when it was lost already.

        Raises:
            PayloadError: The time to live makes no sense.
        """
        lasting = _positive(ttl)
        moment = self._advance(now)
        current = self._current(lease)
        if current is None:
            return None
        renewed = replace(current, expires_at=moment + lasting)
        self._live[lease.token] = renewed
        for name in lease.resources:
            self._held[name] = [renewed if one is current else one for one in self._held[name]]
        self._schedule(renewed)
        return renewed

    def holds(self, lease: Lease, *, now: float) -> bool:
        """Tell whether a lease is still good: neither released nor lost."""
        self._advance(now)
        return self._current(lease) is not None

    def expire(self, *, now: float) -> int:
        """Take back every lease whose time is over and grant what waited; return how many were lost."""
        before = self.lost
        self._advance(now)
        return self.lost - before

    def conflict(self, claim: Claim) -> Conflict:
        """Return what stands in the way of a claim that waits."""
        return self._conflict(claim.resources, before=claim.place)

    def lapse(self, claim: Claim, *, now: float) -> float | None:
        """Return in how many seconds the first lease ends that a claim waits for; ``None`` if none does by itself."""
        moment = self._advance(now)
        leases = (lease for name in claim.resources for lease in self._held.get(name, ()))
        first = min((lease.expires_at for lease in leases), default=inf)
        return None if first == inf else first - moment

    def _advance(self, now: float) -> float:
        self._moment = moment = self._time.read(now)
        expiries = self._expiries
        while expiries and expiries[0][0] <= moment:
            expires_at, token = heappop(expiries)
            lease = self._live.get(token)
            if lease is not None and lease.expires_at == expires_at:
                self.lost += 1
                self._free(lease)
        return moment

    def _refuse_more(self) -> None:
        if len(self._live) + self.waiting >= self._most_leases:
            raise CapacityError(
                f"{len(self._live)} leases are held and {self.waiting} claims wait, and {self._most_leases} may.",
                remedies=("Try again when some are released.",),
            )

    def _grant(self, names: tuple[str, ...], *, holder: str, ttl: float) -> Lease:
        self._token = token = self._token + 1
        moment, held = self._moment, self._held
        lease = Lease(token=token, holder=holder, resources=names, granted_at=moment, expires_at=moment + ttl)
        self._live[token] = lease
        for name in names:
            if name in held:
                held[name].append(lease)
            else:
                held[name] = [lease]
        if ttl < inf:
            self._schedule(lease)
        return lease

    def _schedule(self, lease: Lease) -> None:
        """Note when a lease ends; notes on leases that are gone never outnumber those on live ones by much."""
        heappush(self._expiries, (lease.expires_at, lease.token))
        if len(self._expiries) > 2 * len(self._live) + _SLACK:
            ending = (one for one in self._live.values() if one.expires_at < inf)
            self._expiries = [(one.expires_at, one.token) for one in ending]
            heapify(self._expiries)

    def _current(self, lease: Lease) -> Lease | None:
        """Return the lease as it stands, renewed or not; ``None`` when it is over or not of these leases."""
        current = self._live.get(lease.token)
        if current is lease:
            return lease
        same = current is not None and (current.holder, current.resources) == (lease.holder, lease.resources)
        return current if same else None

    def _free(self, lease: Lease) -> None:
        del self._live[lease.token]
        held = self._held
        for name in lease.resources:
            leases = held[name]
            if len(leases) == 1:
                del held[name]
            else:
                held[name] = [one for one in leases if one is not lease]  # comparing leases field by field is slow
        if self.waiting:
            self._serve(lease.resources)

    def _serve(self, names: tuple[str, ...]) -> None:
        """Grant what can go now that something was given back. Only claims for it can: no others gained anything."""
        for name in names:
            free = self._capacities.get(name, 1) - len(self._held.get(name, ()))
            for _, _, claim in tuple(self._queues.get(name, ())[:free]):
                if self._may_go(claim) and self._dequeue(claim):  # unless one that was told withdrew it
                    claim.lease = self._grant(claim.resources, holder=claim.holder, ttl=claim.ttl)
                    if claim.on_grant is not None:
                        claim.on_grant()

    def _may_go(self, claim: Claim) -> bool:
        for name in claim.resources:
            ahead = bisect_left(self._queues.get(name, ()), claim.place)
            if len(self._held.get(name, ())) + ahead >= self._capacities.get(name, 1):
                return False
        return True

    def _enqueue(self, claim: Claim) -> None:
        if self.waiting >= self._most_waiting:
            raise CapacityError(
                f"{self.waiting} claims wait already.", remedies=("Try again later, or claim less at once.",)
            )
        for name in claim.resources:
            insort(self._queues.setdefault(name, []), (*claim.place, claim))
        self.waiting += 1

    def _dequeue(self, claim: Claim) -> bool:
        queue = self._queues.get(claim.resources[0], [])
        at = bisect_left(queue, claim.place)
        if at == len(queue) or queue[at][2] is not claim:
            return False
        for name in claim.resources:
            queue = self._queues[name]
            del queue[bisect_left(queue, claim.place)]
            if not queue:
                del self._queues[name]
        self.waiting -= 1
        return True

    def _conflict(self, names: tuple[str, ...], *, before: tuple[float, int] = (inf, 0)) -> Conflict:
        held = ((name, tuple(self._held[name])) for name in names if name in self._held)
        queues = (self._queues[name] for name in names if name in self._queues)
        ahead = {entry[1] for queue in queues for entry in queue[: bisect_left(queue, before)]}
        return Conflict(wanted=names, held=tuple(held), ahead=len(ahead))


def _names_of(resources: Collection[str]) -> tuple[str, ...]:
    if isinstance(resources, str):
        raise PayloadError(f"Resources are a collection, not the text {resources!r:.50}.", remedies=("Give a set.",))
    if not 1 <= len(resources) <= MOST_RESOURCES:
        raise PayloadError(
            f"{len(resources)} resources cannot be claimed at once.", remedies=(f"Name 1 to {MOST_RESOURCES}.",)
        )
    names = tuple(resources) if len(resources) == 1 else tuple(sorted(set(resources)))
    for name in names:
        if not 1 <= len(name) <= LONGEST_NAME:
            raise PayloadError(
                f"A resource cannot have a name of {len(name)} characters.",
                remedies=(f"Give it 1 to {LONGEST_NAME} characters.",),
            )
    return names


def _positive(ttl: float | None) -> float:
    if ttl is None:
        return inf
    if not 0 < ttl <= float_info.max:
        raise PayloadError(
            f"A lease cannot live for {ttl} seconds.", remedies=("Give a positive number, or None for no end.",)
        )
    return ttl


def _refuse_options(capacities: Mapping[str, int], *, aging: float, most_leases: int, most_waiting: int) -> None:
    if not 0 < aging <= float_info.max:
        raise ConfigurationError(f"Aging cannot take {aging} seconds.", remedies=("Give a positive number.",))
    if most_leases < 1 or most_waiting < 0:
        raise ConfigurationError(
            f"{most_leases} leases and {most_waiting} waiting claims leave no room.",
            remedies=("Allow at least one lease.",),
        )
    for name, capacity in capacities.items():
        if not 1 <= capacity <= LARGEST_CAPACITY or capacity % 1:
            raise ConfigurationError(
                f"{name!r:.100} cannot have a capacity of {capacity}.",
                remedies=(f"Give a whole number from 1 to {LARGEST_CAPACITY}.",),
            )

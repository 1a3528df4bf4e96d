"""System 2, coordination: the units do not get in each other's way, and nothing swings because of how they react.

It owns nothing that it coordinates. It grants leases on what several want, resolves conflicts by a stated policy, keeps
the timetable of recurrent work, and watches for oscillation. What it says comes with a reason; whether its vetoes
become a habit is watched too.
"""

from collections.abc import AsyncGenerator, Collection, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from math import inf
from random import Random
from sys import float_info

import anyio

from vsm_mcp.errors import ConfigurationError, ContentionError, PayloadError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.coordination.conflicts import Arbiter, ConflictPolicy, Conflicts, Contender, Resolution
from vsm_mcp.systems.coordination.flapping import FlapDamper, FlapLimits, Ruling
from vsm_mcp.systems.coordination.lease import Claim, Conflict, Lease
from vsm_mcp.systems.coordination.leases import AGING, LONGEST_NAME, Leases
from vsm_mcp.systems.coordination.schedule import Timetable
from vsm_mcp.systems.coordination.watch import Advice, Watch
from vsm_mcp.world.clock import Clock, SystemClock

TIMEOUT = 5.0
VETOES = "system2.vetoes"
"""The series of System 2's own rulings: 1 for a veto, 0 for none."""

_VETO_HALF_LIFE = 1000.0
_SHORTEST_WAIT = 0.001
_SMALLEST_WEIGHT, _LARGEST_WEIGHT = 1e-100, 1e100


class Swinging(Report, frozen=True):
    """A series that oscillates.

    Attributes:
        series: Its name.
        r: How regular its crossings are; above 1 it oscillates.
    """

    series: str
    r: float


class CoordinationReport(Report, frozen=True):
    """How the units get along.

    Attributes:
        claims: How often something was asked for that several may want.
        conflicts: How often it was taken, or wanted by others who came first.
        conflicts_resolved: How many of these ended with everybody getting a turn.
        conflicts_per_1000: Conflicts in 1000 claims; unknown before the first claim.
        held: Leases held now.
        waiting: Claims that wait now.
        lost: Leases that were not given back in time.
        oscillating: Series that oscillate.
        suppressed: What changed so often that it is to be left alone.
        veto_rate: Share of the changes asked about that were vetoed, recent ones counting more.
        asked: How many changes were asked about.
        turns_begun: Turns of recurrent work that were begun.
        turns_missed: Turns that were not begun by their deadline.
        turns_late: Turns that ended after it.
    """

    claims: int
    conflicts: int
    conflicts_resolved: int
    conflicts_per_1000: float | None
    held: int
    waiting: int
    lost: int
    oscillating: tuple[Swinging, ...]
    suppressed: tuple[str, ...]
    veto_rate: float | None
    asked: int
    turns_begun: int
    turns_missed: int
    turns_late: int


class System2:
    """Coordinates.

    Args:
        clock: Says when leases end and penalties have decayed.
        random: Spreads recurrent work in time.
        timeout: Seconds that ``hold`` waits unless it is told otherwise.
        policy: Who goes first of those that wait in ``hold``: by priority, or by sharing time. A single conflict can be
            put before an arbiter with ``resolve``.
        weights: How much of the shared time a unit is due, relative to others; 1 unless it is named.
        capacities: How many may hold a resource at once, where it is more than one.
        flap_limits: When something changes too often.

    Raises:
        ConfigurationError: An option makes no sense.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        timeout: float = TIMEOUT,
        policy: ConflictPolicy = ConflictPolicy.PRIORITY,
        weights: Mapping[str, float] | None = None,
        capacities: Mapping[str, int] | None = None,
        flap_limits: FlapLimits | None = None,
    ) -> None:
        """Start without anybody waiting."""
        self._weights = dict(weights or {})
        _refuse_options(timeout, policy, self._weights)
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._policy = policy
        self._leases = Leases(capacities=capacities, aging=max(AGING, 2.0 * timeout))
        self._alone = Leases()
        self._resolver = Conflicts()
        self._flaps = FlapDamper(limits=flap_limits)
        self._watch = Watch()
        self._recent_asked: float = 0.0
        self._recent_vetoed: float = 0.0
        self.timetable: Timetable = Timetable(random=random or Random())  # noqa: S311 - spreads load, keeps no secret
        self.claims: int = 0
        self.conflicts: int = 0
        self.conflicts_resolved: int = 0
        self.asked: int = 0
        self.vetoed: int = 0

    def __repr__(self) -> str:
        """Show how often somebody had to wait."""
        return f"System2(conflicts={self.conflicts})"

    @asynccontextmanager
    async def hold(
        self,
        resources: Collection[str],
        *,
        holder: str,
        priority: int = 0,
        timeout: float | None = None,
        ttl: float | None = None,
    ) -> AsyncGenerator[Lease]:
        """Hold all of ``resources`` while the block runs, and give them back however it ends.

        Holders are only names: one that holds a resource already and wants it again waits for itself.

        Args:
            resources: What nobody else may hold meanwhile.
            holder: Who wants it.
            priority: Among those who wait, the highest goes first; a long wait counts as priority too.
            timeout: Seconds to wait; ``None`` for the default, 0 not to wait.
            ttl: Seconds after which others may take it although the block still runs; ``None`` for no end.

        Yields:
            The lease; its token tells a late holder from the present one.

        Raises:
            ContentionError: Somebody else held it until the deadline.
            CapacityError: Too many wait already.
            PayloadError: An argument makes no sense.
        """
        patience = self._timeout if timeout is None else timeout
        if not (0.0 <= patience <= float_info.max or patience == inf):
            raise PayloadError(f"Nobody can wait {patience} seconds.", remedies=("Give 0 or more seconds.",))
        rank = self._resolver.shares.turn(holder) if self._policy is ConflictPolicy.TIME_SHARING else None
        claim = self._leases.ask(resources, holder=holder, now=self._now(), priority=priority, rank=rank, ttl=ttl)
        self.claims += 1
        try:
            with self._turn_of(holder, rank):
                lease = claim.lease or await self._wait(self._leases, claim, patience)
            yield lease
        finally:
            self._leases.withdraw(claim, now=self._now())

    @asynccontextmanager
    async def exclusively(self, kind: str) -> AsyncGenerator[bool]:
        """Be the only one to acquire ``kind``; wait as long as it takes. Different kinds never wait.

        Yields:
            True when nobody else was at it; False when one waited, and should look again before doing it anew.
        """
        claim = self._alone.ask((kind,), holder="acquisition", now=self._now())
        self.claims += 1
        alone = claim.lease is not None
        try:
            if not alone:
                await self._wait(self._alone, claim, inf)
            yield alone
        finally:
            self._alone.withdraw(claim, now=self._now())

    def lease(self, resources: Collection[str], *, holder: str, ttl: float) -> Lease | Conflict:
        """Grant all of ``resources`` now and for ``ttl`` seconds, or say what stands in the way; never wait.

        Raises:
            CapacityError: Too much is held.
            PayloadError: An argument makes no sense.
        """
        granted = self._leases.try_grant(resources, holder=holder, now=self._now(), ttl=ttl)
        self.claims += 1
        self.conflicts += isinstance(granted, Conflict)
        return granted

    def renew(self, lease: Lease, *, ttl: float) -> Lease | None:
        """Return the lease with a new time to live; ``None`` when it was lost already."""
        return self._leases.renew(lease, now=self._now(), ttl=ttl)

    def release(self, lease: Lease) -> bool:
        """Give a lease back; return False when it had been lost or given back before."""
        return self._leases.release(lease, now=self._now())

    def holds(self, lease: Lease) -> bool:
        """Tell whether a lease is still good."""
        return self._leases.holds(lease, now=self._now())

    def expire(self) -> int:
        """Take back every lease whose time is over; return how many there were. Every other call does so too."""
        return self._leases.expire(now=self._now())

    def resolve(
        self,
        resource: str,
        contenders: Sequence[Contender],
        *,
        policy: ConflictPolicy | None = None,
        arbiter: Arbiter | None = None,
    ) -> Resolution:
        """Say who goes first of several units that want the same, by this system's policy or another one.

        Where time is shared, the first one is taken to be served now, for one turn.

        Raises:
            PayloadError: There is nobody to put in order, there are too many, or one is named twice.
            ConfigurationError: There is no arbiter, or it does not name every unit once.
        """
        resolution = self._resolver.resolve(resource, contenders, policy=policy or self._policy, arbiter=arbiter)
        if resolution.policy is ConflictPolicy.TIME_SHARING:
            weights = {one.unit: one.weight for one in contenders}
            first = resolution.order[0]
            self._resolver.shares.charge(first, 1.0, weight=weights[first])
        self.claims += 1
        self.conflicts += 1
        self.conflicts_resolved += 1
        return resolution

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """How the last conflicts ended, oldest first."""
        return self._resolver.recorded

    def flap(self, key: str) -> bool:
        """Note that ``key`` was changed; return whether it is suppressed from now on."""
        return self._flaps.flap(_named(key), now=self._now())

    def suppressed(self, key: str) -> bool:
        """Tell whether ``key`` was changed so often that it should be left alone."""
        return self._flaps.suppressed(key, now=self._now())

    def may_change(self, key: str) -> Ruling:
        """Say whether ``key`` should be changed now; tell ``flap`` when it was. Rulings make the veto rate."""
        ruling = self._flaps.rule(_named(key), now=self._now())
        vetoed = not ruling.allowed
        keep = 2.0 ** (-1.0 / _VETO_HALF_LIFE)
        self._recent_asked = self._recent_asked * keep + 1.0
        self._recent_vetoed = self._recent_vetoed * keep + vetoed
        self.asked += 1
        self.vetoed += vetoed
        self._watch.observe(VETOES, float(vetoed))
        return ruling

    @property
    def veto_rate(self) -> float | None:
        """Share of the changes asked about that were vetoed, recent ones counting more; ``None`` before the first."""
        return self._recent_vetoed / self._recent_asked if self.asked else None

    def watch(self, series_name: str, value: float) -> bool:
        """Take the next value of a series; return whether it oscillates now.

        Raises:
            PayloadError: The name or the value makes no sense.
        """
        return self._watch.observe(_named(series_name), value)

    def oscillating(self) -> tuple[tuple[str, float], ...]:
        """Return the series that oscillate now with their regularity ``r``, the most regular first."""
        return self._watch.oscillating()

    def damp(self, series_name: str) -> Advice | None:
        """Propose what to damp a series with, mildest first; ``None`` when it does not oscillate."""
        return self._watch.advise(series_name)

    def report(self) -> CoordinationReport:
        """Return how the units get along."""
        now = self._now()
        self._leases.expire(now=now)
        return CoordinationReport(
            claims=self.claims,
            conflicts=self.conflicts,
            conflicts_resolved=self.conflicts_resolved,
            conflicts_per_1000=1000.0 * self.conflicts / self.claims if self.claims else None,
            held=self._leases.held + self._alone.held,
            waiting=self._leases.waiting + self._alone.waiting,
            lost=self._leases.lost,
            oscillating=tuple(Swinging(series=name, r=r) for name, r in self.oscillating()),
            suppressed=self._flaps.all_suppressed(now=now),
            veto_rate=self.veto_rate,
            asked=self.asked,
            turns_begun=self.timetable.begun,
            turns_missed=self.timetable.missed,
            turns_late=self.timetable.late,
        )

    def _now(self) -> float:
        return self._clock.now().timestamp()

    @contextmanager
    def _turn_of(self, holder: str, rank: float | None) -> Generator[None]:
        """Where time is shared, charge a holder for its turn from asking on, unless it is not served in the end."""
        if rank is None:
            yield
            return
        shares, weight = self._resolver.shares, self._weights.get(holder, 1.0)
        shares.admit(holder, weight=weight)
        try:
            yield
        except BaseException:  # also when it was cancelled
            shares.refund(holder, weight=weight)
            raise
        shares.serve(rank)

    async def _wait(self, leases: Leases, claim: Claim, patience: float) -> Lease:
        """Wait until a claim is granted: woken by whoever gives back, or when a lease in its way runs out."""
        self.conflicts += 1
        blocked = leases.conflict(claim)
        granted = anyio.Event()
        claim.on_grant = granted.set
        deadline = anyio.current_time() + patience
        while claim.lease is None:
            left = deadline - anyio.current_time()
            if left <= 0.0:
                raise _contention(leases.conflict(claim), claim, patience)
            lapse = leases.lapse(claim, now=self._now())
            with anyio.move_on_after(left if lapse is None else min(left, max(lapse, _SHORTEST_WAIT))):
                await granted.wait()
            if claim.lease is None:
                leases.expire(now=self._now())
        self.conflicts_resolved += 1
        self._resolver.record(_settled(blocked, claim, self._policy))
        return claim.lease


def _contention(conflict: Conflict, claim: Claim, patience: float) -> ContentionError:
    return ContentionError(
        f"{claim.holder!r} waited {patience:g} s for {', '.join(claim.resources)}: {conflict}.",
        remedies=("Try again, or wait longer with timeout=....", "Let those who hold it give it back sooner."),
    )


def _settled(blocked: Conflict, claim: Claim, policy: ConflictPolicy) -> Resolution:
    holders = tuple(dict.fromkeys(lease.holder for _, leases in blocked.held for lease in leases))
    order = (*holders, claim.holder)
    held = (f"{one} held it." for one in holders)
    return Resolution(
        resource=", ".join(claim.resources),
        policy=policy,
        order=order,
        reasons=(*held, f"{claim.holder} waited with priority {claim.priority}; {blocked.ahead} were ahead."),
    )


def _named(name: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise PayloadError(
            f"A name cannot have {len(name)} characters.", remedies=(f"Give it 1 to {LONGEST_NAME} characters.",)
        )
    return name


def _refuse_options(timeout: float, policy: ConflictPolicy, weights: Mapping[str, float]) -> None:
    if not 0.0 < timeout <= float_info.max:
        raise ConfigurationError(f"Nobody can wait {timeout} seconds.", remedies=("Give a positive number.",))
    if policy is ConflictPolicy.ARBITRATION:
        raise ConfigurationError(
            "Those who wait cannot be ordered by an arbiter.",
            remedies=("Call resolve(..., policy=ConflictPolicy.ARBITRATION, arbiter=...), then hold in that order.",),
        )
    for unit, weight in weights.items():
        if not _SMALLEST_WEIGHT <= weight <= _LARGEST_WEIGHT:
            raise ConfigurationError(
                f"{unit!r} cannot have the weight {weight}.", remedies=("Give a positive number.",)
            )

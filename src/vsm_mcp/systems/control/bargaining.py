"""Bargaining: the bargains that run, what is free beside them, and what each unit counts after those that ended."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from vsm_mcp.errors import ConfigurationError, PayloadError, PolicyError
from vsm_mcp.model.report import Report
from vsm_mcp.systems.control.bargain import (
    Adherence,
    Basis,
    ResourceBargain,
    ResourceRequest,
    Settlement,
    adherence,
    settle,
    strike,
)
from vsm_mcp.systems.control.figures import refuse_name, refuse_outside

DEFAULT_MOST_UNITS = 1_000
REMEMBERED = 256
"""So many of the last settlements tell how well bargains are kept."""

_LARGEST = 1e100
_ROUNDING = 1e-12


class Utilisation(Report, frozen=True):
    """How much of its resources a system uses.

    Attributes:
        tightest: The resource of which the largest share is used; ``None`` when there is none to share.
        share: The share of it that is used; above 1 when more is used than there is.
        by_resource: The share of each resource that is used.
        basis: Either ``"used"``, as measured, or ``"granted"``, as agreed in the bargains that run.
    """

    tightest: str | None
    share: float | None
    by_resource: Mapping[str, float]
    basis: str


class Bargaining:
    """Strikes and settles bargains over the resources of one system.

    Args:
        capacities: How much there is of each resource.
        audited: Returns what audits found of a unit whose reports are not to be believed, as the weights of what it
            did and did not do; ``None`` for a unit whose reports count.
        most_units: How many units can have bargains at once.

    Raises:
        ConfigurationError: A capacity or the bound makes no sense.
    """

    __slots__ = ("_audited", "_capacities", "_most", "_running", "_settled", "_weights")

    def __init__(
        self,
        *,
        capacities: Mapping[str, float],
        audited: Callable[[str], tuple[float, float] | None],
        most_units: int = DEFAULT_MOST_UNITS,
    ) -> None:
        """Begin without any bargain."""
        for name, capacity in capacities.items():
            refuse_name("The name of a resource", name)
            limits = (0.0, _LARGEST)
            refuse_outside(f"The capacity of {name!r}", capacity, limits, above=True, error=ConfigurationError)
        refuse_outside("A number of units", most_units, (1, 1_000), error=ConfigurationError)
        self._capacities = dict(capacities)
        self._audited = audited
        self._most = most_units
        self._running: dict[str, _Running] = {}
        self._weights: dict[str, float] = {}
        self._settled: deque[Settlement] = deque(maxlen=REMEMBERED)

    def __repr__(self) -> str:
        """Show how many bargains run and were settled."""
        return f"Bargaining(running={len(self._running)}, settled={len(self._settled)})"

    @property
    def running(self) -> tuple[ResourceBargain, ...]:
        """The bargains that are not settled."""
        return tuple(running.bargain for running in self._running.values())

    def strike(self, requests: Sequence[ResourceRequest], *, now: float) -> tuple[ResourceBargain, ...]:
        """Share what is free among those who ask, by what they count.

        What other units were granted is not free before their bargains end. A unit that already has a bargain answers
        for it first: asking anew is no way round the settlement.

        Raises:
            PayloadError: A request makes no sense, names an unknown resource, or there are too many units.
            PolicyError: A resource that is asked for is wholly given away.
        """
        refuse_outside("The present", now, (-1e15, 1e15))
        asking = frozenset(request.unit for request in requests)
        if len(self._running.keys() | asking) > self._most:
            raise PayloadError(
                f"More than {self._most} units cannot have bargains at once.",
                remedies=("Settle the bargains that ended: settle().",),
            )
        free = self._free(requests, asking=asking, now=now)
        # The new bargains are known to be possible before the old ones are settled.
        struck = strike(requests, free, weights=self._weights, now=now)
        if self.settle([unit for unit in self._running if unit in asking], now=now):
            struck = strike(requests, free, weights=self._weights, now=now)
        self._running.update({bargain.unit: _Running(bargain) for bargain in struck})
        return struck

    def note(self, unit: str, *, absorbed: bool) -> None:
        """Count one operation of a unit for its bargain; nothing happens when it has none."""
        running = self._running.get(unit)
        if running is not None:
            running.absorbed += absorbed
            running.failed += not absorbed

    def ended(self, now: float) -> tuple[str, ...]:
        """Return the units whose bargains are over and not settled."""
        return tuple(unit for unit, running in self._running.items() if running.bargain.ends_at <= now)

    def settle(self, units: Sequence[str], *, now: float) -> tuple[Settlement, ...]:
        """Settle the bargains of these units, whether their time is over or not.

        Of a unit that is not believed the audits count, not its reports.

        Raises:
            PayloadError: A unit has no bargain; then none is settled.
        """
        for unit in units:
            if unit not in self._running:
                raise PayloadError(f"{unit[:80]!r} has no bargain.", remedies=("Strike one first: bargain(...).",))
        settled = tuple(self._settle(unit, now) for unit in dict.fromkeys(units))
        self._settled.extend(settled)
        return settled

    def weight_of(self, unit: str) -> float:
        """Return how much a unit counts; 1 before it answered for anything."""
        return self._weights.get(unit, 1.0)

    def adherence(self) -> Adherence:
        """Return how well bargains are kept, by the last 256 that were settled."""
        return adherence(self._settled)

    def utilisation(self, *, used: Mapping[str, float] | None = None, now: float) -> Utilisation:
        """Return how much of each resource is used, and which is tightest.

        Args:
            used: How much of each is used, as measured; without it, what running bargains have granted.
            now: The present, in seconds since 1970.

        Raises:
            PayloadError: A figure makes no sense.
        """
        amounts = self._held(frozenset(), now=now) if used is None else used
        for name, amount in amounts.items():
            refuse_outside(f"What is used of {name!r}", amount, (0.0, _LARGEST))
        shares = {name: amounts.get(name, 0.0) / capacity for name, capacity in self._capacities.items()}
        tightest = max(shares, key=lambda name: shares[name], default=None)
        return Utilisation(
            tightest=tightest,
            share=None if tightest is None else shares[tightest],
            by_resource=shares,
            basis="granted" if used is None else "used",
        )

    def _free(self, requests: Sequence[ResourceRequest], *, asking: frozenset[str], now: float) -> Mapping[str, float]:
        held = self._held(asking, now=now)
        wanted = {name for request in requests for name, amount in request.amounts.items() if amount > 0.0}
        free: dict[str, float] = {}
        for name, capacity in self._capacities.items():
            left = capacity - held.get(name, 0.0)
            if left > _ROUNDING * capacity:
                free[name] = left
            elif name in wanted:
                raise PolicyError(
                    f"All of {name!r} is given away.",
                    remedies=("Wait until a bargain ends, or settle one early: settle(unit).",),
                )
        return free

    def _held(self, besides: frozenset[str], *, now: float) -> Mapping[str, float]:
        held: dict[str, float] = {}
        for unit, running in self._running.items():
            if unit not in besides and running.bargain.ends_at > now:
                for name, amount in running.bargain.granted.items():
                    held[name] = held.get(name, 0.0) + amount
        return held

    def _settle(self, unit: str, now: float) -> Settlement:
        running = self._running.pop(unit)
        audited = self._audited(unit)
        settled = settle(
            running.bargain,
            audited or (running.absorbed, running.failed),
            weight=self.weight_of(unit),
            now=now,
            basis=Basis.AUDITED if audited else Basis.REPORTED,
        )
        self._weights.pop(unit, None)
        self._weights[unit] = settled.weight_after
        if len(self._weights) > 2 * self._most:
            del self._weights[next(iter(self._weights))]
        return settled


class _Running:
    """A bargain, and what its unit has reported since."""

    __slots__ = ("absorbed", "bargain", "failed")

    def __init__(self, bargain: ResourceBargain) -> None:
        self.bargain = bargain
        self.absorbed = 0
        self.failed = 0

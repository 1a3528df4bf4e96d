"""What is asked for and what is granted: a lease, a claim for one, and the conflict that stands in its way."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to use some resources for a time.

    Attributes:
        token: Larger than that of every lease that was granted before.
        holder: Who has it.
        resources: What it covers, in alphabetical order.
        granted_at: When it was granted, in seconds of the steady time of the leases.
        expires_at: When it is lost unless it is released before; infinity when it is not lost by itself.
    """

    token: int
    holder: str
    resources: tuple[str, ...]
    granted_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Why a lease was not granted.

    Attributes:
        wanted: What was asked for.
        held: Every resource among these that is held, and by which leases.
        ahead: Claims that wait for some of it already and come first.
    """

    wanted: tuple[str, ...]
    held: tuple[tuple[str, tuple[Lease, ...]], ...]
    ahead: int

    def __str__(self) -> str:
        """Say who holds what."""
        holders = (f"{name!r} is held by {', '.join(one.holder for one in leases)}" for name, leases in self.held)
        waiting = (f"{self.ahead} wait for it already",) if self.ahead else ()
        return "; ".join((*holders, *waiting))


class Claim:
    """A request for a lease: granted, or waiting its turn.

    Attributes:
        holder: Who asks.
        resources: What it asks for, in alphabetical order.
        priority: How urgent it is.
        since: When it was made, in steady time.
        lease: The lease, once it is granted.
        on_grant: Called when a claim that waited is granted; must neither block nor raise.
    """

    __slots__ = ("holder", "lease", "on_grant", "place", "priority", "resources", "since", "ttl")

    def __init__(
        self, resources: tuple[str, ...], *, holder: str, priority: int, since: float, place: tuple[float, int]
    ) -> None:
        """Keep what is asked for; it is not granted yet."""
        self.resources: tuple[str, ...] = resources
        self.holder: str = holder
        self.priority: int = priority
        self.since: float = since
        self.place: tuple[float, int] = place
        self.ttl: float = inf
        self.lease: Lease | None = None
        self.on_grant: Callable[[], object] | None = None

    def __repr__(self) -> str:
        """Show who asks for what, and whether it was granted."""
        return f"Claim({', '.join(self.resources)}, holder={self.holder!r}, granted={self.lease is not None})"

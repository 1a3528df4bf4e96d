"""Behaviour: what a server was seen to do while it proved itself, and what it does beyond that later."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_NAMES = 256
"""How much of each kind is remembered; a server that shows more is described as that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a server was seen to do. ``None`` means that nobody could look, which is not the same as nothing.

    Attributes:
        hosts: The hosts it asked for.
        files: The files it wrote below its writable directory, by name.
        programs: The programs that ran in its sandbox, by name.
        truncated: True when there was more than is remembered here.
    """

    hosts: frozenset[str] | None = None
    files: frozenset[str] | None = None
    programs: frozenset[str] | None = None
    truncated: bool = False

    def join(self, other: "Behaviour") -> "Behaviour":
        """Return what was seen in either; unknown stays unknown only when it is so in both."""
        hosts, cut = _joined(self.hosts, other.hosts)
        files, short = _joined(self.files, other.files)
        programs, brief = _joined(self.programs, other.programs)
        truncated = self.truncated or other.truncated or cut or short or brief
        return Behaviour(hosts=hosts, files=files, programs=programs, truncated=truncated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What a server does that it was not seen to do when it proved itself: a signal, no proof of anything bad."""

    hosts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True when there is something."""
        return bool(self.hosts or self.files or self.programs)

    @property
    def what(self) -> tuple[str, ...]:
        """Each new thing, in words."""
        return (
            *(f"asked for the host {host}" for host in self.hosts),
            *(f"wrote the file {name}" for name in self.files),
            *(f"ran the program {name}" for name in self.programs),
        )


def deviation(pinned: Behaviour, seen: Behaviour) -> Deviation:
    """Return what of ``seen`` is not in ``pinned``; what could not be looked at then is not compared now."""
    return Deviation(
        hosts=_beyond(pinned.hosts, seen.hosts),
        files=_beyond(pinned.files, seen.files),
        programs=_beyond(pinned.programs, seen.programs),
    )


def bounded(names: Iterable[str]) -> tuple[frozenset[str], bool]:
    """Return at most as many names as are remembered, and whether there were more."""
    kept = sorted(set(names))
    return frozenset(kept[:MOST_NAMES]), len(kept) > MOST_NAMES


def _joined(one: frozenset[str] | None, other: frozenset[str] | None) -> tuple[frozenset[str] | None, bool]:
    if one is None or other is None:
        return (other if one is None else one), False
    return bounded(tuple(one | other))


def _beyond(pinned: frozenset[str] | None, seen: frozenset[str] | None) -> tuple[str, ...]:
    if pinned is None or seen is None:
        return ()
    return tuple(sorted(seen - pinned))

"""The roster: the units of a system by name, by the kinds they take, and by how many of them are viable."""

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.systems.operations.unit import OperationalUnit

MOST_UNITS = 100_000
MOST_KINDS = 1000
LOOKED_AT = 16
"""Units that are asked whether they have room before the first of them is given the work anyway."""


class Roster:
    """Holds units, however many, and finds those that take a kind without asking all of them.

    Units that name their kinds in full are kept by kind. The others are asked, and what they say is remembered until a
    unit comes or goes.

    Attributes:
        viable: How many units are viable, each as of its last operation here.
        failing: How many are known not to be. The others have not worked yet.
    """

    def __init__(self) -> None:
        """Begin without any unit."""
        self.viable: int = 0
        self.failing: int = 0
        self._units: dict[str, OperationalUnit] = {}
        self._judged: dict[str, bool | None] = {}
        self._by_name: dict[str, dict[str, OperationalUnit]] = {}
        self._asked: dict[str, OperationalUnit] = {}
        self._by_kind: dict[str, tuple[OperationalUnit, ...]] = {}
        self._ordered: tuple[OperationalUnit, ...] | None = None

    def __repr__(self) -> str:
        """Show how many units there are."""
        return f"Roster(units={len(self._units)}, viable={self.viable}, failing={self.failing})"

    def __len__(self) -> int:
        """Return how many units there are."""
        return len(self._units)

    @property
    def units(self) -> Mapping[str, OperationalUnit]:
        """The units by name."""
        return MappingProxyType(self._units)

    @property
    def ordered(self) -> tuple[OperationalUnit, ...]:
        """The units by priority, highest first, then by name."""
        if self._ordered is None:
            self._ordered = tuple(sorted(self._units.values(), key=_rank))
        return self._ordered

    def add(self, unit: OperationalUnit) -> None:
        """Take a unit in.

        Raises:
            ConfigurationError: Its name is taken, or there are too many units.
        """
        if unit.name in self._units:
            raise ConfigurationError(
                f"There is a unit named {unit.name!r} already.",
                remedies=("Give it another name.", f"Remove the other one: remove_unit({unit.name!r})."),
            )
        if len(self._units) >= MOST_UNITS:
            raise ConfigurationError(
                f"There are {MOST_UNITS} units already.", remedies=("Group units into systems of their own.",)
            )
        self._units[unit.name] = unit
        self._judged[unit.name] = None
        for place in self._places_of(unit):
            place[unit.name] = unit
        self._forget_order()
        self.judge(unit)

    def remove(self, name: str) -> OperationalUnit:
        """Let a unit go; operations that it has begun end as they would have.

        Raises:
            ConfigurationError: There is no unit of this name.
        """
        unit = self._units.pop(name, None)
        if unit is None:
            raise ConfigurationError(
                f"There is no unit named {name[:80]!r}.",
                remedies=(f"There are: {', '.join(islice(sorted(self._units), 10)) or 'none'}.",),
            )
        self._count(self._judged.pop(name), -1)
        for place in self._places_of(unit):
            del place[name]
        for kind in unit.policy.kinds or ():
            if not self._by_name[kind]:
                del self._by_name[kind]
        self._forget_order()
        return unit

    def judge(self, unit: OperationalUnit) -> None:
        """Look again at whether ``unit`` is viable; one that was let go meanwhile no longer counts."""
        if self._units.get(unit.name) is not unit:
            return
        viable, before = unit.viable, self._judged[unit.name]
        if viable is not before:
            self._count(before, -1)
            self._count(viable, 1)
            self._judged[unit.name] = viable

    def that_take(self, kind: str) -> tuple[OperationalUnit, ...]:
        """Return the units that take ``kind``: by priority, then by name."""
        found = self._by_kind.get(kind)
        if found is None:
            if len(self._by_kind) >= MOST_KINDS:
                self._by_kind.clear()
            named = self._by_name.get(kind, {}).values()
            asked = [unit for unit in self._asked.values() if unit.takes(kind)]
            found = self._by_kind[kind] = tuple(sorted((*named, *asked), key=_rank))
        return found

    def for_work(self, kind: str, *, most: int) -> tuple[OperationalUnit, ...]:
        """Return at most ``most`` units to try for ``kind``, best first.

        That is their order, except that the first one that has room goes before those that are full.
        """
        units = self.that_take(kind)
        if not units or units[0].has_room:
            return units[:most]
        free = next((unit for unit in units[1:LOOKED_AT] if unit.has_room), None)
        if free is None:
            return units[:most]
        return (free, *(unit for unit in units[:most] if unit is not free))[:most]

    def _places_of(self, unit: OperationalUnit) -> list[dict[str, OperationalUnit]]:
        kinds = unit.policy.kinds
        return [self._asked] if kinds is None else [self._by_name.setdefault(kind, {}) for kind in kinds]

    def _count(self, viable: bool | None, change: int) -> None:  # noqa: FBT001 - the judgement that is counted
        self.viable += change * (viable is True)
        self.failing += change * (viable is False)

    def _forget_order(self) -> None:
        self._ordered = None
        self._by_kind.clear()


def _rank(unit: OperationalUnit) -> tuple[int, str]:
    return -unit.policy.priority, unit.name

"""Which shapes arguments have: the names in them and the kinds of their values, never the values."""

from collections.abc import Mapping, Sequence

from vsm_mcp.model.json import JsonObject, JsonValue

_DEEPEST = 4
_MOST_ENTRIES = 16
_MOST_SHAPES = 128
_PRIOR = 0.2


def shape_of(arguments: JsonObject) -> int:
    """Return a number that is the same for arguments of the same names and kinds, within this process."""
    shape = 0
    for name, value in arguments.items():
        shape ^= hash((name, _KINDS.get(type(value)) or _kind(value, _DEEPEST)))
    return shape


def _kind(value: JsonValue, depth: int) -> int:
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    if depth <= 0:
        return _NESTED
    if isinstance(value, Mapping):
        return hash(frozenset([(name, _kind(inner, depth - 1)) for name, inner in value.items()]))
    if isinstance(value, Sequence):
        return hash((_NESTED, frozenset([_kind(inner, depth - 1) for inner in value[:_MOST_ENTRIES]])))
    return _NESTED


_NESTED = 5
_KINDS: Mapping[type, int] = {str: 1, int: 2, float: 2, bool: 3, type(None): 4}


class Shapes:
    """Learns shapes, and says whether a new one is a surprise.

    How likely a new one is, is estimated from how many were seen exactly once (Good, 1953). Where new ones keep
    coming, one more is no surprise.

    Args:
        learn: How many are learned before anything is said.
        risk: How likely a new one may be and still be a surprise.
    """

    __slots__ = ("_counts", "_learn", "_once", "_risk", "seen")

    def __init__(self, *, learn: int, risk: float) -> None:
        """Start without having seen any."""
        self.seen: int = 0
        self._counts: dict[int, int] = {}
        self._once = 0
        self._learn = learn
        self._risk = risk

    def __len__(self) -> int:
        """Return how many different ones were seen."""
        return len(self._counts)

    def surprises(self, shape: int) -> bool:
        """Tell whether a shape is new where nothing new is expected."""
        if shape in self._counts or self.seen < self._learn or len(self._counts) >= _MOST_SHAPES:
            return False
        return self._once + _PRIOR <= self._risk * self.seen

    def again(self, shape: int) -> bool:
        """Learn a shape that was seen at least twice; of another nothing is learned, and that is told."""
        count = self._counts.get(shape, 0)
        if count < 2:  # noqa: PLR2004 - as below
            return False
        self.seen += 1
        self._counts[shape] = count + 1
        return True

    def add(self, shape: int) -> None:
        """Learn a shape."""
        self.seen += 1
        count = self._counts.get(shape, 0)
        if count == 0 and len(self._counts) >= _MOST_SHAPES:
            return
        self._counts[shape] = count + 1
        if count < 2:  # noqa: PLR2004 - never seen, or seen once
            self._once += 1 if count == 0 else -1

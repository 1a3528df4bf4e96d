"""How well operations that are done together fill the time in which they are done."""


class Batching:
    """Adds up what batches of operations took.

    Attributes:
        batches: Batches that ended.
        operations: Operations that were done in them, well or not.
        worked: Seconds that these operations took, each by itself.
        elapsed: Seconds that the batches took.
        offered: Seconds that they took, times the operations that each of them did at once.
    """

    __slots__ = ("batches", "elapsed", "offered", "operations", "worked")

    def __init__(self) -> None:
        """Begin without any."""
        self.batches: int = 0
        self.operations: int = 0
        self.worked: float = 0.0
        self.elapsed: float = 0.0
        self.offered: float = 0.0

    def __repr__(self) -> str:
        """Show how many there were."""
        return f"Batching(batches={self.batches}, operations={self.operations})"

    def note(self, *, batches: int, operations: int, worked: float, elapsed: float, offered: float) -> None:
        """Add batches that ended."""
        self.batches += batches
        self.operations += operations
        self.worked += worked
        self.elapsed += elapsed
        self.offered += offered

    @property
    def efficiency(self) -> float | None:
        """The share of the time that was offered in which operations were under way; ``None`` without any.

        1 when all operations of every batch took as long as the longest; little when batches waited for one of theirs.
        """
        return min(self.worked / self.offered, 1.0) if self.offered > 0.0 else None

    @property
    def speedup(self) -> float | None:
        """How many operations were under way at once, on average; ``None`` without any.

        That is how many times longer they would have taken one after the other, if each took as long alone.
        """
        return self.worked / self.elapsed if self.elapsed > 0.0 else None

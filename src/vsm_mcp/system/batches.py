"""Several operations at once: similar ones together, a few at a time, and none spoils the others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from vsm_mcp.errors import ConfigurationError, PayloadError, VSMError
from vsm_mcp.model.operation import Operation, Outcome
from vsm_mcp.world.groups import first_error

MOST_IN_BATCH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """What became of one operation of many: it has either an outcome or an error.

    Attributes:
        operation: The operation.
        batch: In which batch it was done, counted from 1.
        outcome: What it came to.
        error: Why it came to nothing.
    """

    operation: Operation
    batch: int
    outcome: Outcome | None = None
    error: VSMError | None = None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.outcome is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """What became of many operations.

    Attributes:
        items: One for each operation, in the order in which they were given.
        batches: How many batches they were done in.
        elapsed: Seconds from asking for them to the end of the last one.
        worked: Seconds that the operations took, each by itself.
        offered: Seconds that each batch took, times its operations.
    """

    items: tuple[BatchItem, ...]
    batches: int
    elapsed: float
    worked: float = 0.0
    offered: float = 0.0

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What those came to that were done, in order."""
        return tuple(item.outcome for item in self.items if item.outcome is not None)

    @property
    def failed(self) -> tuple[BatchItem, ...]:
        """Those that came to nothing, in order."""
        return tuple(item for item in self.items if not item.ok)


async def execute_in_batches(
    execute: Callable[[Operation], Awaitable[Outcome]], operations: Sequence[Operation], *, most: int = MOST_IN_BATCH
) -> BatchOutcome:
    """Do operations batch after batch, those of one batch at the same time.

    Operations of one kind that name the same tool are similar: they share a batch, or fill several if there are more
    than ``most``, so that what the first of them lacks is acquired for all of them. A batch with room left takes the
    next similar ones that fit in.

    Args:
        execute: Does one operation.
        operations: What is to be done.
        most: How many operations a batch has at most.

    Raises:
        ConfigurationError: A batch could have no operation.
        Exception: What ``execute`` raised and is no error of this library; the others are cancelled.
    """
    if most < 1:
        raise ConfigurationError(f"A batch cannot have {most} operations.", remedies=("Allow at least one.",))
    began, items, seconds = anyio.current_time(), dict[int, BatchItem](), dict[int, float]()
    offered = 0.0

    async def do(place: int, batch: int) -> None:
        operation, started = operations[place], anyio.current_time()
        try:
            outcome = await execute(operation)
        except VSMError as error:
            items[place] = BatchItem(operation=operation, batch=batch, error=error)
        else:
            items[place] = BatchItem(operation=operation, batch=batch, outcome=outcome)
        seconds[place] = anyio.current_time() - started

    batches = _batches(operations, most)
    for number, places in enumerate(batches, start=1):
        opened = anyio.current_time()
        with first_error():
            async with anyio.create_task_group() as tasks:
                for place in places:
                    tasks.start_soon(do, place, number)
        offered += (anyio.current_time() - opened) * len(places)
    return BatchOutcome(
        items=tuple(items[place] for place in sorted(items)),
        batches=len(batches),
        elapsed=anyio.current_time() - began,
        worked=sum(seconds.values()),
        offered=offered,
    )


def _batches(operations: Sequence[Operation], most: int) -> list[list[int]]:
    """Return the places of the operations of each batch."""
    similar = dict[tuple[str, str | None], list[int]]()
    for place, operation in enumerate(operations):
        similar.setdefault(_similarity(operation), []).append(place)
    batches = list[list[int]]()
    for places in similar.values():
        for start in range(0, len(places), most):
            part = places[start : start + most]
            if batches and len(batches[-1]) + len(part) <= most:
                batches[-1] += part
            else:
                batches.append(part)
    return batches


def _similarity(operation: Operation) -> tuple[str, str | None]:
    try:
        return operation.kind, operation.tool
    except PayloadError:  # told when it is executed
        return "", operation.tool

"""One error instead of a group: no ``ExceptionGroup`` ever reaches a user."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import cast


@contextmanager
def first_error() -> Generator[None]:
    """Raise the first leaf of an exception group bare; other exceptions pass unchanged."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise first_leaf(group) from None


def first_leaf(error: BaseException) -> BaseException:
    """Return ``error``, or of an exception group the first leaf that is an error rather than a cancellation."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if isinstance(leaf, Exception)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for part in cast("BaseExceptionGroup[BaseException]", error).exceptions:
        yield from _leaves(part)

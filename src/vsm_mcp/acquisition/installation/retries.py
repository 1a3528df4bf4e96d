"""Retries: an undo that the machine refuses for a moment is tried again, a few times, at uneven intervals."""

import errno
from collections.abc import Awaitable, Callable
from random import Random

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from vsm_mcp.errors import ConfigurationError

ATTEMPTS = 5
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0

TRANSIENT = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EINTR,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOTEMPTY,
        errno.ESTALE,
        errno.ETXTBSY,
    }
)
"""What may be otherwise a moment later; a full disk or a missing right is not."""


def transient(error: BaseException) -> bool:
    """Tell whether an error of ``Files`` comes from something that may pass by itself."""
    cause = error.__cause__
    return isinstance(error, ConfigurationError) and isinstance(cause, OSError) and cause.errno in TRANSIENT


class Retries:
    """Does something again while the machine refuses it for a reason that may pass.

    Args:
        random: Spreads the pauses, so that two processes do not meet again each time.
        attempts: How often at most, the first time included.
    """

    def __init__(self, random: Random | None = None, *, attempts: int = ATTEMPTS) -> None:
        """Keep how patient it is."""
        self._random = random or Random()  # noqa: S311 - a pause is no secret
        self._attempts = attempts

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work``.

        Raises:
            ConfigurationError: It failed for a reason that does not pass, or too often.
        """
        again = AsyncRetrying(
            sleep=anyio.sleep,
            stop=stop_after_attempt(self._attempts),
            wait=self._pause,
            retry=retry_if_exception(transient),
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                await work()

    def _pause(self, state: RetryCallState) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (2 * state.attempt_number))
        return self._random.uniform(FIRST_PAUSE, longest)

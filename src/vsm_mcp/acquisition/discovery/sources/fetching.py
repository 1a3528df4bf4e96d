"""Asking a registry: patient with what may pass, not longer than it is worth; secrets go only where they belong."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

import anyio
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
)

from vsm_mcp.errors import CircuitOpenError, ConfigurationError, LinkError
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.http import Http, Reply
from vsm_mcp.world.secrets import Secrets

TRIES = 6
FIRST_PAUSE = 0.3
PAUSES_GROW = 1.5
"""So five pauses take six seconds at most: a search waits fifteen, and is told why the registry does not answer."""

LONGEST_PAUSE = 8.0
LONGEST_REST = timedelta(hours=1)
"""A registry that wants to be left alone for longer is asked again after this."""

LARGEST_REPLY = 5_000_000

_TOO_MANY = 429
_SERVER_FAILS = 500
_NOT_IMPLEMENTED = 501


class Fetching:
    """Sends GET requests to one registry.

    Args:
        name: The registry, for messages.
        http: Sends them.
        clock: Says when a registry that wanted to be left alone may be asked again.
        headers: Headers of every request, each value a reference to a secret.
        secrets: Resolves the references, anew for every request.
        random: Spreads the pauses between attempts.
        tries: How often it is asked for one thing, the first time included.

    Raises:
        ConfigurationError: It would never be asked.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        clock: Clock,
        *,
        headers: Mapping[str, str],
        secrets: Secrets | None,
        random: Random | None,
        tries: int = TRIES,
    ) -> None:
        """Keep how to ask; nothing is sent yet."""
        if tries < 1:
            raise ConfigurationError(
                f"{name} would be asked {tries} times.", remedies=("Let it be asked once at least.",)
            )
        self._name = name
        self._http = http
        self._clock = clock
        self._headers = dict(headers)
        self._secrets = secrets
        self._random = random or Random()  # noqa: S311 - a pause is no secret
        self._tries = tries
        self._rests_until: datetime | None = None

    async def get(self, url: str, *, etag: str = "") -> Reply:
        """Return the answer; one that says to come again later is none.

        Args:
            url: What to ask for.
            etag: What was had before: the answer may be that it is still the same (304).

        Raises:
            LinkError: There was no answer, however often it was asked.
            CircuitOpenError: The registry wants to be left alone for now.
            PayloadError: The answer is too large.
            ConfigurationError: A header's secret is not there.
        """
        self._insist_on_rest()
        headers = {"accept": "application/json", **await self._secret_headers()}
        if etag:
            headers["if-none-match"] = etag
        again = AsyncRetrying(
            sleep=anyio.sleep,
            stop=stop_after_attempt(self._tries),
            wait=self._pause,
            retry=retry_if_exception_type(LinkError) | retry_if_result(self._may_pass),
            retry_error_callback=_last_answer,
        )
        reply = await again.wraps(self._send)(url, headers)
        if not _is_busy(reply):
            return reply
        self._remember_rest(reply)
        self._insist_on_rest(f"answered {reply.status} and ")
        raise LinkError(
            f"{self._name} answered {reply.status}, {self._tries} times.",
            remedies=("Check its address, or try again later.",),
        )

    async def _send(self, url: str, headers: Mapping[str, str]) -> Reply:
        return await self._http.send("GET", url, headers=headers, limit=LARGEST_REPLY)

    def _may_pass(self, reply: Reply) -> bool:
        return _is_busy(reply) and (self._wanted_wait(reply) or 0) <= LONGEST_PAUSE

    def _wanted_wait(self, reply: Reply) -> float | None:
        return seconds_of(reply.headers.get("retry-after", ""), self._clock.now())

    def _pause(self, state: RetryCallState) -> float:
        """Return what the registry asked for, and a bit; else a random part of a time that grows."""
        wanted = None
        if state.outcome is not None and not state.outcome.failed:
            wanted = self._wanted_wait(state.outcome.result())
        if wanted is not None:
            return wanted + self._random.uniform(0, FIRST_PAUSE)
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * PAUSES_GROW**state.attempt_number)
        return self._random.uniform(FIRST_PAUSE / 2, longest)

    def _remember_rest(self, reply: Reply) -> None:
        wanted = self._wanted_wait(reply) or 0
        if wanted > LONGEST_PAUSE:
            self._rests_until = self._clock.now() + min(timedelta(seconds=wanted), LONGEST_REST)

    def _insist_on_rest(self, before: str = "") -> None:
        """Refuse to ask while the registry wants to be left alone."""
        rest = self._rests_until - self._clock.now() if self._rests_until else timedelta()
        if self._rests_until is None or rest <= timedelta():
            return
        raise CircuitOpenError(
            f"{self._name} {before}wants to be left alone until {self._rests_until:%Y-%m-%d %H:%M:%S} UTC.",
            retry_after=rest.total_seconds(),
            remedies=("Try again later.",),
        )

    async def _secret_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for header, reference in self._headers.items():
            secret = None if self._secrets is None else await self._secrets.get(reference)
            value = "" if secret is None else secret.get_secret_value()
            if not value or not value.isascii() or not value.isprintable():
                raise ConfigurationError(
                    f"{self._name} is given the header {header} by {reference}, which holds nothing that can be sent.",
                    remedies=(f"Let {reference} hold the value of the header, one line of ASCII.",),
                )
            headers[header] = value
        return headers


def seconds_of(told: str, now: datetime) -> float | None:
    """Return how many seconds a ``Retry-After`` asks for, a number or a date; ``None`` when it says nothing."""
    told = told.strip()
    if told.isascii() and told.isdigit():
        return float(told[:12])
    try:
        moment = parsedate_to_datetime(told)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or now.tzinfo) - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _is_busy(reply: Reply) -> bool:
    return reply.status == _TOO_MANY or (reply.status >= _SERVER_FAILS and reply.status != _NOT_IMPLEMENTED)


def _last_answer(state: RetryCallState) -> Reply:
    """Return the last reply, or raise the last error."""
    assert state.outcome is not None  # noqa: S101 - there was an attempt
    reply: Reply = state.outcome.result()
    return reply

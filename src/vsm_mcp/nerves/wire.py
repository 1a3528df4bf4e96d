"""How a message is written for a way that others can reach, and what is refused of what arrives there."""

import hmac
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from cachetools import TTLCache
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, SecretStr, ValidationError

from vsm_mcp.errors import ConfigurationError, PayloadError, printable
from vsm_mcp.nerves.message import Message, Nerve
from vsm_mcp.world.clock import Clock

MOST_BYTES = 65_536
OLDEST = timedelta(seconds=120)
"""A message that took longer is refused: by then it says how things were, or somebody kept it to say it again."""

SHORTEST_KEY = 16
MOST_REMEMBERED = 100_000
"""Sealed messages of the last minutes that one subscription can tell from repeated ones; more are refused."""

_PURPOSE = b"vsm_mcp message, version 1\n"

_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._@-]+$")]


class _Written(BaseModel):
    """A message as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    nerve: Nerve
    topic: str
    node: _Name
    id: _Name
    sent_at: AwareDatetime
    body: dict[str, JsonValue]


class Wire:
    """Writes messages, and seals them when there is a key that only the systems of one organisation share.

    The seal is an HMAC with SHA-256 (RFC 2104) over all that is written. Whoever has no key can neither say anything in
    the name of a system nor change what one says; that others read along is for the bus to prevent.

    Args:
        clock: Says when a message is too old.
        key: The shared key; with one, what is not sealed by it is refused.
        scope: Where the messages are meant to be read; elsewhere the seal is wrong.

    Raises:
        ConfigurationError: The key is so short that it could be guessed.
    """

    def __init__(self, clock: Clock, *, key: SecretStr | None = None, scope: str = "") -> None:
        """Keep clock and key."""
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise ConfigurationError(
                "The shared key is so short that it could be guessed.",
                remedies=(f"Share at least {SHORTEST_KEY} characters that nobody thought up: openssl rand -hex 32.",),
            )
        self._clock = clock
        self._key = key
        self._purpose = _PURPOSE + scope.encode() + b"\n"

    def __repr__(self) -> str:
        """Show whether it seals, never with what."""
        return f"Wire(sealed={self.sealed})"

    @property
    def sealed(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def write(self, message: Message) -> tuple[bytes, str | None]:
        """Return a message as bytes, with its seal if there is a key.

        Raises:
            PayloadError: It is too large, or says what no other system could read.
        """
        try:
            data = _written(message).model_dump_json().encode()
            if len(data) <= MOST_BYTES:
                _Written.model_validate_json(data)  # not all that can be written could be read
        except ValueError as error:
            raise PayloadError(
                f"The message about {message.topic} cannot be written: {_wrong(error)}.",
                remedies=("Say what is JSON, and name its node with letters, digits and . _ @ -.",),
            ) from None
        if len(data) > MOST_BYTES:
            raise PayloadError(
                f"The message about {message.topic} has {len(data)} bytes, and {MOST_BYTES} are the most.",
                remedies=("Say where it can be read instead of saying it whole.",),
            )
        return data, self._seal(data)

    def reader(self, nerve: Nerve) -> "Reader":
        """Return what reads the messages of one subscription to a nerve."""
        return Reader(self, nerve, self._clock)

    def refuse_unsealed(self, data: bytes, seal: str | None) -> None:
        """Refuse what somebody without the key may have written.

        Raises:
            PayloadError: The seal is missing or wrong.
        """
        right = self._seal(data)
        if right is not None and not hmac.compare_digest(right.encode(), (seal or "").encode()):
            raise PayloadError(
                f"It is {'not sealed' if seal is None else 'sealed with another key'}.",
                remedies=("Give all systems on the bus the same shared key.",),
            )

    def _seal(self, data: bytes) -> str | None:
        if self._key is None:
            return None
        return hmac.new(self._key.get_secret_value().encode(), self._purpose + data, "sha256").hexdigest()


class Reader:
    """Reads what arrives in one subscription; of sealed messages none twice.

    Args:
        wire: Knows the key.
        nerve: What the messages must have been written for.
        clock: Says when a message is too old.
    """

    def __init__(self, wire: Wire, nerve: Nerve, clock: Clock) -> None:
        """Start without having read anything."""
        self._wire = wire
        self._nerve = nerve
        self._clock = clock
        self._read: TTLCache[str, None] = TTLCache(
            MOST_REMEMBERED, ttl=2 * OLDEST.total_seconds(), timer=lambda: clock.now().timestamp()
        )

    def read(self, data: bytes, seal: str | None) -> Message:
        """Return the message that was written.

        Raises:
            PayloadError: It is too large, without the right seal, no message, of another nerve, too old, from the
                future, or was read already; the message of the error says which.
        """
        if len(data) > MOST_BYTES:
            raise PayloadError(
                f"It has {len(data)} bytes, and {MOST_BYTES} are the most.", remedies=("Send shorter messages.",)
            )
        self._wire.refuse_unsealed(data, seal)
        try:
            written = _Written.model_validate_json(data)
            message = Message(
                nerve=written.nerve,
                topic=written.topic,
                body=written.body,
                node=written.node,
                sent_at=written.sent_at,
                id=written.id,
            )
        except ValidationError as error:
            raise PayloadError(
                f"It is no message: {_wrong(error)}.", remedies=("Let only systems publish there.",)
            ) from None
        except ConfigurationError as error:
            raise PayloadError(error.message, remedies=error.remedies) from None
        self._refuse_repeated(message)
        return message

    def forget(self, message: Message) -> None:
        """Let a message be read again: nobody has got it."""
        self._read.pop(message.id, None)

    def _refuse_repeated(self, message: Message) -> None:
        """Refuse what was right once, or elsewhere."""
        if message.nerve is not self._nerve:
            raise PayloadError(f"It was written for {message.nerve}.", remedies=("Look for who repeats messages.",))
        age = self._clock.now() - message.sent_at
        if abs(age) > OLDEST:
            raise PayloadError(
                f"It was sent {age.total_seconds():.0f} s ago, by the clock of who sent it.",
                remedies=("Let the clocks of all systems agree (NTP).",),
            )
        if not self._wire.sealed:  # whoever repeats it could as well say it anew
            return
        if message.id in self._read:
            raise PayloadError("It was read already.", remedies=("Look for who repeats messages.",))
        if len(self._read) >= MOST_REMEMBERED:
            raise PayloadError(
                f"{MOST_REMEMBERED} messages came within minutes, and it could be any of them once more.",
                remedies=("Subscribe to fewer topics at once.",),
            )
        self._read[message.id] = None


def _written(message: Message) -> _Written:
    return _Written(
        nerve=message.nerve,
        topic=message.topic,
        node=message.node,
        id=message.id,
        sent_at=message.sent_at,
        body=dict(message.body),  # pyright: ignore[reportArgumentType] - pydantic looks at what is in it
    )


def _wrong(error: ValueError) -> str:
    """Return what is wrong first; nothing of the message is quoted but names of fields."""
    if not isinstance(error, ValidationError):
        return "it has characters that are none"
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return printable(f"{'.'.join(str(part) for part in first['loc'])[:60]}: {first['msg'].lower()[:100]}")

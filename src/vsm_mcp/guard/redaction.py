"""Redaction: secrets that a server was given do not come back out of it, and do not reach another server."""

import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from operator import is_

import orjson
from pydantic import BaseModel, Field

from vsm_mcp.errors import StartError, VSMError, ZoneError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.guard.redacting.redactor import Redactor
from vsm_mcp.guard.redacting.writing import SHORTEST_SECRET, readings
from vsm_mcp.guard.sizes import says_only_text
from vsm_mcp.model.call import Caller, ToolCall, ToolResult
from vsm_mcp.model.json import JsonObject

_SHORTEST_LEAVING = 8
_MOST_SERVERS = 10_000
_MOST_REMEMBERED = 64
_LONGEST_CHAIN = 16


class Leaving(StrEnum):
    """What happens when the arguments of a call hold a secret that another server was given."""

    REFUSE = "refuse"
    ALLOW = "allow"


class RedactionOptions(BaseModel, frozen=True, extra="forbid"):
    """What is hidden, and where.

    Attributes:
        results: Hide in results the secrets that the server was given.
        errors: Hide them in what errors say.
        guess: Hide in results also what only looks like a secret. This can tear up text that is wanted.
        leaving: What happens to a call whose arguments hold a secret of another server.
        shortest: How many characters a secret must have to be hidden.
    """

    results: bool = True
    errors: bool = True
    guess: bool = False
    leaving: Leaving = Leaving.REFUSE
    shortest: int = Field(default=SHORTEST_SECRET, ge=SHORTEST_SECRET, le=64)


class GivenSecrets:
    """Knows which secrets each server was given. They are kept in memory only, and never shown.

    Args:
        options: What is hidden.

    Attributes:
        any: Whether any server was given any.
    """

    def __init__(self, options: RedactionOptions | None = None) -> None:
        """Start without knowing any."""
        self.any: bool = False
        self._options = options or RedactionOptions()
        self._values: dict[str, tuple[str, ...]] = {}
        self._redactors: dict[str, Redactor] = {}
        self._foreign: dict[str, tuple[Redactor, ...]] = {}
        self._finders: dict[str, Redactor] = {}
        self._everything: Redactor | None = None

    def __repr__(self) -> str:
        """Show how many servers were given any, and no secret."""
        return f"GivenSecrets({len(self._values)} servers)"

    def give(self, server: str, values: Iterable[str]) -> None:
        """Remember the secrets that a server is given, besides earlier ones.

        Another process of that name may still run that knows those: one of a pool, or the one that is held while
        another is tried out. The newest 64 are remembered.
        """
        before = self._values.get(server, ())
        new = [value for value in values if len(value) >= self._options.shortest]
        kept = tuple(dict.fromkeys((*new, *before)))[: max(_MOST_REMEMBERED, len(new))]
        if kept:
            self._values[server] = kept
        if frozenset(kept) != frozenset(before):
            self._renew(server)

    def forget(self, server: str) -> None:
        """Forget the secrets of a server that is let go; fine if there are none."""
        if self._values.pop(server, None) is not None:
            self._renew(server)

    def of(self, server: str) -> Redactor | None:
        """Return what hides the secrets of one server; ``None`` when there is nothing to hide."""
        return self._redactors.get(server)

    @property
    def everything(self) -> Redactor:
        """Hides the secrets of all servers and what looks like one: for what is shown or kept."""
        if self._everything is None:
            self._everything = Redactor(
                frozenset[str]().union(*self._values.values()), guess=True, shortest=self._options.shortest
            )
        return self._everything

    def foreign_to(self, server: str) -> tuple[Redactor, ...]:
        """Return what finds the secrets that others were given and this server was not, one for each."""
        found = self._foreign.get(server)
        if found is None:
            own = frozenset(self._values.get(server, ()))
            foreign = frozenset[str]().union(*self._values.values()) - own
            found = tuple([self._finders[secret] for secret in sorted(foreign) if len(secret) >= _SHORTEST_LEAVING])
            if len(self._foreign) >= _MOST_SERVERS:
                self._foreign.clear()
            self._foreign[server] = found
        return found

    def _renew(self, server: str) -> None:
        self._everything = None
        self._foreign.clear()
        known = frozenset[str]().union(*self._values.values())
        self.any = bool(known)
        self._finders = {secret: self._finders.get(secret) or Redactor((secret,)) for secret in known}
        self._redactors.pop(server, None)
        if server in self._values or self._options.guess:
            self._redactors[server] = Redactor(
                self._values.get(server, ()), guess=self._options.guess, shortest=self._options.shortest
            )


class Redaction:
    """Hides what a server was given in what it answers, and keeps it from other servers.

    Args:
        caller: Makes the calls.
        given: Which secrets servers were given.
        options: What is hidden.
        emit: Hears of calls that are refused.
    """

    def __init__(
        self,
        caller: Caller,
        given: GivenSecrets,
        options: RedactionOptions | None = None,
        *,
        emit: EventSink = ignore,
    ) -> None:
        """Stand before ``caller``."""
        self._caller = caller
        self._given = given
        self._options = options or RedactionOptions()
        self._refuses = self._options.leaving is Leaving.REFUSE
        self._guess = Redactor(guess=True) if self._options.guess else None
        self._emit = emit

    def __repr__(self) -> str:
        """Show who is behind it."""
        return f"Redaction({self._caller!r})"

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call and return its result without the secrets of the server.

        Raises:
            ZoneError: The arguments hold a secret that another server was given.
        """
        self.check(call)
        try:
            result = await self._caller.call(call)
        except VSMError as error:
            self.hide(call, error)
            raise
        return self.hidden(call, result)

    def check(self, call: ToolCall, /) -> None:
        """Do nothing if the arguments of a call hold no secret of another server.

        Raises:
            ZoneError: They do.
        """
        if self._refuses and (foreign := self._given.foreign_to(call.server)):
            self._look(call, foreign)

    def hide(self, call: ToolCall, error: VSMError) -> None:
        """Hide in an error what the server was given."""
        redactor = self._given.of(call.server) or self._guess
        if redactor is not None and self._options.errors:
            _hide(error, redactor)

    def hidden(self, call: ToolCall, result: ToolResult) -> ToolResult:
        """Return a result without what the server was given; the same one when there is nothing to hide in it."""
        redactor = self._given.of(call.server) or self._guess
        return result if redactor is None or not self._options.results else _hidden(result, redactor)

    def _look(self, call: ToolCall, foreign: tuple[Redactor, ...]) -> None:
        texts = tuple(readings(_written(call.arguments)))
        if not any(finder.has(texts) for finder in foreign):
            return
        reason = "its arguments hold a secret that another server was given."
        self._emit(CallRefused(server=call.server, tool=call.tool, reason=reason, guard="redaction"))
        raise ZoneError(
            f"{call.tool!r} of {call.server} is not called: {reason}",
            remedies=("Find out where the caller has the secret from.", "Give the server the secret if it needs it."),
        )


def _written(arguments: JsonObject) -> str:
    try:
        return orjson.dumps(arguments).decode()
    except TypeError:  # such as a number beyond 64 bits or half a character
        return json.dumps(arguments, ensure_ascii=False, default=repr)


def _hidden(result: ToolResult, redactor: Redactor) -> ToolResult:
    text = redactor.text(result.text)
    structured = redactor.value(result.structured)
    same = text is result.text and structured is result.structured
    if same and (not result.content or says_only_text(result)):
        return result
    content = tuple([_object(redactor, block) for block in result.content])
    if same and all(map(is_, content, result.content)):
        return result
    return ToolResult(text=text, structured=structured, content=content, is_error=result.is_error)


def _object(redactor: Redactor, block: JsonObject) -> JsonObject:
    told = redactor.value(block)
    return told if isinstance(told, Mapping) else {"type": "text", "text": str(told)}


def _hide(error: VSMError, redactor: Redactor) -> None:
    """Hide secrets in an error where it stands, so that its kind and everything else about it stay.

    What it came of is shown with it, so that goes as soon as it quotes a secret.
    """
    if isinstance(error, StartError):
        error.stderr = tuple(redactor.text(line) for line in error.stderr)
    if any(redactor.finds(f"{cause} {cause!r}") for cause in _causes(error)):
        error.__cause__ = error.__context__ = None
    message = redactor.text(error.message)
    if message is not error.message:
        error.message = message
        error.args = (message,)
    error.remedies = tuple(redactor.text(remedy) for remedy in error.remedies)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what an error came of, as far as it would be shown."""
    seen: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        seen = seen and (seen.__cause__ or seen.__context__)
        if seen is None:
            return
        yield seen

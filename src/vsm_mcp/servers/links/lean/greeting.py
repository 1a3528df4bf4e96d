"""The greeting, in the newest way or in the old one, and what it comes to."""

import math
from collections.abc import Mapping

import orjson
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
    DiscoverResult,
    Implementation,
    InitializeResult,
    ServerCapabilities,
)
from pydantic import ValidationError

from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.eras import Era
from vsm_mcp.servers.links.lean import messages
from vsm_mcp.servers.links.lean.dispatcher import Dispatcher
from vsm_mcp.servers.links.lean.link import Agreement
from vsm_mcp.servers.links.lean.messages import HANDSHAKE, MODERN
from vsm_mcp.servers.links.lean.outcomes import Answered, Oversized, Refused, Unreadable
from vsm_mcp.servers.links.link import ServerInfo

_US: JsonObject = {"name": "vsm_mcp", "version": "1"}


class GreetingError(Exception):
    """The greeting failed.

    Attributes:
        gone: Whether the server went away by itself.
    """

    def __init__(self, said: str, *, gone: bool = False) -> None:
        """Keep what it said."""
        super().__init__(said)
        self.gone = gone


async def agree(dispatcher: Dispatcher, era: Era) -> Agreement:
    """Greet the server and return what both sides agreed on. It takes as long as it takes: the caller has a deadline.

    Raises:
        GreetingError: They did not agree.
    """
    if era is not Era.AUTO:
        return await _initialize(dispatcher)
    discovered = await _discover(dispatcher)
    if isinstance(discovered, Refused) and MODERN in (_supported(discovered) or ()):
        discovered = await _discover(dispatcher)
    if isinstance(discovered, Refused):
        supported = _supported(discovered)
        if supported is not None and not any(version in HANDSHAKE for version in supported):
            raise GreetingError(discovered.message)
        return await _initialize(dispatcher)
    try:
        found = DiscoverResult.model_validate(discovered.result, by_name=False)
    except ValidationError:
        return await _initialize(dispatcher)
    return _modern(found) if MODERN in found.supported_versions else await _initialize(dispatcher)


async def _discover(dispatcher: Dispatcher) -> Answered | Refused:
    return await _said(dispatcher, "server/discover", b'{"_meta":{%b}}' % _meta())


async def _initialize(dispatcher: Dispatcher) -> Agreement:
    params: JsonObject = {"protocolVersion": HANDSHAKE[-1], "capabilities": {}, "clientInfo": _US}
    answer = await _said(dispatcher, "initialize", orjson.dumps(params))
    if isinstance(answer, Refused):
        raise GreetingError(answer.message)
    try:
        found = InitializeResult.model_validate(answer.result, by_name=False)
    except ValidationError as error:
        raise GreetingError(str(error)) from error
    if found.protocol_version not in HANDSHAKE:
        raise GreetingError(f"Unsupported protocol version from the server: {found.protocol_version}")
    dispatcher.tell(messages.notification("notifications/initialized", b"{}"))
    return Agreement(
        version=found.protocol_version,
        info=ServerInfo(name=found.server_info.name, version=found.server_info.version),
        instructions=found.instructions,
        prompts=found.capabilities.prompts is not None,
    )


async def _said(dispatcher: Dispatcher, method: str, params: bytes) -> Answered | Refused:
    number = dispatcher.next()
    outcome = await dispatcher.ask(number, messages.request(number, method, params), until=math.inf)
    if isinstance(outcome, Answered | Refused):
        return outcome
    if isinstance(outcome, Oversized | Unreadable):
        return Refused(code=0, message=outcome.said if isinstance(outcome, Oversized) else "no message")
    raise GreetingError("Connection closed", gone=True)


def _modern(found: DiscoverResult) -> Agreement:
    return Agreement(
        version=MODERN,
        info=_info((found.meta or {}).get(SERVER_INFO_META_KEY)),
        instructions=found.instructions,
        prompts=found.capabilities.prompts is not None,
        announces=_announces(found.capabilities),
        meta=_meta(),
    )


def _meta() -> bytes:
    """Return what every request of the newest protocol carries: the inside of an object."""
    capabilities: JsonObject = {}
    meta: JsonObject = {
        PROTOCOL_VERSION_META_KEY: MODERN,
        CLIENT_INFO_META_KEY: _US,
        CLIENT_CAPABILITIES_META_KEY: capabilities,
    }
    return orjson.dumps(meta)[1:-1]


def _info(stamp: object) -> ServerInfo | None:
    try:
        info = Implementation.model_validate(stamp, by_name=False)
    except ValidationError:
        return None
    return ServerInfo(name=info.name, version=info.version)


def _announces(offered: ServerCapabilities) -> bool:
    return any(part is not None and bool(part.list_changed) for part in (offered.tools, offered.prompts))


def _supported(answer: Refused) -> list[str] | None:
    """Return the versions that a server names when it refuses ours, or ``None`` when it names none."""
    if answer.code != UNSUPPORTED_PROTOCOL_VERSION or not isinstance(answer.data, Mapping):
        return None
    named = answer.data.get("supported")
    if not isinstance(named, list):
        return None
    return [version for version in named if isinstance(version, str)]

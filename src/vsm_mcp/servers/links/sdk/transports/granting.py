"""What the SDK's flow needs from this host: a human or a secret, and somebody who looks at what others say."""

import json
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.client.auth.utils import issuers_match
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata
from pydantic import AnyUrl, ValidationError

from vsm_mcp.errors import VSMError, printable
from vsm_mcp.model.addresses import stays_between
from vsm_mcp.model.authorization import Authorization, AuthorizationCode, ClientCredentials
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.launch import HttpLaunch, address_of
from vsm_mcp.servers.links.link import Authorize, Remote
from vsm_mcp.servers.links.sdk.transports.keeping import BY_HEADER, Storage

HUMAN_SECONDS = 600.0
LONGEST_ADDRESS = 8192
_LONGEST_REASON = 500
_LONGEST_CODE = 60
_PKCE = "S256"
_BY_FORM = "client_secret_post"

_ours: ContextVar[bool] = ContextVar("authorizing", default=False)


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _ours.get()


for _name in ("mcp.client.auth.oauth2", "mcp.client.auth.utils"):
    logging.getLogger(_name).addFilter(_not_ours)  # what it logs of our flows holds tokens; our errors say the rest

Resting = Callable[[], AbstractContextManager[None]]


class Heard(NamedTuple):
    """What was last heard of the flow's own requests: from whom, with which status, and which code of an error."""

    host: str
    status: int
    error: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a flow knew before it asked."""

    values: tuple[object, ...]
    client: OAuthClientInformationFull | None
    scope: str | None


_REMEMBERED = (
    "protected_resource_metadata",
    "oauth_metadata",
    "auth_server_url",
    "current_tokens",
    "token_expiry_time",
)


class Granting:
    """The SDK's flow for one server, and what it needs of this host.

    Args:
        name: The name of the server.
        launch: Where it is.
        terms: How the host is let in.
        remote: What is given to reach the server.
        ask: Lets a human authorize the host; ``None`` when there is nobody.

    Attributes:
        provider: The flow.
        last: What was last heard of its own requests.
    """

    def __init__(
        self, name: str, launch: HttpLaunch, terms: Authorization, *, remote: Remote, ask: Authorize | None
    ) -> None:
        """Join them."""
        self.last: Heard | None = None
        self._terms = terms
        self._storage = Storage(name, launch, terms, remote=remote)
        self._human = _Human(name, ask)
        self.provider: OAuthClientProvider = self._made(address_of(launch), remote.client_secret)
        self._context = self._storage.context = self.provider.context
        self._human.look = self._look

    def rests_in(self, resting: Resting) -> None:
        """Have the human asked within what this gives."""
        self._human.resting = resting

    @contextmanager
    def quiet(self) -> Generator[None]:
        """Keep what the SDK logs out of the host's log."""
        token = _ours.set(True)
        try:
            yield
        finally:
            _ours.reset(token)

    def check(self, request: httpx2.Request) -> None:
        """Refuse what must not be told to whom the flow leads: nothing is registered or granted there.

        Raises:
            OAuthFlowError: It leads to another authorization server, or nobody could use what is registered.
        """
        if request.method != "POST":
            return
        said, issuer = self._context.oauth_metadata, self._terms.issuer
        if issuer and (said is None or not issuers_match(str(said.issuer), issuer)):
            raise OAuthFlowError(f"it leads to another authorization server than {issuer}")
        if said is None:
            raise OAuthFlowError("nothing is said of its authorization server")
        if str(request.url) == str(said.registration_endpoint):
            self._human.needed()

    def heard(self, host: str, status: int, said: bytes) -> None:
        """Remember what was answered, for an error."""
        try:
            answer: JsonValue = json.loads(said)
        except (ValueError, RecursionError):
            answer = None
        code = answer.get("error") if isinstance(answer, dict) else None
        self.last = Heard(host, status, printable(code)[:_LONGEST_CODE] if isinstance(code, str) else "")

    def remembered(self) -> Remembered:
        """Return what the flow knows now."""
        context = self._context
        client = context.client_info
        return Remembered(
            values=tuple(getattr(context, name) for name in _REMEMBERED),
            client=None if client is None else client.model_copy(),
            scope=context.client_metadata.scope,
        )

    def remember(self, before: Remembered) -> None:
        """Let the flow know what it knew before, and nothing else."""
        for name, value in zip(_REMEMBERED, before.values, strict=True):
            setattr(self._context, name, value)
        self._context.client_info = before.client
        self._context.client_metadata.scope = before.scope

    async def forget_refused(self) -> None:
        """Forget what is kept of tokens, if they are not renewed any more."""
        if self._context.current_tokens is None:
            await self._storage.forget_tokens()

    def _made(self, url: str, secret: str) -> OAuthClientProvider:
        match self._terms:
            case ClientCredentials() as terms:
                from mcp.client.auth.extensions.client_credentials import (  # noqa: PLC0415 - loads what signs tokens
                    ClientCredentialsOAuthProvider,
                )

                return ClientCredentialsOAuthProvider(
                    url, self._storage, terms.client_id, secret, scope=terms.scope or None, issuer=terms.issuer
                )
            case AuthorizationCode() as terms:
                return OAuthClientProvider(
                    url,
                    OAuthClientMetadata(redirect_uris=[AnyUrl(terms.redirect)], client_name="vsm_mcp"),
                    self._storage,
                    self._human.show,
                    self._human.back,
                    terms.client_metadata or None,
                )

    def _look(self, url: str) -> None:
        """Refuse what must not be opened in a browser, and an authorization server that is not the right one."""
        said = self._context.oauth_metadata
        if said is None:
            raise OAuthFlowError("nothing is said of its authorization server")
        if not (url.isascii() and url.isprintable() and len(url) <= LONGEST_ADDRESS and stays_between(url)):
            raise OAuthFlowError("it leads to an address that is not shown to a human: not encrypted, or too long")
        if not stays_between(str(said.token_endpoint)):
            raise OAuthFlowError(f"it leads to {said.token_endpoint.host}, which is not encrypted")
        if self._terms.issuer and not issuers_match(str(said.issuer), self._terms.issuer):
            raise OAuthFlowError(f"it leads to another authorization server than {self._terms.issuer}")
        if _PKCE not in (said.code_challenge_methods_supported or ()):
            raise OAuthFlowError(f"{said.issuer} does not say that it protects codes ({_PKCE})")
        client = self._context.client_info
        if client is not None and self._terms.client_secret:
            client.token_endpoint_auth_method = _method(said.token_endpoint_auth_methods_supported)


class _Human:
    """Asks a human to let the host in."""

    look: Callable[[str], None]

    def __init__(self, name: str, ask: Authorize | None) -> None:
        self.resting: Resting = nullcontext
        self._name = name
        self._ask = ask
        self._returned = ""

    def needed(self) -> Authorize:
        if self._ask is None:
            raise OAuthFlowError(
                "a human has to let this host in, and there is nobody to ask: give Consent(authorize=...)"
            )
        return self._ask

    async def show(self, url: str) -> None:
        """Let a human see ``url``, which others wrote, and keep where the browser was sent back to."""
        ask = self.needed()
        self.look(url)
        returned = None
        with self.resting(), anyio.move_on_after(HUMAN_SECONDS) as limit:
            returned = await ask(self._name, url)
        if limit.cancelled_caught:
            raise OAuthFlowError(f"nobody let this host in within {HUMAN_SECONDS:g} seconds")
        if returned is None:
            raise OAuthFlowError("the human did not let this host in")
        self._returned = returned

    async def back(self) -> AuthorizationCodeResult:
        """Return what the browser brought back."""
        fields = parse_qs(urlsplit(self._returned[:LONGEST_ADDRESS]).query)
        self._returned = ""

        def only(name: str) -> str | None:
            values = fields.get(name, [])
            return values[0] if len(values) == 1 else None

        if (refusal := only("error")) is not None:
            raise OAuthFlowError(
                f"the authorization server refused: {refusal} {only('error_description') or ''}".strip()
            )
        return AuthorizationCodeResult(code=only("code") or "", state=only("state"), iss=only("iss"))


def explained(error: Exception, last: Heard | None) -> str:
    """Say why a flow failed, in words that hold no token: what the SDK says of answers quotes them."""
    if isinstance(error, OAuthTokenError | OAuthRegistrationError | ValidationError):
        what = "register this host" if isinstance(error, OAuthRegistrationError) else "grant a token"
        if last is None:
            return f"its authorization server did not {what}"
        code = f", {last.error}" if last.error else ""
        return f"{last.host} did not {what} (status {last.status}{code})"
    said = error.message.removesuffix(".") if isinstance(error, VSMError) else str(error)
    return printable(said or type(error).__name__)[:_LONGEST_REASON]


def _method(known: Sequence[str] | None) -> str:
    """Return how the host's secret is shown: in the way that all know unless only the other one is known."""
    return _BY_FORM if known and _BY_FORM in known and BY_HEADER not in known else BY_HEADER

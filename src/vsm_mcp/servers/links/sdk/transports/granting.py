"""What the SDK's flow needs from this host: a human or a secret, and a place where what was granted is kept."""

import logging
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import anyio
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.oauth2 import OAuthContext
from mcp.client.auth.utils import issuers_match
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, BaseModel, SecretStr, ValidationError

from vsm_mcp.model.addresses import is_here
from vsm_mcp.model.authorization import Authorization, AuthorizationCode, ClientCredentials
from vsm_mcp.servers.links.link import Authorize, Remote

HUMAN_SECONDS = 600.0
LONGEST_ADDRESS = 8192
_PKCE = "S256"
_BY_HEADER, _BY_FORM = "client_secret_basic", "client_secret_post"

logging.getLogger("mcp.client.auth").addHandler(logging.NullHandler())  # what it logs is in our errors, too


class Kept(BaseModel, frozen=True):
    """What is kept of an authorization, for the next connection and the next start of the host.

    Attributes:
        terms: How the host was to be let in; under other terms the rest is worth nothing.
        client: As what the host is registered.
        tokens: What was granted.
        expires: Until when, in seconds of this machine's clock.
        server: What the authorization server says of itself.
        resource: What the server says of itself.
    """

    terms: str
    client: OAuthClientInformationFull | None = None
    tokens: OAuthToken | None = None
    expires: float | None = None
    server: OAuthMetadata | None = None
    resource: ProtectedResourceMetadata | None = None


def provider(
    url: str, terms: Authorization, remote: Remote, *, name: str, ask: Authorize | None
) -> OAuthClientProvider:
    """Return the SDK's flow for one server.

    Args:
        url: The address of the server.
        terms: How the host is let in.
        remote: What is given to reach the server.
        name: Its name.
        ask: Lets a human authorize the host; ``None`` when there is nobody.
    """
    storage = _Storage(url, terms, remote)
    match terms:
        case ClientCredentials():
            made = _for_the_host(url, terms, remote.client_secret, storage=storage)
        case AuthorizationCode():
            human = _Human(name, terms, ask)
            made = OAuthClientProvider(
                url,
                OAuthClientMetadata(redirect_uris=[AnyUrl(terms.redirect)], client_name="vsm_mcp"),
                storage,
                human.show,
                human.back,
                terms.client_metadata or None,
            )
            human.context = made.context
    storage.context = made.context
    return made


def _for_the_host(url: str, terms: ClientCredentials, secret: str, *, storage: "_Storage") -> OAuthClientProvider:
    from mcp.client.auth.extensions.client_credentials import (  # noqa: PLC0415 - loads what signs tokens
        ClientCredentialsOAuthProvider,
    )

    return ClientCredentialsOAuthProvider(
        url, storage, terms.client_id, secret, scope=terms.scope or None, issuer=terms.issuer
    )


class _Human:
    """Asks a human to let the host in."""

    context: OAuthContext

    def __init__(self, name: str, terms: AuthorizationCode, ask: Authorize | None) -> None:
        self._name = name
        self._terms = terms
        self._ask = ask
        self._returned = ""

    async def show(self, url: str) -> None:
        """Let a human see ``url``, which others wrote, and keep where the browser was sent back to."""
        if self._ask is None:
            raise OAuthFlowError(
                "a human has to let this host in, and there is nobody to ask: give Consent(authorize=...)"
            )
        self._check(url)
        returned = None
        with anyio.move_on_after(HUMAN_SECONDS) as limit:
            returned = await self._ask(self._name, url)
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

    def _check(self, url: str) -> None:
        """Refuse what must not be opened in a browser, and an authorization server that is not the right one."""
        if not (url.isascii() and url.isprintable() and len(url) <= LONGEST_ADDRESS and _safe(url)):
            raise OAuthFlowError("it leads to an address that is not shown to a human: not encrypted, or too long")
        said = self.context.oauth_metadata
        if said is not None and not _safe(str(said.token_endpoint)):
            raise OAuthFlowError(f"it leads to {said.token_endpoint.host}, which is not encrypted")
        if self._terms.issuer and (said is None or not issuers_match(str(said.issuer), self._terms.issuer)):
            raise OAuthFlowError(f"it leads to another authorization server than {self._terms.issuer}")
        if said is not None and _PKCE not in (said.code_challenge_methods_supported or ()):
            raise OAuthFlowError(f"{said.issuer} does not say that it protects codes ({_PKCE})")
        client = self.context.client_info
        if client is not None and self._terms.client_secret and said is not None:
            client.token_endpoint_auth_method = _method(said.token_endpoint_auth_methods_supported)


def _safe(url: str) -> bool:
    """Tell whether what goes to an address stays between the two sides."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_here(parts.hostname or ""))


def _method(known: Sequence[str] | None) -> str:
    """Return how the host's secret is shown: in the way that all know unless only the other one is known."""
    return _BY_FORM if known and _BY_FORM in known and _BY_HEADER not in known else _BY_HEADER


class _Storage:
    """Keeps what is granted, in the shape in which the SDK asks for it, and what the SDK does not ask for.

    Without the time at which a token ends and the places where it is renewed, the SDK would have a human asked at each
    start of the host.
    """

    context: OAuthContext

    def __init__(self, url: str, terms: Authorization, remote: Remote) -> None:
        self._url = url
        self._terms = terms
        self._remote = remote
        self._kept = Kept(terms=repr(terms))

    async def get_tokens(self) -> OAuthToken | None:
        """Return what was granted, and let the flow know the rest."""
        granted = await self._remote.tokens.load(self._url)
        if granted is not None:
            try:
                kept = Kept.model_validate_json(granted.get_secret_value())
            except ValidationError:
                kept = self._kept  # it is none of ours, or of another version: the human is asked once more
            if kept.terms == self._kept.terms:
                self._kept = kept
        self.context.token_expiry_time = self._kept.expires
        self.context.oauth_metadata = self._kept.server
        self.context.protected_resource_metadata = self._kept.resource
        self._tell(self._kept.tokens)
        return self._kept.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep what was granted."""
        self._tell(tokens)
        context = self.context
        await self._keep(
            tokens=tokens,
            expires=context.token_expiry_time,
            server=context.oauth_metadata,
            resource=context.protected_resource_metadata,
        )

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return as what the host is registered."""
        terms = self._terms
        if not terms.client_id:
            return self._kept.client
        return OAuthClientInformationFull(
            client_id=terms.client_id,
            client_secret=self._remote.client_secret or None,
            token_endpoint_auth_method=_BY_HEADER if self._remote.client_secret else "none",
            issuer=terms.issuer or None,
        )

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep as what the host is registered."""
        await self._keep(client=client_info)

    async def _keep(self, **changed: object) -> None:
        self._kept = self._kept.model_copy(update=changed)
        await self._remote.tokens.save(self._url, SecretStr(self._kept.model_dump_json()))

    def _tell(self, tokens: OAuthToken | None) -> None:
        if tokens is not None:
            self._remote.obtained([secret for secret in (tokens.access_token, tokens.refresh_token) if secret])

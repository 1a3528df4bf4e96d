"""What is kept of an authorization, for the next connection and the next start of the host."""

from mcp.client.auth.oauth2 import OAuthContext
from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, OAuthToken, ProtectedResourceMetadata
from pydantic import BaseModel, SecretStr, ValidationError

from vsm_mcp.model.authorization import Authorization
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.link import Remote
from vsm_mcp.world.tokens import key_of

SHORTEST_LIFE = 10
"""A token that is said to be good for fewer seconds than this is used until it is refused."""

BY_HEADER = "client_secret_basic"


class Kept(BaseModel, frozen=True):
    """What is kept.

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


class Storage:
    """Keeps what is granted, in the shape in which the SDK asks for it, and what the SDK does not ask for.

    Without the time at which a token ends and the places where it is renewed, the SDK would have a human asked at each
    start of the host.

    Args:
        name: The name of the server.
        launch: Where it is.
        terms: How the host is let in.
        remote: Where tokens are kept, and what the host is known by.
    """

    context: OAuthContext

    def __init__(self, name: str, launch: HttpLaunch, terms: Authorization, *, remote: Remote) -> None:
        """Read nothing yet."""
        self._key = key_of(name, launch)
        self._terms = terms
        self._remote = remote
        self._kept = Kept(terms=repr(terms))

    async def get_tokens(self) -> OAuthToken | None:
        """Return what was granted, and let the flow know the rest."""
        granted = await self._remote.tokens.load(self._key)
        if granted is not None:
            try:
                kept = Kept.model_validate_json(granted.get_secret_value())
            except ValidationError:
                kept = self._kept  # it is none of ours, or of another version: what lets in is asked for once more
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
        if tokens.expires_in is not None and tokens.expires_in < SHORTEST_LIFE:
            context.token_expiry_time = None
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
            token_endpoint_auth_method=BY_HEADER if self._remote.client_secret else "none",
            issuer=terms.issuer or None,
        )

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep as what the host is registered."""
        await self._keep(client=client_info)

    async def forget_tokens(self) -> None:
        """Forget tokens that are not renewed any more."""
        if self._kept.tokens is not None:
            await self._keep(tokens=None, expires=None)

    async def _keep(self, **changed: object) -> None:
        self._kept = self._kept.model_copy(update=changed)
        await self._remote.tokens.save(self._key, SecretStr(self._kept.model_dump_json()))

    def _tell(self, tokens: OAuthToken | None) -> None:
        if tokens is not None:
            self._remote.obtained([secret for secret in (tokens.access_token, tokens.refresh_token) if secret])

"""How a server elsewhere lets this host in when it asks for authorization (OAuth 2.1): for a human, or for the host.

No secret stands here: those are given by reference, and tokens are kept where `Tokens` keeps them.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.addresses import check_reference, check_url, stays_between

LONGEST_NAME = 2048
LONGEST_SCOPE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """A human lets the host in, in a browser (RFC 6749, section 4.1, with PKCE).

    Attributes:
        redirect: Where the browser is sent back to.
        issuer: The authorization server at which the host is registered; empty: whichever the server names.
        client_id: Under which name it is registered there; empty: it registers itself.
        client_secret: A reference to the secret that belongs to the name (``env:NAME``, ``file:/path``), if any does.
        client_metadata: The address of a document that describes the host, which some authorization servers take
            instead of a registration.

    Raises:
        PayloadError: Something cannot be used, or a secret has no issuer that it is for.
    """

    redirect: str = "http://127.0.0.1:8976/callback"
    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    client_metadata: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be used, or not safely."""
        _check_encrypted(self.redirect, "to which the browser returns")
        _check_registration(self.client_id, self.client_secret, self.issuer)
        if self.client_metadata and (not urlsplit(self.client_metadata).path.strip("/") or self.client_id):
            raise PayloadError(
                "The document that describes the host cannot be used: it has no path, or there is a client_id as well.",
                remedies=("Give either client_metadata='https://HOST/PATH' or client_id.",),
            )
        if self.client_metadata:
            check_url(self.client_metadata, ("https",))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """The host is let in as itself, and nobody is asked (RFC 6749, section 4.4).

    Attributes:
        issuer: The authorization server at which the host is registered, and which alone gets its secret.
        client_id: Under which name it is registered there.
        client_secret: A reference to the secret that belongs to the name (``env:NAME``, ``file:/path``).
        scope: What is asked for, in words with spaces between; empty: what the server says.

    Raises:
        PayloadError: Something cannot be used.
    """

    issuer: str
    client_id: str
    client_secret: str
    scope: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be used, or not safely."""
        if not (self.client_id and self.client_secret):
            raise PayloadError(
                "The host needs a name and a secret to be let in as itself.",
                remedies=("Give client_id, and client_secret by reference.",),
            )
        _check_registration(self.client_id, self.client_secret, self.issuer)
        if len(self.scope) > LONGEST_SCOPE or not (self.scope.isascii() and self.scope.isprintable()):
            raise PayloadError(
                "The scope cannot be used.",
                remedies=(f"Give words of ASCII with spaces between, {LONGEST_SCOPE} characters at most.",),
            )


Authorization = AuthorizationCode | ClientCredentials


def _check_registration(client_id: str, secret: str, issuer: str) -> None:
    """Refuse a registration that is not whole: a secret without an issuer would go wherever a server leads."""
    if len(client_id) > LONGEST_NAME or not (client_id.isascii() and client_id.isprintable()):
        raise PayloadError("The client_id cannot be used.", remedies=("Give what the authorization server gave.",))
    if issuer:
        _check_encrypted(issuer, "of the authorization server")
    if not secret:
        return
    check_reference(secret, "client_secret")
    if not (issuer and client_id):
        raise PayloadError(
            "A client_secret needs the client_id that it belongs to and the issuer that it is for.",
            remedies=("Give the issuer: else the server would choose who gets the secret.",),
        )


def _check_encrypted(url: str, which: str) -> None:
    check_url(url, ("https", "http"))
    if not stays_between(url):
        raise PayloadError(
            f"The address {which} is not encrypted.",
            remedies=("Use one that begins with https://, or one of this machine: http://127.0.0.1:PORT/PATH.",),
        )

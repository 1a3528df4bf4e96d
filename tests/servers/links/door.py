"""A server with a door: it lets in who has a token, and its authorization server grants them."""

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2
from tests.servers.links.peer import Json, Net, Peer, Request, members, plain
from typing_extensions import override

RESOURCE = "/.well-known/oauth-protected-resource/mcp"
METADATA = "/.well-known/oauth-authorization-server"


@dataclass
class Door:
    """What the authorization server says and knows.

    Attributes:
        said: What replaces what it says of itself otherwise.
        served: What replaces what the server says of itself otherwise.
        needs: The scope without which a call of a tool is refused.
        granted: How many tokens were granted.
        seen: The forms of requests for tokens, each with its header for credentials.
        good: The tokens that are accepted.
    """

    said: Json = field(default_factory=dict[str, object])
    served: Json = field(default_factory=dict[str, object])
    needs: str = ""
    granted: int = 0
    seen: list[tuple[dict[str, str], str]] = field(default_factory=list[tuple[dict[str, str], str]])
    good: set[str] = field(default_factory=set[str])


class GuardedNet(Net):
    """A peer at ``/mcp``, which wants a token, and beside it who grants tokens."""

    def __init__(self, peer: Peer | None = None) -> None:
        super().__init__(peer or Peer())
        self.door = Door()

    @property
    def base(self) -> str:
        """The address of both."""
        return f"http://127.0.0.1:{self.port}"

    @override
    def at_the_door(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        path = urlsplit(request.path).path
        if path == RESOURCE:
            return tell(
                writer, {"resource": f"{self.base}/mcp", "authorization_servers": [self.base], **self.door.served}
            )
        if path == METADATA:
            return tell(writer, {**self.metadata(), **self.door.said})
        if path == "/register":
            asked = json.loads(request.body)
            return tell(writer, {**asked, "client_id": "guest", "token_endpoint_auth_method": "none"}, status=201)
        if path == "/grants/token":
            return self.grant(writer, request)
        return self.refuse(writer, request)

    @override
    async def _streamable(
        self, writer: asyncio.StreamWriter, path: str, *, headers: dict[str, str], message: Json
    ) -> bool:
        if members(message, "params").get("name") == "sleep":
            self.peer.seen.append("sleep")
            await asyncio.sleep(60)  # its answer does not even begin
        return await super()._streamable(writer, path, headers=headers, message=message)

    def metadata(self) -> Json:
        """Return what the authorization server says of itself."""
        return {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/grants/token",
            "registration_endpoint": f"{self.base}/register",
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["read"],
        }

    def grant(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        form = dict(parse_qsl(request.body.decode()))
        self.door.seen.append((form, request.headers.get("authorization", "")))
        self.door.granted += 1
        token = f"token-under-test-{self.door.granted:04}"
        self.door.good = {token}
        fresh: Json = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if form["grant_type"] != "client_credentials":
            fresh["refresh_token"] = f"again-under-test-{self.door.granted:04}"
        return tell(writer, fresh)

    def refuse(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if token not in self.door.good:
            how = f'Bearer resource_metadata="{self.base}{RESOURCE}"'
            return plain(writer, 401, b"", www_authenticate=how)
        if self.door.needs and b"tools/call" in request.body:
            how = f'Bearer error="insufficient_scope", scope="{self.door.needs}"'
            self.door.needs = ""
            return plain(writer, 403, b"", www_authenticate=how)
        return False


def tell(writer: asyncio.StreamWriter, said: Json, *, status: int = 200) -> bool:
    return plain(writer, status, json.dumps(said).encode(), content_type="application/json")


@dataclass
class Human:
    """Somebody who lets the host in, or does what is said in ``brings``.

    Attributes:
        brings: What the browser brings back, besides or instead of a good answer; ``None``: the human refuses.
        asked: What was shown.
    """

    brings: dict[str, str] | None = field(default_factory=dict[str, str])
    asked: list[str] = field(default_factory=list[str])

    async def __call__(self, _: str, address: str) -> str | None:
        self.asked.append(address)
        if self.brings is None:
            return None
        fields = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        back = urlsplit(fields["redirect_uri"])
        return urlunsplit(back._replace(query=urlencode({"code": "c", "state": fields["state"], **self.brings})))


def come_back(address: str) -> None:
    """Be a browser that is sent back at once."""
    fields = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    answer = httpx2.get(f"{fields['redirect_uri']}?{urlencode({'code': 'c', 'state': fields['state']})}")
    answer.raise_for_status()

"""A server with a door: it lets in who has a token, and its authorization server grants them."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import anyio
import httpx2
from tests.servers.links.peer import Net
from tests.servers.links.ways import dial
from typing_extensions import override

from vsm_mcp.model.authorization import Authorization, AuthorizationCode
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.link import Authorize, Consent, Link, Remote
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.testing.peer import Json, Peer, members
from vsm_mcp.testing.remote import Answer, Connection, Request
from vsm_mcp.world.tokens import MemoryTokens, Tokens

SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing
RESOURCE = "/.well-known/oauth-protected-resource/mcp"
METADATA = "/.well-known/oauth-authorization-server"


@dataclass
class Door:
    """What the authorization server says and knows.

    Attributes:
        said: What replaces what it says of itself otherwise.
        served: What replaces what the server says of itself otherwise.
        needs: The scope without which a call of a tool is refused.
        lasts: For how many seconds a token is said to be good.
        renews: Whether tokens can be renewed.
        fails: What is answered with this status, by path.
        garbles: What is put into the answer that grants a token; ``None`` leaves out.
        granted: How many tokens were granted.
        seen: The forms of requests for tokens, each with its header for credentials.
        good: The tokens that are accepted.
        turned_away: How many requests had none of these.
    """

    said: Json = field(default_factory=dict[str, object])
    served: Json = field(default_factory=dict[str, object])
    needs: str = ""
    lasts: int = 3600
    renews: bool = True
    fails: dict[str, int] = field(default_factory=dict[str, int])
    garbles: Json = field(default_factory=dict[str, object])
    granted: int = 0
    seen: list[tuple[dict[str, str], str]] = field(default_factory=list[tuple[dict[str, str], str]])
    good: set[str] = field(default_factory=set[str])
    turned_away: int = 0


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
    def at_the_door(self, request: Request) -> Answer | None:
        path = urlsplit(request.path).path
        if path in self.door.fails:
            return Answer.of({"error": "broken"}, status=self.door.fails[path])
        known = {
            RESOURCE: self.resource,
            METADATA: self.metadata,
            "/register": self.register,
            "/grants/token": self.grant,
        }
        return known.get(path, self.refuse)(request)

    def resource(self, _: Request) -> Answer:
        said: Json = {"resource": f"{self.base}/mcp", "authorization_servers": [self.base]}
        return Answer.of({**said, **self.door.served})

    def register(self, request: Request) -> Answer:
        asked = json.loads(request.body)
        return Answer.of({**asked, "client_id": "guest", "token_endpoint_auth_method": "none"}, status=201)

    @override
    async def streamable(self, connection: Connection, path: str, *, headers: Mapping[str, str], message: Json) -> bool:
        if members(message, "params").get("name") == "sleep":
            self.peer.seen.append("sleep")
            await anyio.sleep(60)  # its answer does not even begin
        return await super().streamable(connection, path, headers=headers, message=message)

    def metadata(self, _: Request) -> Answer:
        said: Json = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/grants/token",
            "registration_endpoint": f"{self.base}/register",
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["read"],
        }
        return Answer.of({**said, **self.door.said})

    def grant(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode()))
        self.door.seen.append((form, request.headers.get("authorization", "")))
        if form["grant_type"] == "refresh_token" and not self.door.renews:
            return Answer.of({"error": "invalid_grant"}, status=400)
        self.door.granted += 1
        token = f"token-under-test-{self.door.granted:04}"
        self.door.good = {token}
        fresh: Json = {"access_token": token, "token_type": "Bearer", "expires_in": self.door.lasts}
        if form["grant_type"] != "client_credentials":
            fresh["refresh_token"] = f"again-under-test-{self.door.granted:04}"
        garbled = {**fresh, **self.door.garbles}
        return Answer.of({name: value for name, value in garbled.items() if value is not None})

    def refuse(self, request: Request) -> Answer | None:
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if token not in self.door.good:
            self.door.turned_away += 1
            how = f'Bearer resource_metadata="{self.base}{RESOURCE}"'
            return Answer(401, headers={"www-authenticate": how})
        if self.door.needs and b"tools/call" in request.body:
            how = f'Bearer error="insufficient_scope", scope="{self.door.needs}"'
            self.door.needs = ""
            return Answer(403, headers={"www-authenticate": how})
        return None


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


class Host:
    """A host that starts: what it knows of servers is in ``tokens`` and nowhere else."""

    def __init__(
        self,
        net: GuardedNet,
        human: Authorize | None,
        tokens: Tokens | None = None,
        *,
        probe: float = 5.0,
        start: float = 10.0,
    ) -> None:
        self._net = net
        self._tokens = tokens or MemoryTokens()
        self._connector = LazyConnector(eras={}, consent=Consent(authorize=human), call=10.0, probe=probe, start=start)
        self.obtained: list[str] = []

    def open(self, authorization: Authorization | None = None) -> AbstractAsyncContextManager[Link]:
        launch = HttpLaunch(url=f"{self._net.base}/mcp", authorization=authorization or AuthorizationCode())
        remote = Remote(dial=dial, client_secret=SECRET, tokens=self._tokens, obtained=self.obtained.extend)
        return self._connector.remote(launch, remote, name="s", digest="d")

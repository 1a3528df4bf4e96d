"""A registry of MCP servers in memory: pages, changes since a moment, entries taken back, and failures to order."""

import hashlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import anyio.lowlevel

from vsm_mcp.errors import PayloadError, VSMError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.testing.world import Answer, Request
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.http import DEFAULT_LIMIT, Reply

_OFFICIAL = "io.modelcontextprotocol.registry/official"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    server: JsonObject
    published: datetime
    updated: datetime
    latest: bool = True
    deleted: bool = False

    def told(self) -> JsonObject:
        facts: JsonObject = {
            "status": "deleted" if self.deleted else "active",
            "publishedAt": self.published.isoformat(),
            "updatedAt": self.updated.isoformat(),
            "isLatest": self.latest,
        }
        return {"server": self.server, "_meta": {_OFFICIAL: facts}}


class FakeRegistry:
    """Answers ``GET /v0.1/servers`` as a registry does; give it to a source in the place of ``Http``.

    Args:
        clock: Says when something was published.
        base_url: Its address; other addresses do not exist.
        most_per_page: How long its pages are, whatever is asked for.
        tells_changes: Whether it understands ``updated_since``.
        tags: Whether it gives its pages an ``ETag``.

    Attributes:
        requests: What was sent, in order.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        base_url: str = "http://registry.test",
        most_per_page: int = 100,
        tells_changes: bool = True,
        tags: bool = False,
    ) -> None:
        """Start without servers."""
        self.requests: list[Request] = []
        self._clock = clock
        self._base_url = base_url
        self._most_per_page = most_per_page
        self._tells_changes = tells_changes
        self._tags = tags
        self._versions: list[_Version] = []
        self._ordered: deque[Answer | None] = deque()

    def publish(self, server: JsonObject) -> None:
        """Add a version of a server; earlier ones of that name are not the latest any more."""
        now = self._clock.now()
        self._versions = [
            replace(one, latest=False) if one.server.get("name") == server.get("name") else one
            for one in self._versions
        ]
        self._versions.append(_Version(server=server, published=now, updated=now))

    def delete(self, name: str) -> None:
        """Take a server back, all versions of it."""
        now = self._clock.now()
        self._versions = [
            replace(one, deleted=True, updated=now) if one.server.get("name") == name else one for one in self._versions
        ]

    def answer_next(self, *answers: Answer | None) -> None:
        """Answer the next requests so, one after the other, ``None`` as always; after them all goes well again."""
        self._ordered.extend(answers)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = DEFAULT_LIMIT,
        cafile: str | None = None,
    ) -> Reply:
        """Answer a request.

        Raises:
            PayloadError: The answer is larger than ``limit`` bytes.
            VSMError: The error that was ordered.
        """
        await anyio.lowlevel.checkpoint()
        request = Request(method=method, url=url, headers=dict(headers or {}), body=body, cafile=cafile)
        self.requests.append(request)
        reply = self._answer(request)
        if len(reply.body) > limit:
            raise PayloadError(f"{url} answered with more than {limit} bytes.")
        return reply

    def _answer(self, request: Request) -> Reply:
        ordered = self._ordered.popleft() if self._ordered else None
        if isinstance(ordered, VSMError):
            raise ordered
        if ordered is not None:
            return ordered if isinstance(ordered, Reply) else ordered(request)
        return self._serve(request)

    def _serve(self, request: Request) -> Reply:
        parts = urlsplit(request.url)
        if request.method != "GET" or not request.url.startswith(f"{self._base_url}/v0.1/servers?"):
            return Reply(status=404)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "updated_since" in asked and not self._tells_changes:
            return Reply(status=400)
        body = json.dumps(self._page(asked)).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if self._tags else ""
        if tag and request.headers.get("if-none-match") == tag:
            return Reply(status=304)
        return Reply(status=200, headers={"etag": tag} if tag else {}, body=body)

    def _page(self, asked: Mapping[str, str]) -> JsonObject:
        found = [one for one in self._versions if _is_asked_for(one, asked)]
        size = min(int(asked.get("limit", "30")), self._most_per_page)
        start = int(asked.get("cursor", "0"))
        page: list[JsonValue] = [one.told() for one in found[start : start + size]]
        following = str(start + size) if start + size < len(found) else None
        return {"servers": page, "metadata": {"nextCursor": following, "count": len(page)}}


def _is_asked_for(one: _Version, asked: Mapping[str, str]) -> bool:
    if asked.get("version") == "latest" and not one.latest:
        return False
    if "updated_since" in asked:
        return one.updated >= datetime.fromisoformat(asked["updated_since"])
    return not one.deleted or asked.get("include_deleted") == "true"

"""The client that the conformance suite looks at: one link of ours, which lists and calls what it finds.

The suite gives the URL as the last word, and the scenario's own wishes as JSON in MCP_CONFORMANCE_CONTEXT.
"""

import json
import os
import socket
import sys
from collections.abc import Mapping

import anyio
import anyio.to_thread
import httpx2

from vsm_mcp.errors import CallError, ServerError
from vsm_mcp.model.authorization import Authorization, AuthorizationCode, ClientCredentials
from vsm_mcp.model.call import ToolCall, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.link import Consent, Link, Remote
from vsm_mcp.servers.links.sdk.client import SdkConnector

SECONDS = 60.0
REDIRECT = "http://localhost:3000/callback"
CLIENT_METADATA = "https://conformance-test.local/client-metadata.json"
SAMPLES: Mapping[str, JsonValue] = {
    "number": 2,
    "integer": 2,
    "string": "x",
    "boolean": True,
    "array": [],
    "object": {},
}


async def dial(host: str, port: int) -> socket.socket:
    """Connect to the suite, which runs on this machine."""
    connected = await anyio.to_thread.run_sync(socket.create_connection, (host, port))
    connected.setblocking(False)  # noqa: FBT003 - the name of the argument is its own
    return connected


async def elicit(_: str, asked: JsonObject) -> JsonObject:
    """Answer a form with its defaults, and with samples where there is none."""
    schema = asked.get("requestedSchema")
    fields = schema.get("properties") if isinstance(schema, Mapping) else None
    return {"action": "accept", "content": _filled(fields, given="default")}


async def sample(_: str, __: JsonObject) -> JsonObject:
    """Answer for a model."""
    return {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "none"}


async def roots(_: str, __: JsonObject) -> JsonObject:
    """Name one directory."""
    return {"roots": [{"uri": "file:///work"}]}


def _filled(fields: JsonValue, *, given: str) -> JsonObject:
    if not isinstance(fields, Mapping):
        return {}
    return {
        name: field.get(given, SAMPLES.get(str(field.get("type")), "x"))
        for name, field in fields.items()
        if isinstance(field, Mapping)
    }


def calls(tools: tuple[ToolSpec, ...], wishes: JsonValue) -> list[tuple[str, JsonObject]]:
    """Return what to call: what the scenario wishes, else every tool with samples."""
    wished = wishes.get("toolCalls") if isinstance(wishes, Mapping) else None
    if isinstance(wished, list):
        return [
            (str(wish.get("name")), given)
            for wish in wished
            if isinstance(wish, Mapping) and isinstance(given := wish.get("arguments", {}), Mapping)
        ]
    return [(tool.name, _filled(tool.input_schema.get("properties"), given="const")) for tool in tools]


async def use(link: Link, wishes: JsonValue) -> None:
    """List and call."""
    for name, arguments in calls(await link.tools(), wishes):
        try:
            result = await link.call(ToolCall(server="suite", tool=name, arguments=arguments, timeout=SECONDS))
            print(name, result.text[:100])
        except (CallError, ServerError) as error:  # some scenarios want a call to fail
            print(name, error, file=sys.stderr)
    await link.prompts()


async def authorize(_: str, address: str) -> str | None:
    """Consent for a human: the suite's page sends a browser back at once."""
    async with httpx2.AsyncClient() as browser:
        return (await browser.get(address)).headers.get("location")


def terms(wishes: JsonValue) -> tuple[Authorization, str]:
    """Return how this host is let in, and its secret: as the scenario wishes, else it registers itself."""
    given = {name: str(value) for name, value in wishes.items()} if isinstance(wishes, Mapping) else {}
    name, secret = given.get("client_id", ""), given.get("client_secret", "")
    reference = "env:SECRET" if secret else ""
    if "client-credentials" in given.get("name", ""):
        return ClientCredentials(issuer=given["issuer"], client_id=name, client_secret=reference), secret
    document = "" if name else CLIENT_METADATA
    issuer = given.get("issuer", "")
    return AuthorizationCode(
        redirect=REDIRECT, issuer=issuer, client_id=name, client_secret=reference, client_metadata=document
    ), secret


async def main() -> None:
    """Connect to where the suite says."""
    wishes: JsonValue = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    consent = Consent(elicit=elicit, sample=sample, roots=roots, authorize=authorize)
    connector = SdkConnector(eras={}, probe=SECONDS, start=SECONDS, consent=consent)
    authorization, secret = terms(wishes)
    launch = HttpLaunch(url=sys.argv[-1], authorization=authorization)
    remote = Remote(dial=dial, client_secret=secret)
    async with connector.remote(launch, remote, name="suite", digest="suite") as link:
        await use(link, wishes)


if __name__ == "__main__":
    anyio.run(main)

"""Encrypted connections: a server is spoken with when this machine trusts its certificate, and not otherwise."""

import ssl
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest
import trustme
from tests.servers.links.peer import Net
from tests.servers.links.ways import remote

from vsm_mcp.errors import StartError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.launch import HttpLaunch, WebSocketLaunch
from vsm_mcp.servers.links.link import Link
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.testing.peer import Peer

pytestmark = pytest.mark.anyio

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})
KINDS = pytest.mark.parametrize("kind", ["https", "wss"])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def net(authority: trustme.CA) -> Iterator[Net]:
    with Net(Peer(), tls=presenting(authority, "127.0.0.1")) as net:
        yield net


def presenting(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - untyped in part
    return context


def trust(authority: trustme.CA, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process trust one authority, in the way in which a machine is told to."""
    authority.cert_pem.write_to_path(directory / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(directory / "authority.pem"))


def at(net: Net, kind: str) -> AbstractAsyncContextManager[Link]:
    launches = {
        "https": HttpLaunch(url=f"https://127.0.0.1:{net.port}/mcp"),
        "wss": WebSocketLaunch(url=f"wss://127.0.0.1:{net.websocket_port}/"),
    }
    return SdkConnector(eras={}, probe=5.0, start=10.0).remote(launches[kind], remote(), name="s", digest="d")


@KINDS
async def test_a_certificate_of_a_trusted_authority_is_accepted(
    net: Net, authority: trustme.CA, *, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, tmp_path, monkeypatch)
    with anyio.fail_after(20):
        async with at(net, kind) as link:
            assert (await link.call(HELLO)).text == "hello"


@KINDS
async def test_a_certificate_of_another_authority_is_refused(
    net: Net, kind: str, tmp_path: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(trustme.CA(), tmp_path, monkeypatch)
    with anyio.fail_after(20), pytest.raises(StartError, match="certificate verify failed") as caught:
        async with at(net, kind):
            pytest.fail("it was trusted")
    assert caught.value.remedies


@KINDS
async def test_a_certificate_for_another_host_is_refused(
    authority: trustme.CA, tmp_path: Path, *, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, tmp_path, monkeypatch)
    with anyio.fail_after(20), Net(Peer(), tls=presenting(authority, "other.example")) as net:
        opening = at(net, kind)
        with pytest.raises(StartError, match="mismatch"):
            await opening.__aenter__()


@KINDS
async def test_a_server_that_does_not_encrypt_is_refused(kind: str) -> None:
    with Net(Peer()) as net, anyio.fail_after(20), pytest.raises(StartError, match=r"encryption|trusted"):
        async with at(net, kind):
            pytest.fail("it was spoken with")

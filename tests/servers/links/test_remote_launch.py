"""A launcher reaches servers elsewhere: only where it may, with secrets by reference, honest about the rest."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.servers.links.peer import Net

from vsm_mcp.errors import LinkError, NeedsConfigurationError, StartError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.launch import HttpLaunch, RemoteLaunch, TcpLaunch, WebSocketLaunch
from vsm_mcp.model.server import Installed
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.launcher import Launcher
from vsm_mcp.servers.links.link import Connector, Link, Remote
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.testing.peer import Peer
from vsm_mcp.testing.scripted import Script, ScriptedLink
from vsm_mcp.testing.servers import memory_installed, memory_server
from vsm_mcp.world.processes import LocalProcesses
from vsm_mcp.world.secrets import ReferencedSecrets

pytestmark = pytest.mark.anyio

SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing
HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Net(Peer()) as net:
        yield net


def installed(launch: RemoteLaunch) -> Installed:
    return replace(memory_installed(lambda: memory_server({}), name="example/far"), launch=launch)


def launcher(
    *private: str, addresses: Mapping[str, Sequence[str]] | None = None, connector: Connector | None = None
) -> Launcher:
    async def resolve(host: str, _port: int) -> Sequence[str]:
        await anyio.lowlevel.checkpoint()
        return (addresses or {}).get(host, (host,))

    return Launcher(
        Sandbox.none(LocalProcesses()),
        connector or LazyConnector(eras={}, start=10.0, call=10.0),
        policy_for=lambda installed, work: SandboxPolicy(package=installed.path, work=work),
        secrets=ReferencedSecrets(),
        references=lambda _: {},
        private=private,
        resolve=resolve,
    )


async def test_a_server_elsewhere_is_called_and_nothing_is_claimed_to_confine_it(net: Net, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"Bearer {SECRET}\n")
    headers = {"Authorization": f"file:{token}"}
    opening = launcher("127.0.0.1").prepare(
        installed(HttpLaunch(url=f"http://127.0.0.1:{net.port}/mcp?key=1", headers=headers)), None
    )
    with anyio.fail_after(20):
        async with opening.open() as link:
            assert (await link.call(HELLO)).text == "hello"
            assert link.quoted(f"Bearer {SECRET} and {SECRET}") == "[hidden] and [hidden]"
    assert net.peer.headers[-1]["authorization"] == f"Bearer {SECRET}"
    assert opening.pid is None
    assert opening.usage() is None
    assert all(opening.enforcement.level(aspect) is Level.NONE for aspect in Aspect)
    said = " ".join(opening.enforcement.warnings)
    assert f"at http://127.0.0.1:{net.port}/mcp:" in said
    assert "nothing here confines it" in said
    assert "not encrypted" in said


@pytest.mark.parametrize(
    ("address", "private", "said"),
    [
        ("127.0.0.1", (), "is private"),
        ("10.1.2.3", (), "is private"),
        ("::1", (), "is private"),
        ("169.254.169.254", ("far.example",), "metadata"),
        ("169.254.1.1", ("far.example",), "link-local"),
        ("fd00:ec2::254", ("far.example",), "metadata"),
        ("0.0.0.0", ("far.example",), "unspecified"),  # noqa: S104 - nothing binds
    ],
)
@pytest.mark.parametrize("kind", ["http", "tcp", "ws"])
async def test_what_must_not_be_reached_is_not_even_connected_to(
    address: str, private: tuple[str, ...], *, said: str, kind: str
) -> None:
    launches: dict[str, RemoteLaunch] = {
        "http": HttpLaunch(url="http://far.example/mcp"),
        "tcp": TcpLaunch(host="far.example", port=80),
        "ws": WebSocketLaunch(url="ws://far.example/"),
    }
    opening = launcher(*private, addresses={"far.example": (address,)}).prepare(installed(launches[kind]), None)
    with anyio.fail_after(20), pytest.raises(StartError, match=said) as caught:
        async with opening.open():
            pytest.fail("it was reached")
    assert caught.value.remedies


@pytest.mark.parametrize("content", [None, "", "two\nlines", "\u00e9"])
async def test_a_header_without_a_value_that_can_be_sent_needs_configuration(
    tmp_path: Path, content: str | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    launch = HttpLaunch(url="https://far.example/mcp", headers={"X-Key": f"file:{token}"})
    with pytest.raises(NeedsConfigurationError, match="X-Key") as caught:
        async with launcher().prepare(installed(launch), None).open():
            pytest.fail("it was reached")
    assert caught.value.remedies


async def test_a_server_that_leads_elsewhere_does_not_make_this_machine_reach_itself(net: Net) -> None:
    """What may be private is what the launch itself names, to the port; who it leads to is reached as anybody is."""
    opened: list[tuple[str, int]] = []

    class Dialing(LazyConnector):
        @asynccontextmanager
        async def remote(
            self, launch: RemoteLaunch, remote: Remote, *, name: str, digest: str, hide: Sequence[str] = ()
        ) -> AsyncGenerator[Link]:
            for port in (net.port, net.port + 1):
                with await remote.dial("127.0.0.1", port) as connected:
                    opened.append(connected.getpeername())
            yield ScriptedLink(Script(), 1)

    launcher_here = launcher("127.0.0.1", connector=Dialing(eras={}))
    opening = launcher_here.prepare(installed(HttpLaunch(url=f"http://127.0.0.1:{net.port}/mcp")), None)
    with anyio.fail_after(20), pytest.raises(LinkError, match="is private"):
        async with opening.open():
            pytest.fail("it was reached")
    assert opened == [("127.0.0.1", net.port)]

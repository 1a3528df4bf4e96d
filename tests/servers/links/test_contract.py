"""The contract of a link: whatever it is made of, calls, answers, errors, deadlines and ends are the same."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import anyio
import pytest
from tests.servers.links.peer import Net
from tests.servers.links.ways import WAYS, Way

from vsm_mcp.errors import CallTimeoutError, LinkError, PayloadError, ToolError, VSMError
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonValue
from vsm_mcp.servers.links.link import Link
from vsm_mcp.testing.peer import Peer

TOOLS = {"echo", "add", "fail", "sleep", "count", "huge", "announce"}
REMOTE = [name for name, way in WAYS.items() if not way.here]

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Net(Peer()) as net:
        yield net


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[str(request.param)]


def opened(way: Way, net: Net, *, idle: float = 20.0, cap: float = 60.0) -> AbstractAsyncContextManager[Link]:
    return way.open(way.connector(eras={}, call=idle, cap=cap), net, "2025-11-25", endless=False)


def every(test: object) -> object:
    return pytest.mark.parametrize("way", WAYS, indirect=True)(test)


async def say(link: Link, tool: str, **arguments: JsonValue) -> ToolResult:
    return await link.call(ToolCall(server="s", tool=tool, arguments=arguments))


@pytest.mark.promise("D3", "E21", "E81", "C34", "D2")
@every
async def test_tools_are_listed_and_called_and_answer_with_text_values_or_their_own_error(way: Way, net: Net) -> None:
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            listed = {tool.name: tool for tool in await link.tools()}
            assert listed.keys() >= TOOLS
            assert listed["echo"].description == "Do echo."
            assert listed["echo"].raw["name"] == "echo"
            assert link.alive
            assert link.server_info is not None
            assert link.server_info.name == "peer"
            assert (await say(link, "echo", text='h\u00e9llo \u2028 "x"')).text == 'h\u00e9llo \u2028 "x"'
            assert (await say(link, "add", a=1, b=2)).structured == {"sum": 3}
            failed = await say(link, "fail")
            assert failed.is_error
            assert "it failed" in failed.text
            await link.ping()
            await unknown(link)
        assert not link.alive
        with pytest.raises(LinkError):
            await say(link, "echo", text="late")


async def unknown(link: Link) -> None:
    """Servers say of a tool that they do not have either that it failed, or refuse the call."""
    try:
        result = await say(link, "nothing")
    except ToolError as error:
        said = error.message
    else:
        assert result.is_error
        said = result.text
    assert "nknown tool" in said


@every
async def test_a_call_ends_at_its_deadline_and_the_next_one_passes(way: Way, net: Net) -> None:
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            with pytest.raises(CallTimeoutError, match=r"within 0\.1 seconds"):
                await link.call(ToolCall(server="s", tool="sleep", timeout=0.1))
            assert (await say(link, "echo", text="on")).text == "on"


@pytest.mark.promise("A35")
@every
async def test_progress_is_told_and_moves_the_idle_deadline_but_not_the_absolute_one(way: Way, net: Net) -> None:
    heard: list[tuple[float, float | None, str]] = []

    def hear(done: float, total: float | None, message: str) -> None:
        heard.append((done, total, message))

    with anyio.fail_after(20):
        async with opened(way, net, idle=0.5) as link:
            arguments: dict[str, JsonValue] = {"steps": 6, "pause": 0.11}
            call = ToolCall(server="s", tool="count", arguments=arguments, progress=hear)
            assert (await link.call(call)).text == "counted"
            assert heard == [(step, 9, "on") for step in range(1, 7)]
            with pytest.raises(CallTimeoutError, match=r"no progress for 0\.05 seconds"):
                await link.call(ToolCall(server="s", tool="count", arguments=arguments, idle=0.05))
            with pytest.raises(CallTimeoutError, match=r"within 0\.3 seconds"):
                await link.call(ToolCall(server="s", tool="count", arguments=arguments, timeout=0.3, idle=9))


@pytest.mark.parametrize("way", REMOTE, indirect=True)
async def test_a_call_that_is_cancelled_is_called_off_and_harms_no_other(way: Way, net: Net) -> None:
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            before = int((await say(link, "cancelled")).text)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(say, link, "sleep")
                assert (await say(link, "echo", text="beside")).text == "beside"
                tasks.cancel_scope.cancel()
            while int((await say(link, "cancelled")).text) == before:  # noqa: ASYNC110 - it happens in another thread or process
                await anyio.sleep(0.01)


@pytest.mark.parametrize("way", REMOTE, indirect=True)
async def test_the_death_of_the_server_ends_the_calls_under_way_at_once(way: Way, net: Net) -> None:
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            with pytest.raises(LinkError) as caught:
                await say(link, "die")
            assert caught.value.remedies
            assert link.alive is not way.dies
            if way.dies:
                assert (await link.ended()).reason
            else:
                assert (await say(link, "echo", text="on")).text == "on"


@every
async def test_what_is_too_large_is_refused_on_both_ways_and_the_link_lives_on(way: Way, net: Net) -> None:
    with anyio.fail_after(30):
        async with opened(way, net) as link:
            with pytest.raises(PayloadError, match="1048576 allowed"):
                await say(link, "echo", text="x" * 2**20)
            with pytest.raises(PayloadError, match="10485760"):
                await say(link, "huge")
            assert (await say(link, "echo", text="on")).text == "on"


@pytest.mark.parametrize("way", [name for name in REMOTE if name != "sdk-sse"], indirect=True)
async def test_a_list_that_does_not_end_is_refused(way: Way, net: Net) -> None:
    connector = way.connector(eras={}, call=20.0)
    net.peer.endless = True
    try:
        with anyio.fail_after(20):
            async with way.open(connector, net, "2025-11-25", endless=True) as link:
                with pytest.raises(VSMError, match=r"does not end|more than 1000"):
                    await link.tools()
    finally:
        net.peer.endless = False


@every
async def test_the_server_announces_that_its_tools_changed(way: Way, net: Net) -> None:
    with anyio.fail_after(20):
        async with opened(way, net) as link:
            before = link.changes
            await say(link, "announce")
            while link.changes == before:  # noqa: ASYNC110 - it happens in another thread or process
                await anyio.sleep(0.01)


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
@pytest.mark.parametrize("way", ["lean-stdio", "sdk-stdio", "sdk-tcp", "sdk-websocket", "sdk-http"], indirect=True)
async def test_every_version_with_a_handshake_is_spoken_and_remembered(way: Way, net: Net, version: str) -> None:
    net.peer.version = version
    eras: dict[str, str] = {}
    try:
        with anyio.fail_after(20):
            for _ in range(2):
                async with way.open(way.connector(eras=eras, call=20.0), net, version, endless=False) as link:
                    assert link.protocol_version == version
                    assert (await say(link, "echo", text="hi")).text == "hi"
        assert eras.keys() == {"d"}
    finally:
        net.peer.version = "2025-11-25"

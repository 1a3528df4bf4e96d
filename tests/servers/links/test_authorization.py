"""A server elsewhere that wants to know who asks: a human is asked once, the host's secret goes to one place only."""

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr
from tests.servers.links.door import GuardedNet, Host, Human

from vsm_mcp.errors import CallTimeoutError, VSMError
from vsm_mcp.model.authorization import AuthorizationCode, ClientCredentials
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.quoting import MOST_LATER
from vsm_mcp.world.tokens import FileTokens, MemoryTokens, key_of

pytestmark = pytest.mark.anyio

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})
SLOW = ToolCall(server="s", tool="sleep", arguments={}, timeout=30.0)
SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing
REFERENCE = "env:CLIENT_SECRET"


@pytest.fixture
def net() -> Iterator[GuardedNet]:
    with GuardedNet() as net:
        yield net


def of_the_host(net: GuardedNet) -> ClientCredentials:
    return ClientCredentials(issuer=net.base, client_id="us", client_secret=REFERENCE, scope="read")


async def test_a_human_is_asked_once_for_all_connections_of_a_host(net: GuardedNet) -> None:
    human = Human()
    host = Host(net, human)

    async def call() -> None:
        async with host.open() as link:
            assert (await link.call(HELLO)).text == "hello"

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(call)
        await call()
    assert len(human.asked) == 1
    assert net.peer.headers[-1]["authorization"] == "Bearer token-under-test-0001"


async def test_a_host_that_starts_anew_and_kept_its_tokens_asks_nobody(net: GuardedNet, tmp_path: Path) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human, FileTokens(tmp_path / "tokens")).open() as link:
            await link.ping()
        async with Host(net, None, FileTokens(tmp_path / "tokens")).open() as link:
            assert (await link.call(HELLO)).text == "hello"
    kept = next((tmp_path / "tokens").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


async def test_what_was_granted_under_other_terms_is_not_used(net: GuardedNet) -> None:
    human, tokens = Human(), MemoryTokens()
    with anyio.fail_after(20):
        async with Host(net, human, tokens).open():
            pass
        async with Host(net, human, tokens).open(AuthorizationCode(client_id="registered")):
            pass
    assert len(human.asked) == 2
    assert "client_id=registered" in human.asked[1]


async def test_a_token_that_is_too_old_is_renewed_where_it_was_granted_and_nobody_is_asked(net: GuardedNet) -> None:
    net.door.served = {"resource": net.base}
    human, tokens = Human(), MemoryTokens()
    with anyio.fail_after(20):
        async with Host(net, human, tokens).open():
            await make_old(net, tokens)
        async with Host(net, None, tokens).open() as link:
            assert (await link.call(HELLO)).text == "hello"
    assert len(human.asked) == 1
    last, _ = net.door.seen[-1]
    assert last["grant_type"] == "refresh_token"
    assert last["resource"].rstrip("/") == net.base


async def test_calls_that_meet_a_token_that_was_taken_back_ask_for_another_one_together(net: GuardedNet) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human).open() as link:
            net.door.good, net.door.renews = set(), False

            async def call() -> None:
                assert (await link.call(HELLO)).text == "hello"

            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(call)
    assert len(human.asked) == 2


async def test_a_slow_call_holds_up_no_other(net: GuardedNet) -> None:
    with anyio.fail_after(20):
        async with Host(net, Human()).open() as link, anyio.create_task_group() as tasks:
            tasks.start_soon(link.call, SLOW)
            while "sleep" not in net.peer.seen:
                await anyio.wait_all_tasks_blocked()
            assert (await link.call(HELLO)).text == "hello"
            tasks.cancel_scope.cancel()


async def test_a_call_that_needs_more_asks_for_more_and_is_made(net: GuardedNet) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human).open() as link:
            net.door.needs = "write"
            assert (await link.call(HELLO)).text == "hello"
    assert "scope=read&" in f"{human.asked[0]}&"
    assert "scope=read+write&" in f"{human.asked[1]}&"


async def test_while_a_human_thinks_no_deadline_of_the_server_ends(net: GuardedNet) -> None:
    shown = anyio.Event()

    async def thinks(server: str, address: str) -> str | None:
        with anyio.move_on_after(1.2):  # longer than the greeting may take
            await shown.wait()
        return await Human()(server, address)

    with anyio.fail_after(20):
        async with Host(net, thinks, probe=0.6, start=0.8).open() as link:
            assert (await link.call(HELLO)).text == "hello"


async def test_a_host_is_let_in_as_itself_and_its_secret_goes_to_its_issuer(net: GuardedNet) -> None:
    with anyio.fail_after(20):
        async with Host(net, None).open(of_the_host(net)) as link:
            assert (await link.call(HELLO)).text == "hello"
    form, header = net.door.seen[0]
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "read")
    assert header.startswith("Basic ")
    assert not any(header == given.get("authorization") for given in net.peer.headers)


async def test_what_was_granted_is_told_and_blotted(net: GuardedNet) -> None:
    host = Host(net, Human())
    with anyio.fail_after(20):
        async with host.open() as link:
            assert link.quoted("I got token-under-test-0001.") == "I got [hidden]."
    assert host.obtained == ["token-under-test-0001", "again-under-test-0001"]


async def test_however_often_its_token_is_renewed_a_connection_blots_out_the_newest_few(net: GuardedNet) -> None:
    with anyio.fail_after(20):
        async with Host(net, Human()).open() as link:
            for _ in range(MOST_LATER):
                net.door.good = set()
                await link.call(HELLO)
            assert net.door.granted == MOST_LATER + 1
            said = [link.quoted(f"It is token-under-test-{number:04}.") for number in range(1, net.door.granted + 1)]
    assert said == ["It is token-under-test-0001.", *["It is [hidden]."] * MOST_LATER]


@pytest.mark.parametrize("kept", ["no json", "{}", '{"terms": 1}', "[" * 100_000])
async def test_kept_tokens_that_are_none_of_ours_are_as_if_there_were_none(net: GuardedNet, kept: str) -> None:
    human, tokens = Human(), MemoryTokens()
    await tokens.save(f"s {net.base}/mcp", SecretStr(kept))
    with anyio.fail_after(20):
        async with Host(net, human, tokens).open():
            pass
    assert len(human.asked) == 1


@pytest.mark.parametrize(("data", "said"), [(b"\xff\xfe", "is no text"), (b"x" * 600_000, "bytes")])
async def test_a_file_of_tokens_that_cannot_be_read_is_an_error_without_its_content(
    tmp_path: Path, data: bytes, said: str
) -> None:
    tokens = FileTokens(tmp_path)
    await tokens.save("https://a.example/mcp", SecretStr("x"))
    next(tmp_path.iterdir()).write_bytes(data)
    with pytest.raises(VSMError, match=said) as caught:
        await tokens.load("https://a.example/mcp")
    assert caught.value.remedies


@pytest.mark.parametrize("kind", [MemoryTokens, FileTokens])
async def test_of_a_server_that_is_forgotten_nothing_is_kept_and_of_others_everything(
    tmp_path: Path, kind: type[MemoryTokens | FileTokens]
) -> None:
    tokens = FileTokens(tmp_path / "tokens") if kind is FileTokens else MemoryTokens()
    for server in ("a", "b"):
        await tokens.save(server, SecretStr(f"granted by {server}"))
    await tokens.forget("a")
    await tokens.forget("a")
    await tokens.forget("unknown")
    assert await tokens.load("a") is None
    assert await tokens.load("b") == SecretStr("granted by b")
    if kind is FileTokens:
        (left,) = (tmp_path / "tokens").iterdir()
        assert left.read_text() == "granted by b"


async def make_old(net: GuardedNet, tokens: MemoryTokens) -> None:
    granted = await tokens.load(f"s {net.base}/mcp")
    assert granted is not None
    kept = {**json.loads(granted.get_secret_value()), "expires": 1.0}
    await tokens.save(f"s {net.base}/mcp", SecretStr(json.dumps(kept)))


async def test_a_token_that_is_not_accepted_is_renewed_before_anybody_is_asked(net: GuardedNet) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human).open() as link:
            net.door.good = set()
            assert (await link.call(HELLO)).text == "hello"
    assert len(human.asked) == 1
    assert [form["grant_type"] for form, _ in net.door.seen] == ["authorization_code", "refresh_token"]


async def test_a_token_that_is_said_to_be_good_for_no_time_is_used_until_it_is_refused(net: GuardedNet) -> None:
    net.door.lasts = 0
    with anyio.fail_after(20):
        async with Host(net, Human()).open() as link:
            for _ in range(5):
                assert (await link.call(HELLO)).text == "hello"
    assert len(net.door.seen) == 1


async def test_a_call_that_reports_progress_after_a_human_thought_keeps_its_time(net: GuardedNet) -> None:
    human = Human()

    async def thinks(server: str, address: str) -> str | None:
        if human.asked:
            with anyio.move_on_after(0.8):  # longer than the call may take
                await anyio.sleep_forever()
        return await human(server, address)

    reporting = ToolCall(server="s", tool="count", arguments={"steps": 3, "pause": 0.05}, timeout=0.7, idle=0.5)
    with anyio.fail_after(20):
        async with Host(net, thinks).open() as link:
            net.door.good, net.door.renews = set(), False
            assert (await link.call(reporting)).text == "counted"
    assert len(human.asked) == 2


async def test_what_is_kept_belongs_to_one_name_and_one_whole_address(net: GuardedNet) -> None:
    launch = HttpLaunch(url=f"{net.base}/mcp?org=a")
    keys = {key_of("a", launch), key_of("b", launch), key_of("a", HttpLaunch(url=f"{net.base}/mcp?org=b"))}
    assert len(keys) == 3
    assert not any("org=" in key for key in keys)


async def test_calls_that_no_answer_begins_for_end_at_their_deadlines_with_and_without_a_token(net: GuardedNet) -> None:
    """One that waits for a token may not keep others from their deadlines, nor they it."""
    stuck = ToolCall(server="s", tool="sleep", arguments={}, timeout=0.4)
    ended: list[str] = []
    with anyio.fail_after(20):
        async with Host(net, Human()).open() as link, anyio.create_task_group() as tasks:
            net.door.good = set()

            async def call() -> None:
                with pytest.raises(CallTimeoutError):
                    await link.call(stuck)
                ended.append("late")

            for _ in range(3):
                tasks.start_soon(call)
    assert ended == ["late"] * 3

"""A server elsewhere that wants to know who asks: a human is asked once, the host's secret goes to one place only."""

import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr
from tests.servers.links.door import GuardedNet, Human
from tests.servers.links.ways import dial

from vsm_mcp.errors import LinkError, NeedsConfigurationError, VSMError
from vsm_mcp.model.authorization import Authorization, AuthorizationCode, ClientCredentials
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.servers.links.link import Authorize, Consent, Link, Remote
from vsm_mcp.servers.links.sdk.client import SdkConnector
from vsm_mcp.world.tokens import FileTokens, MemoryTokens, Tokens

pytestmark = pytest.mark.anyio

HELLO = ToolCall(server="s", tool="echo", arguments={"text": "hello"})
SLOW = ToolCall(server="s", tool="sleep", arguments={}, timeout=30.0)
SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing
REFERENCE = "env:CLIENT_SECRET"


@pytest.fixture
def net() -> Iterator[GuardedNet]:
    with GuardedNet() as net:
        yield net


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
        self._connector = SdkConnector(eras={}, consent=Consent(authorize=human), call=10.0, probe=probe, start=start)
        self.obtained: list[str] = []

    def open(self, authorization: Authorization | None = None) -> AbstractAsyncContextManager[Link]:
        launch = HttpLaunch(url=f"{self._net.base}/mcp", authorization=authorization or AuthorizationCode())
        remote = Remote(dial=dial, client_secret=SECRET, tokens=self._tokens, obtained=self.obtained.extend)
        return self._connector.remote(launch, remote, name="s", digest="d")


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
            net.door.good = set()

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


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"token_endpoint": "http://far.example/token"}, "far.example, which is not encrypted"),
        ({"registration_endpoint": "http://10.0.0.1/register"}, "10.0.0.1, which is not encrypted"),
        ({"authorization_endpoint": "http://far.example/authorize"}, "not shown to a human"),
        ({"authorization_endpoint": f"https://far.example/{'x' * 9000}"}, "not shown to a human"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not say that it protects codes"),
        ({"issuer": "https://other.example"}, "issuer mismatch"),
        ({"junk": "x" * 70_000}, "more than 65536 bytes"),
    ],
)
async def test_an_authorization_server_that_cannot_be_trusted_gets_nothing(
    net: GuardedNet, said: dict[str, object], why: str
) -> None:
    net.door.said = said
    human = Human()
    with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match=why) as caught:
        async with Host(net, human).open():
            pytest.fail("it was let in")
    assert caught.value.remedies
    assert not net.door.seen
    assert not human.asked


async def test_a_server_that_leads_elsewhere_than_where_the_host_is_registered_gets_nothing(net: GuardedNet) -> None:
    registered = AuthorizationCode(issuer="https://right.example", client_id="us", client_secret=REFERENCE)
    human = Human()
    for terms in (
        registered,
        ClientCredentials(issuer="https://right.example", client_id="us", client_secret=REFERENCE),
    ):
        with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match=r"right\.example"):
            async with Host(net, human).open(terms):
                pytest.fail("it was let in")
    assert not human.asked
    assert not net.door.seen


@pytest.mark.parametrize(
    ("brings", "why"),
    [
        (None, "the human did not let this host in"),
        ({"state": "forged"}, "State"),
        ({"error": "access_denied", "error_description": "no"}, "refused: access_denied no"),
        ({"iss": "https://other.example"}, "iss mismatch"),
        ({"code": ""}, "No authorization code"),
    ],
)
async def test_a_browser_that_brings_nothing_good_back_lets_nobody_in(
    net: GuardedNet, brings: dict[str, str] | None, why: str
) -> None:
    human = Human(brings)
    with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match=why):
        async with Host(net, human).open():
            pytest.fail("it was let in")
    assert not net.door.seen
    assert len(human.asked) == 1


async def test_without_anybody_to_ask_the_error_says_what_is_missing(net: GuardedNet) -> None:
    with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match="nobody to ask") as caught:
        async with Host(net, None).open():
            pytest.fail("it was let in")
    assert any("Consent(authorize=Browser())" in remedy for remedy in caught.value.remedies)


async def test_a_host_whose_own_code_fails_is_told_so_and_the_server_learns_nothing(net: GuardedNet) -> None:
    async def fails(_: str, __: str) -> str | None:
        raise OSError("the screen is broken")

    with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match="the screen is broken"):
        async with Host(net, fails).open():
            pytest.fail("it was let in")


async def test_a_human_who_refuses_during_a_call_fails_that_call_only(net: GuardedNet) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human).open() as link:
            net.door.good, human.brings = set(), None
            with pytest.raises(LinkError, match="did not let this host in"):
                await link.call(HELLO)
            human.brings = {}
            assert (await link.call(HELLO)).text == "hello"


@pytest.mark.parametrize("kept", ["no json", "{}", '{"terms": 1}', "[" * 100_000])
async def test_kept_tokens_that_are_none_of_ours_are_as_if_there_were_none(net: GuardedNet, kept: str) -> None:
    human, tokens = Human(), MemoryTokens()
    await tokens.save(f"{net.base}/mcp", SecretStr(kept))
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


async def make_old(net: GuardedNet, tokens: MemoryTokens) -> None:
    granted = await tokens.load(f"{net.base}/mcp")
    assert granted is not None
    kept = {**json.loads(granted.get_secret_value()), "expires": 1.0}
    await tokens.save(f"{net.base}/mcp", SecretStr(json.dumps(kept)))

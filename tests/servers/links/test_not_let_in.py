"""A server that wants to know who asks, where that goes wrong: nothing is given away, and nobody is asked in vain."""

import traceback
from collections.abc import Iterator

import anyio
import pytest
from tests.servers.links.door import GuardedNet, Host, Human

from vsm_mcp.errors import NeedsConfigurationError
from vsm_mcp.model.authorization import AuthorizationCode, ClientCredentials
from vsm_mcp.model.call import ToolCall
from vsm_mcp.world.tokens import MemoryTokens

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


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"token_endpoint": "http://far.example/token"}, "far.example, which is not encrypted"),
        ({"registration_endpoint": "http://10.0.0.1/register"}, "10.0.0.1, which is not encrypted"),
        ({"authorization_endpoint": "http://far.example/authorize"}, "not shown to a human"),
        ({"authorization_endpoint": f"https://far.example/{'x' * 9000}"}, "not shown to a human"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not say that it protects codes"),
        ({"code_challenge_methods_supported": None}, "does not say that it protects codes"),
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
            net.door.good, net.door.renews, human.brings = set(), False, None
            with pytest.raises(NeedsConfigurationError, match="did not let this host in"):
                await link.call(HELLO)
            human.brings = {}
            assert (await link.call(HELLO)).text == "hello"


async def test_an_authorization_server_that_is_down_is_named_and_nobody_is_asked(net: GuardedNet) -> None:
    human, tokens = Human(), MemoryTokens()
    with anyio.fail_after(20):
        async with Host(net, human, tokens).open() as link:
            net.door.good, net.door.fails = set(), {"/grants/token": 503}
            with pytest.raises(NeedsConfigurationError, match=r"127\.0\.0\.1 answered with status 503"):
                await link.call(HELLO)
            net.door.fails = {}
            assert (await link.call(HELLO)).text == "hello"
    assert len(human.asked) == 1


async def test_after_a_human_refused_what_leads_elsewhere_tokens_are_renewed_where_they_came_from(
    net: GuardedNet,
) -> None:
    human = Human()
    with GuardedNet() as evil, anyio.fail_after(20):
        async with Host(net, human).open(AuthorizationCode(client_id="us")) as link:
            net.door.good, net.door.renews, human.brings = set(), False, None
            net.door.served = {"authorization_servers": [evil.base]}
            with pytest.raises(NeedsConfigurationError, match="did not let this host in"):
                await link.call(HELLO)
            assert human.asked[-1].startswith(evil.base)
            net.door.renews, net.door.served, human.brings = True, {}, {}
            assert (await link.call(HELLO)).text == "hello"
    assert not evil.door.seen
    assert human.asked[-1].startswith(net.base)


async def test_what_happens_beside_calls_asks_nobody(net: GuardedNet) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human).open() as link:
            await link.tools()
            net.door.good, net.door.renews = set(), False
            await link.ping()  # an answer, whatever it says
            with pytest.raises(NeedsConfigurationError, match="status 401"):
                await link.tools()
    assert len(human.asked) == 1


async def test_calls_that_wait_together_ask_a_human_who_refuses_only_once(net: GuardedNet) -> None:
    class Slow(Human):
        """Says nothing before all calls wait."""

        async def __call__(self, server: str, address: str) -> str | None:
            if self.brings is None:
                while net.door.turned_away < before + 10:  # noqa: ASYNC110 - told by another thread
                    await anyio.sleep(0.01)
                await anyio.wait_all_tasks_blocked()
            return await super().__call__(server, address)

    human = Slow()
    refused: list[str] = []
    with anyio.fail_after(20):
        async with Host(net, human).open() as link, anyio.create_task_group() as tasks:
            net.door.good, net.door.renews, human.brings = set(), False, None
            before = net.door.turned_away

            async def call() -> None:
                with pytest.raises(NeedsConfigurationError) as caught:
                    await link.call(HELLO)
                refused.append(caught.value.message)

            for _ in range(10):
                tasks.start_soon(call)
    assert len(human.asked) == 2
    assert len(refused) == 10


async def test_a_human_who_refuses_again_is_left_alone_for_a_while(net: GuardedNet) -> None:
    human = Human()
    with anyio.fail_after(20):
        async with Host(net, human).open() as link:
            net.door.good, net.door.renews, human.brings = set(), False, None
            for _ in range(2):
                with pytest.raises(NeedsConfigurationError, match="did not let this host in"):
                    await link.call(HELLO)
            with pytest.raises(NeedsConfigurationError, match="not asked for again within the next 5 seconds"):
                await link.call(HELLO)
    assert len(human.asked) == 3


@pytest.mark.parametrize(
    "garbles",
    [{"access_token": None}, {"token_type": "user"}, {"expires_in": "soon", "id_token": "id-under-test-0001"}],
)
async def test_an_answer_that_is_none_is_no_error_with_tokens_in_it(
    net: GuardedNet, garbles: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    net.door.garbles = garbles
    with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match="did not grant a token") as caught:
        async with Host(net, Human()).open():
            pytest.fail("it was let in")
    assert "under-test" not in "".join(traceback.format_exception(caught.value))
    assert "under-test" not in caplog.text


async def test_a_server_of_whose_authorization_server_nothing_is_said_is_told_nothing(net: GuardedNet) -> None:
    human = Human()
    net.door.fails = {"/.well-known/oauth-authorization-server": 404}
    with anyio.fail_after(20), pytest.raises(NeedsConfigurationError, match="nothing is said"):
        async with Host(net, human).open():
            pytest.fail("it was let in")
    assert not human.asked
    assert not net.door.seen

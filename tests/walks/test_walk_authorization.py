"""A server that wants to know who asks goes the whole way in, with a human before a browser or nobody at all."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.servers.links.door import GuardedNet, Human, come_back
from tests.walks.test_walk_remote import Parrot

from vsm_mcp import (
    AuthorizationCode,
    Autonomy,
    Browser,
    ClientCredentials,
    Confinement,
    Consent,
    FileTokens,
    HttpLaunch,
    Policy,
    Settings,
    Shelf,
    ViableSystem,
    World,
)
from vsm_mcp.errors import ConfigurationError, DiscoveryError, NeedsConfigurationError
from vsm_mcp.model.authorization import Authorization
from vsm_mcp.settings.settings import Engine
from vsm_mcp.world.tokens import MemoryTokens

pytestmark = pytest.mark.anyio

SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing


@pytest.fixture
def net() -> Iterator[GuardedNet]:
    with GuardedNet(Parrot()) as net:
        yield net


def a_system(
    state: Path,
    net: GuardedNet,
    terms: Authorization,
    *,
    consent: Consent | None = None,
    world: World | None = None,
    engine: Engine = Engine.SDK,
) -> ViableSystem:
    shelf = Shelf()
    launch = HttpLaunch(url=f"{net.base}/mcp", authorization=terms)
    shelf.connect("parrot", launch, summary="Says a text again.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, engine=engine)
    policy = Policy(allow=("remote:*",))
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=policy, consent=consent, world=world)


async def test_a_human_authorizes_it_in_a_browser_and_it_is_called(
    tmp_path: Path, net: GuardedNet, free_tcp_port: int
) -> None:
    terms = AuthorizationCode(redirect=f"http://127.0.0.1:{free_tcp_port}/callback")
    with anyio.fail_after(30):
        async with a_system(tmp_path, net, terms, consent=Consent(authorize=Browser(come_back))) as vsm:
            plan = await vsm.plan_acquisition("say a text again", server="parrot")
            assert "Authorization" in str(plan)
            await vsm.acquire_capability("say a text again", "parrot")
            outcome = await vsm.call_tool("parrot__say_again", {"text": "I know token-under-test-0001"})
    assert "I know" in str(outcome.value)
    assert "token-under-test" not in str(outcome.value)
    kept = [file.read_text(errors="replace") for file in tmp_path.rglob("*") if file.is_file()]
    assert not any("under-test-0001" in text for text in kept)


async def test_a_host_with_a_secret_of_its_own_asks_nobody(tmp_path: Path, net: GuardedNet) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    terms = ClientCredentials(issuer=net.base, client_id="us", client_secret=f"file:{secret}")
    with anyio.fail_after(30):
        async with a_system(tmp_path / "state", net, terms) as vsm:
            await vsm.acquire_capability("say a text again", "parrot")
            outcome = await vsm.call_tool("parrot__say_again", {"text": f"hello {SECRET}"})
    assert "hello" in str(outcome.value)
    assert SECRET not in str(outcome.value)


@pytest.mark.parametrize("engine", Engine)
async def test_a_human_is_asked_anew_for_a_server_that_was_released_and_for_no_other(
    tmp_path: Path, net: GuardedNet, engine: Engine
) -> None:
    human, tokens = Human(), FileTokens(tmp_path / "tokens")
    consent, world = Consent(authorize=human), World(tokens=tokens)
    with anyio.fail_after(30):
        for _ in range(2):
            async with a_system(tmp_path, net, AuthorizationCode(), consent=consent, world=world, engine=engine) as vsm:
                await vsm.acquire_capability("say a text again", "parrot")
        assert len(human.asked) == 1
        async with a_system(tmp_path, net, AuthorizationCode(), consent=consent, world=world, engine=engine) as vsm:
            await vsm.acquire_capability("say a text again", "parrot")
            await vsm.release_capability("parrot")
            assert not list((tmp_path / "tokens").iterdir())
            await vsm.acquire_capability("say a text again", "parrot")
            await vsm.call_tool("parrot__say_again", {"text": "hello"})
    assert len(human.asked) == 2


class Stubborn(MemoryTokens):
    """Does not forget while it is told not to."""

    forgets = False

    async def forget(self, server: str) -> None:
        if not self.forgets:
            raise ConfigurationError("What is kept cannot be removed.", remedies=("Try again.",))
        await super().forget(server)


async def test_a_server_whose_tokens_cannot_be_forgotten_is_released_again(tmp_path: Path, net: GuardedNet) -> None:
    tokens, consent = Stubborn(), Consent(authorize=Human())
    with anyio.fail_after(30):
        async with a_system(tmp_path, net, AuthorizationCode(), consent=consent, world=World(tokens=tokens)) as vsm:
            await vsm.acquire_capability("say a text again", "parrot")
            with pytest.raises(ConfigurationError, match="cannot be removed"):
                await vsm.release_capability("parrot")
            tokens.forgets = True
            await vsm.release_capability("parrot")
            with pytest.raises(DiscoveryError):
                await vsm.release_capability("parrot")
    assert repr(tokens) == "MemoryTokens(0 servers)"


async def test_nobody_to_ask_is_said_where_it_is_acquired(tmp_path: Path, net: GuardedNet) -> None:
    with anyio.fail_after(30):
        async with a_system(tmp_path, net, AuthorizationCode()) as vsm:
            with pytest.raises(NeedsConfigurationError, match="nobody to ask"):
                await vsm.acquire_capability("say a text again", "parrot")

"""A server that wants to know who asks goes the whole way in, with a human before a browser or nobody at all."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from tests.servers.links.door import GuardedNet, come_back
from tests.walks.test_walk_remote import Parrot

from vsm_mcp import (
    AuthorizationCode,
    Autonomy,
    Browser,
    ClientCredentials,
    Confinement,
    Consent,
    HttpLaunch,
    Policy,
    Settings,
    Shelf,
    ViableSystem,
)
from vsm_mcp.errors import NeedsConfigurationError
from vsm_mcp.model.authorization import Authorization

pytestmark = pytest.mark.anyio

SECRET = "secret-under-test-0123"  # noqa: S105 - opens nothing


@pytest.fixture
def net() -> Iterator[GuardedNet]:
    with GuardedNet(Parrot()) as net:
        yield net


def a_system(state: Path, net: GuardedNet, terms: Authorization, *, consent: Consent | None = None) -> ViableSystem:
    shelf = Shelf()
    launch = HttpLaunch(url=f"{net.base}/mcp", authorization=terms)
    shelf.connect("parrot", launch, summary="Says a text again.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=Policy(allow=("remote:*",)), consent=consent)


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


async def test_nobody_to_ask_is_said_where_it_is_acquired(tmp_path: Path, net: GuardedNet) -> None:
    with anyio.fail_after(30):
        async with a_system(tmp_path, net, AuthorizationCode()) as vsm:
            with pytest.raises(NeedsConfigurationError, match="nobody to ask"):
                await vsm.acquire_capability("say a text again", "parrot")

"""A browser in which a human authorizes this host: waited for on this machine only, while somebody is asked."""

import socket
import threading
from collections.abc import Callable
from urllib.parse import quote

import anyio
import httpx2
import pytest

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.browser import Browser

pytestmark = pytest.mark.anyio


def address(redirect: str) -> str:
    return f"https://as.example/authorize?redirect_uri={quote(redirect, safe='')}&state=s"


def visits(*targets: str) -> Callable[[str], object]:
    """Be a browser that asks for these, one after the other."""

    def show(_: str) -> None:
        for target in targets:
            httpx2.get(target)

    return show


async def test_the_address_that_the_browser_comes_back_to_is_returned_and_nothing_listens_any_more(
    free_tcp_port: int,
) -> None:
    back = f"http://127.0.0.1:{free_tcp_port}/callback"
    with anyio.fail_after(10):
        came = await Browser(visits(f"{back}?code=c&state=s"))("s", address(back))
    assert came == f"{back}?code=c&state=s"
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.1", free_tcp_port))


async def test_what_is_not_the_answer_to_what_was_asked_gets_nothing_and_the_human_is_waited_for(
    free_tcp_port: int,
) -> None:
    """Any page in any browser of this machine can send it here, but knows neither the state nor, rebound, the host."""
    base = f"http://127.0.0.1:{free_tcp_port}"
    back = f"{base}/callback"
    refused: list[int] = []

    def show(_: str) -> None:
        with socket.create_connection(("127.0.0.1", free_tcp_port)) as rude:
            rude.sendall(b"GET /callback" + b"x" * 20_000)
        wrong = (f"{base}/favicon.ico?state=s", f"{back}?error=no", f"{back}?code=c&state=other")
        refused.extend(httpx2.get(target).status_code for target in wrong)
        rebound = httpx2.get(f"{back}?code=c&state=s", headers={"host": "evil.example"})
        refused.extend((rebound.status_code, httpx2.post(f"{back}?code=c&state=s").status_code))
        httpx2.get(f"{back}?code=c&state=s")

    with anyio.fail_after(10):
        assert await Browser(show)("s", address(back)) == f"{back}?code=c&state=s"
    assert refused == [404] * 5


async def test_two_servers_are_asked_about_one_after_the_other(free_tcp_port: int) -> None:
    back = f"http://127.0.0.1:{free_tcp_port}/callback"
    browser = Browser(visits(f"{back}?code=c&state=s"))
    came: list[str] = []

    async def ask() -> None:
        came.append(await browser("s", address(back)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)
    assert came == [f"{back}?code=c&state=s"] * 2


async def test_what_shows_the_address_holds_up_nothing_that_ends(free_tcp_port: int) -> None:
    shown = threading.Event()
    with anyio.fail_after(5):
        with anyio.move_on_after(0.1) as limit:
            await Browser(lambda _: shown.wait(4))("s", address(f"http://127.0.0.1:{free_tcp_port}/callback"))
        shown.set()
    assert limit.cancelled_caught


@pytest.mark.parametrize("redirect", ["https://far.example/callback", "http://10.0.0.1/callback", ""])
async def test_a_browser_that_would_not_come_back_to_this_machine_is_not_opened(redirect: str) -> None:
    shown: list[str] = []
    with pytest.raises(ConfigurationError, match="and not to this machine") as caught:
        await Browser(shown.append)("s", address(redirect))
    assert not shown
    assert caught.value.remedies


async def test_a_port_that_is_taken_is_named(free_tcp_port: int) -> None:
    taken = pytest.raises(ConfigurationError, match=f"127.0.0.1:{free_tcp_port}")
    with socket.create_server(("127.0.0.1", free_tcp_port)), taken as caught:
        await Browser(print)("s", address(f"http://127.0.0.1:{free_tcp_port}/callback"))
    assert "another port" in caught.value.remedies[0]


async def test_without_a_browser_the_error_says_how_to_go_on(free_tcp_port: int) -> None:
    with anyio.fail_after(10), pytest.raises(ConfigurationError, match="no browser") as caught:
        await Browser(lambda _: False)("s", address(f"http://localhost:{free_tcp_port}/callback"))
    assert "Browser(print)" in caught.value.remedies[0]

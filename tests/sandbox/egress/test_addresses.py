"""Where an allowed name may lead: every address is checked, and what was checked is what is connected to."""

import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from vsm_mcp.sandbox.egress import addresses
from vsm_mcp.sandbox.egress.addresses import UnreachableError, host_resolver, is_own, reach, why_refused

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1", "fd12::1",
]  # fmt: skip
BORROWED = [
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "2001:db8::1", "3fff::1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.1.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fe80::1",
    "fe80::1%eth0", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.250", "ff02::1", "255.255.255.255",  # noqa: S104 - refused, not used
    "240.0.0.1", "192.88.99.1", "2002:cb00:7101::", "::ffff:203.0.113.1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::",
    "2001:0:7f00:1::", "fec0::1", "100::1", "4000::1", "64:ff9b::a9fe:a9fe", "localhost", "", "1.2.3", "0x7f.1",
]  # fmt: skip
FINE = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"]


@pytest.mark.security
@pytest.mark.parametrize("address", PRIVATE + BORROWED)
def test_an_address_that_is_not_on_the_internet_is_reached_only_where_that_is_said(address: str) -> None:
    assert why_refused(address, private=False)
    assert not why_refused(address, private=True)


@pytest.mark.security
@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_reached(address: str) -> None:
    assert why_refused(address, private=True)
    assert why_refused(address, private=False)


@pytest.mark.parametrize("address", FINE)
def test_public_addresses_are_reached(address: str) -> None:
    assert why_refused(address, private=False) == ""


@pytest.mark.security
def test_a_translated_address_is_judged_by_what_it_stands_for() -> None:
    assert "private" in why_refused("64:ff9b::a00:1", private=False)
    assert not why_refused("64:ff9b::a00:1", private=True)
    assert "metadata" in why_refused("64:ff9b::a9fe:a9fe", private=True)


@given(st.integers(0, 2**128 - 1))
def test_only_global_addresses_pass(number: int) -> None:
    address = IPv6Address(number)
    if not why_refused(str(address), private=False):
        assert address.is_global
        assert not address.is_multicast


@given(st.integers(0, 2**32 - 1))
def test_every_disguise_of_an_address_that_is_not_public_is_refused(number: int) -> None:
    plain = ip_address(number)
    if plain.is_global and not plain.is_multicast:
        return
    for disguise in (0xFFFF << 32 | number, number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        if disguise > 1:
            assert why_refused(str(IPv6Address(disguise)), private=False)


def test_this_machines_own_addresses_are_known() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("192.0.2.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return
        assert is_own(probe.getsockname()[0])


@pytest.fixture
def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.mark.anyio
async def test_the_first_address_that_answers_is_taken(listening: socket.socket) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.9", "::1", "127.0.0.1"]

    port = listening.getsockname()[1]
    with listening, anyio.fail_after(5):
        connected = await reach("a.example", port, private=True, resolve=resolve)
        with connected:
            assert connected.getpeername() == ("127.0.0.1", port)
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "its second message would wait 40 ms"


@pytest.mark.anyio
@pytest.mark.security
async def test_one_refused_address_among_good_ones_refuses_the_name(listening: socket.socket) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8", "127.0.0.1"]

    with listening:
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1 is private"):
            await reach("a.example", listening.getsockname()[1], private=False, resolve=resolve)
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.mark.anyio
@pytest.mark.security
async def test_a_name_is_resolved_once_so_it_cannot_change_between_check_and_connection() -> None:
    answers = iter((["127.0.0.2"], ["127.0.0.1"]))

    async def rebind(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    with socket.create_server(("127.0.0.2", 0)) as good:
        with await reach("a.example", good.getsockname()[1], private=True, resolve=rebind) as connected:
            assert connected.getpeername()[0] == "127.0.0.2"
        assert next(answers) == ["127.0.0.1"]


@pytest.mark.anyio
async def test_a_name_that_leads_nowhere_says_why() -> None:
    answers: list[str] = []

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return answers

    async def fail(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with socket.create_server(("127.0.0.1", 0)) as server:
        unused = server.getsockname()[1]
    with pytest.raises(UnreachableError, match="none of its 0 addresses"):
        await reach("a.example", unused, private=True, resolve=resolve)
    answers.append("127.0.0.1")
    with pytest.raises(UnreachableError, match="none of its 1 addresses answers"):
        await reach("a.example", unused, private=True, resolve=resolve)
    with pytest.raises(UnreachableError, match="cannot be resolved"):
        await reach("a.example", unused, private=True, resolve=fail)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("trio", {"clock": MockClock(autojump_threshold=0.0)}), id="trio")]
)
async def test_a_name_server_that_says_nothing_and_a_host_that_does_not_answer_cost_only_so_much_time() -> None:
    async def silent(_host: str, _port: int) -> Sequence[str]:
        await anyio.sleep_forever()
        return []

    async def full(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    began = anyio.current_time()
    with pytest.raises(UnreachableError, match="not resolved within 15 seconds"):
        await reach("a.example", 443, private=True, resolve=silent)
    with socket.socket() as server, socket.socket() as one, socket.socket() as two:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for each in (one, two):
            each.settimeout(0)
            each.connect_ex(server.getsockname())
        port = server.getsockname()[1]
        with pytest.raises(UnreachableError, match="answers"):
            await reach("a.example", port, private=True, resolve=full)
        assert anyio.current_time() - began <= 31
        with anyio.move_on_after(1) as given_up:
            await reach("a.example", port, private=True, resolve=full)
        assert given_up.cancelled_caught


@pytest.mark.anyio
async def test_this_machine_is_asked_in_few_threads() -> None:
    resolve = host_resolver()
    assert "127.0.0.1" in await resolve("localhost", 80)
    before = threading.active_count()

    async def ask() -> None:
        await resolve("localhost", 80)

    async with anyio.create_task_group() as tasks:
        for _ in range(32):
            tasks.start_soon(ask)
    assert threading.active_count() <= before + addresses.LOOK_UPS_AT_ONCE
    with pytest.raises(OSError, match=r"known|resolution"):
        await resolve("no-such-host.invalid", 80)

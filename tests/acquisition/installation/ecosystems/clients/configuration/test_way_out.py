"""The way out of package clients: configured registries, their file hosts, a proxy in front of them; nothing else."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.way_out import (
    MOST_FILE_HOSTS,
    Proxies,
    proxies_of_environment,
    way_out,
)
from vsm_mcp.errors import InstallationError
from vsm_mcp.sandbox.egress.addresses import Resolve

INDEX = "https://index.example.com/simple/"


def at(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host
        assert port
        if not addresses:
            raise OSError("no such host")
        return addresses

    return resolve


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.promise("D21", "D22")
async def test_registries_and_the_hosts_of_their_files_are_let_through_and_only_registries_may_be_private() -> None:
    files = ["https://files.example.net/a.whl", "https://files.example.net/b.whl", "https://cdn.example.org:8443/c.whl"]
    egress = await way_out([INDEX, "file:///srv/index/"], files, Proxies(), resolve=at("1.1.1.1"))
    assert egress.allow == ("index.example.com:443", "files.example.net:443", "cdn.example.org:8443")
    assert egress.private == ("index.example.com",)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(("address", "private"), [("10.1.2.3", True), ("1.1.1.1", False), ("", False)])
async def test_only_a_registry_in_a_private_network_may_name_hosts_in_one(address: str, *, private: bool) -> None:
    resolve = at(address) if address else at()
    egress = await way_out([INDEX], ["https://files.corp.example/a.whl"], Proxies(), resolve=resolve)
    assert egress.private == (("index.example.com", "files.corp.example") if private else ("index.example.com",))


@pytest.mark.anyio
@pytest.mark.security
async def test_through_a_proxy_only_the_proxy_is_reached() -> None:
    proxies = Proxies(https="http://user:secret@proxy.example.com:3128", none="localhost, .example.org,direct.test:443")
    assert "secret" not in repr(proxies)
    egress = await way_out(
        [INDEX, "https://direct.test/", "https://a.example.org/"],
        ["https://files.example.net/a.whl"],
        proxies,
        resolve=at("1.1.1.1"),
    )
    assert egress.allow == ("proxy.example.com:3128", "direct.test:443", "a.example.org:443")
    assert not egress.knows("files.example.net")
    assert Proxies(https="http://p", none="*").through(INDEX) == ""
    assert Proxies(http="http://p").through(INDEX) == ""


def test_proxies_are_read_as_clients_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxies_of_environment() == Proxies()
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    monkeypatch.setenv("no_proxy", "a.test")
    assert proxies_of_environment() == Proxies(https="http://proxy.test:3128", none="a.test")
    monkeypatch.setenv("ALL_PROXY", "http://all.test")
    assert proxies_of_environment().http == "http://all.test"


@pytest.mark.anyio
@pytest.mark.parametrize("index", ["https://10.1.2.3/simple/", "https://[::1]/simple/", "https://exa mple/"])
async def test_a_registry_without_a_name_is_an_error_that_says_how_to_give_it_one(index: str) -> None:
    with pytest.raises(InstallationError, match="configured registry or proxy") as caught:
        await way_out([index], [], Proxies())
    assert "/etc/hosts" in caught.value.remedies[0]


@pytest.mark.anyio
@pytest.mark.security
async def test_what_a_registry_tells_can_only_add_few_hosts_by_name() -> None:
    hosts = [f"https://h{number}.example.net/x" for number in range(100)]
    egress = await way_out([INDEX], hosts, Proxies(), resolve=at("1.1.1.1"))
    assert len(egress.allow) == 1 + MOST_FILE_HOSTS
    odd = [
        "ftp://a.test/x",
        "https://[::1/x",
        "https://1.2.3.4/x",
        "http://a.test:99999/",
        "https://a.test:0/",
        "//x",
        "",
    ]
    assert (await way_out([INDEX], odd, Proxies(), resolve=at())).allow == ("index.example.com:443",)


@pytest.mark.anyio
@pytest.mark.security
@given(st.lists(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}/x", fullmatch=True), max_size=5))
async def test_no_address_that_a_registry_tells_breaks_or_opens_more_than_itself(files: list[str]) -> None:
    egress = await way_out([INDEX], files, Proxies(), resolve=at("1.1.1.1"))
    assert egress.private == ("index.example.com",)
    assert not any(entry.startswith("*") for entry in egress.allow)

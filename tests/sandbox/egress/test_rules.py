"""What may be reached is written down in one form, means exactly what it says, and cannot be dangerously wide."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.egress.rules import Egress, normal_host

LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12).filter(lambda text: text[0].isalpha())
HOSTS = st.lists(LABELS, min_size=2, max_size=5).map(".".join)
PORTS = st.integers(1, 65535).filter(lambda port: port != 53)


def test_by_default_nothing_may_be_reached() -> None:
    assert not Egress()
    assert Egress().words == "no network"
    assert Egress().ports == ()
    assert not Egress().permits("example.com", 443)


@pytest.mark.promise("A5", "D21", "D22")
def test_a_name_means_that_host_at_that_port_and_nothing_else() -> None:
    egress = Egress(allow=("example.com", "example.org:8443"))
    assert egress
    assert egress.permits("example.com", 443)
    assert egress.permits("example.org", 8443)
    for host, port in (
        ("example.com", 80), ("example.com", 8443), ("www.example.com", 443), ("example.org", 443),
        ("notexample.com", 443), ("example.com.evil.net", 443), ("com", 443), ("", 443),
    ):  # fmt: skip
        assert not egress.permits(host, port)
    assert egress.words == "connections to example.com:443, example.org:8443 and nothing else"


def test_a_star_means_every_host_below_and_not_the_domain_itself() -> None:
    egress = Egress(allow=("*.example.com:8080",))
    assert egress.permits("a.example.com", 8080)
    assert egress.permits("c.b.a.example.com", 8080)
    assert egress.knows("a.example.com")
    for host in ("example.com", "badexample.com", "a.example.com.net", "*.example.com"):
        assert not egress.permits(host, 8080)
    assert not egress.permits("a.example.com", 443)
    assert not egress.knows("example.com")


def test_entries_are_kept_in_one_form_each_once() -> None:
    egress = Egress(allow=("Example.COM.", "example.com:443", "*.Bücher.example:8080"), private=("EXAMPLE.com",))
    assert egress.allow == ("example.com:443", "*.xn--bcher-kva.example:8080")
    assert egress.private == ("example.com",)
    assert egress.ports == (443, 8080)
    assert egress.permits("EXAMPLE.com.", 443)
    assert egress.permits("viele.bücher.example", 8080)
    assert Egress.model_validate_json(egress.model_dump_json()) == egress


@pytest.mark.parametrize(
    "entry",
    [
        "", ".", "*", "*.", "*:443", "*.*", "*.com", "*.co.uk", "*.github.io", "*.localhost", "*.*.example.com",
        "a.*.example.com", "a*.example.com", "1.2.3.4", "1.2.3.4:443", "127.1", "0x7f.1", "2130706433", "0x7f000001",
        "1.2.3.0x", "１２７.0.0.1", "::1", "[::1]", "[::1]:443", "example.com:", "example.com:0", "example.com:65536",
        "example.com:٤٤٣", "example.com:-1", "example.com:+1", "example.com:53", "https://example.com",
        "example.com/path", "user@example.com", "exa mple.com", "example.com\n", "exam\0ple.com", "-a.example.com",
        "a-.example.com", "a..example.com", "a" * 64 + ".com", ("a" * 50 + ".") * 5 + "com", "x" * 5000, "ü" * 400,
        "xn--a.example\u202e.com", "ex%61mple.com",
    ],
)  # fmt: skip
def test_what_is_no_name_or_much_too_wide_is_refused(entry: str) -> None:
    with pytest.raises(SandboxError, match="cannot be allowed as a way out") as caught:
        Egress(allow=(entry,))
    assert caught.value.remedies
    assert len(caught.value.message) < 1000
    assert caught.value.message.isascii()


def test_a_refusal_shows_no_password() -> None:
    for url in ("ftp://me:hidden@example.com", "https://me:hidden@1.2.3.4/"):
        with pytest.raises(SandboxError) as caught:
            Egress.of_urls((url,))
        assert "hidden" not in str(caught.value)


def test_too_many_entries_or_ports_are_refused() -> None:
    with pytest.raises(SandboxError, match="more than 64 different ports"):
        Egress(allow=tuple(f"example.com:{port}" for port in range(1000, 1065)))
    with pytest.raises(ValueError, match="at most 256"):
        Egress(allow=tuple(f"host{number}.example.com" for number in range(257)))


def test_only_an_allowed_host_named_in_full_may_have_a_private_address() -> None:
    egress = Egress(allow=("*.corp.example",), private=("registry.corp.example",))
    assert egress.private == ("registry.corp.example",)
    with pytest.raises(SandboxError, match="nothing allows to reach it"):
        Egress(allow=("example.com",), private=("example.org",))
    for wide in ("*.corp.example", "10.0.0.1"):
        with pytest.raises(SandboxError):
            Egress(allow=("*.corp.example",), private=(wide,))


def test_ways_are_made_from_what_a_server_declares_and_from_the_addresses_of_registries() -> None:
    assert Egress.of_declared(()) == Egress()
    assert Egress.of_declared(["a.example", "b.example:80"], private=["a.example"]) == Egress(
        allow=("a.example:443", "b.example:80"), private=("a.example",)
    )
    urls = ("https://me:word@registry.example/simple", "http://mirror.example", "https://registry.example:8443/x")
    assert Egress.of_urls(urls).allow == ("registry.example:443", "mirror.example:80", "registry.example:8443")
    local = Egress.of_urls(("http://127.0.0.1:4873/",), private=True)
    assert (local.allow, local.private) == (("localhost:4873",), ("localhost",))
    for bad in ("ftp://example.com/", "example.com", "https://", "https://[::1]/", "https://10.0.0.1/", "http://a:b/"):
        with pytest.raises(SandboxError):
            Egress.of_urls((bad,))


@given(place=st.tuples(HOSTS, PORTS), elsewhere=st.tuples(HOSTS, PORTS))
def test_a_rule_permits_exactly_its_host_and_port(place: tuple[str, int], elsewhere: tuple[str, int]) -> None:
    host, port = place
    egress = Egress(allow=(f"{host}:{port}",))
    assert egress.permits(host, port)
    assert egress.permits(host.upper() + ".", port)
    assert egress.permits(*elsewhere) == (place == elsewhere)


@given(domain=HOSTS.map("{}.example".format), below=st.lists(LABELS, max_size=4), other=HOSTS)
def test_a_star_permits_exactly_what_lies_below(domain: str, below: list[str], other: str) -> None:
    egress = Egress(allow=(f"*.{domain}",))
    assert egress.permits(".".join((*below, domain)), 443) == bool(below)
    assert egress.permits(other, 443) == other.endswith(f".{domain}")


@given(st.text(max_size=300))
def test_whatever_is_written_becomes_one_form_or_no_host(text: str) -> None:
    name = normal_host(text)
    if name is not None:
        assert normal_host(name) == name
        assert 0 < len(name) <= 253
        assert set(name) <= set(string.ascii_lowercase + string.digits + "-_.")


@given(st.text(max_size=80))
def test_whatever_is_written_is_allowed_in_one_form_or_refused(text: str) -> None:
    try:
        egress = Egress(allow=(text,))
    except SandboxError:
        return
    assert Egress(allow=egress.allow) == egress

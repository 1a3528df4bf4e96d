"""A server may talk to what it declares and what the policy allows, and to nothing that only one of them says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.egress import granted, granted_to
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import SandboxError
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.sandbox.egress.rules import Egress


@pytest.mark.promise("D21", "D22")
@pytest.mark.parametrize(
    ("declared", "allowed", "way_out"),
    [
        (("api.example.com",), ("api.example.com",), ("api.example.com:443",)),
        (("api.example.com",), ("*.example.com",), ("api.example.com:443",)),
        (("example.com",), ("*.example.com",), ()),
        (("api.example.com:8443",), ("*.example.com",), ()),
        (("api.example.com:8443",), ("*.example.com:8443",), ("api.example.com:8443",)),
        (("*.example.com",), ("*.example.com",), ("*.example.com:443",)),
        (("*.eu.example.com",), ("*.example.com",), ("*.eu.example.com:443",)),
        (("*.eu.example.com",), ("eu.example.com",), ()),
        (("*.eu.example.com",), ("eu.example.com", "*.example.com"), ("*.eu.example.com:443",)),
        (("*.example.com",), ("api.example.com",), ()),
        (("api.example.com", "evil.example.net"), ("api.example.com",), ("api.example.com:443",)),
        ((), ("api.example.com",), ()),
        (("api.example.com",), (), ()),
        (("http://api.example.com/x", "10.0.0.1", "*", "*.com", ""), ("*.example.com",), ()),
    ],
)
def test_both_must_say_it(declared: tuple[str, ...], allowed: tuple[str, ...], way_out: tuple[str, ...]) -> None:
    assert granted(declared, allowed).allow == way_out


def test_a_policy_that_is_much_too_wide_is_an_error() -> None:
    with pytest.raises(SandboxError):
        granted((), ("*",))


HOSTS = st.sampled_from(
    ("a.example.com", "b.a.example.com", "example.com", "*.example.com", "*.a.example.com", "x.net")
)


@given(st.lists(HOSTS, max_size=4), st.lists(HOSTS, max_size=4), st.sampled_from(("a.example.com", "c.a.example.com")))
def test_nothing_is_granted_that_one_of_them_does_not_say(declared: list[str], allowed: list[str], host: str) -> None:
    if granted(declared, allowed).permits(host, 443):
        assert Egress.of_declared(declared).permits(host, 443)
        assert Egress.of_declared(allowed).permits(host, 443)


def test_a_human_may_declare_hosts_for_a_server_whose_source_tells_none() -> None:
    candidate = Candidate(
        name="fetch", source="registry", package=PackageRef(ecosystem="pypi", name="mcp-server-fetch")
    )
    policy = Policy(
        allow=("pypi:*",),
        egress=("*.example.com",),
        declare={"pypi:mcp-server-fetch": ("api.example.com", "api.example.net"), "npm:*": ("www.example.com",)},
    )
    assert granted_to(candidate, policy).allow == ("api.example.com:443",)


@pytest.mark.parametrize("egress", [("*",), ("10.0.0.1",), ("https://example.com/",)])
def test_a_policy_with_something_else_than_hosts_is_refused_where_it_is_written(egress: tuple[str, ...]) -> None:
    with pytest.raises(SandboxError):
        Policy(egress=egress)
    with pytest.raises(SandboxError):
        Policy(declare={"npm:*": egress})

"""A server gets what it declares and the policy allows, and what a human grants to it by name; the plan says so."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.acquisition.report import PlannedServer
from vsm_mcp.acquisition.terms import Terms, granted, held_by, way_out
from vsm_mcp.acquisition.vetting.patterns import Subject
from vsm_mcp.acquisition.vetting.policy import Grant, Policy
from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Enforcement, Held, Level
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Resolution, StdioLaunch
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits

PACKAGE = PackageRef(ecosystem="pypi", name="mcp-server-fetch")
CANDIDATE = Candidate(name="io.example/fetch", source="registry", package=PACKAGE, egress=("api.example.com",))
RESOLUTION = Resolution(
    package=PackageRef(ecosystem="pypi", name="mcp-server-fetch", version="2.0"), integrity="sha256:00", lock=""
)


@pytest.mark.promise("D21", "D22")
@pytest.mark.parametrize(
    ("declared", "allowed", "expected"),
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
def test_both_must_say_it(declared: tuple[str, ...], allowed: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert granted(declared, allowed).allow == expected


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


def test_what_a_human_grants_by_name_counts_as_declared_and_allowed_and_the_first_that_matches_counts() -> None:
    policy = Policy(
        egress=("api.example.com",),
        grants=(
            Grant(servers="npm:@example/*", egress=("www.example.net",)),
            Grant(servers="pypi:mcp-server-fetch@1.*", egress=("one.example.net",)),
            Grant(servers="pypi:MCP_server.fetch", egress=("db.example.net:5432",), private=("db.example.net",)),
            Grant(servers="pypi:mcp-*", egress=("last.example.net",)),
        ),
    )
    way = way_out(CANDIDATE, RESOLUTION, policy)
    assert way.allow == ("api.example.com:443", "db.example.net:5432")
    assert way.private == ("db.example.net",)
    assert way_out(CANDIDATE, RESOLUTION, Policy(grants=policy.grants[:1])).allow == ()


@pytest.mark.parametrize("egress", [("*",), ("10.0.0.1",), ("https://example.com/",)])
def test_a_policy_with_something_else_than_hosts_is_refused_where_it_is_written(egress: tuple[str, ...]) -> None:
    with pytest.raises(SandboxError):
        Policy(egress=egress)
    with pytest.raises(SandboxError):
        Grant(servers="npm:example", egress=egress)


def test_what_may_be_private_must_be_granted_too() -> None:
    with pytest.raises(SandboxError, match="nothing allows to reach it"):
        Grant(servers="npm:example", private=("db.example.net",))


@pytest.mark.promise("D15", "D18")
@pytest.mark.parametrize("path", ["/", "/etc", "~", "~/.ssh", "/proc/self", "/work/x"])
def test_a_dangerous_path_cannot_be_granted(path: str) -> None:
    with pytest.raises(SandboxError):
        Grant(servers="npm:example", read_only=(Path(path),))


@pytest.mark.promise("D18")
def test_granted_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Grant(servers="npm:example", read_only=(Path("data"),)).read_only == (tmp_path / "data",)


@pytest.mark.parametrize(
    "pattern",
    [
        "publisher:Example", "source:catalogue", "tool:read_*", "version:1.*", "pipy:x", "npm:", "transport:stdio",
        "io.github.owner/server", "io.github.owner/*", "**", "?*", "* & version:1.*", "npm:x & io.github.owner/x",
    ],
)  # fmt: skip
@pytest.mark.security
@pytest.mark.promise("D15", "D18")
def test_a_grant_names_packages_and_not_what_somebody_claims(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"is a claim; name its package, such as npm:NAME|in '|would match|empty"):
        Grant(servers=pattern)


WIDE = (
    "*",
    "npm:*",
    "npm:@*",
    "npm:@*/*",
    "npm:?*",
    "npm:[!#]*",
    "npm:[]a]*",
    "npm:*-*",
    "npm:*@1.*",
    "npm:* & version:1",
)


@pytest.mark.security
@pytest.mark.parametrize("pattern", WIDE)
def test_hosts_and_files_are_granted_to_somebody_in_particular(pattern: str) -> None:
    for gift in ({"egress": ("www.example.net",)}, {"read_only": (Path("/srv/data"),)}):
        with pytest.raises(ValidationError, match=r"are given to packages.*such as npm:NAME"):
            Grant.model_validate({"servers": pattern, **gift})
    assert Grant(servers=pattern, limits=Limits(memory_mb=64), kept=False).servers == pattern


@pytest.mark.security
def test_who_takes_the_name_of_another_server_gets_nothing_that_was_granted_to_that_one() -> None:
    policy = Policy(
        grants=(Grant(servers="npm:@owner/server", egress=("db.example.net",), private=("db.example.net",)),)
    )
    evil = PackageRef.parse("npm:evil@1.0.0")
    claimed = Candidate(
        name="io.github.owner/server", source="elsewhere", package=PackageRef(ecosystem="npm", name="evil")
    )
    got = policy.grant_for(Subject.of(claimed, Resolution(package=evil, integrity="sha256:00", lock="")))
    assert (got.egress, got.private) == ((), ())


@pytest.mark.promise("D18", "D19")
def test_who_consents_sees_everything_that_a_server_would_get() -> None:
    artefact = Artefact(
        candidate=CANDIDATE,
        resolution=RESOLUTION,
        root=Path("/nowhere"),
        launch=StdioLaunch(argv=("/usr/bin/python3", "-m", "server")),
    )
    terms = Terms(
        egress=Egress(allow=("db.example.net:5432",), private=("db.example.net",)),
        secrets=("FETCH_KEY",),
        limits=Limits(memory_mb=256, cpu_cores=None),
        read_only=(Path("/srv/data"),),
        kept=False,
        enforcement="nothing confines it",
    )
    plan = PlannedServer.of(artefact, Verdict(accepted=True), granted=terms)
    lines = [" ".join(line.split()) for line in str(plan).splitlines()]
    assert "egress: api.example.com (granted: db.example.net:5432; private addresses: db.example.net)" in lines
    assert "secrets: FETCH_KEY" in lines
    assert "reads: /srv/data" in lines
    assert "limits: 256 MB memory, any share of a core, 64 processes, disk 128 MB, empty at each start" in lines
    assert "held: nothing confines it" in lines
    assert PlannedServer.model_validate_json(plan.model_dump_json()) == plan
    kept = PlannedServer.of(artefact, Verdict(accepted=True), granted=Terms(limits=Limits()))
    assert "512 MB memory, 0.5 of a core, 64 processes, disk 1024 MB kept" in str(kept)


def test_who_holds_what_is_one_line() -> None:
    held = {
        Aspect.FILES: Held(requested="x", level=Level.KERNEL),
        Aspect.NETWORK: Held(requested="x", level=Level.KERNEL),
        Aspect.DISK: Held(requested="x", level=Level.SUPERVISED),
    }
    enforcement = Enforcement(confiner="bubblewrap", profile="full", held=held)
    expected = "bubblewrap (full): the kernel holds files, network; supervision holds disk"
    assert held_by(enforcement) == expected
    assert held_by(Enforcement(confiner="none", profile="none")) == "nothing confines it"

"""The policy and its patterns: what a host lets in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.acquisition.vetting.patterns import Subject, allows, blocks
from vsm_mcp.acquisition.vetting.policy import Policy, Waiver
from vsm_mcp.model.verdict import Finding, Permission, Severity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SERVER = Subject(
    ecosystem="pypi",
    package="Example_Server",
    version="1.4.2",
    server="io.github.example/server",
    source="catalogue",
    publishers=("Example Inc",),
)
SCOPED = Subject(ecosystem="npm", package="@example/server", version="2.0.0", server="x.y/z", source="npm")


@pytest.mark.parametrize(
    "pattern",
    [
        "pypi:example-server",
        "pypi:Example.Server",
        "pypi:example-*",
        "pypi:example-server@1.4.2",
        "pypi:example-server@1.*",
        "io.github.example/*",
        "io.github.example/server@1.*",
        "source:catalogue",
        "publisher:Example*",
        "version:1.4.*",
        "source:catalogue & publisher:Example Inc",
        "*",
    ],
)
def test_patterns_that_let_the_server_in(pattern: str) -> None:
    assert allows((pattern,), SERVER) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "pypi:example",
        "npm:example-server",
        "pypi:example-server@2.*",
        "io.github.other/*",
        "IO.GITHUB.EXAMPLE/*",
        "source:npm",
        "publisher:Other",
        "version:2.*",
        "source:catalogue & publisher:Other",
        "io.github.example/server@2.*",
    ],
)
def test_patterns_that_do_not_let_the_server_in(pattern: str) -> None:
    assert allows((pattern,), SERVER) is None


def test_a_scope_of_npm_is_one_glob() -> None:
    assert allows(("npm:@example/*",), SCOPED)
    assert allows(("npm:@example/server@2.*",), SCOPED)
    assert allows(("npm:@other/*",), SCOPED) is None


def test_the_block_list_does_not_care_about_case() -> None:
    assert blocks(("IO.GITHUB.Example/*",), SERVER)
    assert blocks(("npm:@EXAMPLE/server",), SCOPED)
    assert blocks(("npm:@other/*",), SCOPED) is None


def test_a_version_that_is_not_resolved_may_become_allowed_and_is_not_yet_blocked() -> None:
    unresolved = Subject(ecosystem="npm", package="left", source="npm")
    assert allows(("npm:left@1.*",), unresolved)
    assert blocks(("npm:left@1.*",), unresolved) is None
    assert blocks(("npm:left",), unresolved)


def test_a_resolved_package_without_a_version_matches_no_version() -> None:
    assert allows(("npm:left@1.*",), Subject(ecosystem="npm", package="left", version="")) is None


@given(st.text(max_size=30))
def test_an_empty_allow_list_matches_nothing(name: str) -> None:
    assert allows((), Subject(ecosystem="npm", package=name, server=name)) is None


@pytest.mark.parametrize("pattern", ["pipy:name", "", "npm:", "source:a & ", "npm:a & b:c"])
def test_a_pattern_that_cannot_mean_anything_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"none of npm|empty term"):
        Policy(allow=(pattern,))


def test_a_typing_error_in_an_option_is_refused() -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"alow": ["*"]})


def test_severity_and_unanswered_questions_refuse() -> None:
    high = Finding(check="a", code="x", severity=Severity.HIGH, message="m")
    unknown = Finding(check="a", code="x", severity=Severity.INFO, message="m", unknown=True)
    policy = Policy()
    assert policy.refusing([high, unknown]) == (high, unknown)
    assert Policy(refuse_unknown=False).refusing([high, unknown]) == (high,)
    assert Policy(refuse_at=Severity.CRITICAL, refuse_unknown=False).refusing([high, unknown]) == ()


def test_a_use_is_fine_when_permitted_shown_when_tolerated_and_refused_otherwise() -> None:
    policy = Policy(permitted=frozenset({Permission.FILES_READ}), tolerated=frozenset({Permission.NETWORK}))
    assert policy.severity_of(Permission.FILES_READ) is Severity.INFO
    assert policy.severity_of(Permission.NETWORK) is Severity.MEDIUM
    assert policy.severity_of(Permission.FILES_WRITE) is Severity.HIGH


def test_a_waiver_holds_for_one_finding_of_one_artefact_until_it_expires() -> None:
    waiver = Waiver(code="x", integrity="sha256:aa", expires=NOW + timedelta(days=1))
    policy = Policy(waivers=(waiver,))
    high = Finding(check="a", code="x", severity=Severity.HIGH, message="m")
    other = Finding(check="a", code="y", severity=Severity.HIGH, message="m")
    critical = Finding(check="a", code="x", severity=Severity.CRITICAL, message="m")
    assert policy.waiver(high, integrity="sha256:aa", now=NOW) == waiver
    assert policy.waiver(high, integrity="sha256:bb", now=NOW) is None
    assert policy.waiver(other, integrity="sha256:aa", now=NOW) is None
    assert policy.waiver(critical, integrity="sha256:aa", now=NOW) is None
    assert policy.waiver(high, integrity="sha256:aa", now=NOW + timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("pattern", "tool", "allowed"),
    [
        ("pypi:example-server & tool:read_*", "read_file", True),
        ("pypi:example-server & tool:read_*", "delete_file", False),
        ("pypi:example-server & tool:read_*", "", True),
        ("transport:stdio & pypi:example-server", "any", True),
        ("transport:in-process & pypi:example-server", "any", False),
    ],
)
def test_a_server_is_let_in_for_the_tools_that_may_be_called(pattern: str, tool: str, allowed: bool) -> None:  # noqa: FBT001
    assert (allows((pattern,), replace(SERVER, tool=tool)) is not None) is allowed


@pytest.mark.promise("C139")
def test_a_block_on_a_tool_forbids_the_tool_and_not_its_server() -> None:
    assert blocks(("tool:DELETE_*",), SERVER) is None
    assert blocks(("tool:DELETE_*",), replace(SERVER, tool="delete_file")) == "tool:DELETE_*"
    assert blocks(("tool:delete_*",), replace(SERVER, tool="read_file")) is None


@pytest.mark.parametrize("pattern", ["tool:read_*", "tool:a & tool:b"])
def test_a_pattern_about_tools_alone_lets_nobody_in(pattern: str) -> None:
    with pytest.raises(ValidationError, match="would let every server in"):
        Policy(allow=(pattern,))
    assert Policy(block=(pattern,)).block == (pattern,)


def test_a_transport_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="none of the transports stdio, in-process"):
        Policy(block=("transport:carrier-pigeon",))

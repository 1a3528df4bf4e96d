"""Dependencies: what a package brings along."""

from collections.abc import Callable

import pytest

from vsm_mcp.acquisition.vetting.metadata.dependencies import Dependencies
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact, Dependency
from vsm_mcp.model.verdict import Finding, Severity

OWN = Dependency(name="Example_Server", version="1.0", hashes=("sha256:aa",))
POLICY = Policy()


async def findings(artefact: Artefact, policy: Policy = POLICY) -> list[tuple[str, Severity]]:
    return [(found.code, found.severity) for found in await Dependencies(policy).examine(artefact)]


@pytest.mark.anyio
async def test_a_pinned_closure_of_wheels_is_fine(make_artefact: Callable[..., Artefact]) -> None:
    other = Dependency(name="other", version="2", hashes=("sha256:bb",))
    assert await findings(make_artefact(dependencies=[OWN, other])) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("dependency", "code", "severity"),
    [
        (Dependency(name="o", version="2"), "unpinned-dependency", Severity.HIGH),
        (Dependency(name="o", version="2", hashes=("h",), url="git+ssh://a/b"), "url-dependency", Severity.HIGH),
        (Dependency(name="o", version="2", hashes=("h",), wheel=False), "source-build", Severity.HIGH),
        (Dependency(name="o", version="2", hashes=("h",), scripts=True), "install-script", Severity.LOW),
        (Dependency(name="evil", version="6", hashes=("h",)), "dependency-blocked", Severity.CRITICAL),
    ],
)
async def test_what_is_wrong_with_one_dependency(
    make_artefact: Callable[..., Artefact], *, dependency: Dependency, code: str, severity: Severity
) -> None:
    policy = Policy(block=("pypi:EVIL@6*",))
    artefact = make_artefact(dependencies=[OWN, dependency])
    assert await findings(artefact, policy) == [(code, severity)]
    found: Finding = (await Dependencies(policy).examine(artefact))[0]
    assert f"{dependency.name} {dependency.version}, a dependency of example-server," in found.message


@pytest.mark.anyio
async def test_an_install_script_of_the_package_itself_is_shown_and_refused_on_demand(
    make_artefact: Callable[..., Artefact],
) -> None:
    own = Dependency(name="example-server", version="1.0", hashes=("h",), scripts=True)
    artefact = make_artefact(dependencies=[own])
    assert await findings(artefact) == [("install-script", Severity.MEDIUM)]
    assert await findings(artefact, Policy(refuse_scripts=True)) == [("install-script", Severity.HIGH)]


@pytest.mark.anyio
async def test_only_allowed_dependencies_may_come_along(make_artefact: Callable[..., Artefact]) -> None:
    policy = Policy(allow_dependencies=("pypi:good",))
    good, bad = (Dependency(name=name, version="1", hashes=("h",)) for name in ("good", "bad"))
    assert await findings(make_artefact(dependencies=[OWN, good]), policy) == []
    assert await findings(make_artefact(dependencies=[OWN, bad]), policy) == [("dependency-not-allowed", Severity.HIGH)]


@pytest.mark.anyio
async def test_a_closure_that_is_not_known_is_unknown(make_artefact: Callable[..., Artefact]) -> None:
    (found,) = await Dependencies(POLICY).examine(make_artefact(dependencies=[]))
    assert (found.code, found.unknown) == ("closure-unknown", True)


@pytest.mark.anyio
async def test_what_is_not_locked_is_refused(make_artefact: Callable[..., Artefact]) -> None:
    assert await findings(make_artefact(integrity="")) == [("not-locked", Severity.HIGH)]
    (found,) = await Dependencies(POLICY).examine(make_artefact(lock=""))
    assert found.message == "pypi:example-server@1.0 has no lock file."


@pytest.mark.anyio
async def test_local_servers_have_no_closure(make_artefact: Callable[..., Artefact]) -> None:
    assert await findings(make_artefact(package="memory:example", dependencies=[], lock="")) == []

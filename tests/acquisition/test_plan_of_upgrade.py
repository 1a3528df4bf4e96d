"""Who consents to an upgrade sees what would change, as text that cannot deceive a terminal."""

from dataclasses import replace
from pathlib import Path

from vsm_mcp.acquisition.report import PlannedServer
from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Dependency,
    Installed,
    PackageRef,
    Proven,
    Resolution,
    StdioLaunch,
    Variable,
    Vetted,
)
from vsm_mcp.model.verdict import Permission, Verdict
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.testing.servers import as_proven

OLD = Artefact(
    candidate=Candidate(
        name="io.example/server",
        source="test",
        package=PackageRef(ecosystem="pypi", name="server"),
        environment=(Variable(name="KEY", required=True),),
        egress=("old.example.com",),
    ),
    resolution=Resolution(
        package=PackageRef(ecosystem="pypi", name="server", version="1.0"),
        integrity="sha256:00",
        lock="",
        dependencies=(Dependency(name="server", version="1.0"),),
    ),
    root=Path("/nowhere"),
    launch=StdioLaunch(argv=("/usr/bin/python3", "-m", "server")),
)
NEW = replace(
    OLD,
    candidate=replace(OLD.candidate, environment=(), egress=("new.example.com",)),
    resolution=replace(
        OLD.resolution,
        package=PackageRef(ecosystem="pypi", name="server", version="2.0"),
        dependencies=(*OLD.resolution.dependencies, Dependency(name="more", version="1.0")),
    ),
    launch=StdioLaunch(argv=("/usr/bin/python3", "-m", "server2")),
)
HELD_VERDICT = Verdict(accepted=True, permissions=frozenset({Permission.FILES_READ}))
NEW_VERDICT = Verdict(accepted=True, permissions=frozenset({Permission.NETWORK}))


def held() -> Proven:
    vetted = Vetted(artefact=OLD, verdict=HELD_VERDICT)
    installed = Installed(vetted=vetted, path=None, digest="00", launch=OLD.launch)
    return as_proven(installed, (ToolSpec(name="echo"), ToolSpec(name="sing")))


def test_an_upgrade_shows_everything_that_changes() -> None:
    terms = Terms(egress=Egress(allow=("new.example.com",)))
    plan = PlannedServer.of(NEW, NEW_VERDICT, tools=("echo", "send"), previous=held(), granted=terms)
    assert plan.previous is not None
    assert plan.previous.package == "pypi:server@1.0"
    assert plan.diff.splitlines() == [
        "- package pypi:server@1.0",
        "+ package pypi:server@2.0",
        "- runs /usr/bin/python3 -m server",
        "+ runs /usr/bin/python3 -m server2",
        "- permission files.read",
        "+ permission network",
        "- egress old.example.com",
        "+ egress new.example.com",
        "- variable KEY*",
        "- tool sing",
        "+ tool send",
        "- 1 package(s)",
        "+ 2 package(s)",
    ]
    assert "replaces:    pypi:server@1.0" in str(plan)
    assert "    + permission network" in str(plan)
    assert PlannedServer.model_validate_json(plan.model_dump_json()) == plan


def test_without_a_change_the_plan_says_so_and_unknown_tools_are_no_change() -> None:
    plan = PlannedServer.of(OLD, HELD_VERDICT, previous=held())
    assert plan.diff == ""
    assert "nothing else changes" in str(plan)


def test_a_first_acquisition_has_no_diff() -> None:
    plan = PlannedServer.of(OLD, HELD_VERDICT)
    assert (plan.previous, plan.diff) == (None, "")
    assert "granted: no network" in str(plan)


def test_a_plan_cannot_steer_a_terminal() -> None:
    evil = replace(NEW, launch=StdioLaunch(argv=("/usr/bin/python3", "\x1b[2Jfine\nreplaces: nothing")))
    plan = PlannedServer.of(evil, NEW_VERDICT, previous=held())
    assert "\x1b" not in str(plan)
    assert "\nreplaces: nothing" not in str(plan)
    assert not any(line.startswith("replaces") for line in plan.diff.splitlines())


def test_evidence_knows_which_calls_can_be_made_again() -> None:
    assert Evidence(level=ProofLevel.CALLABLE).recorded == ()
    assert Enforcement(confiner="none", profile="none").warnings == ()

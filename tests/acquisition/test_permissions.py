"""Servers that are held are judged by the policy of today, tool by tool."""

from pathlib import Path

from vsm_mcp.acquisition.permissions import MOST_KEPT, CallPermissions
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Installed,
    PackageRef,
    Proven,
    Resolution,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict

LAUNCH = StdioLaunch(argv=("/usr/bin/env",))


def held(name: str = "files") -> Proven:
    package = PackageRef(ecosystem="pypi", name=name, version="1.0")
    candidate = Candidate(name=f"io.github.example/{name}", source="catalogue", package=package)
    artefact = Artefact(
        candidate=candidate,
        resolution=Resolution(package=package, integrity="", lock=""),
        root=Path("/"),
        launch=LAUNCH,
    )
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    return Proven(
        installed=Installed(vetted=vetted, path=None, digest="", launch=LAUNCH),
        tools=(),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


def test_a_server_that_came_in_under_another_policy_is_judged_by_the_one_of_today() -> None:
    server = held()
    permissions = CallPermissions(Policy(allow=("npm:*",)), {"files": server}.get)
    reason = permissions.objection("files", "read")
    assert reason is not None
    assert "matches none of the 1 pattern(s) allowed" in reason


def test_tools_are_judged_one_by_one() -> None:
    policy = Policy(allow=("pypi:files",), block=("io.github.example/* & tool:delete_*",))
    permissions = CallPermissions(policy, {"files": held()}.get)
    assert permissions.objection("files", "read") is None
    reason = permissions.objection("files", "delete_all")
    assert reason is not None
    assert "tool:delete_*" in reason
    assert permissions.judge(held()) is None


def test_an_answer_holds_until_the_server_is_replaced() -> None:
    servers = {"files": held()}
    permissions = CallPermissions(Policy(allow=("pypi:files",)), servers.get)
    assert permissions.objection("files", "read") is None
    servers["files"] = held("other")
    assert permissions.objection("files", "read") is not None


def test_of_servers_that_are_not_held_nothing_is_said() -> None:
    assert CallPermissions(Policy(), dict[str, Proven]().get).objection("nobody", "read") is None


def test_the_answers_that_are_kept_are_bounded() -> None:
    permissions = CallPermissions(Policy(allow=("pypi:files",)), {"files": held()}.get)
    for number in range(MOST_KEPT + 1):
        permissions.objection("files", f"tool-{number}")
    assert repr(permissions) == "CallPermissions(kept=1)"

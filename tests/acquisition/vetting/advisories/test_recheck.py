"""What became known against servers that are held is found out by asking again."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.vetting.advisories.advisory import Advisory, Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.recheck import AdvisoryStanding, Recheck, RecheckReport
from vsm_mcp.acquisition.vetting.advisories.vulnerabilities import Vulnerabilities
from vsm_mcp.acquisition.vetting.policy import Policy, Waiver
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import LinkError
from vsm_mcp.events import Event, ServerReviewed
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
    Rung,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Severity, Verdict
from vsm_mcp.testing.world import FakeClock

INTEGRITY = "sha256:" + "0" * 64


class Today:
    """A source that knows what is put into it, or cannot be asked."""

    name = "today"

    def __init__(self) -> None:
        self.known: dict[str, Advisory] = {}
        self.answers = True

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        await anyio.lowlevel.checkpoint()
        if not self.answers:
            raise LinkError("It cannot be reached.")
        return {one: Answer(advisories=(self.known[one.name],) if one.name in self.known else ()) for one in packages}


def held(tree: Path, package: PackageRef, *, needs: Sequence[str] = ("direct",)) -> Proven:
    own = tree / "node_modules" / package.name if package.ecosystem == "npm" else tree / "site"
    own.mkdir(parents=True)
    if package.ecosystem == "npm":
        told = {"name": package.name, "version": package.version, "dependencies": dict.fromkeys(needs, "1.0.0")}
        (own / "package.json").write_text(json.dumps(told))
    names = (*needs, "deep")
    artefact = Artefact(
        candidate=Candidate(name=package.name, source="registry", package=package),
        resolution=Resolution(
            package=package,
            integrity=INTEGRITY,
            lock="",
            rung=Rung(),
            dependencies=tuple(Dependency(name=name, version="1.0.0", hashes=(INTEGRITY,)) for name in names),
        ),
        root=tree,
        launch=StdioLaunch(argv=("/usr/bin/node", "/pkg/index.js")),
    )
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    return Proven(
        installed=Installed(vetted=vetted, path=tree, digest="1" * 64, launch=artefact.launch),
        tools=(),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


class Ward:
    """Servers that are held, and what is known of them today."""

    def __init__(self, *servers: Proven, waivers: Sequence[Waiver] = ()) -> None:
        self.today, self.heard = Today(), list[Event]()
        policy, clock = Policy(allow=("npm:*", "pypi:*", "file:*"), waivers=tuple(waivers)), FakeClock()
        check = Vulnerabilities(policy, sources=(self.today,), clock=clock)

        async def everything() -> Sequence[Proven]:
            return servers

        vetting = Vetting((check,), policy=policy, clock=clock)
        self.recheck = Recheck(vetting, policy=policy, held=everything, emit=self.heard.append)

    async def standings(self) -> Mapping[str, str]:
        return {one.server: str(one.standing) for one in (await self.recheck.run()).servers}


def flaw(name: str, severity: Severity = Severity.HIGH) -> Advisory:
    return Advisory(identity=f"GHSA-{name}", severity=severity, summary="It can be led astray", fixed=("1.0.1",))


WORDS = PackageRef(ecosystem="npm", name="words", version="1.0.0")


@pytest.mark.anyio
@pytest.mark.security
async def test_what_became_known_since_a_server_was_let_in_is_told_until_it_is_over(tmp_path: Path) -> None:
    proven = held(tmp_path, WORDS)
    ward = Ward(proven)
    assert repr(ward.recheck) == "Recheck(servers=0)"
    assert ward.recheck.objection(proven) is None
    assert await ward.standings() == {"words": "fine"}
    ward.today.known["direct"] = flaw("new")
    report = await ward.recheck.run()
    (found,) = report.servers
    assert (found.standing, report.exit_code) == (AdvisoryStanding.AFFECTED, 11)
    assert "npm:direct@1.0.0, a direct dependency, is subject to GHSA-new" in found.reasons[0]
    assert found.remedies[0] == "Upgrade or release words."
    assert ward.recheck.objection(proven) == " ".join(found.reasons)
    assert "affected  words (npm:words@1.0.0)" in str(report)
    ward.today.known.clear()
    assert await ward.standings() == {"words": "fine"}
    assert ward.recheck.objection(proven) is None
    reviewed = [event.reasons for event in ward.heard if isinstance(event, ServerReviewed)]
    assert reviewed == [(), found.reasons, ()]


@pytest.mark.anyio
@pytest.mark.security
async def test_who_cannot_be_asked_makes_it_unknown_and_neither_fine_nor_an_error(tmp_path: Path) -> None:
    ward = Ward(held(tmp_path, WORDS))
    ward.today.answers = False
    report = await ward.recheck.run()
    (found,) = report.servers
    assert (found.standing, report.exit_code) == (AdvisoryStanding.UNKNOWN, 12)
    assert "It cannot be reached" in found.reasons[0]
    assert ward.heard == [ServerReviewed(server="words", door="advisories", reasons=None)]


@pytest.mark.anyio
@pytest.mark.security
async def test_the_policy_says_what_an_advisory_means_as_it_did_when_the_server_came_in(tmp_path: Path) -> None:
    """A flaw deep down refuses from another severity on than one of the package itself, and a waiver holds."""
    proven = held(tmp_path / "a", WORDS)
    ward = Ward(proven)
    ward.today.known["deep"] = flaw("deep")
    assert await ward.standings() == {"words": "fine"}
    ward.today.known["deep"] = Advisory(identity="MAL-2026-1")
    assert await ward.standings() == {"words": "affected"}
    waiver = Waiver(
        code="GHSA-new", integrity=INTEGRITY, expires=datetime(2100, 1, 1, tzinfo=UTC), reason="It is not reached."
    )
    lenient = Ward(proven, waivers=[waiver])
    lenient.today.known["direct"] = flaw("new")
    assert await lenient.standings() == {"words": "fine"}


@pytest.mark.anyio
async def test_an_objection_is_about_the_version_that_was_asked_about(tmp_path: Path) -> None:
    old = held(tmp_path / "old", WORDS)
    new = held(tmp_path / "new", PackageRef(ecosystem="npm", name="words", version="1.0.1"))
    ward = Ward(old)
    ward.today.known["words"] = flaw("old")
    assert await ward.standings() == {"words": "affected"}
    assert ward.recheck.objection(old) is not None
    assert ward.recheck.objection(new) is None


@pytest.mark.anyio
async def test_many_servers_are_asked_about_and_files_of_the_host_have_nothing_known_against_them(
    tmp_path: Path,
) -> None:
    servers = [
        held(tmp_path / str(number), PackageRef(ecosystem="pypi", name=f"words{number}", version="1.0"))
        for number in range(12)
    ]
    ward = Ward(*servers, held(tmp_path / "file", PackageRef(ecosystem="file", name="/srv/words.py", version="1")))
    ward.today.known["words3"] = flaw("three")
    standings = await ward.standings()
    assert len(standings) == 13
    assert [name for name, standing in standings.items() if standing != "fine"] == ["words3"]
    assert str(RecheckReport()) == "Nothing is held."

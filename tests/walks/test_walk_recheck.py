"""A server that was fine when it was let in and is known to be harmful today: everybody is told, nobody guesses."""

import json
import zipfile
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.clearance import Go
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.json import JsonObject
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
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.settings.settings import Confinement

NEED = "words.count_words"
PAIN = "advisories of words"


def database(path: Path, *packages: str) -> Path:
    """Write a database of advisories in which these packages of the index were made to do harm."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate((*packages, "something-else"), start=1):
            record: JsonObject = {
                "id": f"MAL-2026-{number}",
                "modified": "2026-11-20T00:00:00Z",
                "affected": [{"package": {"ecosystem": "PyPI", "name": name}, "versions": ["2.0"]}],
            }
            archive.writestr(f"{number}.json", json.dumps(record))
    return path


def system(root: Path, advisories: Path | None, *, offline: bool = True) -> ViableSystem:
    settings = Settings(
        state=root / "state",
        autonomy=Autonomy.AUTO,
        sandbox=Confinement.NONE,
        lock=root / "vsm.lock",
        offline=offline,
        advisories=advisories,
    )
    return ViableSystem(settings, shelf=Shelf(), sources=(), policy=Policy(allow=("pypi:word-server",)))


def candidate(root: Path, python: str) -> Vetted:
    package, hashes = PackageRef(ecosystem="pypi", name="word-server", version="2.0"), ("sha256:" + "0" * 64,)
    resolution = Resolution(
        package=package,
        integrity=hashes[0],
        lock="word-server==2.0\n",
        rung=Rung(),
        dependencies=(Dependency(name="word-server", version="2.0", hashes=hashes),),
    )
    artefact = Artefact(
        candidate=Candidate(name="words", source="registry", package=package),
        resolution=resolution,
        root=root,
        launch=StdioLaunch(argv=(python, "-I", "/pkg/site/words.py")),
    )
    return Vetted(artefact=artefact, verdict=Verdict(accepted=True))


async def hold(root: Path) -> None:
    """Hold a published server as if it had been acquired on an earlier day, and lock it."""
    async with system(root, None, offline=False) as vsm:
        parts = vsm.parts
        async with parts.rollback.transaction("acquire") as transaction:
            store = parts.installer.holdings.store
            place = store.staging(transaction.identity) / "package"
            (place / "site").mkdir(parents=True)
            (place / "site" / "words.py").write_text("print('words')\n")
            digest, vetted = await store.seal(place), candidate(place, "/usr/bin/env")
            installed = Installed(vetted=vetted, path=place, digest=digest, launch=vetted.artefact.launch)
            proven = Proven(
                installed=installed,
                tools=(ToolSpec(name="count_words"),),
                evidence=Evidence(level=ProofLevel.CALLABLE),
                enforcement=Enforcement(confiner="none", profile="none"),
            )
            await parts.installer.commit(proven, transaction, needs=("count words",))
        await vsm.save_lock()


def pains(vsm: ViableSystem) -> dict[str, str]:
    return {signal.key: signal.reason for signal in vsm.parts.vitals.algedonic.open() if signal.pain}


@pytest.mark.anyio
@pytest.mark.security
async def test_what_became_known_since_is_pain_needs_an_operator_and_is_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    await hold(tmp_path)
    async with system(tmp_path, database(tmp_path / "old.zip")) as vsm:
        assert (await vsm.recheck()).exit_code == 0
        assert (await vsm.preflight([NEED])).go is Go.GO
        assert pains(vsm) == {}
    async with system(tmp_path, database(tmp_path / "new.zip", "word-server")) as vsm:
        report = await vsm.recheck()
        assert report.exit_code == 11
        assert "MAL-2026-1 (made to do harm)" in pains(vsm)[PAIN]
        (cleared,) = (await vsm.preflight([NEED])).needs
        assert (cleared.go, "MAL-2026-1" in cleared.reason) == (Go.OPERATOR, True)
        security = await vsm.security_report()
        assert security.servers[0].known == " ".join(report.servers[0].reasons)
        assert any("MAL-2026-1" in weakness.message for weakness in security.weaknesses)
        await vsm.release_capability("words")
        assert pains(vsm) == {}


@pytest.mark.anyio
@pytest.mark.security
async def test_when_nobody_can_be_asked_it_is_unknown(tmp_path: Path) -> None:
    await hold(tmp_path)
    async with system(tmp_path, None) as vsm:
        report = await vsm.recheck()
        assert (report.exit_code, [str(one.standing) for one in report.servers]) == (12, ["unknown"])
        assert "no source of advisories is configured" in str(report)


@pytest.mark.anyio
@pytest.mark.security
async def test_what_the_lock_in_force_does_not_pin_is_in_the_report(tmp_path: Path) -> None:
    await hold(tmp_path)
    async with system(tmp_path, None) as vsm:
        assert (await vsm.security_report()).servers[0].unpinned == ""
        await vsm.release_capability("words")
        await vsm.save_lock()
    async with system(tmp_path, None) as vsm:
        await vsm.rollback_to(1)
        security = await vsm.security_report()
        assert security.servers[0].unpinned == "words is not in the lock in force."
        weakness = next(one for one in security.weaknesses if "lock in force" in one.message)
        assert (weakness.severity, "save_lock()" in weakness.remedy, security.exit_code) == ("high", True, 1)

"""What is held is judged by the lock in force: its name, its files and what it says about itself."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.lock.standing import MOST_KEPT, LockInForce
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Installed,
    PackageRef,
    Proven,
    Resolution,
    Rung,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict


def held(tree: Path, *, digest: str = "1" * 64, tools: Sequence[ToolSpec] = (ToolSpec(name="count"),)) -> Proven:
    tree.mkdir(exist_ok=True)
    package = PackageRef(ecosystem="pypi", name="words", version="1.0")
    artefact = Artefact(
        candidate=Candidate(name="words", source="registry", package=package),
        resolution=Resolution(package=package, integrity="sha256:" + "0" * 64, lock="words==1.0\n", rung=Rung()),
        root=tree,
        launch=StdioLaunch(argv=("/usr/bin/python3", "/pkg/words.py")),
    )
    installed = Installed(
        vetted=Vetted(artefact=artefact, verdict=Verdict(accepted=True)),
        path=tree,
        digest=digest,
        launch=artefact.launch,
    )
    return Proven(
        installed=installed,
        tools=tuple(tools),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


def with_digest(proven: Proven, digest: str) -> Proven:
    return replace(proven, installed=replace(proven.installed, digest=digest))


async def locked(proven: Proven) -> LockInForce:
    return LockInForce(await Lockfile.of([proven]))


@pytest.mark.anyio
@pytest.mark.security
async def test_what_is_pinned_is_fine_on_this_machine_and_on_another_one(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text("print('words')\n")
    proven = held(tmp_path)
    lock = await locked(proven)
    assert await lock.objection(proven) is None
    assert await lock.objection(with_digest(proven, "2" * 64)) is None
    assert repr(lock) == "LockInForce(1 servers)"


@pytest.mark.anyio
@pytest.mark.security
async def test_other_files_other_words_and_other_servers_are_not_what_is_pinned(tmp_path: Path) -> None:
    file = tmp_path / "words.py"
    file.write_text("print('words')\n")
    proven = held(tmp_path)
    lock = await locked(proven)
    other = held(tmp_path, tools=(ToolSpec(name="count"), ToolSpec(name="erase")))
    assert "it says other things about itself" in (await lock.objection(other) or "")
    file.write_text("print('evil')\n")
    assert "the installed files are" in (await lock.objection(with_digest(proven, "2" * 64)) or "")
    empty = LockInForce(Lockfile())
    assert await empty.objection(proven) == "words is not in the lock in force."


@pytest.mark.anyio
@pytest.mark.security
async def test_what_cannot_be_read_is_not_taken_for_what_is_pinned(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    proven = held(tree)
    lock = await locked(proven)
    tree.rmdir()
    assert "cannot be read" in (await lock.objection(with_digest(proven, "2" * 64)) or "")
    unreadable = ToolSpec(name="count", input_schema={"type": "object", "default": float("nan")})
    assert await lock.objection(replace(proven, tools=(unreadable,))) is not None


@pytest.mark.anyio
async def test_the_files_of_a_tree_are_read_once_and_few_trees_are_remembered(tmp_path: Path) -> None:
    proven = held(tmp_path)
    lock = await locked(proven)
    with anyio.fail_after(30):
        for number in range(MOST_KEPT + 1):
            assert await lock.objection(with_digest(proven, f"{number:064}")) is None
        (tmp_path / "new.py").write_text("print('new')\n")
        assert await lock.objection(with_digest(proven, f"{MOST_KEPT:064}")) is None
        assert await lock.objection(with_digest(proven, f"{0:064}")) is not None

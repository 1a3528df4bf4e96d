"""What servers listed when they were proven is remembered, bounded, and helps to find them again."""

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Description
from vsm_mcp.acquisition.discovery.sources import learned
from vsm_mcp.acquisition.discovery.sources.learned import LearnedToolsSource
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.errors import ConfigurationError, ContentionError, PayloadError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.proof import Evidence, ProofLevel
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Installed,
    PackageRef,
    Proven,
    Resolution,
    StdioLaunch,
    ToolSummary,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles

pytestmark = pytest.mark.anyio

CONVERT = ToolSpec(name="convert", description="Converts moments\u202e between\nzones.")


def proven(
    name: str = "acme-7", version: str = "1.0.0", *, ecosystem: str = "npm", tools: Sequence[ToolSpec] = ()
) -> Proven:
    package = PackageRef(ecosystem=ecosystem, name=name, version=version)
    launch = StdioLaunch(argv=("/usr/bin/env",))
    artefact = Artefact(
        candidate=Candidate(name="org.test/acme", source="shelf", package=PackageRef(ecosystem=ecosystem, name=name)),
        resolution=Resolution(package=package, integrity="", lock=""),
        root=Path("/"),
        launch=launch,
    )
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    return Proven(
        installed=Installed(vetted=vetted, path=None, digest="", launch=launch),
        tools=tuple(tools or (CONVERT,)),
        evidence=Evidence(level=ProofLevel.CALLABLE),
        enforcement=Enforcement(confiner="none", profile="none"),
    )


def source(tmp_path: Path, clock: FakeClock | None = None) -> LearnedToolsSource:
    return LearnedToolsSource(tmp_path / "state" / "learned.json", LocalFiles(), clock or FakeClock())


async def told(source: LearnedToolsSource) -> dict[str, tuple[str, ...]]:
    listing = await source.listing(None)
    return {str(one.package): tuple(tool.name for tool in one.tools) for one in listing.descriptions}


async def test_what_was_learnt_is_listed_also_by_a_later_process(tmp_path: Path) -> None:
    first = source(tmp_path)
    assert (first.fresh_for, await told(first)) == (AT_ONCE, {})
    await first.learn(proven())
    for one in (first, source(tmp_path)):
        assert (await one.listing(None)).descriptions == (
            Description(
                name="org.test/acme",
                source="learned",
                package=PackageRef(ecosystem="npm", name="acme-7", version="1.0.0"),
                tools=(ToolSummary(name="convert", description="Converts moments between zones."),),
            ),
        )
        assert await one.listing(None) is await one.listing(None)
    assert (tmp_path / "state" / "learned.json").stat().st_mode & 0o077 == 0


@pytest.mark.promise("C22")
async def test_a_server_is_found_by_tools_that_it_was_seen_to_have(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("acme-7", object)
    shelf.offer("other", object)
    learning = source(tmp_path)
    discovery = MCPDiscovery((shelf, learning))
    assert not await discovery.find("convert moments")
    await learning.learn(proven(ecosystem="memory"))
    assert [one.candidate.name for one in await discovery.find("convert the moments")] == ["acme-7"]


async def test_it_makes_no_candidates(tmp_path: Path) -> None:
    learning = source(tmp_path)
    await learning.learn(proven())
    assert (await learning.listing(None)).candidates == ()


async def test_the_newest_lesson_counts_and_the_same_one_is_not_written_twice(tmp_path: Path) -> None:
    clock = FakeClock()
    learning = source(tmp_path, clock)
    await learning.learn(proven())
    path = tmp_path / "state" / "learned.json"
    before = path.stat().st_ino
    clock.advance(60)
    await learning.learn(proven())
    assert path.stat().st_ino == before
    await learning.learn(proven(version="2.0.0", tools=(ToolSpec(name="now"), ToolSpec(name="\u202e"))))
    assert await told(source(tmp_path)) == {"npm:acme-7@2.0.0": ("now",)}


async def test_lessons_of_two_processes_are_joined(tmp_path: Path) -> None:
    first, second = source(tmp_path), source(tmp_path)
    await first.listing(None)
    await second.learn(proven("b"))
    await first.learn(proven("a"))
    assert set(await told(first)) == {"npm:a@1.0.0", "npm:b@1.0.0"}
    assert set(await told(source(tmp_path))) == {"npm:a@1.0.0", "npm:b@1.0.0"}


async def test_lessons_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    learning = source(tmp_path)
    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(learning.learn, proven(f"server-{number}"))
    assert len(await told(source(tmp_path))) == 10


async def test_a_file_with_an_at_sign_in_its_name_is_remembered_as_it_is(tmp_path: Path) -> None:
    learning = source(tmp_path)
    await learning.learn(proven("/srv/clock@home.py", ecosystem="file"))
    (description,) = (await source(tmp_path).listing(None)).descriptions
    assert description.package is not None
    assert description.package.name == "/srv/clock@home.py"


@pytest.mark.security
async def test_a_server_gains_no_more_than_bounded_words(tmp_path: Path) -> None:
    learning = source(tmp_path)
    await learning.learn(proven(tools=[ToolSpec(name="n" * 999, description="clock " * 999)] * 300))
    for one in (learning, source(tmp_path)):
        (description,) = (await one.listing(None)).descriptions
        assert len(description.tools) == 256
        assert all(len(tool.name) <= 200 and len(tool.description) <= 600 for tool in description.tools)


async def test_the_longest_unlearnt_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MOST_SERVERS", 3)
    clock = FakeClock()
    learning = source(tmp_path, clock)
    for number in range(5):
        clock.advance(1)
        await learning.learn(proven(f"server-{number}"))
    assert (
        set(await told(learning))
        == set(await told(source(tmp_path)))
        == {f"npm:server-{number}@1.0.0" for number in (2, 3, 4)}
    )


async def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "LARGEST_FILE", 5_000)
    clock = FakeClock()
    learning = source(tmp_path, clock)
    for number in range(8):
        clock.advance(1)
        await learning.learn(proven(f"server-{number}", tools=[ToolSpec(name="t", description="d" * 500)] * 2))
    assert "npm:server-7@1.0.0" in await told(source(tmp_path))
    assert 1 <= len(await told(source(tmp_path))) <= 4
    assert (tmp_path / "state" / "learned.json").stat().st_size <= 5_000


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"format": 2, "servers": []}', b'{"format": 1}'])
async def test_a_damaged_file_is_named_with_its_remedy_and_not_written_over(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state" / "learned.json"
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(PayloadError, match="does not hold what was learnt") as refused:
        await source(tmp_path).listing(None)
    assert str(path) in refused.value.remedies[0]
    with pytest.raises(PayloadError):
        await source(tmp_path).learn(proven())
    assert path.read_bytes() == data


async def test_a_machine_that_does_not_let_it_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(ConfigurationError):
        await source(tmp_path).learn(proven())


async def test_another_process_that_writes_for_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "PATIENCE", 0.05)
    (tmp_path / "state").mkdir()
    async with LocalFiles().lock(tmp_path / "state" / "learned.json.lock"):
        with pytest.raises(ContentionError, match="another process"):
            await source(tmp_path).learn(proven())


KEYS: tuple[str, ...] = ("name", "package", "ecosystem", "version", "learned", "tools", "description")
ANYTHING: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["npm", "acme", "2026-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@pytest.mark.security
@given(raw=st.lists(ANYTHING, max_size=4))
def test_nothing_in_the_file_breaks_the_reader(raw: Sequence[JsonValue]) -> None:
    good: JsonValue = {"package": {"ecosystem": "npm", "name": "acme"}, "learned": "2026-01-01", "tools": ["now"]}

    class Held(LocalFiles):
        async def read(self, path: Path, *, limit: int = 0) -> bytes | None:
            return json.dumps({"format": 1, "servers": [*raw, good]}).encode()

    listing = anyio.run(LearnedToolsSource(Path("/none"), Held(), FakeClock()).listing, None)
    assert "npm:acme" in [str(one.package) for one in listing.descriptions]

"""How servers want to be greeted is known to the next process as well, and a file about it can do no harm."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest
from tests.servers.links.peer import Net, Peer
from tests.servers.links.ways import tcp

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.servers.links.kept_eras import LARGEST_FILE, MOST_KEPT, KeptEras
from vsm_mcp.servers.links.lean.connector import LeanConnector
from vsm_mcp.servers.links.sdk.lazy import LazyConnector
from vsm_mcp.testing.servers import HOSTILE, SYSTEM_PYTHON
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.processes import Command, LocalProcesses, Process

pytestmark = pytest.mark.anyio

both_engines = pytest.mark.parametrize("engine", [LeanConnector, LazyConnector])


class Server:
    """A hostile server that counts how often it is started."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.started = 0

    def start(self) -> AbstractAsyncContextManager[Process]:
        self.started += 1
        return LocalProcesses().open(Command(argv=(SYSTEM_PYTHON, str(HOSTILE), self.fault)))

    async def greeted(
        self, engine: type[LeanConnector | LazyConnector], path: Path, *, probe: float = 20.0
    ) -> tuple[int, str]:
        """Greet it as a host does that has just begun; return how many processes that took, and its version."""
        self.started = 0
        eras = await kept(path)
        connector = engine(eras=eras, probe=probe, start=40.0)
        async with connector.stdio(self.start, name="s", digest="d") as link:
            return self.started, link.protocol_version


class Torn(LocalFiles):
    """Files that cannot be written any more."""

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        raise ConfigurationError(f"{path} cannot be used: {len(data)} bytes are too many, {mode:o}.")


async def kept(path: Path, files: LocalFiles | None = None) -> KeptEras:
    eras = KeptEras(path, files or LocalFiles())
    await eras.load()
    return eras


def written(eras: Mapping[str, object]) -> bytes:
    return json.dumps({"format": 1, "eras": eras}).encode()


@both_engines
async def test_a_server_that_is_silent_at_first_is_not_waited_for_by_the_next_process(
    tmp_path: Path, engine: type[LeanConnector | LazyConnector]
) -> None:
    path, server = tmp_path / "eras.json", Server("silent-on-probe")
    assert await server.greeted(engine, path, probe=0.5) == (2, "2025-11-25")
    assert json.loads(path.read_bytes()) == {"format": 1, "eras": {"d": "legacy"}}
    assert path.stat().st_mode & 0o777 == 0o600
    with anyio.fail_after(15):
        assert await server.greeted(engine, path) == (1, "2025-11-25")


@both_engines
@pytest.mark.security
@pytest.mark.parametrize(
    ("fault", "wrong", "version", "right"),
    [
        ("exit-on-probe", "auto", "2025-11-25", "legacy"),
        ("modern-only", "legacy", "2026-07-28", "auto"),
        ("modern-only", "older-http", "2026-07-28", "auto"),
    ],
)
async def test_a_wrong_entry_costs_one_more_process_and_is_corrected(
    tmp_path: Path, *, engine: type[LeanConnector | LazyConnector], fault: str, wrong: str, version: str, right: str
) -> None:
    path, server = tmp_path / "eras.json", Server(fault)
    path.write_bytes(written({"d": wrong, "other": "auto"}))
    assert await server.greeted(engine, path) == (2, version)
    assert dict(await kept(path)) == {"other": "auto", "d": right}
    assert await server.greeted(engine, path) == (1, version)


@pytest.mark.security
@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b"7", b"[" * 100_000, b'{"format": 1}', b'{"format": 1, "eras": []}',
        b'{"format": 2, "eras": {"d": "legacy"}}', b" " * (LARGEST_FILE + 1),
        written({"d": "newest"}), written({"d": None}), written({"d": ["legacy"]}), written({"": "legacy"}),
        written({"x" * 161: "legacy"}), written({"../d": "legacy"}), written({"d\n": "legacy"}),
    ],
)  # fmt: skip
async def test_a_damaged_file_is_as_none_and_is_written_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "eras.json"
    path.write_bytes(content)
    eras = await kept(path)
    assert not eras
    eras["e"] = "auto"
    await eras.keep("e")
    assert dict(await kept(path)) == {"e": "auto"}


async def test_what_is_no_file_keeps_nobody_from_starting(tmp_path: Path) -> None:
    assert not await kept(tmp_path / "missing" / "eras.json")
    place = tmp_path / "eras.json"
    place.mkdir()
    eras = await kept(place)
    eras["d"] = "legacy"
    await eras.keep("d")
    assert dict(eras) == {"d": "legacy"}
    assert not list(place.iterdir())
    assert str(place) in repr(eras)


@both_engines
async def test_a_server_starts_where_nothing_can_be_written_down(
    tmp_path: Path, engine: type[LeanConnector | LazyConnector]
) -> None:
    server, eras = Server("good"), await kept(tmp_path / "eras.json", Torn())
    async with engine(eras=eras).stdio(server.start, name="s", digest="d") as link:
        assert await link.tools()
    assert len(eras) == 1
    assert not list(tmp_path.iterdir())


async def test_what_was_learned_first_is_forgotten_when_there_is_too_much(tmp_path: Path) -> None:
    path = tmp_path / "eras.json"
    path.write_bytes(written({f"d{number}": "auto" for number in range(MOST_KEPT + 5)}))
    eras = await kept(path)
    assert len(eras) == MOST_KEPT
    assert "d4" not in eras
    eras["new"] = "legacy"
    await eras.keep("new")
    assert len(eras) == MOST_KEPT
    assert "d5" not in eras
    again = await kept(path)
    assert len(json.loads(path.read_bytes())["eras"]) == MOST_KEPT
    assert again == eras


async def test_two_processes_do_not_undo_what_the_other_learned(tmp_path: Path) -> None:
    path = tmp_path / "eras.json"
    first, second = await kept(path), await kept(path)
    for eras, digest in ((first, "a"), (second, "b"), (first, "c")):
        eras[digest] = "auto"
        await eras.keep(digest)
    assert list(await kept(path)) == ["a", "b", "c"]
    del first["a"]
    assert list(first) == ["c"]


async def test_what_many_servers_teach_at_once_is_all_written(tmp_path: Path) -> None:
    path = tmp_path / "eras.json"
    eras, digests = await kept(path), [f"d{number}" for number in range(50)]

    async def learn(digest: str) -> None:
        eras[digest] = "legacy"
        await eras.keep(digest)

    async with anyio.create_task_group() as tasks:
        for digest in digests:
            tasks.start_soon(learn, digest)
    assert sorted(await kept(path)) == sorted(digests)
    assert [entry.name for entry in tmp_path.iterdir()] == ["eras.json"]


async def test_of_what_is_only_tried_no_trace_is_left_and_what_is_taken_in_later_is_written_down(
    tmp_path: Path,
) -> None:
    taken_in, server = set[str](), Server("good")

    async def stays(digest: str) -> bool:
        return digest in taken_in

    eras = KeptEras(tmp_path / "eras.json", LocalFiles(), stays=stays)
    connector = LeanConnector(eras=eras)
    for digests in (set[str](), {"d"}):
        taken_in.update(digests)
        async with connector.stdio(server.start, name="s", digest="d") as link:
            assert link.alive
        assert dict(await kept(tmp_path / "eras.json")) == dict.fromkeys(digests, "auto")


class Counting(LocalFiles):
    """Files that count how often they are written."""

    def __init__(self) -> None:
        self.writes = 0

    async def write(self, path: Path, data: bytes, *, mode: int = 0o600) -> None:
        self.writes += 1
        await super().write(path, data, mode=mode)


@both_engines
async def test_a_start_that_teaches_nothing_new_writes_nothing(
    tmp_path: Path, engine: type[LeanConnector | LazyConnector]
) -> None:
    files, server = Counting(), Server("good")
    for _ in range(2):
        connector = engine(eras=await kept(tmp_path / "eras.json", files))
        for _ in range(2):
            async with connector.stdio(server.start, name="s", digest="d") as link:
                assert link.alive
    assert files.writes == 1


async def test_what_is_elsewhere_may_become_another_under_its_address_and_is_not_written_down(tmp_path: Path) -> None:
    eras = await kept(tmp_path / "eras.json")
    with Net(Peer()) as net, anyio.fail_after(20):
        async with tcp(LazyConnector(eras=eras), net, "2025-11-25", endless=False) as link:
            assert link.alive
    assert len(eras) == 1
    assert not list(tmp_path.iterdir())

"""What servers are seen to do is kept, bounded, and compared with what they did while they were proven."""

from contextlib import suppress
from pathlib import Path

import pytest

from vsm_mcp.events import BehaviourDeviated, EgressDecided, EgressEnded, Event, ServerStopped
from vsm_mcp.model.behaviour import MOST_NAMES, Behaviour
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.sandbox.sandbox import Sandbox
from vsm_mcp.servers.behaviour import BehaviourRecorder
from vsm_mcp.servers.workspace import MOST_ENTRIES, Workspace, written_by
from vsm_mcp.testing.servers import hostile_server, make_spawner
from vsm_mcp.world.processes import LocalProcesses

NAME = "example/notes"


def asked(host: str, *, server: str = NAME) -> EgressDecided:
    return EgressDecided(subject=server, host=host, port=443, allowed=True, reason="declared")


def test_what_was_seen_while_proving_is_what_is_expected_later() -> None:
    events: list[Event] = []
    recorder = BehaviourRecorder(emit=events.append)
    with recorder.trial(NAME) as sight:
        assert sight.seen == Behaviour(hosts=frozenset())
        recorder.event(asked("api.example"))
        recorder.event(asked("else.example", server="other"))
        recorder.event(ServerStopped(server=NAME, reason="", exit_code=0))
        pinned = sight.note(programs=("node",))
    assert pinned == Behaviour(hosts=frozenset({"api.example"}), programs=frozenset({"node"}))
    recorder.expect(NAME, pinned)
    recorder.event(asked("api.example"))
    recorder.note(NAME, programs=("node",), files=("notes.txt",))
    assert events == []


@pytest.mark.security
def test_nothing_of_a_trial_is_kept_when_it_is_over_however_it_ended() -> None:
    recorder = BehaviourRecorder()
    fresh = len(repr(vars(recorder)))
    for number in range(50):
        with suppress(ZeroDivisionError), recorder.trial(f"server{number}"):
            recorder.event(asked("api.example", server=f"server{number}"))
            raise ZeroDivisionError
        recorder.event(asked("api.example", server=f"server{number}"))
        recorder.note(f"server{number}", programs=("node",))
    assert len(repr(vars(recorder))) == fresh


@pytest.mark.security
def test_two_trials_of_one_server_do_not_take_from_each_other() -> None:
    recorder = BehaviourRecorder()
    with recorder.trial(NAME) as one:
        with recorder.trial(NAME) as two:
            recorder.event(asked("api.example"))
            two.note(programs=("sh",))
        recorder.event(asked("late.example"))
    assert one.seen == Behaviour(hosts=frozenset({"api.example", "late.example"}))
    assert two.seen == Behaviour(hosts=frozenset({"api.example"}), programs=frozenset({"sh"}))


@pytest.mark.security
def test_a_held_server_is_watched_on_while_a_newer_version_of_it_is_on_trial() -> None:
    events: list[Event] = []
    recorder = BehaviourRecorder(emit=events.append)
    recorder.expect(NAME, Behaviour(hosts=frozenset(), programs=frozenset({"node"})))
    with recorder.trial(NAME) as sight:
        sight.note(programs=("python",))
        recorder.note(NAME, programs=("node", "sh"))
        recorder.event(asked("evil.example"))
    assert sight.seen == Behaviour(hosts=frozenset({"evil.example"}), programs=frozenset({"python"}))
    assert events == [
        BehaviourDeviated(server=NAME, what=("ran the program sh",)),
        BehaviourDeviated(server=NAME, what=("asked for the host evil.example",)),
    ]
    recorder.event(asked("worse.example"))
    assert len(events) == 3


@pytest.mark.security
def test_a_deviation_is_told_once() -> None:
    events: list[Event] = []
    recorder = BehaviourRecorder(emit=events.append)
    recorder.expect(NAME, Behaviour(hosts=frozenset({"api.example"}), programs=frozenset({"node"})))
    for _ in range(3):
        recorder.event(asked("evil.example"))
        recorder.note(NAME, programs=("node", "sh"))
        recorder.event(
            EgressEnded(
                subject=NAME,
                reached=("api.example:443", "evil.example:443"),
                connections=2,
                refused=0,
                sent=1,
                received=1,
                untold=0,
            )
        )
    assert events == [
        BehaviourDeviated(server=NAME, what=("asked for the host evil.example",)),
        BehaviourDeviated(server=NAME, what=("ran the program sh",)),
    ]


@pytest.mark.security
def test_a_server_that_does_ever_new_things_is_not_told_of_for_ever() -> None:
    events: list[Event] = []
    recorder = BehaviourRecorder(emit=events.append)
    recorder.expect(NAME, Behaviour(hosts=frozenset()))
    with recorder.trial(NAME) as sight:
        for number in range(2 * MOST_NAMES):
            recorder.event(asked(f"{number}.example"))
    assert len(events) == MOST_NAMES
    assert isinstance(events[-1], BehaviourDeviated)
    assert events[-1].what[-1] == "does more new things than are told"
    hosts = sight.seen.hosts
    assert hosts is not None
    assert len(hosts) == MOST_NAMES


def test_what_nobody_expects_or_was_let_go_is_not_compared() -> None:
    events: list[Event] = []
    recorder = BehaviourRecorder(emit=events.append)
    recorder.expect(NAME, Behaviour(hosts=frozenset()))
    recorder.expect(NAME, None)
    recorder.event(asked("a.example"))
    recorder.expect(NAME, Behaviour(hosts=frozenset()))
    recorder.forget(NAME)
    recorder.event(asked("b.example"))
    assert events == []


@pytest.fixture
def anyio_backend() -> str:
    """Directories are read in threads, the same under both back ends."""
    return "asyncio"


@pytest.mark.security
@pytest.mark.anyio
async def test_the_names_of_files_are_read_without_following_a_link(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    assert await workspace.written(NAME) is None
    place = workspace.directory(NAME)
    (place / "deep" / "er").mkdir(parents=True)
    (place / "notes.txt").write_text("x")
    (place / "deep" / "er" / "more.txt").write_text("x")
    (place / "out").symlink_to("/etc")
    (place / "bad\udcff").write_text("x")
    assert await workspace.written(NAME) == {"notes.txt", "deep/er/more.txt", "out", "bad\\udcff"}
    elsewhere = Workspace(tmp_path / "other")
    elsewhere.root.mkdir()
    elsewhere.directory(NAME).symlink_to(place)
    assert await elsewhere.written(NAME) is None


@pytest.mark.security
@pytest.mark.anyio
async def test_the_names_of_files_are_bounded_in_number_and_depth(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    place = workspace.directory(NAME)
    deep = place / "/".join("d" * 40)
    deep.mkdir(parents=True)
    (deep / "file").write_text("x")
    assert await workspace.written(NAME) == set()
    for number in range(MOST_ENTRIES + 10):
        (place / f"f{number}").touch()
    found = await workspace.written(NAME)
    assert found is not None
    assert len(found) == MOST_NAMES


@pytest.mark.anyio
async def test_what_an_unconfined_trial_writes_is_not_known(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner, spawner.trial(hostile_server(tmp_path / "pkg")) as running:
        assert await written_by(running) is None


@pytest.mark.sandbox
@pytest.mark.anyio
async def test_what_a_confined_trial_writes_is_seen_through_its_process(tmp_path: Path) -> None:
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_mode & 0o001 == 0:
            directory.chmod(directory.stat().st_mode | 0o011)
    sandbox = Sandbox.bubblewrap(LocalProcesses())
    async with make_spawner(tmp_path / "work", sandbox=sandbox) as spawner:
        async with spawner.trial(hostile_server(tmp_path / "pkg")) as running:
            assert running.enforcement.level(Aspect.FILES) is Level.KERNEL
            assert await written_by(running) == set()
            given = {"name": "/work/notes.txt", "text": "x"}
            await running.link.call(ToolCall(server="example/hostile", tool="write_file", arguments=given))
            assert await written_by(running) == {"notes.txt"}
        assert await written_by(running) is None

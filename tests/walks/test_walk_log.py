"""What happens becomes records of the host's log: structured, with the place where it happened, none uninvited."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

import vsm_mcp
from vsm_mcp import Autonomy, Confinement, Guards, Operation, OperationalUnit, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.errors import CapabilityMissingError, PolicyError, RateLimitError
from vsm_mcp.events import CapabilityAdopted, Event
from vsm_mcp.guard.rates import RateLimit, RateOptions
from vsm_mcp.model.operation import Outcome
from vsm_mcp.testing.servers import memory_server
from vsm_mcp.world.logs import LOGGER

pytestmark = pytest.mark.anyio

PROGRAM = Path(__file__).parent / "tool_server.py"
SOURCES = Path(vsm_mcp.__file__).parent


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


COUNT = Operation(needs="count words", arguments={"text": "a secret text"}, agent="clerk")


def system(state: Path, *, guards: Guards | None = None, **options: object) -> ViableSystem:
    shelf = Shelf()
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    usual = {"state": state, "autonomy": Autonomy.AUTO, "allow": ("memory:*",), "sandbox": Confinement.NONE}
    settings = Settings.model_validate({**usual, **options})
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), guards=guards)


class Clerk:
    """Work of the host's own."""

    async def execute(self, operation: Operation, /) -> Outcome:
        return Outcome(value=1, text="1", server="clerk", tool="t", elapsed=0.0)


class Heard(logging.Handler):
    """A handler of the host that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records = list[logging.LogRecord]()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of(self, name: str) -> list[dict[str, object]]:
        """Return the attributes of the records of one kind."""
        return [vars(record) for record in self.records if vars(record)["vsm_event"] == name]

    @property
    def names(self) -> set[object]:
        return {vars(record)["vsm_event"] for record in self.records}


@contextmanager
def listening(level: int = logging.NOTSET) -> Generator[Heard]:
    """Be a host that handles all records of the library, at ``level`` if it has said any."""
    logger, heard = logging.getLogger(LOGGER), Heard()
    before = logger.level
    logger.addHandler(heard)
    logger.setLevel(level)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
        logger.setLevel(before)


@pytest.mark.promise("B42")
async def test_a_record_of_a_call_tells_its_request_who_what_how_and_where_and_not_what_was_said(
    tmp_path: Path,
) -> None:
    with listening() as heard:
        async with system(tmp_path, log_level="debug", node_id="host-7") as vsm:
            await vsm.acquire_capability("count words")
            await vsm.execute(COUNT)
            (audited,) = [each for each in await vsm.audit.query(limit=5) if each.tool and each.agent == "clerk"]
        (told,) = [each for each in heard.of("Recorded") if each["vsm_agent"] == "clerk"]
    assert told["vsm_request"] == audited.request
    assert audited.request.startswith("host-7-")
    assert (told["vsm_server"], told["vsm_tool"], told["vsm_outcome"]) == ("text", "count_words", "ok")
    assert told["vsm_ms"] == audited.ms
    assert told["vsm_node"] == "host-7"
    file, line = Path(str(told["pathname"])), int(str(told["lineno"]))
    assert file.is_relative_to(SOURCES)
    assert "call" in str(told["funcName"])
    assert file.read_text().splitlines()[line - 1].strip()
    assert "secret" not in str(heard.records)


@pytest.mark.promise("B42")
async def test_an_event_is_told_from_the_line_where_it_happened_however_it_was_handed_on(tmp_path: Path) -> None:
    with listening(logging.DEBUG) as heard:
        async with system(tmp_path) as vsm:
            vsm.add_unit(OperationalUnit("clerk", Clerk()))
            await vsm.execute(Operation(needs="file it"))
            await vsm.acquire_capability("count words")
        (done,), (adopted,) = heard.of("OperationEnded"), heard.of("CapabilityAdopted")
    for told, module, name in (
        (done, "systems/system1.py", "OperationEnded("),
        (adopted, "systems/system4.py", "offer"),
    ):
        assert told["pathname"] == str(SOURCES / module)
        lines = (SOURCES / module).read_text().splitlines()
        around = "\n".join(lines[int(str(told["lineno"])) - 3 : int(str(told["lineno"])) + 3])
        assert name in around or name in str(told["funcName"])
    assert (done["vsm_kind"], done["vsm_stage"], done["levelno"]) == ("file it", "absorbed", logging.DEBUG)
    assert (adopted["vsm_server"], adopted["vsm_tools"], adopted["levelno"]) == ("text", ("count_words",), logging.INFO)


@pytest.mark.promise("C51")
@pytest.mark.parametrize(
    ("level", "told", "untold"),
    [
        ("debug", {"OperationEnded", "ServerStarted", "CallRefused", "Recorded"}, set[str]()),
        ("info", {"ServerStarted", "CallRefused"}, {"StageEntered", "Recorded"}),
        ("warning", {"CallRefused"}, {"ServerStarted", "StageEntered", "Recorded"}),
        ("error", set[str](), {"CallRefused", "ServerStarted"}),
    ],
)
async def test_the_level_of_the_settings_says_what_is_told_while_the_system_lives(
    tmp_path: Path, level: str, *, told: set[str], untold: set[str]
) -> None:
    guards = Guards(rates=RateOptions(limits=(RateLimit(calls=1),)))
    with listening(logging.CRITICAL) as heard:
        async with system(tmp_path, guards=guards, log_level=level) as vsm:
            await vsm.acquire_capability("count words")
            await vsm.execute(COUNT)
            with pytest.raises(RateLimitError):
                await vsm.execute(COUNT)
        assert logging.getLogger(LOGGER).level == logging.CRITICAL
        kept = len(heard.records)
        async with system(tmp_path) as vsm:
            await vsm.execute(COUNT)
        assert len(heard.records) == kept
    assert told <= heard.names
    assert not untold & heard.names


@pytest.mark.promise("C51")
async def test_without_a_level_warnings_pass_or_what_the_host_gave_the_logger_itself(tmp_path: Path) -> None:
    logger = logging.getLogger(LOGGER)
    with listening() as heard:
        async with system(tmp_path / "quiet") as vsm:
            await vsm.acquire_capability("count words")
            assert logger.level == logging.WARNING
        assert logger.level == logging.NOTSET
        assert all(record.levelno >= logging.WARNING for record in heard.records)
        logger.setLevel(logging.INFO)
        async with system(tmp_path / "told") as vsm:
            await vsm.acquire_capability("count words")
            assert logger.level == logging.INFO
    assert any(record.levelno == logging.INFO for record in heard.records)


async def test_nothing_is_printed_by_itself_and_the_root_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    for _ in range(2):
        async with system(tmp_path, log_level="debug") as vsm:
            await vsm.discover_servers("count words")
    assert (root.handlers, root.level) == (before, level)
    handlers = logging.getLogger(LOGGER).handlers
    assert [type(handler) for handler in handlers].count(logging.NullHandler) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.promise("C60")
async def test_without_telemetry_nothing_is_told_and_events_and_audit_go_on(tmp_path: Path) -> None:
    adopted = list[Event]()
    with listening(logging.DEBUG) as heard:
        async with system(tmp_path, telemetry=False) as vsm:
            vsm.events.attach("test", CapabilityAdopted, adopted.append)
            await vsm.acquire_capability("count words")
            await vsm.execute(COUNT)
            assert [each.tool for each in await vsm.audit.query(limit=1)] == ["count_words"]
    assert heard.records == []
    assert len(adopted) == 1


@pytest.mark.promise("C49")
async def test_the_name_of_the_host_is_in_figures_log_and_audit_and_nowhere_unless_it_is_given(tmp_path: Path) -> None:
    with listening(logging.INFO) as heard:
        for name, node in (("named", "host-7"), ("nameless", None)):
            async with system(tmp_path / name, node_id=node) as vsm:
                await vsm.acquire_capability("count words")
                await vsm.execute(COUNT)
                (call,) = await vsm.audit.query(limit=1)
                assert vsm.metrics().node_id == node
                assert call.request.startswith("host-7-") is (node is not None)
            assert {each["vsm_node"] for each in heard.of("ServerStarted")} == {node}
            heard.records.clear()


@pytest.mark.promise("C52")
async def test_without_servers_the_units_work_and_nothing_is_adopted_started_or_acquired(tmp_path: Path) -> None:
    nature, program = {"tools": {"count_words": "Count the words of a text."}}, tmp_path / "counter.py"
    written = json.dumps(json.dumps(nature))
    program.write_text(PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({written})"))
    shelf, state = Shelf(), tmp_path / "state"
    shelf.offer_file(program, summary="Counts the words of a text.")

    def host(*, servers: bool, autonomy: Autonomy = Autonomy.AUTO) -> ViableSystem:
        settings = Settings(state=state, autonomy=autonomy, sandbox=Confinement.NONE, servers=servers)
        return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=Policy(allow=("file:*",)))

    async with host(servers=True) as vsm:
        await vsm.acquire_capability("count words")
    async with host(servers=False) as vsm:
        assert vsm.tools() == ()
        with pytest.raises(CapabilityMissingError, match="MCP servers are switched off"):
            await vsm.execute(COUNT)
        for refused in (
            vsm.acquire_capability("count words"),
            vsm.test_server("counter"),
            vsm.test_connection("counter"),
            vsm.rollback_to(1),
            anext(vsm.upgrade()),
        ):
            with pytest.raises(PolicyError):
                await refused
        with pytest.raises(PolicyError):
            await vsm.parts.system4.acquire("count words")
        vsm.add_unit(OperationalUnit("clerk", Clerk()))
        assert (await vsm.execute(COUNT)).server == "clerk"
        assert vsm.metrics().servers.held == 0
    async with host(servers=True, autonomy=Autonomy.OBSERVE) as vsm:
        assert (await vsm.execute(COUNT)).server == "counter"

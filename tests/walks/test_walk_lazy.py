"""What a system holds costs nothing until it is used: no server is started before its first call."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Confinement, Operation, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.world.processes import Command, LocalProcesses, Process
from vsm_mcp.world.world import World

PROGRAM = Path(__file__).parent / "tool_server.py"
WORDS = Operation(needs="count words", arguments={"text": "one two"})


class Counting(LocalProcesses):
    """Processes that remember which servers were started."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = list[str]()

    @asynccontextmanager
    async def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AsyncGenerator[Process]:
        self.opened += [Path(word).stem for word in command.argv if word.endswith(".py")]
        async with super().open(command, run_as=run_as, pass_fds=pass_fds) as process:
            yield process


class Host:
    """A program that holds two servers of one tool each; each of its systems is as after a restart."""

    def __init__(self, place: Path) -> None:
        self.processes = Counting()
        self._shelf = Shelf()
        for name, tool, does in (
            ("counter", "count_words", "Count the words of a text."),
            ("turner", "turn_around", "Turn a text around."),
        ):
            nature = json.dumps(json.dumps({"tools": {tool: does}}))
            (place / f"{name}.py").write_text(PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})"))
            self._shelf.offer_file(place / f"{name}.py", summary=does)
        self._settings = Settings(state=place / "state", autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)

    def system(self) -> ViableSystem:
        return ViableSystem(
            self._settings,
            shelf=self._shelf,
            sources=(self._shelf,),
            policy=Policy(allow=("file:*",)),
            world=World(processes=self.processes),
        )


@pytest.mark.anyio
@pytest.mark.promise("A71")
async def test_of_the_servers_that_are_held_none_is_started_before_its_first_call(tmp_path: Path) -> None:
    host = Host(tmp_path)
    with anyio.fail_after(30):
        async with host.system() as vsm:
            await vsm.acquire_capability("count words", "counter")
            await vsm.acquire_capability("turn a text around", "turner")
            proven = list(host.processes.opened)
            assert {"counter", "turner"} <= set(proven)
            assert vsm.metrics().servers.processes == 0
        async with host.system() as vsm:
            assert [tool.name for tool in vsm.tools()] == ["counter__count_words", "turner__turn_around"]
            assert all(tool.input_schema["required"] == ["text"] for tool in vsm.tools())
            await vsm.discover_servers("count words")
            assert (vsm.metrics().servers.held, vsm.metrics().servers.processes) == (2, 0)
            await anyio.wait_all_tasks_blocked()
            assert host.processes.opened == proven
            assert (await vsm.execute(WORDS)).server == "counter"
            assert host.processes.opened == [*proven, "counter"]
            await vsm.call_tool("counter__count_words", {"text": "one"})
            assert host.processes.opened == [*proven, "counter"]
            assert (vsm.metrics().servers.held, vsm.metrics().servers.processes) == (2, 1)

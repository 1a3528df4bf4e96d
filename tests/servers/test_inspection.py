"""Inspection repeats a held server's proof directly, and believes only what it answers."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import CapabilityMissingError
from vsm_mcp.model.proof import Evidence, ProofLevel, Trial
from vsm_mcp.model.server import Proven
from vsm_mcp.servers.inspection import Inspection
from vsm_mcp.servers.supervision.spawner import DynamicSpawner, ServerStatus
from vsm_mcp.testing.servers import as_proven, make_spawner, memory_installed, memory_server

NAME = "example/memory"


class Toggle:
    """A tool that works until it is told not to."""

    def __init__(self) -> None:
        self.works = True
        self.calls = 0

    def answer(self) -> str:
        """Answer."""
        self.calls += 1
        if not self.works:
            raise ValueError("out of order")
        return "fine"


async def proven(spawner: DynamicSpawner, tool: Toggle, *, read_only: bool = True, passed: bool = True) -> Proven:
    installed = memory_installed(lambda: memory_server({"answer": tool.answer}), name=NAME)
    trial = Trial(tool="answer", arguments={}, passed=passed, detail="", elapsed=0.1)
    evidence = Evidence(level=ProofLevel.CALLABLE, trials=(trial,))
    async with spawner.trial(installed) as running:
        tools = [replace(listed, read_only=read_only) for listed in running.tools]
    return replace(as_proven(installed, tools), evidence=evidence)


@pytest.mark.anyio
@pytest.mark.promise("C13")
@pytest.mark.parametrize("read_only", [True, False])
async def test_a_server_that_stopped_doing_what_it_was_proven_for_is_found(tmp_path: Path, *, read_only: bool) -> None:
    tool = Toggle()
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(await proven(spawner, tool, read_only=read_only))
        inspection = Inspection(spawner)
        assert inspection.can_inspect(NAME)
        assert await inspection.inspect(NAME)
        tool.works = False
        assert not await inspection.inspect(NAME)
    assert tool.calls == 2


@pytest.mark.anyio
async def test_a_tool_that_may_change_things_is_never_called_on_the_living_server(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(await proven(spawner, Toggle(), read_only=False))
        assert await Inspection(spawner).inspect(NAME)
        assert spawner.states()[NAME].status is ServerStatus.IDLE


@pytest.mark.anyio
async def test_a_server_that_does_not_answer_in_time_has_failed(tmp_path: Path) -> None:
    async def answer() -> str:
        """Never answer."""
        await anyio.sleep_forever()
        return ""

    installed = memory_installed(lambda: memory_server({"answer": answer}), name=NAME)
    async with make_spawner(tmp_path) as spawner:
        server = await proven(spawner, Toggle())
        spawner.adopt(replace(server, installed=installed))
        assert not await Inspection(spawner, timeout=0.05).inspect(NAME)


@pytest.mark.anyio
async def test_without_a_proof_there_is_nothing_to_repeat(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        spawner.adopt(await proven(spawner, Toggle(), passed=False))
        inspection = Inspection(spawner)
        for name in (NAME, "nobody"):
            assert not inspection.can_inspect(name)
            with pytest.raises(CapabilityMissingError, match="no proof"):
                await inspection.inspect(name)


@pytest.mark.anyio
async def test_a_tool_that_is_not_what_it_was_has_failed_the_inspection(tmp_path: Path) -> None:
    async with make_spawner(tmp_path) as spawner:
        server = await proven(spawner, Toggle())
        spawner.adopt(replace(server, tools=(replace(server.tools[0], raw={"description": "Something else."}),)))
        assert not await Inspection(spawner).inspect(NAME)

"""Before an automation spends anything it learns whether what it needs is there; a reviewer learns what is held."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Operation, RestartType, Settings, Shelf, Supervision, ViableSystem
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Listing
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.clearance import Go
from vsm_mcp.errors import ConfigurationError, VSMError
from vsm_mcp.events import Event, ServerStarted
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.server import Candidate, PackageRef, Variable
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.testing.servers import memory_server

COUNT = Operation(needs="count words", arguments={"text": "what a system does"})


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def erase_words(text: str) -> str:
    """Erase the words of a text."""
    return f"erased {text}"


def system(state: Path, *, block: Sequence[str] = (), heard: list[Event] | None = None) -> ViableSystem:
    offered = Shelf()
    tools = {"count_words": count_words, "erase_words": erase_words}
    offered.offer("text", lambda: memory_server(tools), summary="Counts the words of a text.")
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    policy = Policy(allow=("memory:*",), block=tuple(block))
    kept = [] if heard is None else heard
    return ViableSystem(settings, shelf=offered, sources=(offered,), policy=policy, emit=kept.append)


@pytest.mark.anyio
async def test_needs_are_cleared_by_name_and_by_phrase_without_a_start(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with system(tmp_path, heard=heard) as vsm:
        report = await vsm.acquire_capability("count words")
        starts = sum(isinstance(event, ServerStarted) for event in heard)
        clearance = await vsm.preflight(["text.count_words", f"{report.server}.count_words", "count words"])
        assert clearance.go is Go.GO
        assert clearance.exit_code == 0
        assert {cleared.tool for cleared in clearance.needs} == {"count_words"}
        assert sum(isinstance(event, ServerStarted) for event in heard) == starts


@pytest.mark.anyio
async def test_the_worst_need_decides(tmp_path: Path) -> None:
    async with system(tmp_path, block=("tool:erase_*",)) as vsm:
        await vsm.acquire_capability("count words")
        clearance = await vsm.preflight(["text.count_words", "text.erase_words"])
        assert [cleared.go for cleared in clearance.needs] == [Go.GO, Go.OPERATOR]
        assert clearance.exit_code == 11
        assert "the policy forbids it" in str(clearance)
        unknown = await vsm.preflight(["text.count_words", "paint a picture", "text.fly"])
        assert [cleared.go for cleared in unknown.needs] == [Go.GO, Go.UNKNOWN, Go.UNKNOWN]
        assert unknown.exit_code == 12
        assert (await vsm.preflight([])).exit_code == 12


@pytest.mark.anyio
async def test_too_many_needs_are_an_error(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        with pytest.raises(ConfigurationError, match="1001 needs"):
            await vsm.preflight(["x"] * 1001)


@pytest.mark.anyio
@pytest.mark.promise("B71", "B75", "A75", "A76", "A77")
async def test_a_reviewer_sees_what_is_held_and_what_nothing_holds(tmp_path: Path) -> None:
    async with system(tmp_path, block=("tool:erase_*",)) as vsm:
        report = await vsm.acquire_capability("count words")
        security = await vsm.security_report()
    assert not security.sandbox_enabled
    assert not security.network_isolated
    assert security.allow_list_enforced
    (server,) = security.servers
    assert server.server == report.server
    assert server.intact
    assert not server.refused
    worst = security.weaknesses[0]
    assert (worst.subject, worst.severity) == ("sandbox", "critical")
    assert security.exit_code == 1
    assert "NOT CONFINED" in str(security)
    assert any("lets nearly everybody in" not in weakness.message for weakness in security.weaknesses)


@pytest.mark.anyio
async def test_a_policy_that_lets_everybody_in_is_a_weakness(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, allow=("*",), sandbox=Confinement.NONE)
    async with ViableSystem(settings, sources=()) as vsm:
        security = await vsm.security_report()
    assert any("lets nearly everybody in" in weakness.message for weakness in security.weaknesses)


PROGRAM = Path(__file__).parent / "tool_server.py"


class Published:
    """A source of server files, each with a name as registries have them and with one tool."""

    name = "published"
    fresh_for = AT_ONCE

    def __init__(self, place: Path, tools: Mapping[str, str], *, environment: Sequence[Variable] = ()) -> None:
        self._candidates: list[Candidate] = []
        for number, (name, tool) in enumerate(tools.items()):
            file = place / f"server{number}.py"
            nature = json.dumps(json.dumps({"tools": {tool: f"{tool.replace('_', ' ').title()} of a text."}}))
            file.write_text(PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})"))
            package = PackageRef(ecosystem="file", name=str(file))
            self._candidates.append(
                Candidate(name=name, source=self.name, package=package, environment=tuple(environment))
            )

    async def listing(self, known: Listing | None, /) -> Listing:
        return Listing(candidates=tuple(self._candidates))


def of_files(
    place: Path,
    published: Published,
    *,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    python: Path | None = None,
) -> ViableSystem:
    settings = Settings(
        state=place / "state",
        autonomy=Autonomy.AUTO,
        sandbox=Confinement.NONE,
        python=python or Path(sys.executable),
        secrets={} if secrets is None else secrets,
    )
    return ViableSystem(settings, shelf=Shelf(), sources=(published,), policy=Policy(allow=("file:*",)))


@pytest.mark.anyio
async def test_of_two_servers_with_one_short_name_the_one_that_has_the_tool_is_meant(tmp_path: Path) -> None:
    published = Published(tmp_path, {"a.example/text": "count_words", "b.example/text": "count_lines"})
    async with of_files(tmp_path, published) as vsm:
        for name in ("a.example/text", "b.example/text"):
            await vsm.acquire_capability("count", name)
        needs = ["text.count_words", "text.count_lines", "b.example/text.count_lines", "text.fly"]
        clearance = await vsm.preflight(needs)
        assert [cleared.server for cleared in clearance.needs[:3]] == [
            "a.example/text",
            "b.example/text",
            "b.example/text",
        ]
        assert [cleared.go for cleared in clearance.needs] == [Go.GO, Go.GO, Go.GO, Go.UNKNOWN]
        assert "has no tool 'fly'" in clearance.needs[3].reason


@pytest.mark.anyio
async def test_a_secret_that_is_gone_needs_a_human_who_is_told_how_to_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", "word")
    environment = (
        Variable(name="A_KEY", required=True),
        Variable(name="A_PLACE", required=True, default="here"),
        Variable(name="A_COLOUR"),
    )
    published = Published(tmp_path, {"a.example/text": "count_words"}, environment=environment)
    secrets = {f"file:{tmp_path}/*": {"A_KEY": "env:KEY_FOR_TEST"}}
    async with of_files(tmp_path, published, secrets=secrets) as vsm:
        await vsm.acquire_capability("count", "a.example/text")
        assert (await vsm.preflight(["text.count_words"])).go is Go.GO
        monkeypatch.delenv("KEY_FOR_TEST")
        (need,) = (await vsm.preflight(["text.count_words"])).needs
        assert (need.go, need.reason) == (Go.OPERATOR, "a.example/text requires A_KEY, which is not given")
    async with of_files(tmp_path, published) as vsm:
        (need,) = (await vsm.preflight(["text.count_words"])).needs
        assert need.go is Go.OPERATOR
        assert "A_KEY" in need.remedy


@pytest.mark.anyio
async def test_an_interpreter_that_is_gone_needs_a_human(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    published = Published(tmp_path, {"a.example/text": "count_words"})
    async with of_files(tmp_path, published, python=python) as vsm:
        await vsm.acquire_capability("count", "a.example/text")
        python.unlink()
        (need,) = (await vsm.preflight(["text.count_words"])).needs
        assert (need.go, need.reason) == (Go.OPERATOR, f"python is no longer at {python}")


@pytest.mark.anyio
async def test_a_server_that_fails_may_work_later_and_one_that_nobody_adopted_needs_a_human(tmp_path: Path) -> None:
    broken: list[str] = []

    def make() -> object:
        if broken:
            raise RuntimeError(broken[0])
        return memory_server({"count_words": count_words})

    offered = Shelf()
    offered.offer("text", make, summary="Counts the words of a text.")
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    policy, lazy = Policy(allow=("memory:*",)), Supervision(otherwise=RestartType.TEMPORARY)
    async with ViableSystem(settings, shelf=offered, sources=(offered,), policy=policy, supervision=lazy) as vsm:
        await vsm.acquire_capability("count words")
        broken.append("no room")
        with pytest.raises(VSMError):
            await vsm.parts.spawner.call(ToolCall(server="text", tool="count_words", arguments={"text": "a"}))
        (need,) = (await vsm.preflight(["text.count_words"])).needs
        assert (need.go, need.remedy) == (Go.RETRY, "Try again later.")
        assert (await vsm.preflight(["text.count_words"])).exit_code == 10
        await vsm.parts.spawner.release("text")
        (need,) = (await vsm.preflight(["text.count_words"])).needs
        assert (need.go, need.reason) == (Go.OPERATOR, "text is in the store and was not adopted")

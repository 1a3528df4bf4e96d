"""What holds for both engines over a real process: how large messages may be, and which greeting is remembered."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Confinement, Guards, Policy, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.errors import PayloadError
from vsm_mcp.guard.payloads import Bounds, PayloadOptions
from vsm_mcp.settings.settings import Engine
from vsm_mcp.testing.servers import HOSTILE
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses, Process
from vsm_mcp.world.world import World

pytestmark = pytest.mark.anyio

MIB = 1 << 20
PROGRAM = Path(__file__).with_name("tool_server.py")
NATURE = {"tools": {"count_words": "Counts the words of a text."}}
ANSWERING = 'return {"content": [{"type": "text", "text": "a" * int(text) if text.isdigit() else str(len(text))}]}'
COUNT = Probe(tool="count_words", arguments={"text": "a b"})
ECHO = Probe(tool="echo", arguments={"text": "hello"})

both_engines = pytest.mark.parametrize("engine", Engine)


def system(
    tmp_path: Path, *, engine: Engine, body: str = ANSWERING, guards: Guards | None = None, **options: int
) -> ViableSystem:
    """A system whose shelf has a real server: it answers with as many letters as it is asked for, or counts them."""
    program = tmp_path / "texts.py"
    written = PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({json.dumps(NATURE)!r})")
    program.write_text(written.replace("    react(text)\n", f"    {body}\n"))
    shelf = Shelf()
    shelf.offer_file(program, summary="Counts the words of a text.")
    settings = Settings.model_validate(
        {
            "state": tmp_path / "state",
            "autonomy": Autonomy.AUTO,
            "sandbox": Confinement.NONE,
            "engine": engine,
            **options,
        }
    )
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=Policy(allow=("file:*",)), guards=guards)


async def said(vsm: ViableSystem, text: str) -> str:
    return (await vsm.call_tool("count_words", {"text": text})).text


@both_engines
async def test_two_mebibytes_of_arguments_are_refused_unless_the_settings_allow_them(
    tmp_path: Path, engine: Engine
) -> None:
    large = "x" * (2 * MIB)
    with anyio.fail_after(50):
        async with system(tmp_path, engine=engine) as vsm:
            await vsm.acquire_capability("count words", "texts", probe=COUNT)
            with pytest.raises(PayloadError, match=r"text has 2097152 characters, 1048576 are allowed") as refused:
                await said(vsm, large)
            assert "largest_request" in " ".join(refused.value.remedies)
            assert await said(vsm, "still there") == "11"
        async with system(tmp_path, engine=engine, largest_request=3 * MIB) as vsm:
            assert await said(vsm, large) == str(2 * MIB)
            with pytest.raises(PayloadError, match=f"{3 * MIB} are allowed"):
                await said(vsm, large + large)


@both_engines
async def test_answers_are_as_large_as_the_settings_allow_and_the_server_lives_on(
    tmp_path: Path, engine: Engine
) -> None:
    with anyio.fail_after(50):
        async with system(tmp_path, engine=engine) as vsm:
            await vsm.acquire_capability("count words", "texts", probe=COUNT)
            assert len(await said(vsm, str(2 * MIB))) == 2 * MIB
            with pytest.raises(PayloadError, match=f"more than the {10 * MIB} allowed") as refused:
                await said(vsm, str(11 * MIB))
            assert "largest_answer" in " ".join(refused.value.remedies)
            assert await said(vsm, "still there") == "11"
        async with system(tmp_path, engine=engine, largest_answer=12 * MIB) as vsm:
            assert len(await said(vsm, str(11 * MIB))) == 11 * MIB
        async with system(tmp_path, engine=engine, largest_answer=MIB) as vsm:
            with pytest.raises(PayloadError, match=f"more than the {MIB} allowed"):
                await said(vsm, str(2 * MIB))
            assert await said(vsm, "still there") == "11"


@both_engines
async def test_bounds_of_the_host_are_not_widened_by_the_settings(tmp_path: Path, engine: Engine) -> None:
    own = Guards(payloads=PayloadOptions(arguments=Bounds(bytes=5000, text=5000)))
    with anyio.fail_after(50):
        async with system(tmp_path, engine=engine, guards=own, largest_request=3 * MIB) as vsm:
            await vsm.acquire_capability("count words", "texts", probe=COUNT)
            assert await said(vsm, "x" * 4900) == "4900"
            with pytest.raises(PayloadError, match="5000 are allowed"):
                await said(vsm, "x" * 6000)


@both_engines
async def test_without_the_guard_the_link_keeps_the_bounds(tmp_path: Path, engine: Engine) -> None:
    bare = Guards(payloads=None, schemas=None)
    with anyio.fail_after(50):
        async with system(tmp_path, engine=engine, guards=bare) as vsm:
            await vsm.acquire_capability("count words", "texts", probe=COUNT)
            with pytest.raises(PayloadError, match=f"more than the {MIB} allowed") as refused:
                await said(vsm, "x" * (2 * MIB))
            assert "largest_request" in " ".join(refused.value.remedies)
        async with system(tmp_path, engine=engine, guards=bare, largest_request=3 * MIB) as vsm:
            assert await said(vsm, "x" * (2 * MIB)) == str(2 * MIB)


class Counted:
    """The processes of this machine; how often the server was started among them is counted."""

    def __init__(self) -> None:
        self.started = 0
        self._processes = LocalProcesses()

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        return await self._processes.run(command, timeout=timeout, stdin=stdin, limit=limit)

    def open(
        self, command: Command, *, run_as: int | None = None, pass_fds: Sequence[int] = ()
    ) -> AbstractAsyncContextManager[Process]:
        self.started += any(word.endswith(HOSTILE.name) for word in command.argv)
        return self._processes.open(command, run_as=run_as, pass_fds=pass_fds)


async def starts(state: Path, engine: Engine, fault: str = "exit-on-probe") -> int:
    """Let a new system call a server, acquired if need be; return how many processes the call took."""
    shelf, processes = Shelf(), Counted()
    shelf.offer_file(HOSTILE, name="hostile", summary="Says what it hears.", arguments=(fault,))
    settings = Settings(state=state, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, engine=engine)
    world, policy = World(processes=processes), Policy(allow=("file:*",))
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,), world=world, policy=policy) as vsm:
        if not vsm.status().servers:
            await vsm.acquire_capability("say what is heard", "hostile", probe=ECHO)
            processes.started = 0
        assert (await vsm.call_tool("echo", {"text": "hello"})).text == "hello"
        return processes.started


def remembered(state: Path) -> list[str]:
    return list(json.loads((state / "eras.json").read_bytes())["eras"].values())


@both_engines
async def test_how_a_server_wants_to_be_greeted_is_known_to_the_next_system(tmp_path: Path, engine: Engine) -> None:
    kept = tmp_path / "eras.json"
    with anyio.fail_after(50):
        assert await starts(tmp_path, engine) == 1
        assert remembered(tmp_path) == ["legacy"]
        assert kept.stat().st_mode & 0o777 == 0o600
        assert await starts(tmp_path, engine) == 1
        kept.write_bytes(kept.read_bytes().replace(b"legacy", b"auto"))
        assert await starts(tmp_path, engine) == 2
        assert remembered(tmp_path) == ["legacy"]
        for damaged in (b"{", b"[]"):
            kept.write_bytes(damaged)
            assert await starts(tmp_path, engine) == 2
            assert remembered(tmp_path) == ["legacy"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_next_system_does_not_wait_for_a_server_that_is_silent_at_first(tmp_path: Path) -> None:
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:  # the first time, the probe takes five seconds
            for engine in Engine:
                tasks.start_soon(starts, tmp_path / engine, engine, "silent-on-probe")
        for engine in Engine:
            assert remembered(tmp_path / engine) == ["legacy"]
            assert await starts(tmp_path / engine, engine, "silent-on-probe") == 1

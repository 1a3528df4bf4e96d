"""Programs call the tools of a whole system: what guards its calls guards theirs."""

import subprocess
import sys
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.codemode.runner import CodeRunner
from vsm_mcp.errors import CodeError
from vsm_mcp.testing.servers import memory_server

EXAMPLE = Path(__file__).parents[2] / "examples" / "code_mode.py"


def count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def shout(text: str) -> str:
    """Write a text in capitals."""
    return text.upper()


def erase() -> str:
    """Erase everything."""
    raise AssertionError("this must never be reached")


@pytest.mark.anyio
@pytest.mark.promise("D5", "D67", "D1")
async def test_every_call_of_a_program_passes_the_guards_of_the_system(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count": count, "erase": erase}), summary="Counts words.")
    shelf.offer("loud", lambda: memory_server({"shout": shout}), summary="Writes in capitals.")
    policy = Policy(allow=("memory:*",), block=("tool:erase",))
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=policy) as vsm:
        await vsm.acquire_capability("count words", "words")
        await vsm.acquire_capability("write in capitals", "loud")
        runner = CodeRunner(vsm)
        done = await runner.run("[await words.count('a b'), await loud.shout('c')]", agent="writer")
        assert done.value == [2, "C"]
        assert "erase" not in runner.declarations()
        for code in ("await words.erase()", "await words.count(text=['not', 'a', 'text'])"):
            with pytest.raises(CodeError):
                await runner.run(code, agent="writer")


def test_the_example_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "async def recall(query: str, limit: int = 3) -> list[str]:" in done.stdout
    assert "stored 2 notes of 7 words\ncaught ToolError\nfound ['the sandbox holds'] with 6 calls" in done.stdout
    assert "a budget: The program was ended: it ran for more than 0.5 s." in done.stdout
    assert "an error: The program ended on line 1: PermissionError: Permission denied" in done.stdout

"""Two processes that lack the same at once: one installs, both are served."""

import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from vsm_mcp.testing.servers import HOSTILE
from vsm_mcp.world.processes import Command, LocalProcesses

PROGRAM = Path(__file__).parent / "two_hosts.py"


@pytest.fixture
def anyio_backend() -> str:
    """The hosts choose their own back end."""
    return "asyncio"


@pytest.fixture
def state() -> Generator[Path]:
    """A directory that confined servers can reach under another user."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.mark.anyio
@pytest.mark.sandbox
@pytest.mark.promise("A22")
async def test_one_of_two_processes_installs_and_both_are_served(state: Path) -> None:
    said: list[list[str]] = []

    async def host() -> None:
        command = Command(argv=(sys.executable, str(PROGRAM), str(state), str(HOSTILE)))
        done = await LocalProcesses().run(command, timeout=50)
        assert done.returncode == 0, done.stderr.decode()
        said.append(done.stdout.decode().splitlines())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(host)
        tasks.start_soon(host)
    assert [lines[-1] for lines in said] == ["served hello", "served hello"]
    assert sorted("stage" in lines for lines in said) == [False, True]
    assert len(list((state / "store").iterdir())) == 1

"""How confined processes end, what they keep, and that what must be held by the kernel is."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, ExitReason, Level
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.resources.watchdog import Watchdog
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox.bubblewrap(LocalProcesses())


@pytest.fixture
def place() -> Generator[Path]:
    """Make a directory that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="vsm-endings-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def shell(script: str) -> Command:
    return Command(argv=("/bin/sh", "-c", script))


async def read_all(confined: Confined) -> str:
    with anyio.fail_after(20):
        return b"".join([chunk async for chunk in confined.stdout]).decode()


async def test_why_it_ended_is_known_afterwards_too(sandbox: Sandbox) -> None:
    async with sandbox.open(shell("exit 3"), SandboxPolicy()) as confined:
        with anyio.fail_after(10):
            assert await confined.wait() == 3
        assert (confined.exit_reason, confined.exit_detail) == (ExitReason.EXITED, "")
    assert confined.exit_reason is ExitReason.EXITED
    async with sandbox.open(shell("sleep 600"), SandboxPolicy()) as confined:
        assert confined.exit_reason is None
        confined.settle()
        confined.settle()
    assert confined.exit_reason is ExitReason.KILLED
    confined.settle()


async def test_a_cache_is_kept_between_runs_and_shown_at_its_own_place(sandbox: Sandbox, place: Path) -> None:
    (place / "cache").mkdir(mode=0o755)
    policy = SandboxPolicy(cache=place / "cache")
    async with sandbox.open(shell("echo kept > /cache/file; echo x > /work/y"), policy) as confined:
        await confined.wait()
    async with sandbox.open(shell("cat /cache/file; ls /work"), policy) as confined:
        assert (await read_all(confined)).split() == ["kept"]
    assert confined.enforcement.held[Aspect.DISK].requested == "1024 MiB in /cache, 128 MiB in /work, 64 MiB in /tmp"


@pytest.mark.security
@pytest.mark.promise("A57")
async def test_memory_that_the_kernel_must_hold_refuses_the_start_without_control_groups() -> None:
    sandbox = Sandbox.bubblewrap(LocalProcesses(), controllers=[Watchdog()])
    policy = SandboxPolicy(require={Aspect.MEMORY: Level.KERNEL})
    with pytest.raises(SandboxError, match=r"memory held by the kernel \(here: supervised\)"):
        async with sandbox.open(shell("true"), policy):
            pytest.fail("it started")
    with pytest.raises(SandboxError, match="no way to do it is named"):
        await Sandbox.bubblewrap(LocalProcesses(), controllers=[]).probe()
    report = await sandbox.probe()
    assert report.level(Aspect.MEMORY) is Level.SUPERVISED
    assert any("watched" in warning for warning in report.warnings)

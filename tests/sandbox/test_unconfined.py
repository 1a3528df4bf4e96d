"""Without confinement, asked for by name: the report says so, and the two directories are the real ones."""

from pathlib import Path

import anyio
import pytest

from vsm_mcp.model.enforcement import Aspect, ExitReason, Level, Usage
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.sandbox import Confined, Sandbox
from vsm_mcp.world.processes import Command, LocalProcesses

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox.none(LocalProcesses())


async def read_all(confined: Confined) -> str:
    with anyio.fail_after(10):
        return b"".join([chunk async for chunk in confined.stdout]).decode()


async def test_the_report_says_that_nothing_is_held(sandbox: Sandbox) -> None:
    for report in (await sandbox.probe(), sandbox.plan(SandboxPolicy())):
        assert (sandbox.name, report.confiner, report.profile) == ("none", "none", "none")
        assert {report.level(aspect) for aspect in Aspect} == {Level.NONE}
        assert report.warnings


async def test_the_directories_of_the_policy_take_the_place_of_the_mounts(sandbox: Sandbox, tmp_path: Path) -> None:
    work = tmp_path / "w"
    await anyio.Path(work).mkdir()
    policy = SandboxPolicy(package=tmp_path / "p", work=work)
    command = Command(
        argv=("/bin/sh", "-c", 'echo "$@" "$V" "$W"; pwd', "sh", "/pkg", "/pkg/a", "/pkgs", "/work/b", "x/work"),
        env={"V": "/pkg/c", "W": "/worker"},
    )
    async with sandbox.open(command, policy) as confined:
        words, place = (await read_all(confined)).splitlines()
        assert confined.enforcement.level(Aspect.FILES) is Level.NONE
    assert words.split() == [
        f"{tmp_path}/p", f"{tmp_path}/p/a", "/pkgs", f"{work}/b", "x/work", f"{tmp_path}/p/c", "/worker",
    ]  # fmt: skip
    assert place == str(work)


async def test_without_a_directory_there_is_one_for_once(sandbox: Sandbox) -> None:
    command = Command(argv=("/bin/sh", "-c", 'echo x > file; echo "$HOME"; pwd; echo /pkg'))
    async with sandbox.open(command, SandboxPolicy()) as confined:
        home, place, package = (await read_all(confined)).splitlines()
        assert home == place
        assert package == "/pkg"
        assert await anyio.Path(place, "file").exists()
    assert not await anyio.Path(place).exists()


async def test_it_can_be_written_to_waited_for_and_killed(sandbox: Sandbox) -> None:
    async with sandbox.open(Command(argv=("/bin/cat",)), SandboxPolicy()) as confined:
        assert confined.pid > 1
        assert (confined.returncode, confined.exit_reason) == (None, None)
        confined.settle()
        assert confined.usage() == Usage()
        await confined.stdin.send(b"hello\n")
        with anyio.fail_after(10):
            assert await confined.stdout.receive() == b"hello\n"
            confined.kill()
            assert await confined.wait() == -9
            with pytest.raises(anyio.EndOfStream):
                await confined.stderr.receive()
        assert confined.returncode == -9
        confined.kill()
        assert (confined.exit_reason, confined.exit_detail) == (ExitReason.KILLED, "")
    async with sandbox.open(Command(argv=("/bin/true",)), SandboxPolicy()) as confined:
        await confined.wait()
        assert confined.exit_reason is ExitReason.EXITED


async def test_what_this_user_may_run_can_run(sandbox: Sandbox) -> None:
    assert await sandbox.can_run(Path("/bin/sh"))
    assert repr(sandbox) == "Sandbox(none)"

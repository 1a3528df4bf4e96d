"""Processes: started, fed, bounded, and ended with all they started; nothing of them is left."""

import os
import resource
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import CallTimeoutError, PayloadError, StartError
from vsm_mcp.world.processes import Command, LocalProcesses, Process

pytestmark = pytest.mark.anyio

PYTHON = sys.executable
FORK_AND_STAY = "import os, time\npid = os.fork()\nif pid: print(pid, flush=True)\ntime.sleep(600)"
CAT = Command(argv=("/bin/cat",))


def python(code: str, *words: str) -> Command:
    return Command(argv=(PYTHON, "-I", "-c", code, *words))


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def children() -> set[str]:
    tasks = Path("/proc/self/task").iterdir()
    found = set[str]()
    for task in tasks:
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end meanwhile
            found.update((task / "children").read_text().split())
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


async def until_dead(pid: int) -> None:
    with anyio.fail_after(10):
        while is_alive(pid):  # noqa: ASYNC110 - the kernel sets no event of ours
            await anyio.sleep(0.01)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Generator[None]:
    files, family = len(open_files()), children()
    yield
    assert len(open_files()) == files
    assert children() <= family


@asynccontextmanager
async def opened(command: Command) -> AsyncGenerator[Process]:
    with anyio.fail_after(20):
        async with LocalProcesses().open(command) as process:
            yield process


async def test_a_command_runs_to_its_end_with_its_input_and_both_outputs() -> None:
    code = "import sys; sys.stderr.write('err'); print(sys.stdin.read().upper(), sys.argv[1]); sys.exit(3)"
    completed = await LocalProcesses().run(python(code, "a b; $(c)"), timeout=20, stdin=b"in")
    assert (completed.returncode, completed.stdout, completed.stderr) == (3, b"IN a b; $(c)\n", b"err")


async def test_much_input_and_much_output_at_once_do_not_block_each_other() -> None:
    data = os.urandom(2_000_000)
    completed = await LocalProcesses().run(CAT, timeout=20, stdin=data)
    assert completed.stdout == data


async def test_a_program_that_does_not_read_its_input_still_ends_well() -> None:
    completed = await LocalProcesses().run(Command(argv=("/bin/true",)), timeout=20, stdin=bytes(1_000_000))
    assert completed.returncode == 0


async def test_it_runs_in_the_directory_and_the_environment_it_was_given(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), sorted(os.environ))"
    command = Command(argv=(PYTHON, "-I", "-c", code), env={"A": "1"}, cwd=tmp_path)
    completed = await LocalProcesses().run(command, timeout=20)
    assert completed.stdout.decode().strip().replace(", 'LC_CTYPE'", "") == f"{tmp_path} ['A']"


async def test_a_command_that_takes_too_long_is_killed() -> None:
    with pytest.raises(CallTimeoutError, match=r"sleep did not end within 0\.1 seconds"):
        await LocalProcesses().run(Command(argv=("/bin/sleep", "600")), timeout=0.1)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_command_that_writes_too_much_is_killed(stream: str) -> None:
    code = f"import sys\nwhile True: sys.{stream}.write('x' * 10000)"
    with pytest.raises(PayloadError, match=f"more than 50000 bytes to {stream}"):
        await LocalProcesses().run(python(code), timeout=20, limit=50_000)


async def test_what_a_command_leaves_in_the_background_does_not_hold_it_up() -> None:
    code = "import os, time\nif os.fork() == 0: time.sleep(600)\nprint('done')"
    with anyio.fail_after(20):
        completed = await LocalProcesses().run(python(code), timeout=300)
    assert completed.stdout == b"done\n"


@pytest.mark.parametrize("program", ["/does/not/exist", "/etc/hostname", "/"])
async def test_what_cannot_be_started_is_a_start_error_with_a_remedy(program: str) -> None:
    with pytest.raises(StartError, match="could not be started") as caught:
        await LocalProcesses().run(Command(argv=(program,)), timeout=20)
    assert caught.value.remedies
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_missing_directory_is_a_start_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="could not be started"):
        async with opened(Command(argv=("/bin/true",), cwd=tmp_path / "missing")):
            pytest.fail("it started")


async def test_more_than_the_kernel_takes_as_arguments_is_a_start_error() -> None:
    with pytest.raises(StartError):
        await LocalProcesses().run(Command(argv=("/bin/true", *("x" * 100_000 for _ in range(100)))), timeout=20)


@pytest.mark.parametrize("run_as", [-5, 2**40])
async def test_a_user_that_cannot_be_is_a_start_error(run_as: int) -> None:
    with anyio.fail_after(20), pytest.raises(StartError):
        async with LocalProcesses().open(CAT, run_as=run_as):
            pytest.fail("it started")


@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root may choose the user")
async def test_root_may_start_it_as_another_user_without_any_group() -> None:
    with anyio.fail_after(20):
        async with LocalProcesses().open(Command(argv=("/bin/cat", "/proc/self/status")), run_as=65534) as process:
            status = (await process.stdout.receive()).decode().split("\n")
    assert "Uid:" + "\t65534" * 4 in status
    assert "Gid:" + "\t65534" * 4 in status
    assert "Groups:\t " in status


async def test_a_process_is_talked_to_and_ends_when_its_input_ends() -> None:
    async with opened(CAT) as process:
        await process.stdin.send(b"hello")
        assert await process.stdout.receive() == b"hello"
        assert process.returncode is None
        assert str(process.pid) in repr(process)
        await process.stdin.aclose()
        assert await process.wait() == 0
        assert await process.wait() == 0
        process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize(("code", "expected"), [("raise SystemExit(7)", 7), ("import os; os.abort()", -signal.SIGABRT)])
async def test_its_exit_code_is_known_without_waiting(code: str, expected: int) -> None:
    async with opened(python(code)) as process:
        async for _ in process.stdout:
            pass
        while process.returncode is None:  # noqa: ASYNC110 - looking without waiting is what is tested
            await anyio.sleep(0.01)
        assert process.returncode == expected
        assert await process.wait() == expected


async def test_it_leads_a_session_of_its_own() -> None:
    async with opened(python("import os; print(os.getsid(0) == os.getpgid(0) == os.getpid(), flush=True)")) as process:
        assert await process.stdout.receive() == b"True\n"


async def test_it_inherits_only_the_descriptors_it_is_given() -> None:
    reading, writing = os.pipe()
    try:
        code = "import os; print([fd for fd in range(1000) if os.path.exists(f'/dev/fd/{fd}')], flush=True)"
        with anyio.fail_after(20):
            async with LocalProcesses().open(python(code), pass_fds=[writing]) as process:
                assert await process.stdout.receive() == f"{[0, 1, 2, writing]}\n".encode()
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.security
async def test_leaving_its_context_kills_it_and_all_of_its_group() -> None:
    async with opened(python(FORK_AND_STAY)) as process:
        grandchild = int(await process.stdout.receive())
    assert process.returncode == -signal.SIGKILL
    await until_dead(grandchild)


@pytest.mark.security
async def test_killing_it_kills_all_of_its_group() -> None:
    async with opened(python(FORK_AND_STAY)) as process:
        grandchild = int(await process.stdout.receive())
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        await until_dead(grandchild)


@pytest.mark.security
async def test_when_it_ends_by_itself_what_it_started_ends_too() -> None:
    code = "import os, time\npid = os.fork()\nif not pid: time.sleep(600)\nprint(pid, flush=True)"
    async with opened(python(code)) as process:
        grandchild = int(await process.stdout.receive())
        assert await process.wait() == 0
        await until_dead(grandchild)


async def test_a_stopped_process_is_killed_all_the_same() -> None:
    async with opened(python("import os, signal, time; os.kill(os.getpid(), signal.SIGSTOP)")):
        await anyio.sleep(0.05)


@pytest.mark.parametrize("waiting", ["wait", "receive", "send"])
async def test_every_wait_can_be_cancelled_and_leaves_nothing(waiting: str) -> None:
    async def wait(process: Process) -> None:
        if waiting == "wait":
            await process.wait()
        if waiting == "receive":
            await process.stdout.receive()
        await process.stdin.send(bytes(1_000_000))

    with anyio.fail_after(20):
        with anyio.move_on_after(0.1) as scope:
            async with LocalProcesses().open(Command(argv=("/bin/sleep", "600"))) as process:
                await wait(process)
        assert scope.cancelled_caught


async def test_running_can_be_cancelled_and_leaves_nothing() -> None:
    with anyio.fail_after(20):
        with anyio.move_on_after(0.1) as scope:
            await LocalProcesses().run(Command(argv=("/bin/sleep", "600")), timeout=300)
        assert scope.cancelled_caught


async def test_several_may_wait_for_it_and_one_may_give_up() -> None:
    codes: list[int] = []

    async def wait(process: Process) -> None:
        codes.append(await process.wait())

    async with opened(CAT) as process, anyio.create_task_group() as tasks:
        tasks.start_soon(wait, process)
        tasks.start_soon(wait, process)
        with anyio.move_on_after(0.01):
            await process.wait()
        await process.stdin.aclose()
    assert codes == [0, 0]


async def test_an_error_of_the_body_comes_out_bare() -> None:
    with pytest.raises(KeyError):
        async with opened(CAT):
            raise KeyError


async def test_without_a_free_descriptor_it_does_not_start_and_leaves_nothing() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 3, hard))
    try:
        with pytest.raises(StartError, match="Too many open files"):
            async with LocalProcesses().open(CAT):
                pytest.fail("it started")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_process_that_cannot_be_watched_is_killed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_descriptor(_: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", no_descriptor)
    with pytest.raises(StartError, match="could not be watched and was killed"):
        async with LocalProcesses().open(Command(argv=("/bin/sleep", "600"))):
            pytest.fail("it started")

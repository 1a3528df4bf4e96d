"""The words of a failing bubblewrap become an error that says what to do; what is handed out is closed."""

# ruff: noqa: PTH208 - names, not paths

import os
import subprocess
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.linux.setup import Handout, explain, first_line, known_binaries, last_words, status_pid
from vsm_mcp.world.pipes import PipeReader


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", "AppArmor"),
        ("bwrap: setting up uid map: Operation not permitted", "SETUID"),
        ("bwrap: No permissions to create new namespace, likely because the kernel does not allow it", "namespaces"),
        ("bwrap: Creating new namespace failed: Resource temporarily unavailable", "namespaces"),
        ("bwrap: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)", "max_user_namespaces"),
        ("bwrap: Can't find source path /root/x: Permission denied", "o+x"),
        ("bwrap: execvp /bin/sh: Permission denied", "interpreter"),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "unmask"),
        ("bwrap: Unknown option --disable-userns", "0.8"),
        ("bwrap: something new", "doctor"),
        ("", "doctor"),
    ],
)
def test_each_known_failure_has_a_remedy(said: str, remedy: str) -> None:
    error = explain(said)
    assert remedy in "\n".join(error.remedies)
    assert (said or "without a word") in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"child-pid": "x"}', b"{" * 5000])
def test_a_report_without_a_process_is_refused(line: bytes) -> None:
    with pytest.raises(SandboxError, match="instead of the process it made"):
        status_pid(line)


def test_a_report_names_the_process() -> None:
    assert status_pid(b'{ "child-pid": 12, "net-namespace": 4 }\n') == 12


def test_the_bundled_program_is_known() -> None:
    assert all(path.name == "bwrap" for path in known_binaries())
    assert known_binaries()


def stream(data: bytes) -> PipeReader:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return PipeReader(os.fdopen(reading, "rb", buffering=0))


@pytest.mark.anyio
async def test_lines_and_last_words_are_bounded() -> None:
    async with stream(b"one\ntwo\n") as source:
        assert await first_line(source) == b"one\n"
    for endless in (b"", b"x", b"x" * 60_000):
        async with stream(endless) as source:
            with pytest.raises(anyio.EndOfStream):
                await first_line(source)
    async with stream(b"  why\n" + b"x" * 60_000) as source:
        assert len(await last_words(source)) == 16 * 1024
    async with stream(b"  why\n") as source:
        assert await last_words(source) == "why"


def cat(descriptor: int, handed: list[int]) -> bytes:
    words = ["/bin/cat", f"/proc/self/fd/{descriptor}"]
    return subprocess.run(words, pass_fds=handed, capture_output=True, check=True).stdout


def execute(descriptor: int, handed: list[int]) -> bytes:
    user = 61198 if os.geteuid() == 0 else None
    words = [f"/proc/self/fd/{descriptor}", "ran"]
    return subprocess.run(words, pass_fds=handed, capture_output=True, check=True, user=user, cwd="/").stdout


@pytest.mark.anyio
async def test_a_child_reads_what_it_is_handed_and_nothing_stays_open() -> None:
    before = set(os.listdir("/proc/self/fd"))
    async with Handout() as handout:
        assert cat(handout.file(b"hello"), handout.descriptors) == b"hello"
        handout.given()
        handout.given()
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.fixture(params=[0o755, 0o700])
def hidden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Make a program in a directory where only its owner may look."""
    program = tmp_path / "program"
    program.write_bytes(Path("/bin/echo").read_bytes())
    program.chmod(request.param)
    tmp_path.chmod(0o700)
    return program


@pytest.mark.anyio
async def test_a_program_where_nobody_else_may_look_can_be_handed_out(hidden: Path) -> None:
    async with Handout() as handout:
        assert execute(handout.program(hidden), handout.descriptors) == b"ran\n"

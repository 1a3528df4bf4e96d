"""The command line: one command per need, words for people or JSON, and exit codes that mean something."""

import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from vsm_mcp.__main__ import main
from vsm_mcp.commands.outcome import ExitCode


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_the_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert {"doctor", "self-test", "network-test"} <= set(said.split())


@pytest.mark.parametrize("words", [["nonsense"], ["self-test", "--nonsense"], ["network-test", "--allow"]])
def test_what_is_no_command_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == ExitCode.UNUSABLE
    assert "usage:" in capsys.readouterr().err


@pytest.mark.sandbox
def test_the_network_of_a_sandbox_can_be_tested_with_what_it_may_reach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network-test", "--json", "--allow", "example.com"]) == ExitCode.WELL
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is True
    assert "example.com:443" in report["requested"]
    assert main(["network-test"]) == ExitCode.WELL
    assert "As it should be" in capsys.readouterr().out


@pytest.mark.security
@pytest.mark.parametrize("command", ["self-test", "network-test"])
def test_what_gets_out_shows_in_the_exit_code(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VSM_MCP_SANDBOX", "none")
    assert main([command]) == ExitCode.DEGRADED
    assert "NOT " in capsys.readouterr().out


@pytest.mark.parametrize("allowed", ["*", "127.0.0.1"])
def test_a_way_out_that_is_too_wide_is_told_in_words(allowed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["network-test", "--allow", allowed]) == ExitCode.UNUSABLE
    assert "cannot be allowed" in capsys.readouterr().err


class Terminal(io.StringIO):
    """Where a person looks on; the person may interrupt."""

    impatient = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if self.impatient:
            raise KeyboardInterrupt
        return super().write(text)


@pytest.mark.sandbox
def test_progress_shows_only_where_a_person_looks_on_and_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["network-test"]) == ExitCode.WELL
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["network-test"]) == ExitCode.WELL
    assert " of " in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    terminal.impatient = True
    assert main(["network-test"]) == ExitCode.INTERRUPTED


def test_without_a_command_this_machine_is_examined(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VSM_MCP_SANDBOX", "none")
    assert main([]) in {ExitCode.DEGRADED, ExitCode.UNUSABLE}
    assert "This machine is" in capsys.readouterr().out


@pytest.fixture
def place() -> Generator[Path]:
    """Make a directory for temporary files that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="vsm-main-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.sandbox
def test_progress_shows_on_a_terminal_and_an_interrupt_ends_it_cleanly(place: Path) -> None:
    reading, writing = pty.openpty()
    words = (sys.executable, "-m", "vsm_mcp", "self-test")
    env = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=writing, env=env, start_new_session=True) as process:
        os.close(writing)
        seen = b""
        while b" of " not in seen or b"files" not in seen:
            seen += os.read(reading, 4096)
        marker = next(place.glob("vsm_mcp-selftest-*")).name
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    os.close(reading)
    assert process.returncode == ExitCode.INTERRUPTED
    assert output == b""
    assert list(place.iterdir()) == []
    assert not [path for path in Path("/proc").glob("[0-9]*/environ") if marker.encode() in content(path)]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""

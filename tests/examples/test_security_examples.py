"""The examples about security run as a user runs them, and say what the pages that show them say."""

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.examples.running import said_by

pytestmark = pytest.mark.sandbox


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """A state directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setenv("VSM_MCP_STATE", directory)
        yield


@pytest.mark.promise("A7", "C139")
def test_a_policy_lets_one_server_in_and_keeps_another_and_a_tool_out(tmp_path: Path) -> None:
    said = said_by("policy.py", cwd=tmp_path)
    assert "refused: memory:other from 'shelf' matches none of the 3 pattern(s) allowed." in said
    assert "notes (memory:notes): may be acquired" in said
    assert "done: 4 notes in work" in said
    assert said.count("refused: ") == 2


def test_a_reviewer_looks_at_a_package_at_needs_and_at_a_system(tmp_path: Path) -> None:
    said = said_by("security_review.py", cwd=tmp_path)
    assert "accepted (score 100/100" in said
    assert "nothing of it was run" in said
    assert "go  text.count_words: text was proven and is unchanged" in said
    assert "unknown (exit code 12)" in said
    assert "text (memory:text): intact" in said
    assert "exit codes: 12 " in said


def test_a_tool_that_changed_is_held_back_until_it_is_approved(tmp_path: Path) -> None:
    said = said_by("changed_tool.py", cwd=tmp_path)
    assert said.startswith("True The tool 'count_words' of text is held back: it changed since it was approved")
    assert said.endswith("done: 4\n")

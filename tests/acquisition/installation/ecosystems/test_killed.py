"""A process that is killed while a confined client works: what it left, which may hold a token, does not stay."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Event

import anyio
import pytest

from vsm_mcp.acquisition.installation.ecosystems.client import scratch

pytestmark = [pytest.mark.sandbox, pytest.mark.security]

TOKEN = "not-a-real-token"  # noqa: S105 - it opens nothing


@pytest.fixture
def tmp_path() -> Generator[Path]:
    """A directory that the users of sandboxes can reach, other than the usual one."""
    with tempfile.TemporaryDirectory(prefix="vsm-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def holding(place: Path) -> list[Path]:
    """Return the files that hold the token."""
    return [path for path in place.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def vet_until_killed(hanging: Event, place: Path) -> None:
    """Vet a package and be killed while npm waits for its registry: by then it has read its configuration."""
    words = [sys.executable, "-m", "vsm_mcp", "vet", "npm:slides"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert hanging.wait(30)
            assert len(holding(place)) == 1
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


async def run_again(place: Path) -> None:
    """Make temporary directories until nothing is left but what is made now; npm itself may need a moment to die."""
    with anyio.fail_after(20):
        while list(place.iterdir()):
            async with scratch():
                pass


@pytest.mark.node
def test_a_token_does_not_outlive_a_kill_by_more_than_the_next_run(
    registry: object, package: Callable[..., None], *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("slides", files={"run.js": ""}, bin="run.js")
    url = str(getattr(registry, "url", ""))
    (tmp_path / "npmrc").write_text(f"//{url.removeprefix('http://')}:_authToken={TOKEN}\n")
    setattr(registry, "hangs_for", "npm/")  # noqa: B010 - its class is the fixture's own
    temporary = tmp_path / "temporary"
    temporary.mkdir(mode=0o755)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path / "state"))
    vet_until_killed(getattr(registry, "heard_hanging", Event()), temporary)
    assert len(holding(temporary)) == 1
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    anyio.run(run_again, temporary)
    assert holding(tmp_path) == [tmp_path / "npmrc"]

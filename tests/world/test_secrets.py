"""Secrets: read by reference, bounded, never shown."""

import os
from pathlib import Path

import anyio
import pytest

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.secrets import LONGEST_SECRET, ReferencedSecrets

pytestmark = pytest.mark.anyio


async def read(name: str) -> str | None:
    with anyio.fail_after(5):
        secret = await ReferencedSecrets().get(name)
    return None if secret is None else secret.get_secret_value()


@pytest.mark.promise("E4")
async def test_a_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "one")
    assert await read("env:A_TOKEN") == "one"
    monkeypatch.delenv("A_TOKEN")
    assert await read("env:A_TOKEN") is None


async def test_a_file_is_read_without_the_white_space_around_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("  two\n")
    assert await read(f"file:{path}") == "two"
    assert await read(f"file:{tmp_path}/missing") is None


@pytest.mark.security
@pytest.mark.parametrize("name", ["hunter2", "", "env:", "file:", "env:A=B", "file:relative", "http://x", "env:\ud800"])
@pytest.mark.promise("E4", "E53")
async def test_what_is_no_reference_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(ConfigurationError, match="by reference") as caught:
        await read(name)
    assert str(caught.value) == (
        "A secret must be given by reference.\n  -> Write env:NAME or file:/absolute/path instead of the secret itself."
    )


@pytest.mark.security
async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (LONGEST_SECRET + 1))
    with pytest.raises(ConfigurationError, match="larger than"):
        await read(f"file:{path}")


@pytest.mark.security
async def test_a_file_that_is_no_text_is_refused_without_carrying_its_bytes_along(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"hidden\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8") as caught:
        await read(f"file:{path}")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.security
@pytest.mark.parametrize("path", ["/dev/zero", "/", "/a\0b"])
async def test_what_is_no_regular_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await read(f"file:{path}")


@pytest.mark.security
async def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        await read(f"file:{path}")

"""What a client keeps between runs: many runs at once, emptied when too large and only when nobody uses it."""

import fcntl
import os
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.installation.ecosystems.clients.cache import ClientCache
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.sandbox.linux.users import UNCLAIMED


@pytest.mark.anyio
async def test_it_is_kept_and_emptied_when_it_is_too_large_but_never_while_it_is_used(tmp_path: Path) -> None:
    cache = ClientCache(tmp_path / "cache" / "uv", most_mb=1)
    async with cache.held() as held:
        (held.path / "small").write_bytes(b"x")
    async with cache.held() as held:
        assert (held.path / "small").exists()
        (held.path / "large").write_bytes(b"x" * 2_000_000)
        async with cache.held() as other:
            assert (other.path / "large").exists()
    async with cache.held() as held:
        assert list(held.path.iterdir()) == []
    assert (tmp_path / "cache" / "uv").stat().st_mode & 0o777 == 0o700


@pytest.mark.anyio
async def test_many_runs_of_one_client_have_one_user(tmp_path: Path) -> None:
    cache = ClientCache(tmp_path / "cache" / "npm")
    users: list[int | None] = []

    async def use() -> None:
        async with cache.held() as held:
            users.append(held.user)
            await anyio.sleep(0.01)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(use)
    assert len(users) == 5
    assert len(set(users)) == 1
    if os.geteuid() == 0:
        assert users[0] in UNCLAIMED
    else:
        assert users[0] is None


@pytest.mark.anyio
@pytest.mark.skipif(os.geteuid() != 0, reason="allowed: only root chooses users")
async def test_as_root_it_belongs_to_the_user_that_was_asked_for(tmp_path: Path) -> None:
    async with ClientCache(tmp_path / "cache" / "npm", run_as=61195).held() as held:
        assert held.user == held.path.stat().st_uid == 61195


@pytest.mark.anyio
async def test_who_empties_it_for_too_long_is_not_waited_for(tmp_path: Path) -> None:
    with (tmp_path / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigurationError, match="has been emptying") as caught:
            async with ClientCache(tmp_path / "npm", patience=0.05).held():
                pytest.fail("held")
    assert caught.value.remedies


@pytest.mark.anyio
async def test_a_place_that_cannot_be_locked_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "npm.lock").symlink_to("elsewhere")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        async with ClientCache(tmp_path / "npm").held():
            pytest.fail("held")

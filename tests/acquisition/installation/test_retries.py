"""Retries: what may pass by itself is tried again a few times, everything else is told at once."""

import errno
import os
from pathlib import Path, PurePosixPath
from random import Random

import anyio
import pytest

from vsm_mcp.acquisition.installation.journal import Action, ActionKind, Journal
from vsm_mcp.acquisition.installation.retries import Retries
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.errors import ConfigurationError, RollbackError
from vsm_mcp.world.files import LocalFiles

RANDOM = Random(1)  # noqa: S311 - a pause is no secret


class Failing:
    """Work that the machine refuses a few times."""

    def __init__(self, number: int, *, times: int) -> None:
        self.number, self.times, self.tried = number, times, 0

    async def work(self) -> None:
        self.tried += 1
        if self.tried <= self.times:
            cause = OSError(self.number, os.strerror(self.number))
            raise ConfigurationError(f"It cannot be used: {cause.strerror}.") from cause


@pytest.mark.anyio
@pytest.mark.promise("A30", "E45")
@pytest.mark.parametrize("number", [errno.EBUSY, errno.ENOTEMPTY, errno.EMFILE])
async def test_what_passes_is_tried_until_it_has_passed(number: int) -> None:
    failing = Failing(number, times=3)
    await Retries(RANDOM).run(failing.work)
    assert failing.tried == 4


@pytest.mark.anyio
@pytest.mark.promise("E45")
async def test_what_does_not_pass_is_told_after_a_few_times() -> None:
    failing = Failing(errno.EBUSY, times=99)
    with pytest.raises(ConfigurationError, match="busy"):
        await Retries(RANDOM, attempts=3).run(failing.work)
    assert failing.tried == 3


@pytest.mark.anyio
@pytest.mark.virtual_time
@pytest.mark.promise("E45")
async def test_the_longest_pause_is_four_times_the_one_before_and_a_second_at_most() -> None:
    class Longest(Random):
        def uniform(self, a: float, b: float) -> float:
            pauses.append(b)
            return max(a, b)

    pauses, began = list[float](), anyio.current_time()
    await Retries(Longest(1)).run(Failing(errno.EBUSY, times=4).work)
    assert pauses == pytest.approx([0.08, 0.32, 1.0, 1.0])
    assert anyio.current_time() - began == pytest.approx(2.4)


@pytest.mark.anyio
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
async def test_what_will_not_pass_by_itself_is_told_at_once(number: int) -> None:
    failing = Failing(number, times=1)
    with pytest.raises(ConfigurationError):
        await Retries().run(failing.work)
    assert failing.tried == 1


@pytest.mark.anyio
async def test_waiting_can_be_cancelled() -> None:
    with anyio.move_on_after(0.05) as scope:
        await Retries(attempts=99).run(Failing(errno.EBUSY, times=99).work)
    assert scope.cancelled_caught


@pytest.mark.anyio
@pytest.mark.parametrize("times", [2, 99])
async def test_an_undo_is_tried_again(tmp_path: Path, times: int) -> None:
    class Busy(LocalFiles):
        left = times

        async def remove(self, path: Path) -> None:
            if path.name == "a" and self.left:
                self.left -= 1
                raise ConfigurationError("a cannot be used.") from OSError(errno.EBUSY, "busy")
            await super().remove(path)

    files = Busy()
    rollback = Rollback(Journal(tmp_path, files), files, retries=Retries(RANDOM, attempts=3))

    async def attempt() -> None:
        async with rollback.transaction("acquire") as transaction:
            await transaction.step("make", undo=Action(kind=ActionKind.REMOVE, path=PurePosixPath("a")))
            (tmp_path / "a").mkdir()

    if times == 99:
        with pytest.raises(RollbackError):
            await attempt()
        assert (tmp_path / "a").exists()
    else:
        await attempt()
        assert not (tmp_path / "a").exists()

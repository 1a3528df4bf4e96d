"""Virtual time for the tests of patience, on both back ends."""

import asyncio
import selectors

import pytest
from trio.testing import MockClock

VIRTUAL_TIME = {"test_fetching.py"}


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps over the time in which nothing happens."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _Impatient(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else 0)
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str | tuple[str, dict[str, object]]:
    """Run tests under asyncio and trio, those of some files on a clock that jumps to what happens next."""
    name = str(request.param)
    if request.path.name not in VIRTUAL_TIME:
        return name
    if name == "asyncio":
        return name, {"loop_factory": JumpingLoop}
    return name, {"clock": MockClock(autojump_threshold=0.0)}

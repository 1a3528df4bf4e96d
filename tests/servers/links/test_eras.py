"""Each server is greeted in the order that finds out soonest what it speaks, and that is learned once."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest

from vsm_mcp.errors import StartError
from vsm_mcp.servers.links.eras import Era, Greeter
from vsm_mcp.servers.links.link import Consent, Link
from vsm_mcp.servers.links.terms import Terms
from vsm_mcp.servers.links.wire.wire import Bounds
from vsm_mcp.testing.scripted import Script, ScriptedLink

pytestmark = pytest.mark.anyio

UP, DEAD, SILENT, REFUSED, OLDER, HANGING = "up", "dead", "silent", "refused", "older", "hanging"
AUTO, LEGACY, OLDER_HTTP = Era.AUTO, Era.LEGACY, Era.OLDER_HTTP


class Attempts:
    """Meets, one after the other, what a server is said to do."""

    def __init__(self, *fates: str) -> None:
        self.silent: bool = False
        self.rested: float = 0.0
        self.older_http: bool = False
        self.tried: list[tuple[Era, int]] = []
        self.ended = 0
        self._fates = list(fates)

    @asynccontextmanager
    async def open(self, era: Era, seconds: float) -> AsyncGenerator[Link]:
        await anyio.lowlevel.checkpoint()
        self.tried.append((era, round(seconds)))
        fate = self._fates[len(self.tried) - 1]
        self.silent = self.silent or fate in {SILENT, HANGING}
        self.older_http = fate == OLDER
        if fate == HANGING:
            await anyio.sleep(seconds)
        if fate != UP:
            raise StartError(fate, exit_code=1 if fate == DEAD else None)
        yield ScriptedLink(Script(), 1)
        self.ended += 1


async def greet(attempts: Attempts, eras: dict[str, str], *, start: float = 30.0, probe: float = 5.0) -> Link:
    terms = Terms(probe=probe, start=start, bounds=Bounds(), consent=Consent())
    async with AsyncExitStack() as life:
        link = await Greeter(eras, terms).greet(attempts, life, "d")
        assert not attempts.ended
    return link


@pytest.mark.parametrize(
    ("fates", "tried", "learned"),
    [
        ([UP], [(AUTO, 5)], "auto"),
        ([DEAD, UP], [(AUTO, 5), (LEGACY, 30)], "legacy"),
        ([SILENT, UP], [(AUTO, 5), (LEGACY, 30)], "legacy"),
        ([REFUSED, UP], [(AUTO, 5), (LEGACY, 30)], "legacy"),
        ([OLDER, UP], [(AUTO, 5), (OLDER_HTTP, 30)], "older-http"),
        ([SILENT, REFUSED, UP], [(AUTO, 5), (LEGACY, 30), (AUTO, 30)], "auto"),
    ],
)
async def test_the_first_greeting_that_is_understood_is_remembered(
    fates: list[str], tried: list[tuple[Era, int]], learned: str
) -> None:
    attempts, eras = Attempts(*fates), dict[str, str]()
    assert await greet(attempts, eras)
    assert attempts.tried == tried
    assert attempts.ended == 1
    assert eras == {"d": learned}
    again = Attempts(UP)
    await greet(again, eras)
    assert again.tried == [(Era(learned), 25)]


@pytest.mark.parametrize(
    ("fates", "last"),
    [
        ([DEAD, DEAD], DEAD),
        ([REFUSED, REFUSED], REFUSED),
        ([SILENT, SILENT], SILENT),
        ([SILENT, DEAD], DEAD),
        ([OLDER, REFUSED], REFUSED),
        ([SILENT, REFUSED, DEAD], DEAD),
    ],
)
async def test_what_is_understood_in_no_way_is_an_error_and_nothing_is_learned(fates: list[str], last: str) -> None:
    attempts, eras = Attempts(*fates), dict[str, str]()
    with pytest.raises(StartError, match=last):
        await greet(attempts, eras)
    assert len(attempts.tried) == len(fates)
    assert eras == {}


@pytest.mark.parametrize(
    ("known", "fates", "tried", "learned"),
    [
        ("auto", [DEAD, UP], [(AUTO, 25), (LEGACY, 30)], "legacy"),
        ("auto", [OLDER, UP], [(AUTO, 25), (OLDER_HTTP, 30)], "older-http"),
        ("auto", [SILENT, REFUSED, UP], [(AUTO, 25), (LEGACY, 30), (AUTO, 30)], "auto"),
        ("legacy", [REFUSED, UP], [(LEGACY, 25), (AUTO, 30)], "auto"),
        ("legacy", [SILENT, UP], [(LEGACY, 25), (AUTO, 30)], "auto"),
        ("legacy", [REFUSED, OLDER, UP], [(LEGACY, 25), (AUTO, 30), (OLDER_HTTP, 30)], "older-http"),
        ("older-http", [REFUSED, UP], [(OLDER_HTTP, 25), (AUTO, 30)], "auto"),
    ],
)
async def test_what_is_remembered_wrongly_costs_an_attempt_and_is_corrected(
    known: str, fates: list[str], *, tried: list[tuple[Era, int]], learned: str
) -> None:
    attempts, eras = Attempts(*fates), {"d": known}
    assert await greet(attempts, eras)
    assert attempts.tried == tried
    assert eras == {"d": learned}


@pytest.mark.parametrize(
    ("known", "fates", "said"),
    [
        ("auto", [DEAD, REFUSED], REFUSED),
        ("legacy", [DEAD, REFUSED], DEAD),
        ("older-http", [DEAD, OLDER, REFUSED], REFUSED),
    ],
)
async def test_a_server_that_is_broken_now_is_an_error_and_what_was_learned_stays(
    known: str, fates: list[str], said: str
) -> None:
    attempts, eras = Attempts(*fates), {"d": known}
    with pytest.raises(StartError, match=said):
        await greet(attempts, eras)
    assert len(attempts.tried) == len(fates)
    assert eras == {"d": known}


@pytest.mark.virtual_time
@pytest.mark.parametrize("start", [2.0, 30.0])
async def test_there_is_time_left_for_the_other_way_when_what_is_remembered_meets_silence(start: float) -> None:
    attempts, eras = Attempts(HANGING, UP), {"d": "legacy"}
    began = anyio.current_time()
    await greet(attempts, eras, start=start)
    assert eras == {"d": "auto"}
    expected = (25, 5) if start > 5 else (1, 1)
    assert attempts.tried == list(zip((LEGACY, AUTO), expected, strict=True))
    assert anyio.current_time() - began < start


async def test_no_greeting_takes_longer_than_all_of_them_may() -> None:
    attempts = Attempts(UP)
    await greet(attempts, {}, start=2.0, probe=5.0)
    assert attempts.tried == [(AUTO, 2)]

"""Whatever a source lists that is no server costs nothing but that source, and the result says what it was."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta

import anyio
import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.memory.checking import checked
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Description, Listing
from vsm_mcp.model.launch import HttpLaunch
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary, Variable
from vsm_mcp.testing.world import FakeClock

pytestmark = [pytest.mark.anyio, pytest.mark.security]

HOUR = timedelta(hours=1)
TOOL = ToolSummary(name="tell_time", description="Tells the time.")
VARIABLE = Variable(name="ZONE", default="UTC", required=True)
CLOCK = Candidate(
    name="org.test/clock",
    source="given",
    package=PackageRef.parse("npm:clock@1.0.0"),
    version="1.0.0",
    title="Clock",
    summary="Tells the time.",
    keywords=("time",),
    publisher="org.test",
    arguments=("--utc",),
    environment=(VARIABLE,),
    tools=(TOOL,),
    egress=("time.test",),
    repository="https://code.test/clock",
    readiness=Readiness.PROVEN,
)
OFFERED = Candidate(name="offered", source="given", package=PackageRef.parse("memory:offered"), make=object)
AWAY = Candidate(
    name="away",
    source="given",
    package=PackageRef.parse("remote:away"),
    remote=HttpLaunch(url="https://away.test/mcp"),
)
WORDS = Description(
    name="org.test/clock",
    source="given",
    package=PackageRef.parse("npm:clock"),
    repository="https://code.test/clock",
    title="Clock",
    summary="Tells the time.",
    keywords=("time",),
    tools=(TOOL,),
)
LISTING = Listing(candidates=(CLOCK, OFFERED, AWAY), descriptions=(WORDS,), mark="here", omitted=1)
GOOD = Listing(candidates=(replace(CLOCK, name="good", package=PackageRef.parse("npm:good")),))


class Given:
    """A source that lists what it was given."""

    def __init__(self, says: Listing, *, name: str = "odd", fresh_for: timedelta = AT_ONCE) -> None:
        self.says = says
        self.name = name
        self.fresh_for = fresh_for

    async def listing(self, known: Listing | None, /) -> Listing:
        return self.says


def spoiled(kind: str, field: str, by: object) -> Listing:
    """Return the listing with something odd in one field of one thing in it."""
    odd = {field: by}
    match kind:
        case "Listing":
            return replace(LISTING, **odd)  # type: ignore[arg-type]
        case "Candidate":
            return replace(LISTING, candidates=(CLOCK, replace(CLOCK, **odd)))  # type: ignore[arg-type]
        case "Description":
            return replace(LISTING, descriptions=(WORDS, replace(WORDS, **odd)))  # type: ignore[arg-type]
        case "ToolSummary":
            return replace(LISTING, candidates=(replace(CLOCK, tools=(TOOL, replace(TOOL, **odd))),))  # type: ignore[arg-type]
        case _:
            variables = (VARIABLE, replace(VARIABLE, **odd))  # type: ignore[arg-type]
            return replace(LISTING, candidates=(replace(CLOCK, environment=variables),))


def places() -> Iterator[tuple[str, str, object]]:
    """Yield every field of everything that is listed, with what it cannot hold."""
    for value in (LISTING, CLOCK, WORDS, TOOL, VARIABLE):
        for field in fields(value):
            yield type(value).__name__, field.name, 1.5
            if isinstance(getattr(value, field.name), tuple):
                yield type(value).__name__, field.name, (1.5,)


def test_a_listing_of_servers_is_returned_as_it_is() -> None:
    assert checked(LISTING) is LISTING
    bare = Listing(candidates=(replace(CLOCK, version=None),), descriptions=(replace(WORDS, package=None),))
    assert checked(bare) is bare


@pytest.mark.parametrize(("kind", "field", "by"), list(places()))
async def test_something_odd_in_any_field_costs_its_source_and_nothing_else(kind: str, field: str, by: object) -> None:
    odd = Given(spoiled(kind, field, by))
    found = await MCPDiscovery([odd, Given(GOOD, name="other")]).find("time")
    assert [entry.candidate.name for entry in found] == ["good"]
    verb = "returned" if kind == "Listing" else "lists"
    assert found.errors == {"odd": f"It {verb} a {kind} with float in its {field}."}


@pytest.mark.parametrize("fresh_for", [AT_ONCE, HOUR])
async def test_what_a_source_listed_before_stays_in_use_when_it_lists_something_odd(fresh_for: timedelta) -> None:
    source, clock = Given(LISTING, fresh_for=fresh_for), FakeClock()
    discovery = MCPDiscovery([source], clock=clock)
    with anyio.fail_after(5):
        async with discovery.background():
            before = [entry.candidate.name for entry in await discovery.find("time")]
            source.says = spoiled("ToolSummary", "name", 1.5)
            clock.advance(HOUR)
            while not (found := await discovery.find("time")).errors:
                await anyio.lowlevel.checkpoint()  # until it is read, in the background
    assert [entry.candidate.name for entry in found] == before
    assert "org.test/clock" in before

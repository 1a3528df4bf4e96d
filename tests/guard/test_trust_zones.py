"""Data of a zone does not go down, in whatever order and by whichever way, unless a rule declassifies it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.errors import ConfigurationError, ToolError, ZoneError
from vsm_mcp.events import CallRefused, Event
from vsm_mcp.guard.zones import ZONES, Declassify, TrustZones, ZoneOptions
from vsm_mcp.model.call import ToolCall, ToolResult

SERVERS: Mapping[str, str] = {"web*": "untrusted", "mail": "restricted", "files": "trusted", "vault": "core"}


@dataclass
class Server:
    fails: bool = False
    calls: int = 0

    async def call(self, _call: ToolCall, /) -> ToolResult:
        self.calls += 1
        if self.fails:
            raise ToolError("It did not work: the secret is 42.")
        return ToolResult(text="done")


def zoned(options: ZoneOptions | None = None) -> TrustZones:
    return TrustZones(Server(), options or ZoneOptions(servers=SERVERS))


def passes(zones: TrustZones, server: str, *, agent: str = "a", tool: str = "t") -> bool:
    """Make a call without an event loop: nothing in it waits."""
    try:
        zones.call(ToolCall(server=server, tool=tool, agent=agent)).send(None)
    except StopIteration:
        return True
    except ZoneError:
        return False
    raise AssertionError("the call waited")


@pytest.mark.promise("C25")
def test_there_are_four_zones_and_data_flow_up_freely() -> None:
    zones = zoned()
    assert [zones.zone(server, "t") for server in ("web", "mail", "files", "vault", "other")] == [*ZONES, "untrusted"]
    assert [passes(zones, server) for server in ("web", "mail", "files", "vault", "vault")] == [True] * 5
    assert zones.labels("a") == ZONES


@pytest.mark.promise("C25")
@pytest.mark.anyio
async def test_data_do_not_flow_down() -> None:
    server, heard = Server(), list[Event]()
    zones = TrustZones(server, ZoneOptions(servers=SERVERS), emit=heard.append)
    await zones.call(ToolCall(server="files", tool="read", agent="planner"))
    assert zones.labels("planner") == ("untrusted", "trusted")
    why = "it holds data of trusted, which may not go to untrusted."
    assert zones.objection("planner", "web", "post") == why
    with pytest.raises(ZoneError, match="planner may not call 'post' of web: it holds data of trusted") as info:
        await zones.call(ToolCall(server="web", tool="post", agent="planner"))
    assert server.calls == 1
    assert info.value.remedies
    assert heard == [CallRefused(server="web", tool="post", agent="planner", reason=why, guard="zones")]
    await zones.call(ToolCall(server="web", tool="post", agent="another"))
    await zones.call(ToolCall(server="vault", tool="keep", agent="planner"))
    assert "zones=4, agents=1" in repr(zones)


@pytest.mark.anyio
async def test_a_call_that_fails_tells_something_too() -> None:
    zones = TrustZones(Server(fails=True), ZoneOptions(servers=SERVERS))
    with pytest.raises(ToolError):
        await zones.call(ToolCall(server="vault", tool="read", agent="a"))
    assert zones.labels("a") == ("untrusted", "core")


def test_a_call_that_is_refused_tells_nothing() -> None:
    zones = zoned(ZoneOptions(servers=SERVERS, agents={"a": "core"}))
    assert not passes(zones, "mail")
    assert zones.labels("a") == ("core",)


def test_what_an_agent_knows_from_the_start_has_a_label_too() -> None:
    zones = zoned(ZoneOptions(servers=SERVERS, agents={"plan*": "trusted", "*": "restricted"}))
    assert not passes(zones, "mail", agent="planner")
    assert passes(zones, "mail", agent="writer")
    assert not passes(zones, "web", agent="writer")


def test_a_rule_declassifies_one_zone_for_the_calls_that_it_names() -> None:
    rule = Declassify(source="trusted", to="untrusted", targets=("web:post_summary",), agents="plan*")
    zones = zoned(ZoneOptions(servers=SERVERS, declassify=(rule,)))
    for agent in ("planner", "writer"):
        assert passes(zones, "files", agent=agent)
    assert passes(zones, "web", agent="planner", tool="post_summary")
    assert not passes(zones, "web", agent="planner", tool="post")
    assert not passes(zones, "web2", agent="planner", tool="post_summary")
    assert not passes(zones, "mail", agent="planner")
    assert not passes(zones, "web", agent="writer", tool="post_summary")
    assert passes(zones, "vault", agent="planner")
    assert not passes(zones, "web", agent="planner", tool="post_summary")


def test_a_tool_may_be_in_another_zone_than_its_server_and_the_first_glob_counts() -> None:
    zones = zoned(ZoneOptions(servers={"files:read_public": "untrusted", "files": "core"}, unlisted="restricted"))
    assert zones.zone("files", "read_public") == "untrusted"
    assert zones.zone("files", "read") == "core"
    assert zones.zone("other", "read") == "restricted"


def test_who_is_told_something_holds_it_and_who_was_emptied_holds_nothing() -> None:
    zones = zoned()
    assert passes(zones, "vault", agent="a")
    zones.share(giver="a", taker="b")
    assert not passes(zones, "web", agent="b")
    zones.reset("b")
    assert passes(zones, "web", agent="b")
    zones.take("b", "trusted")
    assert not passes(zones, "mail", agent="b")
    with pytest.raises(ConfigurationError, match="no zone 'secret'"):
        zones.take("b", "secret")


def test_an_agent_beyond_those_that_are_kept_account_of_is_taken_to_hold_everything() -> None:
    zones = zoned(ZoneOptions(servers=SERVERS, most_agents=2))
    assert passes(zones, "mail", agent="a")
    assert passes(zones, "mail", agent="b")
    assert not passes(zones, "mail", agent="c")
    assert passes(zones, "vault", agent="c")
    assert zones.labels("c") == ZONES
    zones.reset("a")
    assert zones.labels("c") == ZONES
    assert not passes(zones, "mail", agent="c")
    assert passes(zones, "mail", agent="d")
    zones.reset("c")
    zones.reset("b")
    assert passes(zones, "mail", agent="c")
    assert not passes(zones, "web", agent="c")


def test_no_number_of_agents_makes_one_forgotten_that_has_read_something() -> None:
    zones = zoned(ZoneOptions(servers=SERVERS, most_agents=2))
    names = [f"agent-{number}" for number in range(9)]
    assert all(passes(zones, "vault", agent=name) for name in names)
    zones.reset(names[0])
    assert passes(zones, "web", agent=names[0])
    assert not any(passes(zones, "web", agent=name) for name in names[1:])
    assert not passes(zones, "web", agent="a late one")


@pytest.mark.promise("C59")
def test_zones_may_have_other_names() -> None:
    zones = zoned(ZoneOptions(zones=("dev", "staging", "prod"), servers={"a": "prod", "b": "staging"}))
    assert passes(zones, "b")
    assert passes(zones, "a")
    assert not passes(zones, "b")
    assert zones.labels("a") == ("dev", "staging", "prod")


@pytest.mark.promise("C143")
def test_zones_may_form_a_hierarchy() -> None:
    options = ZoneOptions(
        zones=("public", "red", "blue", "core"),
        above={"red": ("public",), "blue": ("public",), "core": ("red", "blue")},
        servers={"r": "red", "b": "blue", "c": "core"},
    )
    zones = zoned(options)
    assert passes(zones, "r")
    assert not passes(zones, "b")
    assert passes(zones, "c")
    assert passes(zones, "p", agent="b")
    assert passes(zones, "b", agent="b")
    assert not passes(zones, "r", agent="b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"zones": ()},
        {"zones": ("a", "a")},
        {"zones": ("A",)},
        {"servers": {"files": "secret"}},
        {"agents": {"a": "secret"}},
        {"unlisted": "secret"},
        {"declassify": ({"source": "core", "to": "secret", "targets": ("a",)},)},
        {"declassify": ({"source": "core", "to": "trusted", "targets": ()},)},
        {"above": {"untrusted": ("core",)}},
        {"above": {"secret": ()}},
        {"above": {"core": ("secret",)}},
    ],
    ids=str,
)
def test_zones_that_cannot_be_are_an_error_where_they_are_written(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ZoneOptions.model_validate(wrong)


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([*SERVERS, "tell", "reset"]), st.sampled_from("abct")),
    max_size=30,
)


@settings(max_examples=150)
@given(STEPS, st.sets(st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES), st.sampled_from("abc")), max_size=3))
def test_no_sequence_of_calls_moves_data_down_without_a_rule(
    steps: list[tuple[str, str, str]], rules: set[tuple[str, str, str]]
) -> None:
    declassify = tuple(Declassify(source=low, to=to, agents=who, targets=("*:t",)) for low, to, who in rules)
    zones = zoned(ZoneOptions(servers=SERVERS, declassify=declassify))
    seen: dict[str, set[str]] = {agent: {"untrusted"} for agent in "abc"}
    for agent, what, word in steps:
        if what == "reset":
            zones.reset(agent)
            seen[agent] = {"untrusted"}
        elif what == "tell" and word in seen:
            zones.share(giver=agent, taker=word)
            seen[word] |= seen[agent]
        elif what in SERVERS:
            to = SERVERS[what]
            fits = all(
                ZONES.index(label) <= ZONES.index(to) or (word == "t" and (label, to, agent) in rules)
                for label in seen[agent]
            )
            assert passes(zones, what, agent=agent, tool=word) is fits
            seen[agent] |= {to} if fits else set()
        assert set(zones.labels(agent)) == seen[agent]

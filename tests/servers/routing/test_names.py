"""Names of tools are short, plain, stable, and never stand for two tools."""

import re

from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.call import ToolSpec
from vsm_mcp.servers.routing.names import qualified
from vsm_mcp.servers.routing.router import CapabilityRouter

FORM = re.compile(r"[A-Za-z0-9_-]{1,64}")
ANY = st.text(min_size=1, max_size=130)
PLAIN = st.text("ab_-2", min_size=1, max_size=12)
NAMES = ANY | PLAIN | st.sampled_from(["io.github.owner/server-time", "a__b", "_", "a" * 70])


def test_short_plain_names_are_just_joined() -> None:
    assert qualified("time", "get_current_time") == "time__get_current_time"


def test_long_or_unplain_names_stay_readable() -> None:
    name = qualified("io.github.modelcontextprotocol/server-time", "get_current_time")
    assert re.fullmatch(r"server_time__get_current_time-[a-z2-7]{16}", name)


def test_a_plain_name_cannot_pose_as_one_with_a_hash() -> None:
    hashed = qualified("io.example/a", "b")
    server, _, tool = hashed.partition("__")
    assert qualified(server, tool) != hashed


@given(NAMES, NAMES)
def test_every_name_is_of_the_form_that_all_clients_accept(server: str, tool: str) -> None:
    assert FORM.fullmatch(qualified(server, tool))


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_two_tools_never_share_a_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (qualified(*one) == qualified(*other)) == (one == other)


@given(st.tuples(PLAIN, PLAIN), st.tuples(PLAIN, PLAIN))
def test_underscores_do_not_make_two_tools_one(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (qualified(*one) == qualified(*other)) == (one == other)


@given(st.sets(st.tuples(NAMES, NAMES), max_size=20))
def test_every_name_leads_back_to_its_tool_whoever_else_is_there(pairs: set[tuple[str, str]]) -> None:
    router = CapabilityRouter()
    for server in {server for server, _ in pairs}:
        router.adopt(server, [ToolSpec(name=tool) for owner, tool in sorted(pairs) if owner == server])
    assert {router.resolve(qualified(*pair)) for pair in pairs} == pairs
    assert router.names().keys() == {qualified(*pair) for pair in pairs}

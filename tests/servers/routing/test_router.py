"""The router finds the tool that can do an operation, says why, and never sends work to one that cannot."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.matching import CapabilityMatcher, KnownTool, matching
from vsm_mcp.errors import CapabilityMissingError, DisabledError, PayloadError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.operation import Operation
from vsm_mcp.servers.routing.likeness import Compared, Likeness
from vsm_mcp.servers.routing.router import LEAST_SHARE, CapabilityRouter

MATCHING = matching()


def tool(name: str, description: str = "", **arguments: str) -> ToolSpec:
    """Return a tool whose arguments, given with their JSON types, are all required and the only ones."""
    schema: JsonObject = {
        "type": "object",
        "properties": {argument: {"type": kind} for argument, kind in arguments.items()},
        "required": list(arguments),
        "additionalProperties": False,
    }
    return ToolSpec(name=name, description=description, input_schema=schema)


TIME = (
    tool("get_current_time", "Get the current time in a time zone.", timezone="string"),
    tool("convert_time", "Convert a time between time zones.", source="string", time="string", target="string"),
)
SLIDES = (
    tool("create_presentation", "Create a new PowerPoint presentation.", title="string"),
    tool("add_slide", "Add a slide to a presentation.", presentation="string", layout="integer"),
)
FILES = (tool("make_dir", "Make a directory.", path="string"), tool("read_file", "Read a file.", path="string"))


@pytest.fixture
def router() -> CapabilityRouter:
    router = CapabilityRouter(matching=MATCHING)
    router.adopt("io.example/time", TIME, needs=["tell the current time"])
    router.adopt("io.example/slides", SLIDES, needs=["make slides"])
    router.adopt("files", FILES)
    return router


def best(router: CapabilityRouter, needs: str, tool: str | None = None, **arguments: str | int) -> tuple[str, str]:
    route = router.route(Operation(needs=needs, arguments=arguments, tool=tool))[0]
    return route.server, route.tool


def test_a_tool_that_is_named_is_taken(router: CapabilityRouter) -> None:
    assert best(router, "anything", tool="add_slide") == ("io.example/slides", "add_slide")


def test_a_tool_may_be_named_by_the_name_that_holds_for_all_servers(router: CapabilityRouter) -> None:
    name = router.name_of("io.example/slides", "add_slide")
    assert best(router, "anything", tool=name) == ("io.example/slides", "add_slide")


def test_a_named_tool_that_is_not_there_is_missing_and_the_nearest_is_told(router: CapabilityRouter) -> None:
    with pytest.raises(CapabilityMissingError, match="add_slides") as caught:
        best(router, "make slides", tool="add_slides")
    assert "add_slide" in caught.value.remedies[0]


def test_among_servers_that_have_the_named_tool_the_one_acquired_for_the_need_comes_first() -> None:
    router = CapabilityRouter()
    router.adopt("a", [tool("run", "Run something.")])
    router.adopt("b", [tool("run", "Run something.")], needs=["compute"])
    assert best(router, "compute", tool="run") == ("b", "run")


def test_what_was_acquired_for_a_need_serves_it_and_the_arguments_choose_the_tool(router: CapabilityRouter) -> None:
    assert best(router, "make slides", title="Plan") == ("io.example/slides", "create_presentation")
    assert best(router, "Make  SLIDES", presentation="p", layout=1) == ("io.example/slides", "add_slide")


def test_when_no_arguments_fit_the_best_tool_for_the_need_is_still_told(router: CapabilityRouter) -> None:
    routes = router.route(Operation(needs="make slides", arguments={"wrong": 1}))
    assert {route.server for route in routes} == {"io.example/slides"}
    assert all("do not fit" in route.reason for route in routes)


def test_a_server_acquired_for_another_need_serves_when_its_words_and_arguments_fit(router: CapabilityRouter) -> None:
    arguments = {"source": "UTC", "time": "12:00", "target": "CET"}
    assert best(router, "convert a time to another zone", **arguments) == ("io.example/time", "convert_time")


def test_a_word_like_make_does_not_send_work_to_a_tool_for_something_else(router: CapabilityRouter) -> None:
    with pytest.raises(CapabilityMissingError):
        best(router, "make coffee", path="x")


def test_words_alone_do_not_do_when_the_arguments_do_not_fit(router: CapabilityRouter) -> None:
    with pytest.raises(CapabilityMissingError) as caught:
        best(router, "read a file", url="x")
    assert caught.value.remedies


def test_nothing_is_there_when_nothing_was_adopted() -> None:
    with pytest.raises(CapabilityMissingError, match="read a file"):
        best(CapabilityRouter(), "read a file")


def test_a_route_says_why_it_was_chosen(router: CapabilityRouter) -> None:
    route = router.route(Operation(needs="tell the current time", arguments={"timezone": "UTC"}))[0]
    assert route.tool == "get_current_time"
    assert "acquired for 'tell the current time'" in route.reason
    assert "current" in route.reason
    assert "the arguments fit" in route.reason
    assert 0 < route.score <= 1


def test_a_released_server_is_gone_with_its_names(router: CapabilityRouter) -> None:
    name = router.name_of("files", "read_file")
    assert router.resolve(name) == ("files", "read_file")
    router.release("files")
    router.release("files")
    with pytest.raises(CapabilityMissingError):
        router.resolve(name)
    with pytest.raises(CapabilityMissingError):
        best(router, "read a file", path="x")


def test_a_server_adopted_again_keeps_its_needs_and_gets_the_new_tools(router: CapabilityRouter) -> None:
    router.adopt("io.example/slides", [tool("draw", "Draw.")], needs=["draw a picture"])
    assert best(router, "make slides") == ("io.example/slides", "draw")
    assert best(router, "draw a picture") == ("io.example/slides", "draw")
    assert router.name_of("io.example/slides", "add_slide") not in router.names()


def test_an_unknown_name_comes_with_the_nearest_known_one(router: CapabilityRouter) -> None:
    with pytest.raises(CapabilityMissingError) as caught:
        router.resolve("files__read_fil")
    assert "files__read_file" in caught.value.remedies[0]
    assert "tools=6" in repr(router)


def test_words_are_compared_by_their_stems_and_parts() -> None:
    router = CapabilityRouter(matching=MATCHING)
    router.adopt("a", [tool("translateTexts", "")])
    assert best(router, "translating text") == ("a", "translateTexts")


def test_of_the_tools_of_one_server_the_one_most_like_the_need_comes_first(router: CapabilityRouter) -> None:
    notes = [
        tool("append", "Append to a note, and list, find, search or delete notes of a person elsewhere if asked."),
        tool("notes_search", "Search notes."),
        tool("remove", "Delete a note."),
    ]
    router.adopt("notes", notes, needs=["search my notes", "delete a note"])
    assert best(router, "search my notes") == ("notes", "notes_search")
    assert best(router, "delete a note") == ("notes", "remove")


def test_a_word_near_in_meaning_orders_what_was_acquired_and_lets_nothing_else_in() -> None:
    tools = [tool("a_save", "Save it."), tool("add_slide", "Add one.")]
    near = CapabilityMatcher(KnownTool.of("office", spec) for spec in tools).match("powerpoint")
    assert [match.tool for match in near] == ["add_slide"]
    router = CapabilityRouter(matching=MATCHING)
    router.adopt("office", tools)
    with pytest.raises(CapabilityMissingError):
        best(router, "powerpoint")
    router.adopt("office", tools, needs=["powerpoint"])
    assert best(router, "powerpoint") == ("office", "add_slide")


def test_the_name_of_a_server_and_those_of_arguments_let_no_tool_in() -> None:
    router = CapabilityRouter(matching=MATCHING)
    router.adopt("io.example/coffee", [tool("start", "Start the machine.", espresso="string")])
    for needs in ("coffee", "espresso"):
        with pytest.raises(CapabilityMissingError):
            best(router, needs, espresso="two")
    assert best(router, "start machine", espresso="two") == ("io.example/coffee", "start")


def test_without_a_matching_tools_are_found_by_name_and_by_what_they_were_acquired_for_only() -> None:
    router = CapabilityRouter()
    router.adopt("io.example/slides", SLIDES, needs=["make slides"])
    assert best(router, "make slides", presentation="p", layout=1) == ("io.example/slides", "add_slide")
    assert best(router, "anything", tool="add_slide") == ("io.example/slides", "add_slide")
    with pytest.raises(CapabilityMissingError):
        best(router, "create a presentation", title="Plan")


def test_what_is_offered_are_all_tools_by_name_each_with_its_server(router: CapabilityRouter) -> None:
    offered = router.offered()
    assert [one.name for one in offered] == sorted(router.names())
    assert {one.name: (one.server, one.tool) for one in offered} == router.names()
    assert {one.description for one in offered} == {spec.description for spec in (*TIME, *SLIDES, *FILES)}


def test_a_tool_named_like_one_of_another_server_does_not_get_its_calls(router: CapabilityRouter) -> None:
    name = router.name_of("files", "read_file")
    router.adopt("trap", [tool(name, "Read a file.")])
    assert best(router, "read a file", tool=name) == ("files", "read_file")
    router.release("files")
    with pytest.raises(CapabilityMissingError):
        best(router, "read a file", tool=name)


class Told:
    """A matching that says what it was told, and for which tools it was asked."""

    def __init__(self, **scores: float) -> None:
        self.asked: list[list[tuple[str, str]]] = []
        self._scores = scores

    def __call__(self, tools: Iterable[tuple[str, ToolSpec]]) -> Compared:
        held = [(server, spec.name) for server, spec in tools]
        self.asked.append(held)

        def compared(_: str) -> Mapping[tuple[str, str], Likeness]:
            likeness = {name: Likeness(score=score, share=1.0, words=()) for name, score in self._scores.items()}
            return {pair: likeness[pair[1]] for pair in held if pair[1] in likeness}

        return compared


def test_tools_are_made_ready_at_the_first_need_after_a_change_and_once() -> None:
    told = Told(read=1.0)
    router = CapabilityRouter(matching=told)
    router.adopt("a", [tool("read")])
    router.adopt("b", [tool("write")])
    name = router.name_of("b", "write")
    best(router, "anything", tool=name)
    assert told.asked == []
    for needs in ("this", "that", "this"):
        assert best(router, needs) == ("a", "read")
    assert told.asked == [[("a", "read"), ("b", "write")]]
    router.release("b")
    router.release("b")
    best(router, "this")
    assert told.asked[1:] == [[("a", "read")]]
    router.adopt("b", [tool("read")], needs=["this"])
    assert best(router, "this") == ("b", "read")
    assert told.asked[2:] == [[("a", "read"), ("b", "read")]]


@given(
    st.dictionaries(st.sampled_from(["one", "two", "three"]), st.floats(0, 1e300), min_size=1),
    st.sampled_from(["kind", "other"]),
)
def test_however_high_scores_are_they_only_order_and_those_of_routes_compare(
    scores: dict[str, float], held_for: str
) -> None:
    router = CapabilityRouter(matching=Told(**scores))
    for name in ("one", "two", "three"):
        router.adopt(f"with {name}", [tool(name)], needs=[held_for])
    routes = router.route(Operation(needs="kind"))
    assert {route.tool for route in routes} == ({"one", "two", "three"} if held_for == "kind" else set(scores))
    most = max(scores.values())
    for route in routes:
        like = scores.get(route.tool, 0.0) / most if most else 0.0
        assert route.score == pytest.approx(0.1 * (held_for == "kind") + 0.4 * like + 0.5, abs=1e-6)


def test_a_tool_whose_arguments_fit_is_compared_with_those_that_fit_too() -> None:
    router = CapabilityRouter(matching=Told(first=8.0, second=2.0, third=1.0))
    tools = [tool("first", where="string"), tool("second"), tool("third")]
    router.adopt("a", tools)
    scores = {route.tool: route.score for route in router.route(Operation(needs="this"))}
    assert scores == {"second": 0.9, "third": 0.7}


WORDS = st.lists(st.sampled_from(["convert", "read", "zone", "file", "note", "presentation"]), min_size=1, unique=True)


@given(st.dictionaries(st.sampled_from("abcdef"), WORDS, min_size=1), WORDS)
def test_what_was_acquired_for_nothing_serves_just_when_it_has_most_of_the_telling_words(
    tools: dict[str, list[str]], wanted: list[str]
) -> None:
    specs = {name: tool(f"tool_{name}", " ".join(words)) for name, words in tools.items()}
    router = CapabilityRouter(matching=MATCHING)
    for name, spec in specs.items():
        router.adopt(name, [spec])
    likeness = MATCHING((name, spec) for name, spec in specs.items())(" ".join(wanted))
    able = {server for (server, _), like in likeness.items() if like.share >= LEAST_SHARE}
    assert able >= {name for name, words in tools.items() if set(wanted) <= set(words)}
    assert not able & {name for name, words in tools.items() if not set(wanted) & set(words)}
    operation = Operation(needs=" ".join(wanted))
    if able:
        assert {route.server for route in router.route(operation)} == able
        return
    with pytest.raises(CapabilityMissingError):
        router.route(operation)


TOOLS = st.lists(st.sampled_from([*TIME, *SLIDES, *FILES]), unique_by=lambda spec: spec.name)
NEEDS = st.sampled_from(["make slides", "tell the time", "read a file", "make"])


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(TOOLS, st.lists(NEEDS)), max_size=4), NEEDS)
def test_routes_come_in_order_each_names_a_held_tool_and_the_order_of_adoption_does_not_matter(
    servers: dict[str, tuple[list[ToolSpec], list[str]]], needs: str
) -> None:
    forward, backward = CapabilityRouter(matching=MATCHING), CapabilityRouter(matching=MATCHING)
    for name, (tools, wanted) in servers.items():
        forward.adopt(name, tools, needs=wanted)
    for name, (tools, wanted) in reversed(servers.items()):
        backward.adopt(name, tools, needs=wanted)
    operation = Operation(needs=needs, arguments={"path": "x"})
    try:
        routes = forward.route(operation)
    except CapabilityMissingError:
        with pytest.raises(CapabilityMissingError):
            backward.route(operation)
        return
    assert routes == backward.route(operation)
    assert [route.score for route in routes] == sorted((route.score for route in routes), reverse=True)
    for route in routes:
        assert route.tool in {spec.name for spec in servers[route.server][0]}
        assert 0 <= route.score <= 1


@pytest.mark.promise("A61", "B56")
def test_what_fits_a_need_is_known_for_ten_minutes_and_for_two_thousand_needs() -> None:
    now = [0.0]
    router = CapabilityRouter(matching=MATCHING, now=lambda: now[0])
    router.adopt("io.example/time", TIME, needs=["tell the current time"])
    for now[0], misses in ((0.0, 1), (599.0, 1), (600.0, 2), (1199.0, 2)):
        assert best(router, "tell the current time", timezone="UTC") == ("io.example/time", "get_current_time")
        assert router.figures().misses == misses
    for number in range(2000):
        best(router, f"need {number}", tool="get_current_time", timezone="UTC")
    figures = router.figures()
    assert (figures.size, figures.most, figures.evicted, figures.fresh) == (2000, 2000, 1, 600)


def test_what_fits_a_need_depends_on_the_arguments_also_when_the_need_is_known(router: CapabilityRouter) -> None:
    for _ in range(2):
        assert best(router, "make slides", title="Plan") == ("io.example/slides", "create_presentation")
        assert best(router, "make slides", presentation="p", layout=1) == ("io.example/slides", "add_slide")
        assert best(router, "read a file", path="x") == ("files", "read_file")
        with pytest.raises(CapabilityMissingError):
            best(router, "read a file", url="x")
    assert router.figures().hit_rate == 6 / 8
    fitting = router.route(Operation(needs="make slides", arguments={"title": "Plan"}))
    assert [route.tool for route in fitting] == ["create_presentation"]


def test_needs_that_are_longer_than_needs_may_be_are_not_remembered(router: CapabilityRouter) -> None:
    long = "create a presentation " * 1000
    with pytest.raises(PayloadError):
        best(router, long)
    name = router.name_of("files", "read_file")
    assert best(router, long, tool=name) == ("files", "read_file")
    assert router.figures().size == 0


ASKED = [
    Operation(needs=needs, tool=name, arguments=arguments)
    for needs in ("read time", "convert files")
    for name in (None, "read", "convert")
    for arguments in ({}, {"path": "x"})
]
OFFERS = st.tuples(
    st.sampled_from(["read", "convert", "time"]),
    st.sampled_from(["", "Read a file.", "Convert the time of files."]),
    st.sampled_from([{}, {"path": "string"}]),
)
CHANGES = st.tuples(st.sampled_from("ab"), st.lists(OFFERS, max_size=3), st.sampled_from([*ASKED, None]))


@settings(max_examples=50)
@given(st.lists(CHANGES, max_size=4))
def test_a_router_that_remembers_says_what_one_says_that_knows_nothing_yet(
    changes: list[tuple[str, list[tuple[str, str, dict[str, str]]], Operation | None]],
) -> None:
    router, held = CapabilityRouter(matching=MATCHING), dict[str, tuple[list[ToolSpec], set[str]]]()
    for server, offers, lacked in changes:
        tools = {name: tool(name, text, **arguments) for name, text, arguments in offers}
        before = held.pop(server, ([], set[str]()))
        if lacked is None:
            router.release(server)
        else:
            held[server] = list(tools.values()), before[1] | {lacked.needs}
            router.adopt(server, held[server][0], needs=[lacked.needs])
        for operation in (*ASKED, *ASKED):
            fresh = CapabilityRouter(matching=MATCHING)
            for name, (specs, needs) in held.items():
                fresh.adopt(name, specs, needs=sorted(needs))
            assert routes_or_error(router, operation) == routes_or_error(fresh, operation)


def routes_or_error(router: CapabilityRouter, operation: Operation) -> object:
    try:
        return router.route(operation)
    except CapabilityMissingError as error:
        return str(error)


@pytest.mark.promise("D8")
def test_what_a_disabled_server_can_do_is_said_and_not_done_and_its_needs_are_kept() -> None:
    router, wanted = CapabilityRouter(matching=MATCHING), Operation(needs="tell the hour")
    router.adopt("clock", TIME, needs=("tell the hour",))
    assert router.route(wanted)
    assert router.disabled_for(wanted) is None
    router.disable("clock")
    router.disable("unknown")
    assert (router.offered(), dict(router.names())) == ((), {})
    for operation in (wanted, Operation(needs="x", tool="convert_time"), Operation(needs="x", tool="clock__add_slide")):
        known = operation.tool != "clock__add_slide"
        with pytest.raises(CapabilityMissingError) as refusal:
            router.route(operation)
        assert (isinstance(refusal.value, DisabledError), router.disabled_for(operation) is not None) == (known, known)
    with pytest.raises(DisabledError, match="'convert_time' of clock"):
        router.resolve(router.name_of("clock", "convert_time"))
    assert [router.is_disabled(kind) for kind in ("tell the hour", "x", "y")] == [True, True, False]
    router.adopt("clock", TIME)
    assert router.route(wanted)
    assert router.disabled_for(wanted) is None
    assert not router.is_disabled("x")
    router.disable("clock")
    router.release("clock")
    with pytest.raises(CapabilityMissingError) as missing:
        router.route(wanted)
    assert not isinstance(missing.value, DisabledError)

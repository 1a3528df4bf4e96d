"""Matching: the right tool of the right server for an operation, the same every time, and why."""

from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.matching import CapabilityMatcher, KnownTool, Match
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.server import Candidate, PackageRef, ToolSummary

PAGES = ToolSpec(
    name="read_pages",
    description="Read a document.",
    input_schema={"properties": {"path": {"description": "The PDF to open."}, "odd": 3}},
)
TOOLS = (
    KnownTool.of("office", ToolSummary(name="add_slide", description="Add a slide."), title="PowerPoint"),
    KnownTool.of("office", ToolSummary(name="save", description="Save the file.")),
    KnownTool.of("papers", PAGES),
    KnownTool.of("clock", ToolSummary(name="convert_time", description="Convert between time zones.")),
    KnownTool.of("notes", ToolSummary(name="search", description="Search notes.")),
    KnownTool.of("github", ToolSummary(name="search", description="Search code.")),
)


def names(matches: tuple[Match, ...]) -> list[tuple[str, str]]:
    return [(match.server, match.tool) for match in matches]


def test_an_operation_finds_its_tool_by_name_description_and_arguments() -> None:
    matcher = CapabilityMatcher(TOOLS)
    assert names(matcher.match("convert time zones"))[0] == ("clock", "convert_time")
    assert names(matcher.match("open a pdf"))[0] == ("papers", "read_pages")
    assert names(matcher.match("slides for powerpoint"))[0] == ("office", "add_slide")


def test_of_tools_with_one_name_that_of_the_fitting_server_is_first() -> None:
    matcher = CapabilityMatcher(TOOLS)
    assert names(matcher.match("search github", limit=2)) == [("github", "search"), ("notes", "search")]
    assert names(matcher.match("search notes", limit=1)) == [("notes", "search")]


def test_a_match_says_why() -> None:
    match = CapabilityMatcher(TOOLS).match("time zones")[0]
    assert {one.term: one.fields for one in match.why}["zone"] == ("description",)
    assert sum(one.score for one in match.why) == match.score


def test_a_near_word_finds_a_tool_and_says_for_what() -> None:
    match = CapabilityMatcher(TOOLS[:1]).match("presentation")[0]
    assert match.tool == "add_slide"
    assert {one.wanted for one in match.why} == {"present"}


def test_nothing_is_found_where_no_word_fits() -> None:
    assert CapabilityMatcher(TOOLS).match("zebra") == ()
    assert CapabilityMatcher(()).match("time") == ()


def test_the_last_of_two_tools_with_one_name_at_one_server_counts() -> None:
    newer = KnownTool.of("clock", ToolSummary(name="convert_time", description="Rings a bell."))
    matcher = CapabilityMatcher([*TOOLS, newer])
    assert len(matcher) == len(TOOLS)
    assert matcher.match("zones") == ()
    assert names(matcher.match("bell")) == [("clock", "convert_time")]
    assert repr(matcher) == "CapabilityMatcher(tools=6)"


def test_tools_that_are_published_can_be_matched() -> None:
    candidate = Candidate(
        name="io.github.acme/clock",
        source="test",
        title="Clock",
        package=PackageRef(ecosystem="npm", name="clock"),
        tools=(ToolSummary(name="now", description="Tells the time."),),
    )
    assert names(CapabilityMatcher(KnownTool.published(candidate)).match("time")) == [("io.github.acme/clock", "now")]


@given(st.permutations(TOOLS), st.text(max_size=40) | st.sampled_from(["search", "convert time", "add a slide"]))
def test_the_order_of_the_tools_does_not_matter(tools: list[KnownTool], wanted: str) -> None:
    assert CapabilityMatcher(tools).match(wanted) == CapabilityMatcher(TOOLS).match(wanted)

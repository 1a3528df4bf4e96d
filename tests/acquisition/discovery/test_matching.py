"""Matching: the right tool of the right server for an operation, the same every time, and why."""

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.hit import MEANING
from vsm_mcp.acquisition.discovery.matching import MOST_ORDERED, CapabilityMatcher, KnownTool, Match, matching
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


def test_compared_with_a_need_a_tool_has_the_share_of_its_words_and_names_them() -> None:
    likeness = CapabilityMatcher(TOOLS).compare("convert time zones")
    zones = likeness["clock", "convert_time"]
    assert zones.share == 1.0
    assert zones.words == ("convert", "time", "zone")
    assert zones.score == CapabilityMatcher(TOOLS).match("convert time zones")[0].score
    assert ("notes", "search") not in likeness


def test_near_words_the_server_and_arguments_have_a_score_and_no_share() -> None:
    matcher = CapabilityMatcher(TOOLS)
    for text, tool in (
        ("presentation", ("office", "add_slide")),
        ("github", ("github", "search")),
        ("PDF", ("papers", "read_pages")),
    ):
        like = matcher.compare(text)[tool]
        assert (like.share, like.words) == (0.0, ())
        assert like.score > 0


def test_a_rare_word_is_a_larger_share_than_one_that_many_tools_have() -> None:
    likeness = CapabilityMatcher(TOOLS).compare("search notes")
    assert likeness["notes", "search"].share == 1.0
    assert likeness["github", "search"].share < 0.5
    unheard = CapabilityMatcher(TOOLS).compare("search zebras")
    assert unheard["github", "search"].share < 0.5


def test_where_no_word_tells_anything_nothing_is_like_it() -> None:
    for text in ("", "the of and", "zebra", "\u200b"):
        assert CapabilityMatcher(TOOLS).compare(text) == {}


def test_behind_the_best_tools_the_rest_is_told_apart_by_its_share_alone() -> None:
    many = [KnownTool(server=f"{number:03}", tool="read", description="Read.") for number in range(MOST_ORDERED + 5)]
    likeness = CapabilityMatcher(many).compare("read")
    assert sum(1 for like in likeness.values() if like.score) == MOST_ORDERED
    assert {like.share for like in likeness.values()} == {1.0}
    assert len(likeness) == len(many)


def test_a_matching_compares_tools_as_the_matcher_does_whatever_it_compared_before() -> None:
    matched = matching()
    matched([("elsewhere", ToolSpec(name="read_pages"))])
    known = CapabilityMatcher([KnownTool.of("papers", PAGES)]).compare("read a document")
    assert matched([("papers", PAGES)])("read a document") == known


SAID = st.lists(st.sampled_from(["search", "code", "note", "time", "zone", "slide", "zebra"]), max_size=6)


@given(st.permutations(TOOLS), SAID)
def test_shares_are_shares_and_do_not_depend_on_the_order_of_the_tools(tools: list[KnownTool], said: list[str]) -> None:
    text = " ".join(said)
    likeness = CapabilityMatcher(tools).compare(text)
    assert likeness == CapabilityMatcher(TOOLS).compare(text)
    for like in likeness.values():
        assert 0 <= like.share <= 1
        assert (like.share > 0) == bool(like.words)
        assert set(like.words) <= set(said)


class Subjects:
    """Embeds a text as the subjects it speaks of."""

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        subjects = (("time", "zone", "noon"), ("slide", "talk"), ("search", "look up"))
        counts = [[1.0 + 9.0 * sum(text.lower().count(word) for word in words) for words in subjects] for text in texts]
        return [[one / math.hypot(*row) for one in row] for row in counts]


def test_with_an_embedder_a_tool_without_any_of_the_words_is_found_by_meaning() -> None:
    assert CapabilityMatcher(TOOLS).match("noon over there") == ()
    matcher = CapabilityMatcher(TOOLS, embedder=Subjects())
    assert names(matcher.match("noon over there")) == [("clock", "convert_time")]
    assert [one.term for one in matcher.match("noon over there")[0].why] == [MEANING]
    assert names(matcher.match("search github", limit=1)) == [("github", "search")]
    assert len(matcher.match("search", limit=1)) == 1
    assert CapabilityMatcher((), embedder=Subjects()).match("noon") == ()

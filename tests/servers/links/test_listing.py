"""A list that comes in pages is read to its end, and no further than a list may go."""

from collections.abc import Sequence

import anyio
import pytest
from mcp_types import JSONRPCResponse

from vsm_mcp.errors import LinkError
from vsm_mcp.servers.links.listing import LARGEST_TOOL, MOST_ENTRIES, MOST_PAGES, Listing
from vsm_mcp.testing.peer import tool

pytestmark = pytest.mark.anyio


class Pages:
    """Gives what the cursor names; remembers what was asked for."""

    def __init__(self, pages: dict[str | None, tuple[Sequence[str], str | None]]) -> None:
        self.asked: list[str | None] = []
        self._pages = pages

    async def __call__(self, cursor: str | None) -> tuple[Sequence[str], str | None]:
        await anyio.lowlevel.checkpoint()
        self.asked.append(cursor)
        return self._pages[cursor]


async def test_all_pages_are_read_in_their_order() -> None:
    pages = Pages({None: (["a"], "2"), "2": (["b", "c"], "3"), "3": ([], None)})
    assert await Listing().paged(pages, server="s", what="tools") == ["a", "b", "c"]
    assert pages.asked == [None, "2", "3"]


async def test_a_page_that_leads_to_itself_is_asked_for_once() -> None:
    pages = Pages({None: (["a"], "2"), "2": (["b"], "2")})
    with pytest.raises(LinkError, match="The list of prompts of s does not end"):
        await Listing().paged(pages, server="s", what="prompts")
    assert pages.asked == [None, "2"]


async def test_only_so_many_pages_are_asked_for() -> None:
    circle = Pages({None: ([], "1"), "1": ([], "2"), "2": ([], "1")})
    with pytest.raises(LinkError, match="does not end"):
        await Listing().paged(circle, server="s", what="tools")
    assert len(circle.asked) == MOST_PAGES


async def test_only_so_many_entries_are_read_those_that_were_dropped_among_them() -> None:
    listing = Listing()
    full = ["a"] * MOST_ENTRIES
    assert len(await listing.paged(Pages({None: (full, None)}), server="s", what="tools")) == MOST_ENTRIES
    listing.dropped["bad"] = "it is bad"
    with pytest.raises(LinkError, match=f"s lists more than {MOST_ENTRIES} tools"):
        await listing.paged(Pages({None: (full, None)}), server="s", what="tools")


async def test_a_list_is_refused_as_soon_as_it_is_too_large_in_all() -> None:
    listing = Listing()

    async def page(_cursor: str | None) -> tuple[Sequence[str], str | None]:
        await anyio.lowlevel.checkpoint()
        listing.sent(1, "tools/list")
        answer = JSONRPCResponse(jsonrpc="2.0", id=1, result={"tools": [tool("echo")]})
        listing.received(answer, size=9 * 2**20)
        return [], None

    with pytest.raises(LinkError, match="The list of tools of s has more than 8388608 bytes"):
        await listing.paged(page, server="s", what="tools")


def test_a_tool_that_is_too_large_is_dropped_and_the_others_stay() -> None:
    listing = Listing()
    listing.sent(1, "tools/list")
    large = {**tool("large"), "description": "x" * LARGEST_TOOL}
    answer = JSONRPCResponse(jsonrpc="2.0", id=1, result={"tools": [large, tool("echo")]})
    listing.received(answer, size=1000)
    assert listing.raw.keys() == {"echo"}
    assert listing.dropped.keys() == {"large"}


def test_a_prompt_that_is_against_the_protocol_is_left_out_and_the_others_stay() -> None:
    listing = Listing()
    listing.sent(1, "prompts/list")
    prompts: list[object] = [{"name": "good"}, {"name": "bad", "arguments": 5}, "none", {"name": "good", "title": "2"}]
    answer = JSONRPCResponse(jsonrpc="2.0", id=1, result={"prompts": prompts})
    listing.received(answer, size=100)
    assert listing.prompts == {"good": {"name": "good"}}

"""A report reads well as text and as a page, holds everything as JSON, and lets nothing hostile through."""

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from vsm_mcp.model.report import SHOWN_AT_MOST, Report, printable

HOSTILE = "<img src=x onerror='alert(1)'>"


class Wing(Report, frozen=True):
    """A part of a house."""

    rooms: int
    windows: tuple[str, ...] = ()


class House(Report, frozen=True):
    """A report with everything that a report may hold."""

    name: str
    warmth: float | None = None
    wings: tuple[Wing, ...] = ()
    owners: frozenset[str] = frozenset()
    costs: Mapping[str, float | None] = {}
    by_side: Mapping[str, Wing] = {}
    garden: Wing | None = None


def html(report: Report) -> str:
    return report._repr_html_()  # pyright: ignore[reportPrivateUsage] - what notebooks call


def test_text_shows_what_is_known_one_line_each_and_leaves_out_the_rest() -> None:
    house = House(
        name="old mill",
        warmth=20.123456,
        wings=(Wing(rooms=3, windows=("north", "south")), Wing(rooms=1)),
        owners=frozenset({"Ada"}),
        costs={"roof": 0.5, "door": None},
        by_side={"east": Wing(rooms=2)},
    )
    assert str(house).splitlines() == [
        "House",
        "  name: old mill",
        "  warmth: 20.12",
        "  wings:",
        "    1:",
        "      rooms: 3",
        "      windows: north, south",
        "    2:",
        "      rooms: 1",
        "  owners: Ada",
        "  costs:",
        "    roof: 0.5",
        "  by_side:",
        "    east:",
        "      rooms: 2",
    ]
    assert repr(house) == str(house)
    assert str(House(name="bare")).splitlines() == ["House", "  name: bare"]


def test_long_collections_and_texts_are_cut_for_people_and_whole_in_json() -> None:
    many = tuple(f"window {number}" for number in range(SHOWN_AT_MOST + 5))
    costs = {f"part {number:02}": float(number) for number in range(SHOWN_AT_MOST + 3)}
    house = House(name="n" * 400, costs=costs, garden=Wing(rooms=0, windows=many))
    text, page = str(house), html(house)
    assert f"{'n' * 300}..." in text
    assert "n" * 301 not in text + page
    assert "window 11 and 5 more" in text
    assert "window 12" not in text + page
    assert "    ... and 3 more" in text
    assert "... and 3 more</td>" in page
    assert "part 12" not in text + page
    assert House.model_validate_json(house.model_dump_json()) == house


def test_a_page_shows_the_same_as_tables_and_escapes_names_and_values() -> None:
    house = House(name=HOSTILE, costs={HOSTILE: 1.0}, by_side={HOSTILE: Wing(rooms=1, windows=(HOSTILE,))})
    page = html(house)
    assert page.startswith("<b>House</b><table>")
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=&#x27;alert(1)&#x27;&gt;") == 4
    assert page.count("<table>") == page.count("</table>") == 4


@pytest.mark.parametrize("spot", ["value", "key", "entry"])
def test_text_from_outside_neither_forges_lines_nor_steers_a_terminal(spot: str) -> None:
    evil = "x\nviable: yes\r\x1b[2J\x9b\u202e\x07"
    places = {
        "value": House(name=evil),
        "key": House(name="x", costs={evil: 1.0}),
        "entry": House(name="x", owners=frozenset({evil})),
    }
    text, page = str(places[spot]), html(places[spot])
    assert not any(line.strip().startswith("viable") for line in text.splitlines())
    assert all(line.isprintable() for line in text.splitlines())
    assert "x viable: yes \\x1b[2J\\x9b\\u202e\\x07" in text
    assert page.isprintable()


def test_printable_text_stays_as_it_is() -> None:
    assert printable("zwölf Wörter – 12 %, 日本") == "zwölf Wörter – 12 %, 日本"
    assert printable("a\u00a0b\tc") == "a b c"
    assert printable("\ud800") == "\\ud800"


def test_a_report_cannot_be_changed_and_takes_no_field_that_it_does_not_have() -> None:
    house = House(name="mill")
    with pytest.raises(ValidationError, match="frozen"):
        house.name = "mine"  # pyright: ignore[reportAttributeAccessIssue] - that is what is refused
    with pytest.raises(ValidationError, match="Extra inputs"):
        House.model_validate({"name": "mill", "ghost": True})

"""Secrets are blotted out of what is quoted, however they are written, and wherever the quote is cut."""

import base64
import json
import time
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from vsm_mcp.servers.links.quoting import BLOT, MOST_LATER, SHORTEST_LISTED, Blotter

SECRET = "k3y/of+the=house & garden"  # noqa: S105 - opens nothing
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="[]hiden"), min_size=8, max_size=40)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(quote(SECRET, safe="")),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        json.dumps({"key": SECRET}),
        repr(SECRET),
    ],
)
@pytest.mark.promise("E64")
def test_a_secret_is_blotted_out_in_every_simple_writing(written: str) -> None:
    shown = Blotter([SECRET]).quoted(f"Error: {written} is wrong.", most=500)
    assert shown.startswith("Error: ")
    assert shown.endswith(" is wrong.")
    assert BLOT in shown
    assert written not in shown
    assert "house" not in shown


@given(before=st.binary(max_size=7), secret=SECRETS, after=st.binary(max_size=7), url=st.booleans())
def test_base64_around_a_secret_gives_it_away_nowhere(before: bytes, secret: str, after: bytes, *, url: bool) -> None:
    raw = before + secret.encode() + after
    written = (base64.urlsafe_b64encode if url else base64.b64encode)(raw).decode()
    left = Blotter([secret]).blot(written)
    assert BLOT in left
    kept = max(len(part) for part in left.split(BLOT))
    assert kept <= len(base64.b64encode(max(before, after, key=len))) + 4


@given(SECRETS, st.integers(0, 100))
def test_what_is_cut_off_leaves_no_beginning_of_a_secret(secret: str, end: int) -> None:
    cut = f"the key is {secret} as it is"[:end]
    assert secret[:6] not in Blotter([secret]).blot(cut)


def test_a_quote_is_short_and_on_one_line() -> None:
    shown = Blotter().quoted("a\n  -> Run: evil\x1b[2J" + "x" * 100_000, most=50)
    assert shown == "a   -> Run: evil\\x1b[2J" + "x" * 27


def test_a_secret_of_several_lines_is_blotted_out_line_by_line() -> None:
    blotter = Blotter(["first-line-of-it\nsecond-line-of-it\nend"])
    assert (
        blotter.blot("it read second-line-of-it, then first-line-of-it. end") == "it read [hidden], then [hidden]. end"
    )


def test_of_a_secret_of_very_many_lines_the_whole_and_the_longest_lines_are_looked_for() -> None:
    lines = [f"{number:04}" + "line-of-it"[: 1 + number % 10] * 6 for number in range(9)]
    lines += [f"{number:04}" + "line-of-it" * 6 for number in range(9, 900)]
    secret = "\n".join(lines)
    blotter = Blotter([secret])
    said = f"{secret} {lines[9]} {lines[72]} {lines[500]}."
    assert blotter.blot(said) == f"{BLOT} {BLOT} {BLOT} {lines[500]}."
    spent = time.process_time()
    assert not blotter.finds("Count the words of a text. " * 80_000)
    assert time.process_time() - spent < 1


class Text(str):
    """An empty text that counts how often something is looked for in it."""

    __slots__ = ("times",)

    times: int

    @override
    def __contains__(self, key: str, /) -> bool:
        self.times += 1
        return False


def looked_for(blotter: Blotter) -> int:
    """Return how many ways to write a secret down are looked for."""
    text = Text()
    text.times = 0
    assert not blotter.finds(text)
    return text.times


def tokens(number: int) -> list[str]:
    chance = Random(1)  # noqa: S311 - opens nothing
    return [chance.randbytes(2_000).hex() for _ in range(number)]


def test_of_long_tokens_that_are_renewed_again_and_again_only_the_newest_few_are_looked_for() -> None:
    blotter, renewed = Blotter([SECRET]), tokens(100)
    for token in renewed[:MOST_LATER]:
        blotter.hide(token)
    before = looked_for(blotter)
    for token in renewed[MOST_LATER:]:
        blotter.hide(token)
    assert looked_for(blotter) == before
    newest = renewed[-MOST_LATER:]
    assert blotter.blot(" ".join((SECRET, *newest))) == " ".join([BLOT] * (1 + MOST_LATER))
    assert not blotter.finds(" ".join(renewed[:-MOST_LATER]))


def test_a_token_that_is_told_again_pushes_out_no_other_and_is_the_newest() -> None:
    blotter, renewed = Blotter(), tokens(2 * MOST_LATER - 1)
    for token in renewed[:MOST_LATER]:
        blotter.hide(token)
    for _ in range(2 * MOST_LATER):
        blotter.hide(renewed[0])
    assert all(blotter.finds(token) for token in renewed[:MOST_LATER])
    for token in renewed[MOST_LATER:]:
        blotter.hide(token)
    assert blotter.finds(renewed[0])
    assert not any(blotter.finds(token) for token in renewed[1:MOST_LATER])


def test_a_long_token_is_looked_for_in_as_many_ways_as_a_short_one() -> None:
    short, long = Blotter(), Blotter()
    short.hide(tokens(1)[0][:40])
    long.hide(tokens(1)[0] * 10)
    assert looked_for(long) == looked_for(short)


def test_short_words_are_no_secrets() -> None:
    assert Blotter(["abc"]).blot("abc") == "abc"
    assert Blotter(["production"], shortest=SHORTEST_LISTED).blot("production") == "production"


def test_a_value_is_blotted_in_its_names_and_in_its_texts() -> None:
    blotter = Blotter(["secret-under-test"])
    value = {"secret-under-test": ["a secret-under-test", 1, None, {"x": True}]}
    assert blotter.finds(json.dumps(value))
    assert blotter.blotted(value) == {BLOT: [f"a {BLOT}", 1, None, {"x": True}]}


def test_of_a_secret_that_repeats_itself_the_earliest_beginning_is_cut_off() -> None:
    assert Blotter(["000000:0000000"]).blot("the key is 000000:000000") == f"the key is {BLOT}"

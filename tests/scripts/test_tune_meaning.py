"""What tunes the extra semantic: what it reads, what it keeps, and from whom it does not learn.

How it learns is tested in ``learning``.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from tests.loading import loaded

from vsm_mcp.acquisition.discovery.semantic.tuning import read, written
from vsm_mcp.acquisition.discovery.semantic.wordpiece import WordPiece

WHY = "the extra semantic is not installed: pip install 'vsm_mcp[semantic]'"
np = pytest.importorskip("numpy", reason=WHY)
SCRIPT = Path(__file__).parents[2] / "scripts" / "tune_meaning.py"
THINGS = ("violin", "weather", "invoice", "map", "recipe", "translation", "poem", "chess")
"""Of each there is one server, which one writer of that name asked for."""


@pytest.fixture(scope="module")
def tune() -> ModuleType:
    pytest.importorskip("onnxruntime", reason=WHY)
    return loaded(SCRIPT)


def write(place: Path, *rows: Mapping[str, object]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def published_as(key: str, name: str) -> dict[str, object]:
    return {"id": key, "name": name, "tools": list[object]()}


def asked_for(server: str, **more: str) -> dict[str, object]:
    return {"server": server, "say": f"say {server}", "need": f"need {server}", "step": f"step {server}", **more}


def test_each_line_of_a_writer_is_three_requests_for_a_server_or_for_one_of_its_tools(
    tune: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path / "cook.jsonl", asked_for("maps", tool="route"))
    write(tmp_path / "clerk.jsonl", asked_for("büro", say="  two\n words\x00"))
    write(tmp_path / "notes.txt", asked_for("nothing"))
    assert tune.requests(tmp_path) == [
        ("two words", "büro", "servers", "say", "clerk"),
        ("need büro", "büro", "servers", "need", "clerk"),
        ("step büro", "büro", "servers", "step", "clerk"),
        ("say maps", "maps\troute", "tools", "say", "cook"),
        ("need maps", "maps\troute", "tools", "need", "cook"),
        ("step maps", "maps\troute", "tools", "step", "cook"),
    ]


def test_servers_and_tools_have_the_keys_that_requests_name(tune: ModuleType, tmp_path: Path) -> None:
    tools = [{"name": "route", "description": "Finds a way."}]
    write(tmp_path / "bigmcp" / "corpus.jsonl", {"id": "maps", "name": "Maps", "tools": tools})
    known = tune.published(tmp_path)
    assert [one.key for one in known["servers"]] == ["maps"]
    (tool,) = known["tools"]
    assert (tool.key, tool.title, tool.description) == ("maps\troute", "Maps", "Finds a way.")


def test_what_was_learnt_is_old_as_soon_as_a_request_or_a_setting_is_another_one(
    tune: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path / "clerk.jsonl", asked_for("maps"))
    settings = tune.Settings()
    before = tune.origin(settings, tmp_path)
    assert tune.origin(settings, tmp_path) == before
    assert tune.origin(replace(settings, rounds=3), tmp_path) != before
    write(tmp_path / "clerk.jsonl", asked_for("maps", say="another"))
    assert tune.origin(settings, tmp_path) != before


@pytest.mark.parametrize("given", [None, "absent", ""])
def test_without_published_data_it_says_what_to_set(
    tune: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, given: str | None
) -> None:
    monkeypatch.setattr(sys, "argv", ["tune_meaning.py"])
    monkeypatch.delenv("PUBLISHED_DATA", raising=False)
    if given is not None:
        monkeypatch.setenv("PUBLISHED_DATA", str(tmp_path / given))
    with pytest.raises(SystemExit, match=r"Set PUBLISHED_DATA to the folder of published corpora\."):
        tune.main()


def test_what_is_asked_for_and_not_published_is_named_before_anything_is_looked_at(
    tune: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path / "bigmcp" / "corpus.jsonl", {"id": "maps", "name": "Maps", "tools": []})
    asked = [tune.Request("a way", key, pool, "say", "clerk") for key, pool in (("maps", "servers"), ("maps", "tools"))]
    with pytest.raises(SystemExit, match=r"asked for 1 are not in .*, such as 'maps'"):
        tune.look(tmp_path, asked)


def test_nothing_is_learnt_from_those_who_are_left_out(
    *, tune: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A quarter of those who wrote; what is learnt is nothing here, so nothing is found better for it."""
    write(tmp_path / "bigmcp" / "corpus.jsonl", *(published_as(thing, thing) for thing in THINGS))
    asked = [tune.Request(thing, thing, "servers", kind, f"writer-{thing}") for thing in THINGS for kind in tune.KINDS]
    seen, learnt_from = tune.look(tmp_path, asked), set[str]()

    def learn(_: object, which: Sequence[int], **_others: object) -> object:
        learnt_from.update(asked[one].writer for one in which)
        return np.zeros(0, dtype=np.float32)

    monkeypatch.setattr(tune, "learn", learn)
    tune.measure(seen, SimpleNamespace(sizes={}), tune.Settings())
    said = capsys.readouterr()
    left_out = set(said.err.splitlines()[-1].removeprefix("left out: ").split(", "))
    assert len(left_out) * tune.PARTS == len(THINGS)
    assert left_out | learnt_from == {f"writer-{thing}" for thing in THINGS}
    assert not left_out & learnt_from
    lines = [line.split() for line in said.out.splitlines()[1:]]
    assert [line[:3] for line in lines] == [["servers", kind, str(len(left_out))] for kind in tune.KINDS]
    assert all(line[3:] == ["1.000"] * 5 for line in lines)


def test_documents_with_the_same_words_are_told_apart_but_never_from_what_serves_the_request(
    tune: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path / "bigmcp" / "corpus.jsonl", *(published_as(f"{n}", "same") for n in range(9)))
    seen = tune.look(tmp_path, [tune.Request("same", f"{n}", "servers", "say", "clerk") for n in range(9)])
    first, _ = tune.ALIKE
    for row, alike in enumerate(seen.alike):
        assert row not in alike
        assert set(alike) <= set(range(first, 9))


def test_two_bytes_are_kept_of_each_number_and_what_is_written_is_what_is_read(tune: ModuleType) -> None:
    numbers = np.array([0.0, -1.5, 0.123], dtype=np.float32)
    learnt = tune.kept(b"\x01\x02", {"one": 1, "other": 2}, numbers, made_from="these")
    assert read(written(learnt)) == learnt
    assert np.frombuffer(learnt.numbers, "<f2").tolist() == pytest.approx(numbers.tolist(), rel=0.001)


def test_what_fewer_texts_have_is_rarer(tune: ModuleType) -> None:
    rarity, pieces = tune.rarities(["data weather", "data", "data data"]), WordPiece.bundled()

    def of(word: str) -> int:
        (number,) = pieces.numbers(word, 3)[1:-1]
        return int(rarity[number])

    assert len(rarity) == pieces.size
    assert of("violin") > of("weather") > of("data") > 0

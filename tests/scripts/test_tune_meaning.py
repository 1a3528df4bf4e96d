"""What tunes the extra semantic: what it reads, that it always learns the same, and from whom it does not learn."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from tests.loading import loaded

from vsm_mcp.acquisition.discovery.index.documents import Document
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


@pytest.fixture
def seen(tune: ModuleType) -> object:
    """Requests that have nothing in common with their servers, nor with one another."""
    size = len(THINGS)
    documents = [Document(key=thing, name=thing) for thing in THINGS]
    every = np.eye(2 * size, dtype=np.float32)
    pool = tune.Pool(documents, {thing: row for row, thing in enumerate(THINGS)}, every[size:])
    asked = [tune.Request(thing, thing, "servers", "say", f"writer-{thing}") for thing in THINGS]
    return tune.Seen(asked, every[:size], {"servers": pool}, b"")


def write(place: Path, *rows: dict[str, object]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


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
    assert tune.origin(replace(settings, rounds=1), tmp_path) != before
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


def test_requests_are_turned_towards_their_servers_always_alike(tune: ModuleType, seen: object) -> None:
    every, settings = range(len(THINGS)), tune.Settings(batch=3)
    turn = tune.learn(seen, every, settings)
    asked = getattr(seen, "vectors")  # noqa: B009 - of a type that the script has
    likeness = (asked + asked @ turn) @ getattr(seen, "pools")["servers"].vectors.T  # noqa: B009 - as above
    assert likeness.argmax(axis=1).tolist() == list(every)
    assert (turn == tune.learn(seen, every, settings)).all()


def test_nothing_is_learnt_from_those_who_are_left_out(
    tune: ModuleType, seen: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of requests that have nothing in common, who is left out can find a server no better for what others wrote."""
    tune.measure(seen, replace(tune.Settings(), step=0.1))
    said = capsys.readouterr()
    left_out = [line.removeprefix("left out: ").split(", ") for line in said.err.splitlines()]
    assert len(left_out) == tune.PARTS
    assert sorted(name for names in left_out for name in names) == sorted(f"writer-{thing}" for thing in THINGS)
    _, number, words, meaning, turned, both, both_turned = said.out.splitlines()[-1].split()
    assert (int(number), float(words)) == (len(THINGS), 1.0)
    assert 0.0 < float(meaning) == float(turned) < 1.0
    assert both == both_turned


@pytest.mark.parametrize("largest", [0.0, 3.0])
def test_a_byte_is_kept_of_each_number_and_what_is_written_is_what_is_read(tune: ModuleType, largest: float) -> None:
    turn = np.array([[largest, -largest], [0.0, largest / 2]], dtype=np.float32)
    learnt = tune.quantised(b"\x01\x02", turn, "these")
    assert read(written(learnt)) == learnt
    assert [number * learnt.scale for number in learnt.turn] == pytest.approx(turn.ravel().tolist(), abs=largest / 100)


def test_what_fewer_texts_have_is_rarer(tune: ModuleType) -> None:
    rarity, pieces = tune.rarities(["data weather", "data", "data data"]), WordPiece.bundled()

    def of(word: str) -> int:
        (number,) = pieces.numbers(word, 3)[1:-1]
        return int(rarity[number])

    assert len(rarity) == pieces.size
    assert of("violin") > of("weather") > of("data") > 0

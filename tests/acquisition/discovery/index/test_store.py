"""The stored index: the same as a new one, and refused whenever it might not be."""

import unicodedata
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.index import store
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Segment
from vsm_mcp.acquisition.discovery.index.store import Stored
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.ranking import Ranking
from vsm_mcp.errors import PayloadError

TEXTS = st.text(st.sampled_from("ab c时间\ud800\n\u200b"), max_size=12)
DOCUMENTS = st.lists(st.builds(Document, key=TEXTS, name=TEXTS, description=TEXTS), max_size=6)
SHAPING = ("reading.py", "index/tokens.py", "index/bm25f.py", "index/vectors.bin.gz")
SOME = (Document(key="a", name="clock", title="Tells time"), Document(key="b", name="slides"))


def stored(*documents: Document) -> Stored:
    segment = Segment.of(documents, Tokenizer())
    by_key = {document.key: document for document in documents}
    return Stored(segment=segment, digests=[store.digest_of(by_key[key]) for key in segment.keys])


@given(DOCUMENTS)
def test_what_is_read_is_what_was_written(documents: list[Document]) -> None:
    made = stored(*documents)
    assert store.read(store.write(made)) == made


def test_a_stored_index_answers_as_a_new_one() -> None:
    read = store.read(store.write(stored(*SOME)))
    assert Ranking(index=Index(base=read.segment)).search("tell the time") == Ranking(SOME).search("tell the time")


def test_a_document_is_known_by_every_word_of_it() -> None:
    assert store.digest_of(SOME[0]) == store.digest_of(replace(SOME[0]))
    assert store.digest_of(SOME[0]) != store.digest_of(replace(SOME[0], title="Tells times"))


@pytest.mark.security
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":3', b'"format":9'),
        (b'"order":"', b'"order":"x'),
        (b"clock", b"clack"),
        (b"{", b"["),
        (b'"documents":2', b'"documents":2,"more":1'),
    ],
)
def test_an_index_of_another_form_or_a_damaged_one_is_refused(old: bytes, new: bytes) -> None:
    data = store.write(stored(*SOME))
    assert old in data
    with pytest.raises(PayloadError, match="The stored index cannot be used"):
        store.read(data.replace(old, new, 1))


def test_an_index_by_other_rules_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = store.write(stored(*SOME))
    monkeypatch.setattr(store, "rules", lambda: "others")
    with pytest.raises(PayloadError, match="other rules"):
        store.read(data)


def worked_out() -> str:
    """Return the rules, worked out anew."""
    store.rules.cache_clear()
    return store.rules()


@pytest.mark.parametrize("file", SHAPING)
def test_whatever_shapes_an_index_is_one_of_its_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    (tmp_path / "index").mkdir()
    rooms = files("vsm_mcp.acquisition.discovery")
    for one in SHAPING:
        (tmp_path / one).write_bytes(rooms.joinpath(one).read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(store, "files", {"vsm_mcp.acquisition.discovery": tmp_path}.__getitem__)
        before = worked_out()
        assert worked_out() == before
        (tmp_path / file).write_text("other code")
        assert worked_out() != before
    worked_out()


def test_another_unicode_is_another_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    before = worked_out()
    with monkeypatch.context() as patch:
        patch.setattr(unicodedata, "unidata_version", "1.1.0")
        assert worked_out() != before
    assert worked_out() == before


@pytest.mark.security
@pytest.mark.parametrize("name", ["spread", "starts", "numbers", "impacts", "fields", "gists"])
def test_an_index_whose_parts_point_nowhere_is_refused(name: str) -> None:
    made = stored(*SOME)
    longer = getattr(made.segment, name) + getattr(made.segment, name)
    damaged = replace(made, segment=replace(made.segment, **{name: longer}))
    with pytest.raises(PayloadError, match="do not fit together"):
        store.read(store.write(damaged))


@pytest.mark.security
def test_an_index_without_the_digests_of_its_documents_is_refused() -> None:
    made = stored(*SOME)
    with pytest.raises(PayloadError, match="do not fit together"):
        store.read(store.write(replace(made, digests=made.digests[:1])))


@pytest.mark.security
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(PayloadError):
        store.read(data)


@pytest.mark.security
@given(st.data())
def test_a_cut_or_a_changed_byte_is_never_read(data: st.DataObject) -> None:
    whole = store.write(stored(*SOME))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    for damaged in (whole[:at], bytes(changed)):
        try:
            assert store.read(damaged) == store.read(whole)
        except PayloadError:
            continue

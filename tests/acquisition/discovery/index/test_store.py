"""The stored index: the same as a new one, and refused whenever it might not be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.index import store
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.index import Index
from vsm_mcp.acquisition.discovery.index.segment import Segment
from vsm_mcp.acquisition.discovery.index.tokens import Tokenizer
from vsm_mcp.acquisition.discovery.ranking import Ranking
from vsm_mcp.errors import PayloadError

TEXTS = st.text(st.sampled_from("ab c时间\ud800\n\u200b"), max_size=12)
DOCUMENTS = st.lists(st.builds(Document, key=TEXTS, name=TEXTS, description=TEXTS), max_size=6)
SOME = (Document(key="a", name="clock", title="Tells time"), Document(key="b", name="slides"))


def written(*documents: Document) -> tuple[bytes, str]:
    content = store.content_of(documents)
    return store.write(Segment.of(documents, Tokenizer()), content), content


@given(DOCUMENTS)
def test_what_is_read_is_what_was_written(documents: list[Document]) -> None:
    segment, content = Segment.of(documents, Tokenizer()), store.content_of(documents)
    assert store.read(store.write(segment, content), content) == segment


def test_a_stored_index_answers_as_a_new_one() -> None:
    data, content = written(*SOME)
    stored = Ranking(index=Index(base=store.read(data, content)))
    assert stored.search("tell the time") == Ranking(SOME).search("tell the time")


def test_the_content_is_known_whatever_the_order_and_changes_with_every_word() -> None:
    assert store.content_of(SOME) == store.content_of(reversed(SOME))
    assert store.content_of(SOME) != store.content_of([replace(SOME[0], title="Tells times"), SOME[1]])


@pytest.mark.security
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":1', b'"format":9'),
        (b'"order":"', b'"order":"x'),
        (b"clock", b"clack"),
        (b"{", b"["),
        (b'"documents":2', b'"documents":2,"more":1'),
    ],
)
def test_an_index_of_another_form_or_a_damaged_one_is_refused(old: bytes, new: bytes) -> None:
    data, content = written(*SOME)
    assert old in data
    with pytest.raises(PayloadError, match="The stored index cannot be used"):
        store.read(data.replace(old, new, 1), content)


def test_an_index_over_other_servers_or_by_other_rules_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data, content = written(*SOME)
    with pytest.raises(PayloadError, match="other rules or of other servers"):
        store.read(data, store.content_of(SOME[:1]))
    monkeypatch.setattr(store, "rules", lambda: "others")
    with pytest.raises(PayloadError, match="other rules or of other servers"):
        store.read(data, content)


@pytest.mark.security
@pytest.mark.parametrize("name", ["spread", "starts", "numbers", "impacts", "fields"])
def test_an_index_whose_parts_point_nowhere_is_refused(name: str) -> None:
    segment, content = Segment.of(SOME, Tokenizer()), store.content_of(SOME)
    longer = getattr(segment, name) + getattr(segment, name)
    with pytest.raises(PayloadError, match="do not fit together"):
        store.read(store.write(replace(segment, **{name: longer}), content), content)


@pytest.mark.security
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(PayloadError):
        store.read(data, "")


@pytest.mark.security
@given(st.data())
def test_a_cut_or_a_changed_byte_is_never_read(data: st.DataObject) -> None:
    whole, content = written(*SOME)
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))
    for damaged in (whole[:at], bytes(changed)):
        try:
            assert store.read(damaged, content) == store.read(whole, content)
        except PayloadError:
            continue

"""Meanings: documents are looked at once, little by little, kept as bytes, and compared as far as they are known."""

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.semantic.meanings import LEAST_ALIKE, LEAST_DEVIATION, Alike, Meanings
from vsm_mcp.errors import ConfigurationError, PayloadError

SUBJECTS = ("rain", "money", "music")
TEXTS = {"weather": "rain again", "bank": "money", "band": "music"}


class Subjects:
    """Embeds a text as the subjects it names."""

    def __init__(self, subjects: Sequence[str] = SUBJECTS) -> None:
        self.subjects = subjects
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        self.seen += texts
        counts = [[1.0 + 9.0 * text.count(subject) for subject in self.subjects] for text in texts]
        return [[one / math.hypot(*row) for one in row] for row in counts]


def looked(subjects: Subjects, texts: dict[str, str] = TEXTS) -> Meanings:
    meanings = Meanings(subjects)
    meanings.follow(texts)
    while meanings.left:
        meanings.learn()
    return meanings


def test_a_document_about_the_same_stands_out() -> None:
    alike = looked(Subjects()).alike("rain")
    assert alike.deviation("weather") > 0 > alike.deviation("bank")
    assert alike.likeness[alike.rows["weather"]] == pytest.approx(1)


def test_what_was_not_looked_at_is_like_nothing_and_what_comes_first_is_looked_at_at_once() -> None:
    subjects = Subjects()
    meanings = Meanings(subjects)
    meanings.follow(TEXTS)
    alike = meanings.alike("rain", first=["weather", "nobody"])
    assert subjects.seen == ["rain again", "rain"]
    assert [alike.likeness[alike.rows[key]] for key in ("weather", "bank")] == [pytest.approx(1), 0.0]
    assert alike.deviation("bank") == alike.deviation("nobody") < alike.deviation("weather")
    assert (meanings.left, alike.mean) == (2, pytest.approx(1))


def test_an_embedder_that_knows_requests_from_servers_is_asked_for_those() -> None:
    class Translating(Subjects):
        def embed_queries(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
            return self.embed([text.replace("drizzle", "rain") for text in texts])

    subjects = Translating()
    alike = looked(subjects).alike("drizzle")
    assert subjects.seen == ["rain again", "money", "music", "rain"]
    assert alike.likeness[alike.rows["weather"]] == pytest.approx(1)


def test_a_request_of_another_dimension_is_refused() -> None:
    class Longer(Subjects):
        def embed_queries(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
            return [[1.0, 0.0, 0.0, 0.0] for _ in texts]

    with pytest.raises(ConfigurationError, match="different dimensions"):
        looked(Longer()).alike("rain")


def test_documents_are_looked_at_once_and_little_by_little() -> None:
    subjects = Subjects()
    meanings = Meanings(subjects)
    meanings.follow(TEXTS)
    assert [meanings.learn(2), meanings.left, meanings.learn(2), meanings.left, meanings.learn(2)] == [2, 1, 1, 0, 0]
    meanings.follow({"cash": "money", "new": "rain and music"})
    assert meanings.left == 1
    meanings.learn()
    assert subjects.seen == ["rain again", "money", "music", "rain and music"]
    assert repr(meanings).endswith("documents=2, seen=2)")
    assert set(meanings.alike("money").rows) == {"cash", "new"}


def test_how_many_are_compared_is_bounded() -> None:
    meanings = Meanings(Subjects(), most=2)
    meanings.follow({f"{n}": f"text {n}" for n in range(9)})
    assert (meanings.left, len(meanings.alike("rain").rows)) == (2, 2)


def test_among_no_documents_nothing_stands_out() -> None:
    meanings = Meanings(Subjects())
    assert meanings.alike("rain", ["weather"]).outstanding(3) == []
    meanings.follow({})
    assert (meanings.learn(), meanings.alike("rain").outstanding(3)) == (0, [])


def test_only_what_is_like_enough_and_far_from_most_stands_out() -> None:
    many = {f"bank-{n}": "money" for n in range(20)}
    alike = looked(Subjects(), {**many, "weather": "rain", "storm": "rain rain"}).alike("rain")
    assert alike.outstanding(9) == ["weather", "storm"]
    assert alike.outstanding(1) == ["weather"]
    assert looked(Subjects(), many).alike("money").outstanding(9) == []  # all alike: none stands out
    far = Alike(rows={"weather": 0, "bank": 1}, likeness=[LEAST_ALIKE - 0.01, -0.9], mean=-0.5, spread=0.1)
    assert far.deviation("weather") > LEAST_DEVIATION
    assert far.outstanding(9) == []


def test_documents_that_are_gone_are_left_out() -> None:
    alike = looked(Subjects()).alike("rain")
    assert alike.among({"weather", "bank", "band", "more"}) is alike
    less = alike.among({"band", "bank"})
    assert set(less.rows) == {"band", "bank"}
    assert less.deviation("bank") == alike.deviation("bank")


def test_what_was_seen_is_recalled_and_not_looked_at_again() -> None:
    before, after = looked(Subjects()), Subjects()
    meanings = Meanings(after)
    meanings.recall(before.stored())
    meanings.follow({**TEXTS, "new": "rain and money"})
    assert meanings.left == 1
    assert "money" not in after.seen
    assert meanings.alike("money").likeness[:3] == pytest.approx(before.alike("money").likeness)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("cut", "damaged"),
        ("flipped", "damaged"),
        ("sizes", "damaged"),
        ("header", "header"),
        ("other order", "other rules"),
        ("nothing", "header"),
    ],
)
@pytest.mark.security
def test_what_is_damaged_or_of_another_version_is_not_recalled(change: str, reason: str) -> None:
    stored = looked(Subjects()).stored()
    header, _, body = stored.partition(b"\n")
    told = json.loads(header)
    other = {
        "cut": stored[:-1],
        "flipped": stored[:-1] + bytes([stored[-1] ^ 1]),
        "header": b"{" + stored,
        "other order": json.dumps(told | {"order": "middle"}).encode() + b"\n" + body,
        "sizes": json.dumps(told | {"documents": -3, "size": -7}).encode() + b"\n" + body,
        "nothing": b"",
    }[change]
    meanings = Meanings(Subjects())
    with pytest.raises(PayloadError, match=f"cannot be used: .*{reason}"):
        meanings.recall(other)
    meanings.follow(TEXTS)
    assert meanings.left == len(TEXTS)


def test_what_another_embedder_saw_is_not_recalled() -> None:
    stored = looked(Subjects()).stored()
    for other in (("time", "money", "music"), ("rain", "money")):
        with pytest.raises(PayloadError, match="another embedder"):
            Meanings(Subjects(other)).recall(stored)


@pytest.mark.security
def test_an_embedder_that_changes_its_dimension_is_refused() -> None:
    subjects = Subjects()
    meanings = looked(subjects)
    subjects.subjects = ("rain", "money")
    with pytest.raises(ConfigurationError, match="different dimensions"):
        meanings.alike("rain")


@given(st.text(max_size=100), st.lists(st.text(max_size=100), max_size=4))
def test_any_text_can_be_compared(query: str, texts: list[str]) -> None:
    alike = looked(Subjects(), {f"{n}": text for n, text in enumerate(texts)}).alike(query)
    assert len(alike.likeness) == len(texts)
    assert all(math.isfinite(alike.deviation(key)) for key in alike.rows)

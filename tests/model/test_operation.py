"""Operations: their kind is the wording of the need, folded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.operation import LONGEST_NEED, Operation, Stage, kind_of


@pytest.mark.parametrize(
    ("needs", "kind"),
    [
        ("Make Slides", "make slides"),
        ("  make \t\n slides ", "make slides"),
        ("ＭＡＫＥ slides", "make slides"),
        ("Straße", "strasse"),
        ("ﬁles", "files"),
    ],
)
def test_wordings_that_differ_only_in_form_are_of_one_kind(needs: str, kind: str) -> None:
    assert kind_of(needs) == kind
    assert Operation(needs=needs).kind == kind


@pytest.mark.parametrize("needs", ["", " \n ", "x" * (LONGEST_NEED + 1)])
def test_a_need_without_words_or_with_too_many_is_refused(needs: str) -> None:
    with pytest.raises(PayloadError, match="A need must have 1 to 200 characters"):
        kind_of(needs)


@given(st.text(max_size=LONGEST_NEED))
def test_a_kind_is_bounded_and_has_no_needless_space(needs: str) -> None:
    try:
        kind = kind_of(needs)
    except PayloadError:
        return
    assert 1 <= len(kind) <= LONGEST_NEED
    assert kind == " ".join(kind.split())


@given(st.text(max_size=40))
def test_the_kind_of_a_kind_is_itself(needs: str) -> None:
    try:
        kind = kind_of(needs)
    except PayloadError:
        return
    assert kind_of(kind) == kind


def test_the_stages_of_the_funnel_are_beers_systems_from_the_top_down() -> None:
    assert [stage.value[:2] for stage in Stage] == ["s5", "s4", "s3", "s2", "s1", "ab"]

"""Embedding: what an embedder is shown of a document, and vectors that are refused when they are none."""

import math
import sys
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.semantic.embedding import LONGEST_TOLD, products, told, vectors_of
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.server import ToolSummary

number = st.floats(-1, 1, width=32)
rows = st.integers(1, 5).flatmap(
    lambda size: st.lists(st.lists(number, min_size=size, max_size=size), min_size=1, max_size=6)
)


class Broken:
    """Returns what it is told to."""

    def __init__(self, *vectors: Sequence[float]) -> None:
        self.vectors = vectors

    def __repr__(self) -> str:
        return "Broken()"

    def embed(self, texts: Sequence[str], /) -> Sequence[Sequence[float]]:
        return self.vectors


@pytest.mark.parametrize(
    "vectors",
    [
        ([1.0],),
        ([1.0], [0.5]),
        ([1.0], [math.nan]),
        ([1.0], []),
        ([1.0], [1.0, 0.0]),
        ([1.0], [1.0], [1.0]),
    ],
)
@pytest.mark.security
def test_vectors_that_are_none_are_refused(vectors: tuple[list[float], ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"Broken\(\)"):
        vectors_of(Broken(*vectors), ["rain", "money"])


def test_no_texts_need_no_embedder() -> None:
    assert vectors_of(Broken([0.0]), []) == []


@given(rows)
def test_products_are_the_same_without_numpy(made: list[list[float]]) -> None:
    flat, vector = array("f", [one for row in made for one in row]), array("f", made[0])
    quick = products(flat, vector)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numpy", None)
        assert products(flat, vector) == pytest.approx(quick, abs=1e-5)
    assert len(quick) == len(made)


def test_a_document_is_compared_by_its_names_its_description_and_the_names_of_its_tools() -> None:
    tools = tuple(ToolSummary(name=f"tool_{n}", description="hidden") for n in range(100))
    text = told(Document(key="x", name="clock", title="Clock", description="Tells.", category="time", tools=tools))
    assert text.startswith("clock Clock: Tells. time tool 0, tool 1,")
    assert "hidden" not in text
    assert "tool 20" not in text
    assert len(told(Document(key="x", name="n", description="long " * 1000))) <= LONGEST_TOLD

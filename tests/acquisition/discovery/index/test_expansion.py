"""The table of near words: it comes with the package, says where it is from, and can be read line by line."""

import gzip
from importlib.resources import files

import pytest

from vsm_mcp.acquisition.discovery.index.expansion import FILE_NAME, Expansion, Near, bundled


def test_a_term_has_its_neighbours_nearest_first() -> None:
    table = Expansion({"powerpoint": "slide 56 pptx 36"})
    assert table.near("powerpoint") == [Near("slide", 0.56), Near("pptx", 0.36)]
    assert table.near("unknown") == ()
    assert repr(table) == "Expansion(terms=1)"


@pytest.mark.parametrize(
    ("term", "near"), [("powerpoint", "slide"), ("buy", "purchas"), ("car", "vehicl"), ("rain", "weather")]
)
def test_the_table_of_the_package_knows_common_words(term: str, near: str) -> None:
    assert near in {one.term for one in bundled().near(term)}


def test_every_line_of_the_table_is_whole_and_within_its_bounds() -> None:
    packed = files("vsm_mcp.acquisition.discovery.index").joinpath(FILE_NAME).read_bytes()
    assert len(packed) < 600_000
    lines = [line for line in gzip.decompress(packed).decode().splitlines() if not line.startswith("#")]
    for line in lines:
        term, *_ = line.split(" ")
        near = [one.nearness for one in bundled().near(term)]
        assert near == sorted(near, reverse=True)
        assert 1 <= len(near) <= 5
        assert all(0.3 <= nearness <= 1 for nearness in near)
        assert term not in {one.term for one in bundled().near(term)}


def test_the_table_names_its_sources_and_their_licences() -> None:
    packed = files("vsm_mcp.acquisition.discovery.index").joinpath(FILE_NAME).read_bytes()
    head = [line for line in gzip.decompress(packed).decode().splitlines() if line.startswith("#")]
    assert "Apache License 2.0" in " ".join(head)
    assert "scripts/expansion.py" in head[0]

"""Behaviour: what was not looked at is neither fine nor a deviation, and everything is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.behaviour import MOST_NAMES, Behaviour, deviation

NAMES = st.none() | st.frozensets(st.text(max_size=3), max_size=5)
BEHAVIOURS = st.builds(Behaviour, hosts=NAMES, files=NAMES, programs=NAMES)


@given(BEHAVIOURS, BEHAVIOURS)
def test_what_was_joined_is_no_deviation(one: Behaviour, other: Behaviour) -> None:
    joined = one.join(other)
    assert not deviation(joined, one)
    assert not deviation(joined, other)
    assert joined == other.join(one)


def test_only_what_was_looked_at_then_is_compared_now() -> None:
    pinned = Behaviour(hosts=frozenset({"a.example"}), files=None, programs=frozenset())
    seen = Behaviour(hosts=frozenset({"a.example", "b.example"}), files=frozenset({"x"}), programs=frozenset({"sh"}))
    found = deviation(pinned, seen)
    assert found.what == ("asked for the host b.example", "ran the program sh")
    assert not deviation(pinned, Behaviour())


def test_new_files_are_named() -> None:
    found = deviation(Behaviour(files=frozenset()), Behaviour(files=frozenset({"notes.txt"})))
    assert found.what == ("wrote the file notes.txt",)


def test_too_much_is_cut_and_said_to_be() -> None:
    half = {f"{number}.example" for number in range(MOST_NAMES)}
    joined = Behaviour(hosts=frozenset(half)).join(Behaviour(hosts=frozenset({"one more"})))
    assert joined.hosts is not None
    assert len(joined.hosts) == MOST_NAMES
    assert joined.truncated

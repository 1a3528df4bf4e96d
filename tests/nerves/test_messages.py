"""Topics and patterns are those of AMQP; what is none is refused where it is written."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vsm_mcp import Message, Nerve
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.nerves.message import fits, refuse_no_pattern

WORD = st.sampled_from(["a", "b", "unit", "x-1"])
TOPIC = st.lists(WORD, min_size=1, max_size=6).map(".".join)
PATTERN = st.lists(st.one_of(WORD, st.sampled_from(["*", "#"])), min_size=1, max_size=6).map(".".join)


def message(topic: str = "a", nerve: Nerve = Nerve.COMMANDS) -> Message:
    return Message(nerve=nerve, topic=topic, body={}, node="n", sent_at=datetime.now(UTC), id="1")


def by_expression(topic: str, pattern: str) -> bool:
    """Say the same slowly: each word followed by a dot, and ``#`` as any number of those."""
    parts = {"*": r"[^.]+\.", "#": r"(?:[^.]+\.)*"}
    expression = "".join(parts.get(word, re.escape(word) + r"\.") for word in pattern.split("."))
    return re.fullmatch(expression, topic + ".") is not None


@given(topic=TOPIC, pattern=PATTERN)
@example(topic="a", pattern="#")
@example(topic="a", pattern="a.#")
@example(topic="a.b", pattern="#.#.b")
@example(topic="a.b", pattern="a.*.#")
def test_a_topic_fits_a_pattern_as_amqp_says(topic: str, pattern: str) -> None:
    assert fits(topic, pattern) == by_expression(topic, pattern)


def test_a_pattern_of_many_hashes_takes_no_longer_than_its_length() -> None:
    assert not fits(".".join("a" * 120), ".".join("#" * 119) + ".b")


@pytest.mark.parametrize("topic", ["", ".", "a.", ".a", "a..b", "a b", "a.*", "#", "a\n", "ä", "a" * 256])
def test_what_is_no_topic_is_refused_where_the_message_is_made(topic: str) -> None:
    with pytest.raises(ConfigurationError, match="is no topic"):
        message(topic)


@pytest.mark.parametrize("pattern", ["", ".", "a.", "a#", "**", "a b", "a\n", "#" * 256])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="is no pattern"):
        refuse_no_pattern(pattern)

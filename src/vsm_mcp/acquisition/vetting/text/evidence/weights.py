"""Weights: ten times the log-odds of each feature in a logistic regression over labelled sentences.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

from collections.abc import Iterator, Mapping

from vsm_mcp.acquisition.vetting.text.evidence import followers, near, neighbours, roles, words

ORIGIN: str = "5ee0eb9f356d8e5eac5025c4d221e4c950e70de26111161aebeb3a595803595c"
"""Digest of the labelled sentences and the settings that these weights were learnt from."""

BIAS: int = -35
"""What a sentence weighs before any of its features counts."""


def _read(*worth: str) -> Iterator[tuple[str, int]]:
    for line in "".join(worth).split("\n"):
        weight, _, signs = line.partition(" ")
        yield from ((sign, int(weight)) for sign in signs.split("|") if sign)


WEIGHTS: Mapping[str, int] = dict(_read(followers.WORTH, near.WORTH, neighbours.WORTH, roles.WORTH, words.WORTH))
"""What each feature is worth."""

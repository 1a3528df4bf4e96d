"""Weights: ten times the log-odds of each feature in a logistic regression over labelled sentences.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

from collections.abc import Iterator, Mapping

from vsm_mcp.acquisition.vetting.text.evidence import near, neighbours, roles, words

ORIGIN: str = "6783fe767c9d5ea33dbf1a31f3fa88f0d2d262eb8db12c13111d8d1183f9f02e"
"""Digest of the labelled sentences and the settings that these weights were learnt from."""

BIAS: int = -34
"""What a sentence weighs before any of its features counts."""


def _read(*worth: str) -> Iterator[tuple[str, int]]:
    for line in "".join(worth).split("\n"):
        weight, _, signs = line.partition(" ")
        yield from ((sign, int(weight)) for sign in signs.split("|") if sign)


WEIGHTS: Mapping[str, int] = dict(_read(near.WORTH, neighbours.WORTH, roles.WORTH, words.WORTH))
"""What each feature is worth."""

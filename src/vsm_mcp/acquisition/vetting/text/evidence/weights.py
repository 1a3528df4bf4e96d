"""Weights: ten times the log-odds of each feature in a logistic regression over labelled sentences.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

from collections.abc import Iterator, Mapping

from vsm_mcp.acquisition.vetting.text.evidence import near, neighbours, roles, words

ORIGIN: str = "d056ea0ae84e3a2f833191fd263a5db9b57836bd5eee89cc5e25d3d8cda2ebf8"
"""Digest of the labelled sentences and the settings that these weights were learnt from."""

BIAS: int = -31
"""What a sentence weighs before any of its features counts."""


def _read(*worth: str) -> Iterator[tuple[str, int]]:
    for line in "".join(worth).split("\n"):
        weight, _, signs = line.partition(" ")
        yield from ((sign, int(weight)) for sign in signs.split("|") if sign)


WEIGHTS: Mapping[str, int] = dict(_read(near.WORTH, neighbours.WORTH, roles.WORTH, words.WORTH))
"""What each feature is worth."""

"""Weights: ten times the log-odds of each feature in a logistic regression over labelled sentences.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

from collections.abc import Iterator, Mapping

from vsm_mcp.acquisition.vetting.text.evidence import near, neighbours, roles, words

ORIGIN: str = "5923021c44f1936ba8f75b0ee2d5e2db8de4dd7e33104b76c8cae125d989c378"
"""Digest of the labelled sentences and the settings that these weights were learnt from."""

BIAS: int = -33
"""What a sentence weighs before any of its features counts."""


def _read(*worth: str) -> Iterator[tuple[str, int]]:
    for line in "".join(worth).split("\n"):
        weight, _, signs = line.partition(" ")
        yield from ((sign, int(weight)) for sign in signs.split("|") if sign)


WEIGHTS: Mapping[str, int] = dict(_read(near.WORTH, neighbours.WORTH, roles.WORTH, words.WORTH))
"""What each feature is worth."""

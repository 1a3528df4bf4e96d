"""Learns what words and roles are worth to the scanner of tool descriptions, and writes that to files.

A logistic regression over sentences: orders to a model on one side, honest sentences and published tools on the other.
The labelled sentences are part of the tests; published tools are read from the folder ``PUBLISHED_DATA``, one server in
five is left out to measure on. Nothing is random but the order of the sentences, and that has a fixed seed, so the same
data give the same file. To teach the scanner something: add sentences to ``labelled.json``, then run

    PUBLISHED_DATA=<folder> python scripts/train_descriptions.py
"""

import hashlib
import json
import math
import os
import random
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel

from vsm_mcp.acquisition.vetting.text.decoding import readable_lines
from vsm_mcp.acquisition.vetting.text.evidence.features import Topic, signs
from vsm_mcp.acquisition.vetting.text.evidence.lexicon import PHRASES, WORDS
from vsm_mcp.acquisition.vetting.tool_descriptions import told
from vsm_mcp.model.call import ToolSpec

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "acquisition" / "vetting"
LABELLED = (CASES / "text" / "labelled.json", CASES / "tool_descriptions.json")
PACKAGE = "vsm_mcp.acquisition.vetting.text.evidence"
OUTPUT = ROOT / "src" / Path(*PACKAGE.split("."))
WRITTEN = {
    "words": "stems of single words",
    "neighbours": "pairs of stems in sequence, the first before ``m``",
    "followers": "pairs of stems in sequence, the first from ``m`` on",
    "near": "pairs of stems with one word between them",
    "roles": "what the words of a sentence are for, and what follows what",
}
WIDEST = 119
MADE = "Made by ``scripts/train_descriptions.py``; not to be edited by hand."
PUBLISHED = ("bigmcp", "mcpm", "bfcl", "xreg")
UNFINISHED = re.compile(r"(?:^|[ _])(?:todo|fixme|xxx|mock|stub|placeholder)", re.IGNORECASE)
"""What no file of the package may hold, not even as a weight."""

NOWHERE = Topic(frozenset(), frozenset())

Sentence = tuple[str, ...]
"""The features of a sentence, in order."""

Example = tuple[tuple[Sentence, ...], bool]
"""Sentences, and whether one of them is an order; which one, nobody said: it is the one that looks most like one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What else decides what is learnt.

    Attributes:
        order: How much a labelled order counts; a published sentence counts one.
        honest: How much a labelled honest sentence counts.
        family: How many times more a sentence of a family counts, whichever side it is on.
        tool: How much a sentence of a labelled tool counts, whichever side it is on.
        made: How much a sentence made by the grammar counts.
        sentences_made: How many of those there are.
        strength: How much a mistake costs, compared to a large weight: little, so that no manner of speaking decides.
        rounds: How often every sentence is seen.
        step: How far a weight moves at first.
        seldom: Features in fewer sentences are left out.
        least: Weights smaller than this (ten times the log-odds) are left out.
        seed: Of the order of the sentences and of the grammar's choices.
        held_out: One server in so many is not learnt from.
    """

    order: float = 10.0
    honest: float = 10.0
    family: float = 3.0
    tool: float = 30.0
    made: float = 0.2
    sentences_made: int = 3_000
    strength: float = 0.03
    rounds: int = 12
    step: float = 0.3
    seldom: int = 4
    least: int = 1
    seed: int = 7
    held_out: int = 5


class Texts(BaseModel, frozen=True):
    """Cases of one kind."""

    attacks: tuple[str, ...]
    honest: tuple[str, ...]


class Sentences(BaseModel, frozen=True):
    """Single sentences."""

    orders: tuple[str, ...]
    honest: tuple[str, ...]


class Grammar(BaseModel, frozen=True):
    """Patterns with slots, and the words for each slot."""

    patterns: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


class PublishedTool(BaseModel, frozen=True):
    """A tool with the descriptions of its parameters."""

    name: str
    description: str | None = None
    params: tuple[tuple[str, str], ...] = ()


class PublishedServer(PublishedTool, frozen=True):
    """A published server; of a plain function the description is that of a tool."""

    id: str
    tools: tuple[PublishedTool, ...] = ()


class Tools(BaseModel, frozen=True):
    """Whole tools, as people of many kinds speak of them."""

    attacks: tuple[PublishedTool, ...]
    honest: tuple[PublishedTool, ...]


class Labelled(BaseModel, frozen=True):
    """What was labelled by hand. ``unseen`` cases are never learnt from; ``families`` are cases of one kind each."""

    learnt: Texts
    families: dict[str, Texts]
    tools: Tools
    sentences: Sentences
    grammar: Grammar


def main() -> None:
    """Learn and write the files."""
    given = os.environ.get("PUBLISHED_DATA", "")
    if not given or not Path(given).is_dir():
        sys.exit("Set PUBLISHED_DATA to the folder of published corpora.")
    for name, text in written(Path(given)).items():
        (OUTPUT / name).write_text(text, encoding="utf-8")
        print(f"Wrote {name}.")


def written(published: Path) -> dict[str, str]:
    """Return the files with the weights that are learnt from what is labelled and published."""
    settings = Settings()
    examples = defaultdict[Example, float](float)
    for found, bad, counts in (*_labelled(settings), *_published(published, settings)):
        examples[found, bad] += counts
    bias, worth = _learnt(examples, settings)
    listed = {f"{kind}.py": _listed(kind, weights) for kind, weights in _kinds(worth).items()}
    return {"weights.py": _summary(bias, origin(settings)), **listed}


def origin(settings: Settings) -> str:
    """Return the digest of all that weights are learnt from, published texts apart: so one sees if they are old."""
    told_by_hand = [json.loads(place.read_text(encoding="utf-8")) for place in LABELLED]
    told_by_hand[0].pop("unseen")
    given = [told_by_hand, dict(WORDS), dict(PHRASES), asdict(settings)]
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def held_out(server: str, settings: Settings) -> bool:
    """Say whether a published server is kept to measure on."""
    return hashlib.sha256(server.encode()).digest()[0] % settings.held_out == 0


def _labelled(settings: Settings) -> Iterator[tuple[tuple[Sentence, ...], bool, float]]:
    cases = Labelled.model_validate_json(LABELLED[0].read_text(encoding="utf-8"))
    older = Texts.model_validate_json(LABELLED[1].read_text(encoding="utf-8"))
    for family in cases.families.values():
        yield from _orders((_case(case) for case in family.attacks), settings.family * settings.order)
        yield from _harmless((_case(case) for case in family.honest), settings.family * settings.honest)
    yield from _orders((_tool(specified(tool)) for tool in cases.tools.attacks), settings.tool, opening=True)
    yield from _harmless((_tool(specified(tool)) for tool in cases.tools.honest), settings.tool)
    yield from _orders((_case(case) for case in cases.learnt.attacks), settings.order)
    yield from _orders((list(_case(f"d: {text}"))[-1:] for text in older.attacks), settings.order)
    honest = (*cases.learnt.honest, *(f"d: {text}" for text in older.honest))
    yield from _harmless((_case(case) for case in honest), settings.honest)
    yield from _orders(([found] for sentence in cases.sentences.orders for found in _alone(sentence)), settings.order)
    yield from _harmless((_alone(sentence) for sentence in cases.sentences.honest), settings.honest)
    made = _made(cases.grammar, settings)
    yield from _orders(([found] for sentence in made for found in _alone(sentence)), settings.made)


def _orders(
    cases: Iterable[Iterable[Sentence]], counts: float, *, opening: bool = False
) -> Iterator[tuple[tuple[Sentence, ...], bool, float]]:
    """What a poisoned text begins with is honest, unless it is all that there is or ``opening`` says otherwise."""
    for case in cases:
        found = tuple(case)
        yield found if opening else found[1:] or found, True, counts


def _harmless(cases: Iterable[Iterable[Sentence]], counts: float) -> Iterator[tuple[tuple[Sentence, ...], bool, float]]:
    for case in cases:
        yield from (((found,), False, counts) for found in case)


def _case(case: str) -> Iterator[Sentence]:
    """Read a case: a letter for the place, and the text there."""
    place, _, text = case.partition(": ")
    if place == "d":
        return _tool(ToolSpec(name="example", description=text))
    if place == "p":
        name, _, text = text.partition(" | ")
        schema = {"properties": {name: {"description": text}}}
        return _tool(ToolSpec(name="example", description="", input_schema=schema))
    return _alone(text)


def _alone(sentence: str) -> Iterator[Sentence]:
    return (tuple(sorted(found)) for _, found in signs(readable_lines(sentence), NOWHERE))


def _tool(tool: ToolSpec) -> Iterator[Sentence]:
    for _, text, topic in told(tool):
        yield from (tuple(sorted(found)) for _, found in signs(readable_lines(text), topic))


def _made(grammar: Grammar, settings: Settings) -> Iterator[str]:
    choice = random.Random(settings.seed)  # noqa: S311 - no secret is made
    for index in range(settings.sentences_made):
        pattern = grammar.patterns[index % len(grammar.patterns)]
        yield re.sub(r"\{(\w+)\}", lambda slot: choice.choice(grammar.words[slot.group(1)]), pattern) + "."


def _published(place: Path, settings: Settings) -> Iterator[tuple[tuple[Sentence, ...], bool, float]]:
    for corpus in PUBLISHED:
        for line in (place / corpus / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
            server = PublishedServer.model_validate_json(line)
            if held_out(server.id, settings):
                continue
            for tool in server.tools or ((server,) if corpus == "bfcl" else ()):
                yield from _harmless([_tool(specified(tool))], 1.0)


def specified(tool: PublishedTool) -> ToolSpec:
    """Return a published tool as a server lists it."""
    schema = {"properties": {name: {"description": text} for name, text in tool.params}}
    return ToolSpec(name=tool.name, description=tool.description or "", input_schema=schema)


def _learnt(examples: Mapping[Example, float], settings: Settings) -> tuple[int, dict[str, int]]:
    """Fit by gradient steps that grow smaller for what was moved often; the L2 penalty is shared out."""
    seen = Counter(sign for sentences, _ in examples for found in sentences for sign in found)
    ordered = [
        (
            [[sign for sign in found if seen[sign] >= settings.seldom] for found in sentences],
            bad,
            counts * settings.strength,
        )
        for (sentences, bad), counts in sorted(examples.items())
        if sentences
    ]
    worth: defaultdict[str, float] = defaultdict(float)
    moved: defaultdict[str, float] = defaultdict(lambda: 1e-6)
    bias, bias_moved, order = -2.0, 1e-6, random.Random(settings.seed)  # noqa: S311 - no secret is made
    for _ in range(settings.rounds):
        order.shuffle(ordered)
        for sentences, bad, counts in ordered:
            score, found = max((bias + sum([worth[sign] for sign in found]), found) for found in sentences)
            error = counts * (1 / (1 + math.exp(-max(-30.0, min(30.0, score)))) - bad)
            for sign in found:
                slope = error + worth[sign] / seen[sign]
                moved[sign] += slope * slope
                worth[sign] -= settings.step * slope / math.sqrt(moved[sign])
            bias_moved += error * error
            bias -= settings.step * error / math.sqrt(bias_moved)
    rounded = {sign: round(10 * value) for sign, value in worth.items()}
    return round(10 * bias), {
        sign: value for sign, value in rounded.items() if abs(value) >= settings.least and not UNFINISHED.search(sign)
    }


def _kinds(worth: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Sort the features by what they are; each kind is written to a file of its own."""
    kinds: dict[str, dict[str, int]] = {kind: {} for kind in WRITTEN}
    for sign in sorted(worth):
        kinds[_kind(sign)][sign] = worth[sign]
    return kinds


def _kind(sign: str) -> str:
    if any(character.isupper() for character in sign):
        return "roles"
    if " " in sign:
        return "neighbours" if sign < "m" else "followers"
    return "near" if "_" in sign else "words"


def _listed(kind: str, worth: Mapping[str, int]) -> str:
    by_weight: dict[int, list[str]] = defaultdict(list)
    for sign, weight in worth.items():
        by_weight[weight].append(sign)
    lines = [line for weight in sorted(by_weight, reverse=True) for line in _wrapped(weight, by_weight[weight])]
    return "\n".join(
        (
            f'"""{kind.capitalize()}: {WRITTEN[kind]}, each line after what they are worth.',
            "",
            MADE,
            '"""',
            "",
            'WORTH: str = """',
            *lines,
            '"""',
            "",
        )
    )


def _summary(bias: int, digest: str) -> str:
    return "\n".join(
        (
            '"""Weights: ten times the log-odds of each feature in a logistic regression over labelled sentences.',
            "",
            MADE,
            '"""',
            "",
            "from collections.abc import Iterator, Mapping",
            "",
            f"from {PACKAGE} import {', '.join(sorted(WRITTEN))}",
            "",
            f'ORIGIN: str = "{digest}"',
            '"""Digest of the labelled sentences and the settings that these weights were learnt from."""',
            "",
            f"BIAS: int = {bias}",
            '"""What a sentence weighs before any of its features counts."""',
            "",
            "",
            "def _read(*worth: str) -> Iterator[tuple[str, int]]:",
            '    for line in "".join(worth).split("\\n"):',
            '        weight, _, signs = line.partition(" ")',
            '        yield from ((sign, int(weight)) for sign in signs.split("|") if sign)',
            "",
            "",
            f"WEIGHTS: Mapping[str, int] = dict(_read({', '.join(f'{kind}.WORTH' for kind in sorted(WRITTEN))}))",
            '"""What each feature is worth."""',
            "",
        )
    )


def _wrapped(weight: int, worth_it: Sequence[str]) -> Iterator[str]:
    """Return lines of features of one weight, which is put before each."""
    line = f"{weight} {worth_it[0]}"
    for sign in worth_it[1:]:
        if _width(line) + 1 + _width(sign) > WIDEST:
            yield line
            line = f"{weight} {sign}"
        else:
            line = f"{line}|{sign}"
    yield line


def _width(text: str) -> int:
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


if __name__ == "__main__":
    main()

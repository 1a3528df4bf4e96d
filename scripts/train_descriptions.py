"""Learns what features are worth to the scanner of tool descriptions, and writes that to a file.

A logistic regression over the passages that the scanner weighs: tools that give orders to a model on one side, honest
and published tools on the other. The labelled tools are part of the tests, each voice in a file of its own: a large
language model wrote them in many roles. Published tools are read from the folder ``PUBLISHED_DATA``, one server in five
is left out to measure on. Nothing is random, so the same data give the same file, but for the last digit of a weight on
another processor. To teach the scanner something: add a voice, then run

    pip install 'vsm_mcp[semantic]'
    PUBLISHED_DATA=<folder> python scripts/train_descriptions.py [--to FILE | --measure]

``--measure`` writes nothing: it leaves out each voice in turn, learns from all others, and says what the scanner would
have made of the one that it never met.
"""

import argparse
import hashlib
import json
import os
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from vsm_mcp.acquisition.vetting.text.decoding import readable_lines
from vsm_mcp.acquisition.vetting.text.evidence import evidence, weights
from vsm_mcp.acquisition.vetting.text.evidence.features import runs, signs
from vsm_mcp.acquisition.vetting.text.evidence.lexicon import PHRASES, WORDS
from vsm_mcp.acquisition.vetting.text.evidence.weights import PLACES, SCALE, Weights, place
from vsm_mcp.acquisition.vetting.tool_descriptions import told, words_of
from vsm_mcp.model.call import ToolSpec

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "acquisition" / "vetting"
LABELLED = (CASES / "text" / "labelled.json", CASES / "tool_descriptions.json")
VOICES = CASES / "text" / "voices"
OUTPUT = Path(weights.__file__).with_name(weights.FILE_NAME)
PUBLISHED = ("bigmcp", "mcpm", "bfcl", "xreg")

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What else decides what is learnt.

    Attributes:
        voice: How much a tool of a voice counts.
        tool: How much another labelled tool counts.
        case: How much a labelled text counts.
        sentence: How much a labelled sentence counts.
        published: How much a published tool counts.
        cost: What a mistake costs, compared to a large weight.
        rounds: How many steps are made downhill.
        step: How far a weight moves at first.
        seldom: Features in fewer tools are left out.
        rarity: In how many parts one unit of rarity is kept.
        held_out: One published server in so many is not learnt from.
    """

    voice: float = 6.0
    tool: float = 4.0
    case: float = 3.0
    sentence: float = 0.5
    published: float = 0.3
    cost: float = 8.0
    rounds: int = 100
    step: float = 0.15
    seldom: int = 4
    rarity: int = 20
    held_out: int = 5


class Texts(BaseModel, frozen=True):
    """Cases of one kind."""

    attacks: tuple[str, ...]
    honest: tuple[str, ...]


class Sentences(BaseModel, frozen=True):
    """Single sentences."""

    orders: tuple[str, ...]
    honest: tuple[str, ...]


class PublishedTool(BaseModel, frozen=True):
    """A tool with the descriptions of its parameters."""

    name: str
    description: str | None = None
    params: tuple[tuple[str, str], ...] = ()


class PublishedServer(PublishedTool, frozen=True):
    """A published server; of a plain function the description is that of a tool."""

    id: str
    tools: tuple[PublishedTool, ...] = ()


class SpokenTool(PublishedTool, frozen=True):
    """A tool as somebody speaks of it, and whether it is an attack."""

    label: str
    kind: str


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


class Example(NamedTuple):
    """A tool, whose voice speaks, whether it gives orders, and how much it counts."""

    tool: ToolSpec
    voice: str
    attack: bool
    counts: float


class Read(NamedTuple):
    """A tool as it is weighed: the places of its name, and its sentences."""

    name: frozenset[int]
    said: tuple[evidence.Sentence, ...]

    @property
    def whole(self) -> frozenset[int]:
        """The places of everything that is said of it."""
        return self.name.union(*(one.places for one in self.said))


def main() -> None:
    """Learn and write the file, or measure."""
    parser = argparse.ArgumentParser(description="Learn what the scanner of tool descriptions knows.")
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--measure", action="store_true", help="leave out each voice in turn and write nothing")
    wanted.add_argument("--to", type=Path, default=OUTPUT, metavar="FILE", help="where to write (default: the package)")
    given = os.environ.get("PUBLISHED_DATA", "")
    if not given or not Path(given).is_dir():
        sys.exit("Set PUBLISHED_DATA to the folder of published corpora.")
    options = parser.parse_args()
    if options.measure:
        measure(Path(given))
    else:
        options.to.write_bytes(weights.written(learnt(Path(given))))
        print(f"Wrote {options.to.name}.")


def learnt(published: Path) -> Weights:
    """Return the weights that are learnt from what is labelled and published."""
    settings = Settings()
    examples = [*labelled(settings), *_published(published, settings)]
    return _learn([(one, read(one.tool)) for one in examples], settings)


def origin(settings: Settings) -> str:
    """Return the digest of all that weights are learnt from, published texts apart: so one sees if they are old."""
    told_by_hand = [json.loads(place.read_text(encoding="utf-8")) for place in LABELLED]
    told_by_hand[0].pop("unseen")
    voices = [place.read_text(encoding="utf-8") for place in sorted(VOICES.glob("*.jsonl"))]
    given = [told_by_hand, voices, dict(WORDS), dict(PHRASES), asdict(settings)]
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def held_out(server: str, settings: Settings) -> bool:
    """Say whether a published server is kept to measure on."""
    return hashlib.sha256(server.encode()).digest()[0] % settings.held_out == 0


def labelled(settings: Settings) -> Iterator[Example]:
    """Yield everything that was labelled by hand and may be learnt."""
    cases = Labelled.model_validate_json(LABELLED[0].read_text(encoding="utf-8"))
    older = Texts.model_validate_json(LABELLED[1].read_text(encoding="utf-8"))
    for voice in sorted(VOICES.glob("*.jsonl")):
        for line in voice.read_text(encoding="utf-8").splitlines():
            spoken = SpokenTool.model_validate_json(line)
            yield Example(specified(spoken), voice.stem, spoken.label == "attack", settings.voice)
    for texts in (cases.learnt, *cases.families.values()):
        yield from _examples(map(_case, texts.attacks), map(_case, texts.honest), settings.case)
    for counts, attacks, honest in (
        (settings.tool, map(specified, cases.tools.attacks), map(specified, cases.tools.honest)),
        (settings.case, map(_alone, older.attacks), map(_alone, older.honest)),
        (settings.sentence, map(_alone, cases.sentences.orders), map(_alone, cases.sentences.honest)),
    ):
        yield from _examples(attacks, honest, counts)


def _examples(attacks: Iterable[ToolSpec], honest: Iterable[ToolSpec], counts: float) -> Iterator[Example]:
    for attack, tools in ((True, attacks), (False, honest)):
        yield from (Example(tool, "", attack, counts) for tool in tools)


def _case(case: str) -> ToolSpec:
    """Read a case: a letter for the place, and the text there."""
    where, _, text = case.partition(": ")
    if where != "p":
        return _alone(text)
    name, _, text = text.partition(" | ")
    return ToolSpec(name="example", input_schema={"properties": {name: {"description": text}}})


def _alone(text: str) -> ToolSpec:
    return ToolSpec(name="example", description=text)


def _published(folder: Path, settings: Settings) -> Iterator[Example]:
    for tool, kept in published(folder, settings):
        if not kept:
            yield Example(tool, "", attack=False, counts=settings.published)


def published(folder: Path, settings: Settings) -> Iterator[tuple[ToolSpec, bool]]:
    """Yield every published tool once, and whether it is kept to measure on."""
    seen: set[tuple[str, str]] = set()
    for corpus in PUBLISHED:
        for line in (folder / corpus / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
            server = PublishedServer.model_validate_json(line)
            for tool in server.tools or ((server,) if corpus == "bfcl" else ()):
                if (key := (tool.name, tool.description or "")) not in seen:
                    seen.add(key)
                    yield specified(tool), held_out(server.id, settings)


def specified(tool: PublishedTool) -> ToolSpec:
    """Return a published tool as a server lists it."""
    schema = {"properties": {name: {"description": text} for name, text in tool.params}}
    return ToolSpec(name=tool.name, description=tool.description or "", input_schema=schema)


def read(tool: ToolSpec) -> Read:
    """Read a tool as the scanner does, but with the features that it does not know."""
    said = tuple(
        evidence.Sentence(one.sentence, one.words, frozenset(map(place, one.found)))
        for text in told(tool)
        for one in signs(readable_lines(text.text), text.topic, lead=text.lead)
    )
    return Read(frozenset(map(place, runs([*words_of(tool.name), "."]))), said)


class _Rows(NamedTuple):
    """Sets of features as a sparse matrix: which column stands in which row, with which value."""

    columns: Indices
    rows: Indices
    values: Numbers
    number: int


def _learn(examples: Sequence[tuple[Example, Read]], settings: Settings) -> Weights:
    """Fit by Adam (Kingma and Ba, 2015) over all examples at once, with an L2 penalty."""
    sets = [found.whole for _, found in examples]
    every = np.concatenate([np.fromiter(one, np.int64, len(one)) for one in sets])
    found_in: Numbers = np.bincount(every, minlength=PLACES).astype(np.float64)
    rarity = np.round(settings.rarity * (1 - np.log((found_in + 1) / (len(sets) + 1)))).astype(np.float64)
    rarity[found_in < settings.seldom] = 0
    rows = _rows(sets, rarity)
    attack = np.array([float(one.attack) for one, _ in examples])
    counts = np.array([one.counts for one, _ in examples])
    worth, bias = _fitted(rows, attack, counts, settings=settings)
    rounded = np.clip(np.round(worth * SCALE), -127, 127).astype(np.int8)
    return Weights(
        origin=origin(settings),
        bias=round(bias * SCALE, 2),
        rarity=rarity.astype(np.uint8).tobytes(),
        worth=array("b", rounded.tobytes()),
    )


def _rows(sets: Iterable[frozenset[int]], rarity: Numbers) -> _Rows:
    """Return rows of a length below 1: the less is said, the shorter."""
    kept = [np.array(sorted(one), np.int64) for one in sets]
    kept = [one[rarity[one] > 0] for one in kept]
    columns = np.concatenate(kept)
    rows = np.repeat(np.arange(len(kept)), [len(one) for one in kept])
    values = rarity[columns]
    length = np.sqrt(np.bincount(rows, values * values, len(kept)) + evidence.STEADY)
    return _Rows(columns, rows, values / length[rows], len(kept))


def _fitted(given: _Rows, attack: Numbers, counts: Numbers, *, settings: Settings) -> tuple[Numbers, float]:
    """Return weights and bias; the last entry of what is fitted is the bias."""
    columns, rows, values, number = given
    fitted, mean, square = np.zeros(PLACES + 1), np.zeros(PLACES + 1), np.zeros(PLACES + 1)
    for turn in range(1, settings.rounds + 1):
        score = np.bincount(rows, values * fitted[columns], number) + fitted[-1]
        error = counts * (1 / (1 + np.exp(-score)) - attack)
        slope = np.bincount(columns, values * error[rows], PLACES + 1) + fitted / settings.cost
        slope[-1] = error.sum()
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope * slope
        step = settings.step * (1 - turn / (settings.rounds + 1))
        fitted -= step * (mean / (1 - 0.9**turn)) / (np.sqrt(square / (1 - 0.999**turn)) + 1e-8)
    return fitted[:-1], float(fitted[-1])


def measure(folder: Path) -> None:
    """Say how voices are judged that were never met, and published tools that were left out."""
    settings = Settings()
    known = [(one, read(one.tool)) for one in (*labelled(settings), *_published(folder, settings))]
    kept = [read(tool) for tool, left_out in published(folder, settings) if left_out]
    print(
        "voice            attacks  honest  published | certain: attacks  honest  published | attacks at 5 % of honest"
    )
    every: list[tuple[list[int], list[int], list[int]]] = []
    for voice in sorted({one.voice for one, _ in known} - {""}):
        worth = _learn([(one, found) for one, found in known if one.voice != voice], settings)
        left = [(one.attack, weighed(found, worth)) for one, found in known if one.voice == voice]
        figures = (
            [weight for attack, weight in left if attack],
            [weight for attack, weight in left if not attack],
            [weighed(found, worth) for found in kept],
        )
        every.append(figures)
        print(_line(voice, figures), flush=True)
    print(_line("all", tuple([weight for one in every for weight in one[which]] for which in range(3))))


def weighed(tool: Read, worth: Weights) -> int:
    """Return what a tool weighs by other weights than those of the package."""
    known = [one._replace(places={at for at in one.places if worth.rarity[at]}) for one in tool.said]
    return evidence.weigh(known, frozenset([at for at in tool.name if worth.rarity[at]]), by=worth).weight


def _line(name: str, figures: Sequence[Sequence[int]]) -> str:
    shares = [
        sum(weight >= least for weight in one) / len(one)
        for least in (evidence.NOTABLE, evidence.CERTAIN)
        for one in figures
    ]
    attacks, honest, _ = figures
    edge = sorted(honest)[int(len(honest) * 0.95)]
    at_five = sum(weight > edge for weight in attacks) / len(attacks)
    return (
        f"{name:16} {shares[0]:7.3f} {shares[1]:7.3f} {shares[2]:10.4f} |"
        f" {shares[3]:16.3f} {shares[4]:7.4f} {shares[5]:10.4f} | {at_five:.3f}"
    )


if __name__ == "__main__":
    main()

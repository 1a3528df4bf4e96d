"""Tool descriptions: texts of a server that give orders to the model instead of describing a tool.

Pure, offline and deterministic: looks at strings only. Findings of severity ``HIGH`` have no place in an honest text
(hard signals); ``MEDIUM`` and ``LOW`` ones are seen in honest texts, too (soft signals). A finding is waived like any
other: by its code and the integrity of what said it, until a date.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.text.decoding import decoded, normalised, readable_lines
from vsm_mcp.acquisition.vetting.text.evidence.evidence import (
    ANYTHING,
    CERTAIN,
    NOTABLE,
    Evidence,
    Sentence,
    called,
    explained,
    read,
    weigh,
)
from vsm_mcp.acquisition.vetting.text.evidence.features import Topic, sentences, stems
from vsm_mcp.acquisition.vetting.text.hidden import hidden
from vsm_mcp.acquisition.vetting.text.names import Neighbours, solicits, spoken
from vsm_mcp.acquisition.vetting.text.phrases import phrases
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.verdict import Finding, Severity

CHECK = "tool-descriptions"
STEERS = "steers-the-model"
LONGEST_TEXT = 20_000
MOST_CHARACTERS = 200_000
MOST_TEXTS = 2_000
MOST_TEXTS_IN_ALL = 20_000
MOST_CHARACTERS_IN_ALL = 2_000_000
"""About a second of work. What one tool may have is bounded as well, but there may be a thousand of them."""

DEEPEST = 32

_WIRE_FIELDS = ("name", "description", "inputSchema", "outputSchema")
_OPAQUE = ("base64", "hexadecimal", "binary", "spelled out", "rot13", "reversed", "digits for letters")
_NAMES = (" key", "name")
_SCHEMA_WORDS = (
    "type properties description required items enum default title format $schema additionalProperties anyOf object "
    "string number integer boolean array null minimum maximum minLength maxLength annotations readOnlyHint "
    "destructiveHint idempotentHint openWorldHint http://json-schema.org/draft-07/schema#"
)
_ORDINARY = frozenset(_SCHEMA_WORDS.split())
"""Words of every schema: there is nothing to find in them."""
_SENTENCE = 7
_WORDY = 14
"""A name of so many words has at least so many characters."""

_SHORT = 400
_LITTLE = 20
"""English of which so little speaks against any passage matches no phrase either: all measured ones have 44 and more.
What excuses a sentence does not count here, so honest words cannot hide a phrase."""

_ENCODED = 30
"""A few words that were encoded say little of themselves, so they must weigh more."""

_DOUBTFUL = 10
"""A phrase in a text whose sentences all weigh less is likely quoted, as by a scanner: it counts one step less."""


def scan(
    tools: Sequence[ToolSpec],
    others: Iterable[ToolSpec] = (),
    *,
    instructions: str = "",
    prompts: Sequence[PromptSpec] = (),
) -> tuple[Finding, ...]:
    """Search what a server says about its tools.

    Args:
        tools: The tools of one server.
        others: The tools of all other servers, to notice names and texts that interfere with them.
        instructions: What the server says about itself when a connection begins.
        prompts: The prompts of the server, with their arguments.

    Returns:
        What was found, in the order of instructions, tools and prompts, without repetition. Where there is too much to
        search, the search ends, and the last finding says so; no waiver can name it.
    """
    neighbours = Neighbours(own=[tool.name for tool in tools], others=[other.name for other in others])
    findings = list(scan_text(instructions, where="instructions"))
    budget = _Budget()
    try:
        for tool in tools:
            findings.extend(_described(tool.name, tool.description, _schema(tool), budget=budget))
            findings.extend(_interference(tool, neighbours))
        for prompt in prompts:
            texts = _strings({key: value for key, value in prompt.raw.items() if key not in _WIRE_FIELDS}, "raw")
            findings.extend(_described(prompt.name, prompt.description, texts, budget=budget))
    except _SpentError:
        message = f"Its tools have more than {MOST_TEXTS_IN_ALL} texts or {MOST_CHARACTERS_IN_ALL} characters in all."
        findings.append(_finding("too-many-texts", Severity.MEDIUM, message, where="", unknown=True))
    return tuple(dict.fromkeys(findings))


def scan_text(text: str, *, where: str, topic: Topic = ANYTHING) -> Iterator[Finding]:
    """Search one text, such as a prompt: raw first, then as a model reads it, then what is encoded in it.

    Args:
        text: The text.
        where: What to call it in findings.
        topic: What the text is about anyway.
    """
    if len(text) > LONGEST_TEXT:
        yield _finding(
            "text-too-long", Severity.MEDIUM, f"{len(text)} characters are too many.", where=where, unknown=True
        )
        text = text[:LONGEST_TEXT]
    yield from _searched(text, _of_text(text, topic), where=where, topic=topic)


class Told(NamedTuple):
    """A text of a tool.

    Attributes:
        path: Where it stands.
        text: What it says.
        topic: What it is about anyway.
        lead: The name of the parameter that it is about.
    """

    path: str
    text: str
    topic: Topic
    lead: tuple[str, ...] = ()


def told(tool: ToolSpec) -> Iterator[Told]:
    """Yield each text of a tool that has more than one word and is read."""
    about = _subject(tool.name, tool.description)
    for path, text in _spelt((("name", tool.name[:64]), ("description", tool.description), *_schema(tool))):
        if _has_words(text):
            yield _told(path, text[:LONGEST_TEXT], about)


def words_of(name: str) -> list[str]:
    """Return the words of a name."""
    return spoken(name[:400]).split()


def _told(path: str, text: str, about: Topic) -> Told:
    lead = words_of(path.split(".")[-2]) if ".properties." in path else ()
    return Told(path, text, _topic(path, about), tuple(lead))


class _Weighed(NamedTuple):
    """What speaks against a text, and which of its sentences says it; empty when another text says more."""

    weight: int
    sentence: str


def _of_text(text: str, topic: Topic = ANYTHING) -> _Weighed:
    said = read(text, topic)
    found = weigh(said)
    return _Weighed(found.weight, said[found.at].text if said else "")


def _searched(text: str, evidence: _Weighed, *, where: str, topic: Topic) -> Iterator[Finding]:
    for concealed in hidden(text):
        yield _finding(concealed.code, concealed.severity, f"There is {concealed.what}.", where=where)
    plain = {phrase.code: phrase for phrase in phrases(normalised(text))}
    worst = Severity.INFO
    for phrase in plain.values():
        severity = Severity(phrase.severity - (evidence.weight < _DOUBTFUL))
        worst = max(worst, severity)
        yield _finding(phrase.code, severity, f"It says: {phrase.words!r}.", where=where)
    steers = evidence.weight >= NOTABLE and evidence.sentence != ""
    if steers and _steers(evidence) > worst:
        yield _steering(evidence, where=where, topic=topic)
    for encoding, inner in decoded(text):
        yield from _encoded(encoding, inner, where=where, known=(*plain, *([STEERS] if steers else [])))


def _steers(evidence: _Weighed) -> Severity:
    return Severity.HIGH if evidence.weight >= CERTAIN else Severity.MEDIUM


def _steering(evidence: _Weighed, *, where: str, topic: Topic) -> Finding:
    signs = ", ".join(explained(evidence.sentence, topic))
    severity = _steers(evidence)
    message = f"It may steer the model (weight {evidence.weight} of {NOTABLE}; {signs}): {evidence.sentence[:160]!r}."
    return _finding(STEERS, severity, message, where=where)


def _encoded(encoding: str, inner: str, *, where: str, known: Container[str]) -> Iterator[Finding]:
    said = [phrase for phrase in phrases(normalised(inner)) if phrase.code not in known]
    for phrase in said:
        message = f"It says in {encoding}: {phrase.words!r}."
        yield _finding(f"encoded-{phrase.code}", Severity.HIGH, message, where=where)
    evidence = _of_text(inner)
    if evidence.weight >= _ENCODED and STEERS not in known and not said:
        message = f"It may steer the model in {encoding} (weight {evidence.weight}): {evidence.sentence[:160]!r}."
        yield _finding(f"encoded-{STEERS}", Severity.HIGH, message, where=where)
    if encoding.endswith(_OPAQUE):
        message = f"It holds a readable text in {encoding}: {inner[:80]!r}."
        yield _finding("encoded-text", Severity.MEDIUM, message, where=where)


class _SpentError(Exception):
    """There is more to search than what is searched of one server."""


class _Budget:
    """How much of one server is searched, all its tools and prompts together."""

    def __init__(self) -> None:
        self._texts = MOST_TEXTS_IN_ALL
        self._characters = MOST_CHARACTERS_IN_ALL

    def spend(self, found: Sequence[tuple[str, str | None]]) -> None:
        self._texts -= len(found)
        self._characters -= sum(len(text or "") for _, text in found)
        if self._texts < 0 or self._characters < 0:
            raise _SpentError


def _described(
    name: str, description: str, texts: Iterable[tuple[str, str | None]], *, budget: _Budget
) -> Iterator[Finding]:
    """Search the texts of a tool or a prompt; what it is called and what its description begins with is its topic."""
    name = name[:64]
    found = list(islice((("name", name), ("description", description), *texts), MOST_TEXTS + 1))
    if len(found) > MOST_TEXTS or sum(len(text or "") for _, text in found) > MOST_CHARACTERS:
        message = f"{name} has more than {MOST_TEXTS} texts or {MOST_CHARACTERS} characters."
        yield _finding("too-many-texts", Severity.MEDIUM, message, where=name, unknown=True)
        found = list(_within(found))
    budget.spend(found)
    if any(text is None for _, text in found):
        message = f"The schema of {name} is deeper than {DEEPEST} levels."
        yield _finding("too-deep", Severity.MEDIUM, message, where=name, unknown=True)
    about = _subject(name, description)
    said = [_said(path, text, about) for path, text in _spelt(found)]
    evidence = weigh([sentence for one in said for sentence in one.sentences], called(words_of(name)))
    if not _clean(said, evidence):
        for one, weighed in _shared_out(said, evidence):
            yield from _of(one, weighed, name)
    yield from _solicited(name, said)


class _Said(NamedTuple):
    """A text of a tool, and its sentences if it is weighed with all others."""

    told: Told
    sentences: list[Sentence]


def _said(path: str, text: str, about: Topic) -> _Said:
    one = _told(path, text, about)
    whole = len(text) <= LONGEST_TEXT and _has_words(text)
    return _Said(one, read(text, one.topic, lead=one.lead) if whole else [])


def _shared_out(said: Sequence[_Said], evidence: Evidence) -> Iterator[tuple[_Said, _Weighed]]:
    """Yield each text with the weight of all together; the sentence that says most stands in one of them."""
    first = 0
    for one in said:
        mine = first <= evidence.at < first + len(one.sentences)
        yield one, _Weighed(evidence.weight, one.sentences[evidence.at - first].text if mine else "")
        first += len(one.sentences)


def _has_words(text: str) -> bool:
    """Say whether a text can be a sentence; not all languages put blanks between words."""
    return " " in text or not text.isascii()


def _of(said: _Said, evidence: _Weighed, name: str) -> Iterator[Finding]:
    one = said.told
    where = f"{name}: {one.path}"
    if len(one.text) > LONGEST_TEXT:
        yield from scan_text(one.text, where=where, topic=one.topic)
    else:
        yield from _searched(one.text, evidence, where=where, topic=one.topic)


def _spelt(found: Iterable[tuple[str, str | None]]) -> Iterator[tuple[str, str]]:
    """Yield the texts, and names that are whole sentences as such."""
    for path, text in found:
        if text:
            yield path, text
            if path.endswith(_NAMES) and len(text) >= _WORDY and " " not in text and len(words_of(text)) >= _SENTENCE:
                yield path, spoken(text[:400])


def _within(found: Iterable[tuple[str, str | None]]) -> Iterator[tuple[str, str | None]]:
    left = MOST_CHARACTERS
    for path, text in islice(found, MOST_TEXTS):
        left -= len(text or "")
        if left >= 0:
            yield path, text


def _subject(name: str, description: str) -> Topic:
    """Return what a tool is about: its name, and after its first sentence what that says, too."""
    own = _stems(name)
    opening = next(iter(sentences(readable_lines(description[:LONGEST_TEXT]))), "")
    return Topic(own, own | stems(opening))


def _topic(path: str, about: Topic) -> Topic:
    """Return the topic of one text of a tool: a parameter is about its own name, too."""
    if path == "description":
        return about
    if path.endswith(_NAMES):
        return ANYTHING
    own = about.later.union(*map(_stems, path.split(".")[-3:]))
    return Topic(own, own)


@lru_cache(maxsize=4_096)
def _stems(name: str) -> frozenset[str]:
    """Return what a name is about; one that is a whole sentence is no topic."""
    words = words_of(name)
    return stems(" ".join(words)) if len(words) < _SENTENCE else frozenset()


def _clean(said: Sequence[_Said], evidence: Evidence) -> bool:
    """One pass over all texts of a tool: almost every tool is done after it."""
    texts = [one.told.text for one in said]
    together = "\n".join(dict.fromkeys(texts))
    if evidence.weight >= NOTABLE or any(len(text) > LONGEST_TEXT for text in texts) or any(hidden(together)):
        return False
    worth_a_look = len(together) <= _SHORT or not together.isascii() or evidence.against >= _LITTLE
    if worth_a_look and any(phrases(normalised(together))):
        return False
    return not any(any(_encoded(encoding, inner, where="", known=())) for encoding, inner in decoded(together))


def _schema(tool: ToolSpec) -> Iterator[tuple[str, str | None]]:
    rest = {key: value for key, value in tool.raw.items() if key not in _WIRE_FIELDS}
    for value, path in ((tool.input_schema, "input"), (tool.output_schema, "output"), (rest, "raw")):
        yield from (found for found in _strings(value, path) if found[1] not in _ORDINARY)


def _strings(value: JsonValue, path: str) -> Iterator[tuple[str, str | None]]:
    """Yield every string of a JSON value with its path, keys included; ``None`` where it is too deep."""
    waiting: list[tuple[JsonValue, str, int]] = [(value, path, 0)]
    while waiting:
        item, at, depth = waiting.pop()
        if isinstance(item, str):
            yield at, item
        elif isinstance(item, Mapping | Sequence) and depth >= DEEPEST:
            yield at, None
        elif isinstance(item, Mapping):
            for key, inner in item.items():
                waiting.append((inner, f"{at}.{key[:40]}", depth + 1))
                yield f"{at} key", key
        elif isinstance(item, Sequence):
            waiting.extend((inner, at, depth + 1) for inner in item)


def _solicited(name: str, texts: Iterable[_Said]) -> Iterator[Finding]:
    for path, text, _, _ in (said.told for said in texts):
        severity = solicits(text) if path.endswith(_NAMES) else None
        if severity is not None:
            message = f"The parameter {text[:80]!r} of {name} asks for what is not the server's business."
            yield _finding("soliciting-parameter", severity, message, where=f"{name}: {path}")


def _interference(tool: ToolSpec, neighbours: Neighbours) -> Iterator[Finding]:
    for code, severity, other in neighbours.interference(tool.name, tool.description[:LONGEST_TEXT]):
        message = f"{tool.name[:64]} interferes with {other[:64]} of another server ({code})."
        yield _finding(code, severity, message, where=tool.name[:64])


def _finding(code: str, severity: Severity, message: str, *, where: str, unknown: bool = False) -> Finding:
    return Finding(
        check=CHECK,
        code=code,
        severity=severity,
        message=f"{where}: {message}" if where not in message else message,
        where=where,
        unknown=unknown,
        remedy="Read the server's descriptions; take another server unless they are harmless.",
    )

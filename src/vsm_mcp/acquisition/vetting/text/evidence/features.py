"""Features: a sentence as its words, as what stands next to what, and as the roles that follow each other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

from vsm_mcp.acquisition.vetting.text.evidence.lexicon import INFLECTED, PHRASES, WORDS
from vsm_mcp.acquisition.vetting.text.glossary import in_english

REACH = 5
"""Roles this many words apart still belong together, and at most so many follow one."""

_LONGEST = 48
_SHORTEST = 5
_SPLIT = re.compile(r"(?<=[.!?;:])\s+|\n+(?=\s*[^\sa-z])")
_HIDDEN_FILES = (
    r"\.(?:ssh|aws|env|kube|docker|netrc|npmrc|pypirc|gnupg|pgpass|cursor|claude|git-credentials|config|\w{1,10}_history)\b"
    r"|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\bmcp\.json\b"
)
_TOKEN = re.compile(
    r"https?://[^\s\"'<>)]{1,200}|[\w.+-]{1,64}@[\w-]{1,64}\.\w{2,10}"
    r"|(?:~|\$home|%userprofile%)[\\/.\w-]{0,60}|/(?:etc|root|home|proc|var/run)/[\w/.-]{0,60}"
    rf"|(?<![\w*])(?:{_HIDDEN_FILES})[\w./-]{{0,60}}|[<\[]/?[a-z_ ]{{3,40}}[>\]]"
    r"|[`'][a-z_][\w.-]{0,40}[`']|\b[a-z]{1,30}(?:_[a-z0-9]{1,30}){1,6}\b"
    r"|[a-z]{1,40}(?:'t)?|\d{1,3}(?:\.\d{1,3}){3}|\d{1,40}|[^\W\d_]{1,40}|[.;:,!()\"|&]"
)
_SECRET = re.compile(
    rf"{_HIDDEN_FILES}|/etc/(?:passwd|shadow|sudoers)|\.(?:pem|key|kdbx|p12|keystore)\b|/proc/self|credential|secret|passw"
)
_INNER = re.compile("[a-z]+")
_JOINT = frozenset('.;:,!()"|&')
_UNTOLD = _JOINT.union(
    ("the", "a", "an", "of", "is", "are", "it", "in", "on", "for", "or", "and", "thi", "that", "be", "as", "by", "its"),
    ("with", "at"),
)
_LINKS = _JOINT | {"and", "then", "please", "also", "to"}
_MODALS = frozenset({"must", "should", "shall", "will", "be", "is", "are"})
_ADDRESSED = frozenset({"you", "your", "yourself"})
_DELICATE = frozenset(
    ("AGENT", "AWAY", "FILE", "GUARD", "HARM", "HUSH", "LIE", "MONEY", "OTHER", "PERSON", "PREFER", "PRIVATE")
).union(("RULES", "SAY", "SECRET", "TALK", "TOOL"))
"""Roles that few tools have to do with."""

_ENDINGS = ("ing", "edly", "ed", "ies", "es", "s", "ly")
_STEM = 3
_LONG_NUMBER = 7


class Topic(NamedTuple):
    """Stems of the words that a text is about anyway: they say nothing about its intentions.

    Attributes:
        opening: For its first sentence.
        later: For its other sentences.
    """

    opening: frozenset[str]
    later: frozenset[str]


class Signs(NamedTuple):
    """A sentence, or a part of a very long one.

    Attributes:
        sentence: The whole sentence.
        words: How many words the part has.
        found: Its features.
    """

    sentence: str
    words: int
    found: set[str]


def signs(text: str, topic: Topic, *, lead: Sequence[str] = ()) -> Iterator[Signs]:
    """Yield each sentence of a readable text with its features; a very long one in parts.

    Args:
        text: The text.
        topic: What it is about anyway.
        lead: Words that stand before it, such as the name of a parameter.
    """
    about, before = topic.opening, [*lead, ":"] if lead else []
    for sentence in sentences(text):
        for part in tokens(sentence):
            yield Signs(sentence, len(part), features(part, about) | runs(before + part))
            before = []
        about = topic.later


def sentences(text: str) -> list[str]:
    """Split a text; fragments of a few words join the sentence before, so that dots cut nothing to pieces."""
    whole: list[str] = []
    for piece in _SPLIT.split(text):
        if not piece or piece.isspace():
            continue
        if whole and len(piece.split(None, _SHORTEST)) < _SHORTEST and len(whole[-1].split(None, _LONGEST)) < _LONGEST:
            whole[-1] = f"{whole[-1]} {piece}"
        else:
            whole.append(piece)
    return whole


def tokens(sentence: str) -> list[list[str]]:
    """Return the words of a sentence in English, a very long one in overlapping parts."""
    words = in_english(_words(sentence))
    if len(words) <= _LONGEST:
        return [words]
    step = _LONGEST // 2
    return [words[start : start + _LONGEST] for start in range(0, len(words) - step, step)]


def stems(text: str) -> frozenset[str]:
    """Return the stems of a text's words."""
    return frozenset(map(stem, _words(text)))


def features(words: list[str], topic: frozenset[str] = frozenset()) -> set[str]:
    """Return what a sentence is judged by. Words of the tool's own topic say nothing about its intentions.

    What is delicate weighs differently where the topic has to do with it: a vault speaks of passwords, a clock seldom.
    Two delicate things in one sentence say more than how it is put: honest people say "don't", too.
    """
    told = ["" if root in topic else root for root in map(stem, words)]
    plain = [root for root in told if root not in _JOINT]
    found = {root for root in plain if root not in _UNTOLD}
    found.discard("")
    found.update([f"{a} {b}" for a, b in pairwise(plain) if a and b])
    found.update([f"{a}_{b}" for a, b in zip(plain, plain[2:], strict=False) if a and b])
    found.update(_frames(words, told))
    expected = _expected(topic)
    delicate = _DELICATE & found
    found.update([f"={role}" if role in expected else f"~{role}" for role in delicate])
    found.update(_met(frozenset(delicate - expected)))
    return found


def runs(words: Sequence[str]) -> set[str]:
    """Return the words as they stand, and each two and three of them that follow each other."""
    found = set(map("#".__add__, words))
    found.update(map("#%s %s".__mod__, pairwise(words)))
    found.update(map("#%s %s %s".__mod__, zip(words, words[1:], words[2:], strict=False)))
    return found


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """Return the stem of a word; an address or a number is only its kind."""
    if not word.isalpha():
        return _kind(word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            word = word.removesuffix(ending) + ("y" if ending == "ies" else "")
            break
    if word.endswith("e") and len(word) > _STEM:
        word = word[:-1]
    doubled = len(word) > _STEM and word[-1] == word[-2] and word[-1] not in "ls"
    return word[:-1] if doubled else word


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in _TOKEN.findall(text.lower()):
        if word.isalpha():
            words.append(word)
        else:
            words += _parts(word)
    return words


@lru_cache(maxsize=16_384)
def _parts(word: str) -> tuple[str, ...]:
    """Return a name or a mark in the text as what it is and its words; of a path with secrets only that."""
    if len(word) == 1 or word[0].isdigit() or word.endswith("'t") or word.startswith("http") or "@" in word:
        return (word,)
    if _SECRET.search(word):
        return ("<secret>",)
    if word[0] in "<[":
        return ("<tag>", *_INNER.findall(word))
    return (word,) if word[0] in "~$%/" else ("<name>", *_INNER.findall(word))


def _kind(word: str) -> str:
    if "@" in word:
        return "<mail>"
    if word.startswith("http") or (word[0].isdigit() and "." in word):
        return "<url>"
    if word[0] in "~$%/":
        return "<path>"
    if word.isdigit():
        return "<long>" if len(word) >= _LONG_NUMBER else "<number>"
    return word


def _frames(words: list[str], told: list[str]) -> Iterator[str]:
    """Yield each role where a clause begins, after a modal verb, and followed by another role nearby."""
    roles: list[tuple[int, tuple[str, ...]]] = []
    before = ""
    for at, (word, root) in enumerate(zip(words, told, strict=True)):
        here = _roles(before, word) if root else ()
        if here:
            roles.append((at, here))
            yield from here
            mark = "," if before in _LINKS else "!" if before in _MODALS else "" if at else "^"
            if mark:
                yield from _marked(mark, word, here)
        before = word
    for index, (at, first) in enumerate(roles):
        for later, second in roles[index + 1 : index + 1 + REACH]:
            if later - at > REACH:
                break
            yield from _pairs(first, second)


@lru_cache(maxsize=4_096)
def _expected(topic: frozenset[str]) -> frozenset[str]:
    """Return the roles that a topic has to do with."""
    return frozenset(role for root in topic for role in _OF_STEMS.get(root, ()))


@lru_cache(maxsize=16_384)
def _met(roles: frozenset[str]) -> tuple[str, ...]:
    """Return the pairs of roles that stand in one sentence, in any order and at any distance."""
    return tuple(f"{a}+{b}" for a, b in combinations(sorted(roles), 2))


@lru_cache(maxsize=8_192)
def _marked(mark: str, word: str, roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return the roles with what is before them; what a tool does (sends) is not what somebody is told to do (send)."""
    does = "s" if word.endswith("s") and not word.endswith("ss") else ""
    return tuple(mark + (does if role in INFLECTED else "") + role for role in roles)


@lru_cache(maxsize=8_192)
def _pairs(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{a}>{b}" for a in first for b in second)


@lru_cache(maxsize=32_768)
def _roles(before: str, word: str) -> tuple[str, ...]:
    own = _CLASSES.get(word, ())
    extra = ("YOU",) if word in _ADDRESSED else () if word.isalpha() else _KINDS.get(_kind(word), ())
    return tuple(dict.fromkeys((*own, *_PAIRED.get((before, word), ()), *extra)))


def _forms(word: str) -> Iterator[str]:
    yield word
    if len(word) < _STEM or not word.isalpha():
        return
    yield f"{word}s"
    if word.endswith("e"):
        yield from (f"{word}d", f"{word[:-1]}ing")
    elif word.endswith("y"):
        yield from (f"{word[:-1]}ies", f"{word[:-1]}ied", f"{word}ing")
    else:
        yield from (f"{word}{ending}" for ending in ("ed", "ing", "es", f"{word[-1]}ed", f"{word[-1]}ing"))


def _classes() -> dict[str, tuple[str, ...]]:
    classes: dict[str, tuple[str, ...]] = {}
    for role, words in WORDS.items():
        for word in words.split():
            for form in _forms(word) if role in INFLECTED else (word,):
                if role not in classes.get(form, ()):
                    classes[form] = (*classes.get(form, ()), role)
    return classes


def _of_stems() -> Mapping[str, frozenset[str]]:
    roles: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for word, own in _CLASSES.items():
        roles[stem(word)] |= frozenset(own)
    return dict(roles)


def _paired() -> dict[tuple[str, str], tuple[str, ...]]:
    paired: dict[tuple[str, str], tuple[str, ...]] = {}
    for role, phrases in PHRASES.items():
        for phrase in phrases.split("|"):
            first, second = phrase.split()
            paired[first, second] = (*paired.get((first, second), ()), role)
    return paired


_KINDS = {
    **dict.fromkeys(("<mail>", "<url>", "<path>"), ("PLACE",)),
    "<secret>": ("SECRET", "FILE"),
    "<name>": ("NAME",),
    "<tag>": ("TAG",),
}
_CLASSES = _classes()
_PAIRED = _paired()
_OF_STEMS = _of_stems()

"""Well-known names: what imitators imitate, and the one question they are there for: does a name resemble one?"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.acquisition.vetting.metadata.manifest import plain

SHORTEST = 5
"""Names shorter than this resemble too many others for one letter to say anything."""

_LOOKALIKES = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_LOOKALIKE_LETTERS = str.maketrans("0135", "oles")
_SEPARATORS = re.compile(r"[-_./@]+")
_AFFIXES = frozenset(
    """
    js node npm py python python3 ts typescript mcp server client sdk api cli lib core dev official latest pro plus
    tool tools util utils helper v2 v3 new
    """.split()  # noqa: SIM905 - a list of words reads better than thirty quoted ones
)


class Likeness(StrEnum):
    """How one name resembles another."""

    LOOKALIKE = "looks the same"
    SCOPE = "confuses a scope with a name"
    ONE_LETTER = "differs by one letter"
    ORDER = "has the same words in another order"
    AFFIX = "differs by a usual word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """A name and the well-known one that it resembles."""

    kind: Likeness
    known: str


class WellKnown:
    """A set of names of one ecosystem, looked up by resemblance.

    Args:
        ecosystem: ``npm`` or ``pypi``.
        names: The well-known names.
    """

    def __init__(self, ecosystem: str, names: Iterable[str]) -> None:
        """Index the names."""
        self._ecosystem = ecosystem
        known = sorted({plain(ecosystem, name) for name in names}, reverse=True)
        self._names = frozenset(known)
        self._scopes = frozenset(_scope(name) for name in known if _scope(name))
        self._shapes = {_shape(name): name for name in known}
        self._near = {form: name for name in known for form in _forms(name)}
        self._near_scopes = {form: scope for scope in sorted(self._scopes, reverse=True) for form in _forms(scope)}
        self._words = {_bag(name): name for name in known}
        self._bare = {_essence(name): name for name in known if not _scope(name)}

    def __contains__(self, name: str) -> bool:
        """Tell whether a name is itself well known."""
        return plain(self._ecosystem, name) in self._names

    def resemblance(self, name: str) -> Resemblance | None:
        """Return the worst resemblance of a name; ``None`` when it resembles none, or is well known itself.

        Whoever owns a scope decides about all names in it: those of a known scope are not compared.
        """
        given = plain(self._ecosystem, name)
        if given in self._names or _scope(given) in self._scopes:
            return None
        return next(self._resemblances(given), None)

    def _resemblances(self, given: str) -> Iterator[Resemblance]:
        shape, scope = _shape(given), _scope(given)
        if shape in self._shapes and len(shape) >= SHORTEST:
            known = self._shapes[shape]
            confused = bool(scope) != bool(_scope(known))
            yield Resemblance(kind=Likeness.SCOPE if confused else Likeness.LOOKALIKE, known=known)
        if scope:
            near = _nearest(scope, self._near_scopes)
            if near:
                yield Resemblance(kind=Likeness.SCOPE, known=near)
            return  # the rest of the name is the scope's own affair
        near = _nearest(given, self._near)
        if near:
            yield Resemblance(kind=Likeness.ONE_LETTER, known=near)
        if _bag(given) in self._words and len(_bag(given)) > 1:
            yield Resemblance(kind=Likeness.ORDER, known=self._words[_bag(given)])
        essence = _essence(given)
        if essence in self._bare and len("".join(essence)) >= SHORTEST:
            yield Resemblance(kind=Likeness.AFFIX, known=self._bare[essence])


def well_known() -> Mapping[str, WellKnown]:
    """Return the names that are shipped: those of the catalogue's packages and of packages that many build on."""
    text = (files("vsm_mcp.acquisition.vetting.provenance") / "well_known.json").read_text(encoding="utf-8")
    listed: dict[str, list[str]] = json.loads(text)
    for server in CatalogueSource().catalogue.servers:
        ecosystem, _, name = server.package.partition(":")
        listed.setdefault(ecosystem, []).append(name)
    return {ecosystem: WellKnown(ecosystem, names) for ecosystem, names in listed.items()}


def one_edit(one: str, other: str) -> bool:
    """Tell whether one letter was added, left out, replaced or exchanged with its neighbour.

    >>> one_edit("requests", "reqeusts"), one_edit("requests", "request"), one_edit("requests", "rqeuests")
    (True, True, True)
    >>> one_edit("requests", "requests"), one_edit("requests", "requ")
    (False, False)
    """
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = _common(one, other)
    first, second = one[start:], other[start:]
    if len(first) != len(second):
        longer, shorter = (first, second) if len(first) > len(second) else (second, first)
        return longer[1:] == shorter
    return first[1:] == second[1:] or (first[1::-1] == second[:2] and first[2:] == second[2:])


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _nearest(given: str, index: Mapping[str, str]) -> str:
    found = (index[form] for form in _forms(given) if form in index)
    return next((known for known in found if one_edit(given, known) and _overlooked(given, known)), "")


def _overlooked(given: str, known: str) -> bool:
    """Tell whether a person may overlook the difference: another number or another short word is another thing."""
    if re.sub(r"\d+", "", given) == re.sub(r"\d+", "", known):
        return False
    words, wanted = _SEPARATORS.split(given), _SEPARATORS.split(known)
    if len(words) != len(wanted):
        return True
    return any(len(meant) >= SHORTEST - 1 for word, meant in zip(words, wanted, strict=True) if word != meant)


def _forms(name: str) -> Iterator[str]:
    """Yield the name and what is left of it without one letter: two names one edit apart share one of these."""
    if len(name) >= SHORTEST:
        yield name
        yield from (name[:place] + name[place + 1 :] for place in range(len(name)))


def _scope(name: str) -> str:
    return name.partition("/")[0] if name.startswith("@") else ""


def _shape(name: str) -> str:
    """Return what a name looks like at a glance."""
    shape = _SEPARATORS.sub("", name.lower())
    for several, one in _LOOKALIKES:
        shape = shape.replace(several, one)
    return shape.translate(_LOOKALIKE_LETTERS)


def _bag(name: str) -> tuple[str, ...]:
    return tuple(sorted(filter(None, _SEPARATORS.split(name))))


def _essence(name: str) -> tuple[str, ...]:
    """Return the words of a name without those that everybody adds; of a name of such words alone, all of them."""
    words = tuple(filter(None, _SEPARATORS.split(name)))
    return tuple(word for word in words if word not in _AFFIXES) or words

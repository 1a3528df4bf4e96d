"""What a server says, as it may be quoted: without the secrets it was given, and safe to show."""

from collections.abc import Iterable, Mapping, Sequence

from vsm_mcp.errors import printable
from vsm_mcp.guard.redacting.writing import SHORTEST_SECRET, forms_of
from vsm_mcp.model.json import JsonValue

SHORTEST_LISTED = 16
"""What servers list of themselves is used, not only shown: a setting such as ``production`` must not be torn out."""

BLOT = "[hidden]"
MOST_LATER = 8
_LONGEST_READ = 64 * 1024
_SHORTEST_START = 6


class Blotter:
    """Blots out secrets, also where they are written in base64, in hex, for an address, for JSON, or line by line.

    Args:
        hide: The secrets. Those of fewer than four characters would blot out ordinary text, and stay.
        shortest: How many characters a secret must have to be blotted out.
    """

    def __init__(self, hide: Sequence[str] = (), *, shortest: int = SHORTEST_SECRET) -> None:
        """Prepare the ways in which each secret may be written."""
        self._shortest = shortest
        self._given = self._forms_of(hide)
        self._later: dict[str, frozenset[str]] = {}
        self._forms = _longest_first(self._given)

    def __bool__(self) -> bool:
        """True when there is anything to blot out."""
        return bool(self._forms)

    def hide(self, secret: str) -> None:
        """Blot out this secret as well, from now on; of those that come later, the newest few."""
        self._later.pop(secret, None)
        self._later[secret] = self._forms_of((secret,))
        if len(self._later) > MOST_LATER:
            del self._later[next(iter(self._later))]
        self._forms = _longest_first(self._given.union(*self._later.values()))

    def blot(self, text: str) -> str:
        """Return ``text`` without the secrets, and without the beginning of one that its end was cut off from."""
        for form in self._forms:
            text = text.replace(form, BLOT)
        return self._without_start(text)

    def blotted(self, value: JsonValue) -> JsonValue:
        """Return ``value`` with every text and every name in it blotted."""
        if isinstance(value, str):
            return self.blot(value)
        if isinstance(value, Mapping):
            return {self.blot(name): self.blotted(inner) for name, inner in value.items()}
        if isinstance(value, Sequence):
            return [self.blotted(inner) for inner in value]
        return value

    def finds(self, text: str) -> bool:
        """Tell whether a secret is written in ``text``."""
        return any(form in text for form in self._forms)

    def quoted(self, text: str, *, most: int) -> str:
        """Return at most ``most`` characters of ``text``, on one line; what is cut off leaves no part of a secret."""
        return printable(self.blot(text[:_LONGEST_READ]))[:most]

    def _forms_of(self, secrets: Iterable[str]) -> frozenset[str]:
        return frozenset(form for secret in secrets if len(secret) >= self._shortest for form in forms_of(secret))

    def _without_start(self, text: str) -> str:
        """Cut off the earliest place from which to the end everything is the beginning of a secret."""
        starts = [at for form in self._forms if (at := _start_of(form, text)) is not None]
        return text[: min(starts)] + BLOT if starts else text


class Discretion:
    """What is blotted out of what one server says.

    Args:
        hide: The secrets that it was given.

    Attributes:
        quotes: For what it says, where that is shown.
        lists: For what it lists of itself, which is used as well: only long secrets are blotted out there.
    """

    def __init__(self, hide: Sequence[str] = ()) -> None:
        """Prepare both."""
        self.quotes: Blotter = Blotter(hide)
        self.lists: Blotter = Blotter(hide, shortest=SHORTEST_LISTED)

    def hide(self, secret: str) -> None:
        """Blot out this secret as well, from now on."""
        self.quotes.hide(secret)
        self.lists.hide(secret)


def _longest_first(forms: Iterable[str]) -> list[str]:
    return sorted(forms, key=lambda form: (-len(form), form))


def _start_of(form: str, text: str) -> int | None:
    """Return where the end of ``text`` begins that is the beginning of ``form``; ``None`` when it is not."""
    start = form[:_SHORTEST_START]
    at = text.find(start, max(0, len(text) - len(form)))
    while at >= 0:
        if form.startswith(text[at:]):
            return at
        at = text.find(start, at + 1)
    return None

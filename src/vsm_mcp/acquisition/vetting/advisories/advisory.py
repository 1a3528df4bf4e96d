"""Advisory: what is publicly known about one version of a package, and who can be asked for it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vsm_mcp.model.verdict import Severity

EMBEDDED_MALICE = "CWE-506"
"""The weakness that advisories name when a version was made to do harm."""

_MALICE = re.compile(r"MAL-\d{4}-\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One exact version of a package, as a lock names it; old npm names that no new package may have are fine.

    Attributes:
        ecosystem: ``npm`` or ``pypi``.
        name: Its name there.
        version: Its exact version.
    """

    ecosystem: str
    name: str
    version: str

    def __str__(self) -> str:
        """Write it as ``ecosystem:name@version``."""
        return f"{self.ecosystem}:{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One published warning that holds for one exact version.

    Attributes:
        identity: The name its source gives it, such as ``GHSA-...``, ``CVE-...``, ``PYSEC-...`` or ``MAL-...``.
        aliases: Its other names.
        severity: How bad it is; ``None`` when nobody rated it.
        summary: What is wrong; untrusted text.
        fixed: The versions in which it is not wrong any more.
        weaknesses: The kinds of weakness it names (``CWE-...``).
        certain: False when it could not be told whether it holds for this version.
    """

    identity: str
    aliases: frozenset[str] = frozenset()
    severity: Severity | None = None
    summary: str = ""
    fixed: tuple[str, ...] = ()
    weaknesses: frozenset[str] = frozenset()
    certain: bool = True

    @property
    def names(self) -> frozenset[str]:
        """All its names."""
        return self.aliases | {self.identity}

    @property
    def malicious(self) -> bool:
        """Whether the version was made to do harm, instead of having a flaw."""
        return EMBEDDED_MALICE in self.weaknesses or any(map(_MALICE.fullmatch, self.names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a source says about one package.

    Attributes:
        advisories: What holds for it; none means that the source knows of nothing.
        unknown: Why the source cannot tell, or cannot tell all; empty when it can.
        as_of: The date of the source's data, when it is not that of now.
    """

    advisories: tuple[Advisory, ...] = ()
    unknown: str = ""
    as_of: datetime | None = None


class Advisories(Protocol):
    """Knows advisories. A package that its answer leaves out is one it cannot tell anything about."""

    @property
    def name(self) -> str:
        """A short name for reports."""
        ...

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        """Return what is known about each package.

        Raises:
            VSMError: It cannot be asked at all.
        """
        ...

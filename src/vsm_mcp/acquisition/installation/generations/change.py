"""A change of what is held, as it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vsm_mcp.acquisition.installation.generations.generations import ChangeKind
from vsm_mcp.acquisition.installation.store import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A sealed tree that waits for the commit.

    Attributes:
        path: Where it is, below the transaction's staging directory.
        manifest: The file beside it that describes it.
        digest: Its digest.
    """

    path: Path
    manifest: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of what is held.

    Attributes:
        kind: What kind of change it is.
        reason: The same for people.
        put: Records that are new, or take the place of those of the same name.
        drop: The names of servers that go; unknown ones are fine.
        staged: The new tree, if there is one.
        since: The generation that must still be the current one; ``None`` if any may be.
        replaces: For a server, the tree that it must still have; a change meanwhile is not overwritten.
        keep: How many generations stay, this one included; ``None`` for the usual number.
        beside: What this process holds beside the store; it counts as well.
    """

    kind: ChangeKind
    reason: str
    put: tuple[Record, ...] = ()
    drop: tuple[str, ...] = ()
    staged: Staged | None = None
    since: int | None = None
    replaces: Mapping[str, str] = field(default_factory=dict[str, str])
    keep: int | None = None
    beside: tuple[Record, ...] = ()

"""Difference: what the code of a new version names and uses that the old one did not."""

from collections.abc import Iterable
from dataclasses import dataclass

from vsm_mcp.acquisition.vetting.code.contents import Contents
from vsm_mcp.model.verdict import Permission

SHOWN_AT_MOST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is new in the code of a package. What went away does no harm and is not listed.

    Attributes:
        permissions: What it newly uses of its surroundings.
        hosts: Hosts that are newly written in it.
        mailboxes: Mail addresses that are newly written in it: one more recipient is one line of code.
        variables: Environment variables it newly reads.
        programs: Programs it newly starts.
        files: New files with code.
        signals: Codes of findings that are new.
        unknown: True when one of both versions could not be read whole: there may be more.
    """

    permissions: tuple[Permission, ...] = ()
    hosts: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    unknown: bool = False

    def __bool__(self) -> bool:
        """A difference is true when a person should look at it."""
        return bool(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each kind of thing that is new, for people; what weighs most first."""
        kinds: tuple[tuple[str, Iterable[str]], ...] = (
            ("code: new sign of malice", self.signals),
            ("code: newly uses", self.permissions),
            ("code: newly starts", self.programs),
            ("code: newly names the mailbox", self.mailboxes),
            ("code: newly names the host", self.hosts),
            ("code: newly reads the variable", self.variables),
            ("code: new file", self.files),
        )
        lines = [f"+ {what} {_shown(names)}" for what, names in kinds if names]
        if self.unknown:
            lines.append("? code: not all of both versions could be read")
        return tuple(lines)


def difference(old: Contents, new: Contents) -> Difference:
    """Return what ``new`` has that ``old`` has not.

    >>> difference(Contents(hosts=frozenset({"a.example"})), Contents(hosts=frozenset({"b.example"}))).lines
    ('+ code: newly names the host b.example',)
    """
    return Difference(
        permissions=tuple(sorted(new.permissions - old.permissions)),
        hosts=tuple(sorted(new.hosts - old.hosts)),
        mailboxes=tuple(sorted(new.mailboxes - old.mailboxes)),
        variables=tuple(sorted(new.variables - old.variables)),
        programs=tuple(sorted(new.programs - old.programs)),
        files=tuple(sorted(new.files - old.files)),
        signals=tuple(sorted(new.signals - old.signals)),
        unknown=not (old.complete and new.complete),
    )


def _shown(names: Iterable[str]) -> str:
    words = [name.encode("unicode_escape").decode()[:120] for name in names]
    more = f" and {len(words) - SHOWN_AT_MOST} more" if len(words) > SHOWN_AT_MOST else ""
    return ", ".join(words[:SHOWN_AT_MOST]) + more

"""What a source lists, looked at before anything is made of it: sources may be foreign code no type checker saw."""

from collections.abc import Mapping
from types import UnionType
from typing import Protocol, runtime_checkable

from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.launch import RemoteLaunch
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary, Variable

LONGEST_MARK = 1_000_000


@runtime_checkable
class _Makes(Protocol):
    def __call__(self) -> object: ...


_PARTS: Mapping[type, Mapping[str, type | UnionType]] = {
    Listing: {"mark": str, "omitted": int},
    Candidate: {
        "name": str,
        "source": str,
        "package": PackageRef,
        "version": str | None,
        "title": str,
        "summary": str,
        "publisher": str,
        "repository": str,
        "readiness": Readiness,
        "deprecated": bool,
        "make": None | _Makes,
        "remote": None | RemoteLaunch,
    },
    Description: {
        "name": str,
        "source": str,
        "package": PackageRef | None,
        "repository": str,
        "title": str,
        "summary": str,
    },
    ToolSummary: {"name": str, "description": str},
    Variable: {"name": str, "description": str, "required": bool, "secret": bool, "default": str | None},
}
_MEMBERS: Mapping[type, Mapping[str, type]] = {
    Listing: {"candidates": Candidate, "descriptions": Description},
    Candidate: {"keywords": str, "arguments": str, "environment": Variable, "tools": ToolSummary, "egress": str},
    Description: {"keywords": str, "tools": ToolSummary},
}


def checked(listing: object) -> Listing:
    """Return what a source returned, if it is a listing with nothing but servers in it.

    Raises:
        PayloadError: It is not, or its mark is too long.
    """
    if not isinstance(listing, Listing):
        raise PayloadError(f"It returned {type(listing).__name__}, not a Listing.")
    _insist(listing, Listing)
    if len(listing.mark) > LONGEST_MARK:
        raise PayloadError(f"Its mark has {len(listing.mark)} characters, more than the {LONGEST_MARK} allowed.")
    return listing


def _insist(value: object, kind: type) -> None:
    """Refuse a value that has something of another type in it than its class says."""
    for name, of in _PARTS[kind].items():
        part: object = getattr(value, name)
        if not _is(part, of):
            raise _odd(kind, name, part)
    for name, of in _MEMBERS.get(kind, {}).items():
        members: tuple[object, ...] = getattr(value, name)
        if not _is(members, tuple):
            raise _odd(kind, name, members)
        for one in members:
            if not _is(one, of):
                raise _odd(kind, name, one)
            if of in _PARTS:
                _insist(one, of)


def _is(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind)


def _odd(kind: type, name: str, found: object) -> PayloadError:
    verb = "returned" if kind is Listing else "lists"
    return PayloadError(
        f"It {verb} a {kind.__name__} with {type(found).__name__} in its {name}.",
        remedies=("Repair the source, or leave it out.",),
    )

"""What differs between two locks: what should be held and what is."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from vsm_mcp.acquisition.lock.entries import LockedServer
from vsm_mcp.acquisition.lock.lockfile import Lockfile, files_of
from vsm_mcp.errors import IntegrityError
from vsm_mcp.model.pins import difference
from vsm_mcp.model.report import Report
from vsm_mcp.model.server import Proven

NOTED = ("entry", "sandbox", "evidence", "decision", "behaviour")
"""What tells how a server came to be trusted, and on which machine; a difference makes it no other server."""


class Standing(StrEnum):
    """How a server stands to a lock."""

    SAME = "same"
    MISSING = "missing"
    DIFFERENT = "different"
    UNLOCKED = "unlocked"


class ServerStanding(Report, frozen=True):
    """How one server stands to a lock.

    Attributes:
        standing: The answer.
        differs: What makes it another server, in words.
        noted: What differs beside that, such as what confined it.
    """

    standing: Standing
    differs: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()


class LockComparison(Report, frozen=True):
    """What is held, compared with a lock.

    Attributes:
        same: Whether exactly what is locked is held.
        servers: Each server of either, by name.
    """

    same: bool
    servers: Mapping[str, ServerStanding] = Field(default_factory=dict[str, ServerStanding])


def compare(lock: Lockfile, held: Lockfile) -> LockComparison:
    """Compare what is locked with what is held, which is given as a lock as well."""
    names = sorted({*lock.servers, *held.servers})
    servers = {name: _standing(lock.servers.get(name), held.servers.get(name)) for name in names}
    return LockComparison(same=all(one.standing is Standing.SAME for one in servers.values()), servers=servers)


async def confirm(lock: Lockfile, proven: Proven) -> None:
    """Make sure, before a server is committed, that it is the one that is locked: its bytes and what it says.

    Raises:
        IntegrityError: It is not in the lock, or differs.
    """
    locked = lock.server(proven.candidate)
    found = LockedServer.of(proven, files=await files_of(proven))
    differs = _differs(locked, found)
    if differs:
        raise IntegrityError(
            f"{proven.candidate.name} is not what the lock pins: {'; '.join(differs)}.",
            stage="verify",
            remedies=(
                "Find out why it changed before you use it.",
                "If the change is wanted: acquire it without the lock, then lock it anew.",
            ),
        )


def _standing(locked: LockedServer | None, held: LockedServer | None) -> ServerStanding:
    if locked is None:
        return ServerStanding(standing=Standing.UNLOCKED)
    if held is None:
        return ServerStanding(standing=Standing.MISSING)
    differs = _differs(locked, held)
    noted = tuple(name for name in NOTED if getattr(locked, name) != getattr(held, name))
    return ServerStanding(
        standing=Standing.DIFFERENT if differs else Standing.SAME, differs=tuple(differs), noted=noted
    )


def _differs(locked: LockedServer, found: LockedServer) -> list[str]:
    """Return, in words, what makes ``found`` another server than the locked one."""
    wanted, there = locked.package, found.package
    said = {
        f"the package is {there.package}, locked is {wanted.package}": wanted.package != there.package,
        "the digest of the package is another one": wanted.integrity != there.integrity,
        "other packages are installed with it": _closure(locked) != _closure(found),
        f"the installed files are {_short(found.files)}, locked are {_short(locked.files)}": locked.files
        != found.files,
        "it is started in another way": locked.launch != found.launch,
        "it asks for other variables or hosts": _asked(locked) != _asked(found),
        f"it says other things about itself ({difference(locked.pins, found.pins)})": locked.pins != found.pins,
    }
    return [words for words, differs in said.items() if differs]


def _closure(server: LockedServer) -> frozenset[tuple[str, str, tuple[str, ...]]]:
    return frozenset((one.name, one.version, one.hashes) for one in server.package.dependencies)


def _asked(server: LockedServer) -> tuple[object, ...]:
    candidate = server.candidate
    return (candidate.name, candidate.arguments, candidate.environment, candidate.egress)


def _short(digest: str) -> str:
    return digest[:12] or "none"

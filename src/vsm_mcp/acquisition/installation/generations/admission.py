"""Admission: what may not come among the servers that are held, whatever led to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vsm_mcp.acquisition.installation.store import Record
from vsm_mcp.errors import PolicyError, VettingError
from vsm_mcp.model.server import Candidate, PackageRef

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What acquisitions may cost: servers held at once, and acquisitions within 24 hours.

    An upgrade is neither: it takes the place of a server that is held. Going back to an earlier generation is not
    limited either, because all it holds was let in before.
    """

    servers: int = 16
    acquisitions_per_day: int = 20

    def check(self, *, held: int, acquired: Iterable[datetime], under_way: int = 0, now: datetime) -> None:
        """Let one more acquisition pass.

        Args:
            held: How many servers are held.
            acquired: When servers were acquired, also those that were let go since.
            under_way: How many other acquisitions have not come to their end; each may become a server.
            now: What time it is.

        Raises:
            PolicyError: The budget is used up.
        """
        coming = f", {under_way} more are being acquired," if under_way else ""
        if held + under_way >= self.servers:
            raise PolicyError(
                f"{held} servers are held{coming} and the budget allows {self.servers}.",
                remedies=("Release a server: release_capability(name).", "Raise Settings(most_servers=...)."),
            )
        recent = sum(moment > now - DAY for moment in acquired)
        if recent + under_way >= self.acquisitions_per_day:
            raise PolicyError(
                f"{recent} servers were acquired within a day{coming} and the budget allows "
                f"{self.acquisitions_per_day}.",
                remedies=("Wait, or raise Settings(acquisitions_per_day=...).",),
            )


def admit_newcomer(server: str, held: Sequence[Record], *, budget: Budget, now: datetime) -> None:
    """Make sure that a server that was acquired is within the budget; an older one of its name makes room for it.

    Raises:
        PolicyError: The budget is used up.
    """
    others = {record.name for record in held} - {server}
    budget.check(held=len(others), acquired=[record.at for record in held], now=now)


def insist_on_name(candidate: Candidate, held: Iterable[Record], damaged: Mapping[str, str] | None = None) -> None:
    """Make sure that a name stays with its package: nobody takes the place of a server by calling himself like it.

    Args:
        candidate: Who wants to be held.
        held: What is held.
        damaged: For each server whose record cannot be read, its package with the version as it was held last.

    Raises:
        VettingError: The name belongs to another package, or to the same one started with other words.
    """
    wanted = (candidate.package.ecosystem, candidate.package.name)
    for record in held:
        if record.name != candidate.name:
            continue
        package = record.proven.installed.vetted.artefact.resolution.package
        if (package.ecosystem, package.name) != wanted:
            raise _taken(candidate, f"as {package}")
        if record.proven.candidate.arguments != candidate.arguments:
            raise _taken(candidate, "with other arguments")
    known = (damaged or {}).get(candidate.name)
    if known is not None and not _is_some(candidate.package, known):
        raise _taken(candidate, f"as {known}")


def _taken(candidate: Candidate, how: str) -> VettingError:
    return VettingError(
        f"{candidate.name} is held already {how}, and this is {candidate.package} from {candidate.source}.",
        stage="vet",
        remedies=(
            f"Release it first, if you want the other one: release_capability({candidate.name!r}).",
            "Find out who calls another package by this name.",
        ),
    )


def _is_some(package: PackageRef, written: str) -> bool:
    """Return whether ``written``, as ``ecosystem:name@version``, is any version of a package."""
    name = f"{package.ecosystem}:{package.name}"
    version = written.removeprefix(name)
    return written.startswith(name) and (not version or (version[0] == "@" and "/" not in version))

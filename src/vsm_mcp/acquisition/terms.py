"""The terms on which a server would run: its way out, its secrets, its limits and files, and who holds them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vsm_mcp.acquisition.vetting.patterns import Subject
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Enforcement, Level
from vsm_mcp.model.server import Candidate, Resolution
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a server would get.

    Attributes:
        egress: Where it could connect to.
        secrets: The names of the variables that it would be given by reference.
        limits: How much it could use up; ``None`` for what runs in the host's own process.
        read_only: What it could read besides its own files.
        kept: Whether it would keep its writable directory between starts.
        enforcement: Who would hold it, in a few words.
    """

    egress: Egress = field(default_factory=Egress)
    secrets: tuple[str, ...] = ()
    limits: Limits | None = None
    read_only: tuple[Path, ...] = ()
    kept: bool = True
    enforcement: str = ""


def granted(declared: Iterable[str], allowed: Iterable[str]) -> Egress:
    """Return the way out of a server: the hosts that it declares and that are allowed; neither widens the other.

    Args:
        declared: What the server says it talks to, as ``host`` or ``host:port``; what is not a name is not granted.
        allowed: What the policy lets servers talk to.

    Raises:
        SandboxError: Something that is allowed is not the name of a host, or much too wide.
    """
    ceiling = Egress.of_declared(allowed)
    return Egress.of_declared(entry for text in declared for entry in _read(text) if _covers(ceiling, entry))


def way_out(candidate: Candidate, resolution: Resolution | None, policy: Policy) -> Egress:
    """Return the way out of a server: what it declares and the policy allows, and what a human grants to it by name."""
    agreed = granted(candidate.egress, policy.egress)
    return policy.grant_for(Subject.of(candidate, resolution)).way_out(also=agreed.allow)


def held_by(enforcement: Enforcement) -> str:
    """Say in one line who holds what: ``"bubblewrap (full): the kernel holds files; supervision holds cpu"``."""
    if enforcement.confiner == "none":
        return "nothing confines it"
    parts: list[str] = []
    for level, holder in _HOLDERS.items():
        aspects = [str(aspect) for aspect, held in enforcement.held.items() if held.level is level]
        parts += [f"{holder} {', '.join(aspects)}"] if aspects else []
    return f"{enforcement.confiner} ({enforcement.profile}): {'; '.join(parts)}"


_HOLDERS = {
    Level.KERNEL: "the kernel holds",
    Level.SUPERVISED: "supervision holds",
    Level.NONE: "nothing holds",
}


def _read(text: str) -> tuple[str, ...]:
    """Return a declared host in its one form; nothing when it is none: the text comes from outside."""
    try:
        return Egress.of_declared((text,)).allow
    except SandboxError:
        return ()


def _covers(ceiling: Egress, entry: str) -> bool:
    host, _, port = entry.rpartition(":")
    if not host.startswith("*."):
        return ceiling.permits(host, int(port))
    labels = host.removeprefix("*.").split(".")
    wider = (".".join(labels[count:]) for count in range(len(labels)))
    return any(f"*.{domain}:{port}" in ceiling.allow for domain in wider)

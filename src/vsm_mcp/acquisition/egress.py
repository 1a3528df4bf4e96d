"""Which of the hosts that a server declares it is let talk to: what it says and what the policy allows, both."""

from collections.abc import Iterable

from vsm_mcp.acquisition.vetting.patterns import Subject, allows
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import SandboxError
from vsm_mcp.model.server import Candidate
from vsm_mcp.sandbox.egress.rules import Egress


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


def granted_to(candidate: Candidate, policy: Policy) -> Egress:
    """Return the way out of a server: what its source or a human declares for it, as far as the policy allows it."""
    subject = Subject.of(candidate)
    declared = [*candidate.egress]
    for pattern, hosts in policy.declare.items():
        if allows((pattern,), subject) is not None:
            declared += hosts
    return granted(declared, policy.egress)


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

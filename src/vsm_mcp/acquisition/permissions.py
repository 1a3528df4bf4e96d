"""What the policy in force says about the tools of servers that are held."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from vsm_mcp.acquisition.lock.entries import Grant
from vsm_mcp.acquisition.vetting.lists import Lists
from vsm_mcp.acquisition.vetting.patterns import Subject, allows
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.text.words import Digests, Words
from vsm_mcp.model.server import Installed, Proven

MOST_KEPT = 10_000
"""Answers that are remembered; beyond, all are forgotten and asked again."""


class CallPermissions:
    """Answers, for each tool of each held server, whether the policy lets it be called.

    A server that came in under another policy, in an earlier run, is judged by the one of today. Answers are kept
    until the server is replaced, so that a call costs a look into a table.

    Args:
        policy: The policy in force.
        held: Returns a held server by its name.
    """

    def __init__(self, policy: Policy, held: Callable[[str], Proven | None]) -> None:
        """Keep both; nothing is judged yet."""
        self._policy = policy
        self._lists = Lists(policy)
        self._held = held
        self._answers: dict[tuple[str, str], tuple[Proven, str | None]] = {}

    def __repr__(self) -> str:
        """Show how many answers are kept."""
        return f"CallPermissions(kept={len(self._answers)})"

    def objection(self, server: str, tool: str) -> str | None:
        """Return why a tool may not be called; ``None`` when it may, or when no such server is held."""
        proven = self._held(server)
        if proven is None:
            return None  # the caller behind says so
        key = (server, tool)
        kept = self._answers.get(key)
        if kept is not None and kept[0] is proven:
            return kept[1]
        answer = self.judge(proven, tool)
        if len(self._answers) >= MOST_KEPT:
            self._answers.clear()
        self._answers[key] = (proven, answer)
        return answer

    def grant(self, proven: Proven) -> Grant:
        """Return what of the policy lets a server in: the pattern, and what is waived of its package and its words."""
        resolution = proven.installed.vetted.artefact.resolution
        pattern = allows(self._policy.allow, Subject.of(proven.candidate, resolution))
        digests = {resolution.integrity, *Digests(Words.of(proven)).all()}
        waived = tuple(waiver.code for waiver in self._policy.waivers if waiver.integrity in digests)
        return Grant(allowed_by=pattern, waivers=waived)

    def judge(self, proven: Proven, tool: str = "") -> str | None:
        """Return why a server, or one tool of it, is not allowed; ``None`` when it is."""
        return self.judge_installed(proven.installed, tool)

    def judge_installed(self, installed: Installed, tool: str = "") -> str | None:
        """Return the same for a server that is not proven yet: on trial nothing forbidden is called either."""
        resolution = installed.vetted.artefact.resolution
        subject = replace(Subject.of(installed.candidate, resolution), tool=tool)
        return next((finding.message for finding in self._lists.judge(subject)), None)

    def forbidden(self, tool: str | None, servers: Iterable[str]) -> str | None:
        """Return why a tool that one of these held servers has may not be called; ``None`` when that is not why."""
        for name in servers:
            proven = self._held(name)
            if proven is not None and any(spec.name == tool for spec in proven.tools):
                reason = self.objection(name, tool or "")
                if reason is not None:
                    return f"{tool!r} of {name} may not be called: {reason}"
        return None

"""Circuits: what is left alone for a while, for one agent or for all, and who tries whether it works again."""

from collections.abc import Iterable
from typing import Self

from vsm_mcp.guard.failures import FailureCount
from vsm_mcp.model.call import ToolCall

MOST_AGENTS = 256
BY_OTHERS = 3
"""So many failures of others than the one who fails most are no accident."""

_LEAST_TRIAL = 5.0


class Circuit:
    """What lets calls pass, none, or a single one.

    Args:
        server: Of which server.
        tool: Of which tool; empty for all.
        agent: Of whose calls; empty for all.
        rest: Seconds without calls, the first time.
        window: Seconds in which failures are counted.
        above: The circuit of the same tool for all agents; ``None`` if this is one.

    Attributes:
        server: Of which server.
        tool: Of which tool.
        agent: Of whose calls.
        above: The circuit for all agents.
        agents: The circuits of agents, if this is for all of them.
        count: How calls ended.
        rest: Seconds without calls, the next time.
        rest_until: When a call may try again; ``None`` when calls pass.
        trial: The one call that tries.
        trial_until: When another one may.
        blamed: Whose trial failed last.
    """

    __slots__ = (
        "above",
        "agent",
        "agents",
        "blamed",
        "count",
        "rest",
        "rest_until",
        "server",
        "tool",
        "trial",
        "trial_until",
    )

    def __init__(
        self, server: str, tool: str, *, agent: str, rest: float, window: float, above: Self | None = None
    ) -> None:
        """Let calls pass."""
        self.server: str = server
        self.tool: str = tool
        self.agent: str = agent
        self.above: Self = self if above is None else above
        self.agents: dict[str, Self] = {}
        self.count: FailureCount = FailureCount(window)
        self.rest: float = rest
        self.rest_until: float | None = None
        self.trial: ToolCall | None = None
        self.trial_until: float = 0.0
        self.blamed: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls do not just pass."""
        return self.rest_until is not None

    def begin(self, call: ToolCall, now: float) -> None:
        """Let a call try; one that hangs must not stop all others for ever."""
        self.trial = call
        self.trial_until = now + max(self.rest, _LEAST_TRIAL)

    def wait(self, now: float) -> float | None:
        """Return how long to wait; 0 while one call tries, ``None`` when this one may."""
        if self.rest_until is None:
            return None
        if now < self.rest_until:
            return self.rest_until - now
        return 0.0 if self.trial is not None and now < self.trial_until else None

    def close(self, rest: float) -> None:
        """Let calls pass again."""
        self.rest_until, self.rest, self.blamed = None, rest, None
        self.count.clear()


def all_fail(circuits: Iterable[Circuit], now: float, *, least: int, share: float) -> tuple[int, int] | None:
    """Return how many calls there were and how many failed, when enough failed without the agent that fails most.

    So no agent can have a tool left alone for all others just by calls that fail.
    """
    calls = failures = most_calls = most_failures = 0
    for circuit in circuits:
        circuit.count.forget(now)
        made, failed = circuit.count.calls, circuit.count.failures
        if circuit.is_open:
            made, failed = max(made, least), max(failed, least)
        calls, failures = calls + made, failures + failed
        if failed > most_failures:
            most_calls, most_failures = made, failed
    others, by_others = calls - most_calls, failures - most_failures
    if calls < least or failures < share * calls or by_others < BY_OTHERS or by_others < share * others:
        return None
    return calls, failures

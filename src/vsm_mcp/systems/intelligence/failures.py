"""Failures: what could not be acquired lately, so that it is told again instead of tried again."""

from datetime import datetime, timedelta

from vsm_mcp.errors import AcquisitionError
from vsm_mcp.world.clock import Clock

MOST_FAILED = 1000
"""Needs whose failed acquisition is remembered; beyond, the oldest is forgotten."""


class Failures:
    """Remembers failed acquisitions by the kind of need and the tool it named, and servers that failed, for a while.

    Args:
        clock: Says when a failed acquisition may be tried again.
        patience: How long it is remembered.
    """

    def __init__(self, *, clock: Clock, patience: timedelta) -> None:
        """Begin without any."""
        self._clock = clock
        self._patience = patience
        self._kinds: dict[tuple[str, str | None], tuple[datetime, AcquisitionError]] = {}
        self._servers: dict[str, tuple[datetime, str]] = {}

    def __repr__(self) -> str:
        """Show which needs failed."""
        return f"Failures({self.kinds})"

    @property
    def kinds(self) -> list[str]:
        """The kinds of need that failed."""
        return sorted({kind for kind, _ in self._kinds})

    @property
    def servers(self) -> dict[str, str]:
        """The servers that failed within ``patience``, each with why."""
        now = self._clock.now()
        self._servers = {
            name: (when, why)
            for name, (when, why) in self._servers.items()
            if timedelta(0) <= now - when < self._patience
        }
        return {name: why for name, (_, why) in self._servers.items()}

    def recall(self, kind: str, tool: str | None = None) -> None:
        """Tell the same failure again, if it is not long ago: that of the tool which is named, or of none.

        Raises:
            AcquisitionError: It is not.
        """
        when, error = self._kinds.get((kind, tool), (None, None))
        if when is None or error is None:
            return
        if timedelta(0) <= self._clock.now() - when < self._patience:
            raise error.with_traceback(None)  # or it would grow with each time that it is told
        del self._kinds[kind, tool]

    def remember(self, kind: str, error: AcquisitionError, *, tool: str | None = None) -> None:
        """Remember that nothing could be acquired for a kind of need, with the tool that it named, if any."""
        self._kinds.pop((kind, tool), None)
        while len(self._kinds) >= MOST_FAILED:
            del self._kinds[next(iter(self._kinds))]
        self._kinds[kind, tool] = (self._clock.now(), error)

    def forget(self, kind: str) -> None:
        """Forget the failures of a kind of need, whatever tool it named, because it was acquired since."""
        self._kinds = {key: failed for key, failed in self._kinds.items() if key[0] != kind}

    def remember_server(self, server: str, why: str) -> None:
        """Remember that a server failed."""
        self._servers[server] = (self._clock.now(), why)

    def forget_server(self, server: str) -> None:
        """Forget that a server failed."""
        self._servers.pop(server, None)

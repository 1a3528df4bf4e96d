"""What is known of a held server at one moment: what it does, and how well it is."""

from dataclasses import dataclass
from enum import StrEnum

from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.report import Report


class ServerStatus(StrEnum):
    """What a held server is doing."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    RESTING = "resting"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """One held server, at one moment.

    Attributes:
        status: Idle until the first call; failed after a crash, until it is started anew; resting when it failed too
            often and is left alone; disabled when the host does not let it be used.
        generation: How often it was started.
        pid: Its process on this host, while it runs; of several the first.
        tools: The names of its tools, as proven.
        enforcement: What confines it, once it was started.
        last_error: Why it failed last.
        held_back: Tools that it lists and that are not callable: nobody approved what they say now.
        processes: How many instances of it run.
        waiting: How many calls wait for an instance that is not up yet.
    """

    status: ServerStatus
    generation: int
    pid: int | None
    tools: tuple[str, ...]
    enforcement: Enforcement | None
    last_error: str | None
    held_back: tuple[str, ...] = ()
    processes: int = 0
    waiting: int = 0


class Condition(StrEnum):
    """How well a server is.

    Attributes:
        WELL: All of its instances answered lately.
        SUSPECT: One of them did not answer when it was last asked, answered that it cannot do any more what proved it,
            or was not heard of for too long.
        DOWN: It failed, and is not up again.
        UNKNOWN: It does not run, so nobody can tell.
    """

    WELL = "well"
    SUSPECT = "suspect"
    DOWN = "down"
    UNKNOWN = "unknown"


class ServerHealth(Report, frozen=True):
    """How well a server is, by its last signs of life; nobody is asked for this report.

    Attributes:
        server: Its name.
        condition: How well it is.
        status: What it is doing.
        processes: How many instances of it run.
        answered: Seconds since the instance that was silent longest gave a sign of life; ``None`` when none runs.
        latency: Seconds that the last answer of that instance took; ``None`` before the first one.
        misses: How many answers of an instance in a row are missing, at most.
        last_error: Why it failed last.
        complaint: What an instance said instead of a good answer when it was last checked, which no restart would
            change: an expired token, say; ``None`` when nothing speaks against what they answer.
    """

    server: str
    condition: Condition
    status: ServerStatus
    processes: int
    answered: float | None
    latency: float | None
    misses: int
    last_error: str | None
    complaint: str | None = None

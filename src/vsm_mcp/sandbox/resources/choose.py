"""Which way of limiting whole trees this machine allows: found out by trying, best first."""

from collections.abc import Sequence
from dataclasses import dataclass

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.resources.cgroups.cgroup1 import CgroupV1
from vsm_mcp.sandbox.resources.cgroups.cgroup2 import CgroupV2
from vsm_mcp.sandbox.resources.cgroups.systemd import SystemdScope
from vsm_mcp.sandbox.resources.controller import ResourceController
from vsm_mcp.sandbox.resources.watchdog import Watchdog
from vsm_mcp.world.processes import Processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The way that was chosen, and why not a better one.

    Attributes:
        controller: The way.
        refused: Why each better one is not available, as sentences.
    """

    controller: ResourceController
    refused: tuple[str, ...] = ()


def known_controllers(processes: Processes) -> tuple[ResourceController, ...]:
    """Return all ways, best first: the kernel's limits directly, through systemd, of the old kind, then watching."""
    return (CgroupV2(), SystemdScope(processes), CgroupV1(), Watchdog())


async def choose(controllers: Sequence[ResourceController]) -> Choice:
    """Return the first way that works.

    Raises:
        SandboxError: None does.
    """
    refused: list[str] = []
    for controller in controllers:
        why = await controller.unavailable()
        if why is None:
            return Choice(controller=controller, refused=tuple(refused))
        refused.append(why)
    raise SandboxError(
        f"Memory and CPU of a whole tree cannot be limited here: {' '.join(refused) or 'no way to do it is named.'}",
        remedies=("Mount /proc, or name another resource controller.",),
    )

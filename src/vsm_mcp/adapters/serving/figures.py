"""The reports that a client may look at: each is a tool without arguments, and a resource."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vsm_mcp.acquisition.installation.generations.generations import Generation
from vsm_mcp.acquisition.report import AcquisitionReport
from vsm_mcp.model.report import Report
from vsm_mcp.system.viable import ViableSystem

Look = Callable[[ViableSystem], Awaitable[Report]]


class Acquisitions(Report, frozen=True):
    """What was acquired in this session, oldest first."""

    reports: tuple[AcquisitionReport, ...]


class Generations(Report, frozen=True):
    """What was held after each change that is kept, oldest first."""

    generations: tuple[Generation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A report.

    Attributes:
        name: Its name: the tool is ``vsm_NAME``, the resource ``vsm://NAME``.
        title: For people.
        description: What it says.
        look: Takes it.
    """

    name: str
    title: str
    description: str
    look: Look

    @property
    def tool(self) -> str:
        """The name of the tool."""
        return f"vsm_{self.name}"

    @property
    def uri(self) -> str:
        """The address of the resource."""
        return f"vsm://{self.name}"


async def _status(vsm: ViableSystem) -> Report:
    return vsm.status()


async def _variety(vsm: ViableSystem) -> Report:
    return vsm.analyze_variety()


async def _gap(vsm: ViableSystem) -> Report:
    return vsm.diagnose_variety_gap()


async def _performance(vsm: ViableSystem) -> Report:
    return vsm.diagnose_performance()


async def _diagnosis(vsm: ViableSystem) -> Report:
    return vsm.diagnose()


async def _principles(vsm: ViableSystem) -> Report:
    return vsm.check_principles()


async def _security(vsm: ViableSystem) -> Report:
    return await vsm.security_report()


async def _acquisitions(vsm: ViableSystem) -> Report:
    return Acquisitions(reports=vsm.acquisitions)


async def _generations(vsm: ViableSystem) -> Report:
    return Generations(generations=await vsm.generations())


async def _metrics(vsm: ViableSystem) -> Report:
    return vsm.metrics()


def _figure(name: str, title: str, description: str, *, look: Look) -> Figure:
    return Figure(name=name, title=title, description=description, look=look)


FIGURES: tuple[Figure, ...] = (
    _figure("status", "Status", "Whether the system is viable, its twelve readings and its servers.", look=_status),
    _figure("variety", "Variety analysis", "What is asked for and cannot be done, per system and kind.", look=_variety),
    _figure("gap", "Gap diagnosis", "Which system loses how much of demand, and what to do about it.", look=_gap),
    _figure("performance", "Performance", "What slows the system down, and what to do about it.", look=_performance),
    _figure("diagnosis", "Diagnosis", "Which pathologies of viable systems the figures show.", look=_diagnosis),
    _figure("principles", "Principles", "Which of Beer's principles and axioms the figures keep.", look=_principles),
    _figure("metrics", "Metrics", "The figures that go up and down, without words.", look=_metrics),
    _figure("security", "Security", "What is held, what confines it, what changed since it came in.", look=_security),
    _figure("acquisitions", "Acquisitions", "What was acquired in this session, and how.", look=_acquisitions),
    _figure("generations", "Generations", "What was held after each change that is kept.", look=_generations),
)
"""All of them, in the order in which they are listed."""

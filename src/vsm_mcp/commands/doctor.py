"""The command ``doctor``: what works on this machine, and what to do about the rest."""

from argparse import Namespace

from vsm_mcp.commands.outcome import CommandLine, Result
from vsm_mcp.events import EventSink
from vsm_mcp.preflight import Preflight
from vsm_mcp.settings.settings import Settings
from vsm_mcp.world.world import World


async def _run(_: Namespace, __: EventSink) -> Result:
    report = await Preflight(Settings.from_environment(), world=World()).run()
    return Result(report=report, code=report.readiness)


COMMAND = CommandLine(run=_run)

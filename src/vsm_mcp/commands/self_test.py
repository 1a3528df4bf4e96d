"""The command ``self-test``: tries to break out of the sandbox of this machine in every known way."""

from argparse import Namespace

from vsm_mcp.commands.outcome import CommandLine, ExitCode, Result
from vsm_mcp.events import EventSink
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.machine import choose_python, make_sandbox
from vsm_mcp.world.world import World


async def _run(_: Namespace, emit: EventSink) -> Result:
    settings = Settings.from_environment()
    sandbox = make_sandbox(settings, World())
    report = await sandbox.self_test(python=await choose_python(settings, sandbox), emit=emit)
    return Result(report=report, code=ExitCode.WELL if report.passed else ExitCode.DEGRADED)


COMMAND = CommandLine(run=_run)

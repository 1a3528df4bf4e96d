"""The command ``vet``: everything that can be said about a package without running any of it."""

from argparse import Namespace

from vsm_mcp.commands.outcome import CommandLine, Result
from vsm_mcp.events import EventSink
from vsm_mcp.vet_package import answer, words


async def _run(options: Namespace, emit: EventSink) -> Result:
    report, code = await answer(options, emit=emit)
    return Result(report=report, code=code)


COMMAND = CommandLine(run=_run, words=words)

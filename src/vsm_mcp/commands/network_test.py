"""The command ``network-test``: tries every way from a sandbox of this machine to the network."""

from argparse import ArgumentParser, Namespace

from vsm_mcp.commands.outcome import CommandLine, ExitCode, Result
from vsm_mcp.events import EventSink
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.settings.settings import Settings
from vsm_mcp.wiring.machine import choose_python, make_sandbox
from vsm_mcp.world.world import World


def _words(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="test a sandbox that may reach this host; may be given more than once",
    )


async def _run(options: Namespace, emit: EventSink) -> Result:
    settings = Settings.from_environment()
    sandbox = make_sandbox(settings, World())
    egress = Egress.of_declared(options.allow) if options.allow else None
    python = await choose_python(settings, sandbox)
    report = await sandbox.test_network_isolation(python=python, egress=egress, emit=emit)
    return Result(report=report, code=ExitCode.WELL if report.passed else ExitCode.DEGRADED)


COMMAND = CommandLine(run=_run, words=_words)

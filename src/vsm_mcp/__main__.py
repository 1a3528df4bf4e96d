"""python -m vsm_mcp: what works on this machine, what its sandbox holds, and what to do about the rest."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

import anyio

from vsm_mcp.commands.outcome import CommandLine, ExitCode, Result
from vsm_mcp.errors import VSMError
from vsm_mcp.events import Event, EventSink, SelfTestAdvanced, ignore


class _Entry(NamedTuple):
    """Where a command is, and what it says of itself."""

    module: str
    help: str


_COMMANDS: Mapping[str, _Entry] = {
    "doctor": _Entry("vsm_mcp.commands.doctor", "say what works on this machine"),
    "vet": _Entry("vsm_mcp.commands.vet", "say all about a package without running it"),
    "serve": _Entry("vsm_mcp.commands.serve", "serve the system to MCP clients, over stdio unless told otherwise"),
    "self-test": _Entry("vsm_mcp.commands.self_test", "try to break out of the sandbox in every known way"),
    "network-test": _Entry("vsm_mcp.commands.network_test", "try every way from the sandbox to the network"),
}
_DEFAULT = "doctor"


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; return 0 when all is well, 1 when degraded or something is open, 2 when nothing can be done."""
    given = list(sys.argv[1:] if words is None else words)
    named = given[:1] if given and given[0] in _COMMANDS else []
    name = named[0] if named else _DEFAULT
    command = _load(name) if named or not {"-h", "--help"} & set(given) else None
    options = _parser(name, command).parse_args(given[len(named) :])
    return ExitCode.WELL if command is None else _run(command, options)


def _load(name: str) -> CommandLine:
    module = import_module(_COMMANDS[name].module)
    command: CommandLine = module.COMMAND
    return command


def _parser(name: str, command: CommandLine | None) -> argparse.ArgumentParser:
    if command is None:
        parser = argparse.ArgumentParser(
            prog="python -m vsm_mcp",
            usage="%(prog)s [COMMAND] [--json]",
            description=__doc__,
            epilog="\n".join(("commands:", *(f"  {name:14}{entry.help}" for name, entry in _COMMANDS.items()))),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    else:
        parser = argparse.ArgumentParser(prog=f"python -m vsm_mcp {name}", description=_COMMANDS[name].help)
        command.words(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _run(command: CommandLine, options: argparse.Namespace) -> int:
    """Run a command to its end and print what came of it; an error is told in words, without a trace."""

    async def run() -> Result:
        return await command.run(options, _progress())

    try:
        result = anyio.run(run)
    except VSMError as error:
        print(error, file=sys.stderr)
        return ExitCode.UNUSABLE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    if result.report is not None:
        print(result.report.model_dump_json(indent=2) if options.json else result.report)
    return result.code


def _progress() -> EventSink:
    """Return what shows progress: one line that is written again and again, where a person looks on."""
    if not sys.stderr.isatty():
        return ignore

    def show(event: Event) -> None:
        if isinstance(event, SelfTestAdvanced):
            text = f"\r{event.done:4} of {event.total}  {event.step:24}"
            print(text, end="" if event.done < event.total else "\r\033[K", file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())

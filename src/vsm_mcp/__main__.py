"""python -m vsm_mcp: what works on this machine, and what to do about the rest."""

import argparse
import sys

import anyio

from vsm_mcp.errors import VSMError
from vsm_mcp.preflight import Preflight, PreflightReport, Readiness
from vsm_mcp.settings import Settings
from vsm_mcp.world.world import World


def main() -> int:
    """Run the doctor; return 0 when this machine is ready, 1 when degraded, 2 when not usable."""
    parser = argparse.ArgumentParser(prog="python -m vsm_mcp", description=__doc__)
    parser.add_argument("command", nargs="?", default="doctor", choices=("doctor",), help="the only one: doctor")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        report = anyio.run(_examine)
    except VSMError as error:
        print(error, file=sys.stderr)
        return Readiness.UNUSABLE
    except KeyboardInterrupt:
        return 130
    print(report.model_dump_json(indent=2) if options.json else report)
    return report.readiness


async def _examine() -> PreflightReport:
    return await Preflight(Settings(), world=World()).run()


if __name__ == "__main__":
    sys.exit(main())

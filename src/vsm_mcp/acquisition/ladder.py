"""The repair ladder: a server that installs and then dies is resolved anew, a few known ways, before it is given up.

No rung asks for another version of the server itself, and none reaches later than the one before it: what a cool-down
keeps out stays out.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from vsm_mcp.model.server import Resolution, Rung

_MCP_V1 = re.compile(
    r"mcp\.server\.fastmcp|mcp\.types|mcp\.shared|McpError|streamablehttp_client|stdio_server"
    r"|'(?:Server|FastMCP|MCPServer)' object has no attribute"
)
_RELEASE_DAY = timedelta(days=1)


def first_rung(now: datetime, *, cool_down: timedelta) -> Rung:
    """Return how dependencies are resolved at first: as published, but nothing younger than ``cool_down``."""
    return Rung(name="as published", before=now - cool_down if cool_down else None)


def repairs(resolution: Resolution, last_words: Sequence[str]) -> Iterator[Rung]:
    """Yield the further rungs to try, in order, for a server that died at its start.

    Args:
        resolution: How it was resolved when it died.
        last_words: What it wrote to its error output.
    """
    released, limit = resolution.released, resolution.rung.before
    if released is not None and (limit is None or released + _RELEASE_DAY < limit):
        yield Rung(name=f"as of its release on {released:%Y-%m-%d}", before=released + _RELEASE_DAY)
    if resolution.package.ecosystem == "pypi" and _MCP_V1.search("\n".join(last_words)):
        yield Rung(name="with mcp<2", before=resolution.rung.before, constraints=("mcp<2",))

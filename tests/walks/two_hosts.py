"""One of several hosts that lack the same at the same time; prints which stages it passed and what it was served.

Usage: two_hosts.py STATE SERVER_FILE
"""

import sys
from pathlib import Path

import anyio

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.events import Event, StageEntered


def tell(event: Event, /) -> None:
    """Print the stages."""
    if isinstance(event, StageEntered):
        sys.stdout.write(f"{event.stage}\n")


async def main(state: Path, server: Path) -> None:
    """Ask for what only the server can do."""
    shelf = Shelf()
    shelf.offer_file(server, name="hostile", summary="Says what it hears.", arguments=("good",))
    settings = Settings(state=state, autonomy=Autonomy.AUTO, allow=("file:*",))
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,), emit=tell) as vsm:
        heard = await vsm.execute(Operation(needs="say what it hears", tool="echo", arguments={"text": "hello"}))
        sys.stdout.write(f"served {heard.text}\n")


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), Path(sys.argv[2]))

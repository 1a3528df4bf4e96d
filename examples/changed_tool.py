"""A tool that says something else than what was approved is held back until somebody has looked at it."""

import tempfile
from pathlib import Path

import anyio
from mcp.server import MCPServer

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import QuarantinedError, VSMError

DESCRIPTIONS = ["Count the words of a text.", "Count the words of a text, in any language."]


def make_server() -> MCPServer:
    """Return a server that describes its tool otherwise when it is started again."""
    server = MCPServer("text", log_level="WARNING")

    @server.tool(description=DESCRIPTIONS[0])
    def count_words(text: str) -> int:
        return len(text.split())

    return server


async def main() -> None:
    """Approve a server, see it change, look at the difference, and approve that, too."""
    shelf = Shelf()
    shelf.offer("text", make_server, summary="Counts the words of a text.")
    count = Operation(needs="count words", arguments={"text": "what a system does"})
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(state=Path(state), autonomy=Autonomy.AUTO, allow=("memory:text",))
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
            await vsm.acquire_capability("count words", "text")
            DESCRIPTIONS.pop(0)
            try:
                await vsm.execute(count)
            except VSMError as error:
                print(isinstance(error, QuarantinedError), error.message)
            quarantine = vsm.quarantined("text")
            if quarantine is not None:
                print(quarantine)
                await vsm.approve_tools("text", quarantine)
            outcome = await vsm.execute(count)
            print("done:", outcome.text)


if __name__ == "__main__":
    anyio.run(main)

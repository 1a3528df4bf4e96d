"""The smallest whole: an in-process server on the shelf, acquired through the ordinary way in, then used."""

import anyio
from mcp.server import MCPServer

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem


def make_server() -> MCPServer:
    """Return a server of the host's own process."""
    server = MCPServer("text", log_level="WARNING")

    @server.tool()
    def count_words(text: str) -> int:
        """Count the words of a text."""
        return len(text.split())

    return server


async def main() -> None:
    """Ask for something that nothing can do yet."""
    shelf = Shelf()
    shelf.offer("text", make_server, summary="Counts the words of a text.")
    settings = Settings(autonomy=Autonomy.AUTO, allow=("memory:text",))
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        outcome = await vsm.execute(Operation(needs="count words", arguments={"text": "what a system does"}))
        print(outcome.text, "words, counted by", outcome.server)
        print(vsm.acquisitions[-1])


if __name__ == "__main__":
    anyio.run(main)

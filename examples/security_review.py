"""What a security reviewer asks: a package that was never run, needs of an automation, and a system that lives."""

import tempfile
from pathlib import Path

import anyio
from mcp.server import MCPServer

from vsm_mcp import Autonomy, Settings, Shelf, ViableSystem, vet

SLIDES = Path(__file__).parent / "servers" / "slides.py"


def make_server() -> MCPServer:
    """Return a server of the host's own process."""
    server = MCPServer("text", log_level="WARNING")

    @server.tool()
    def count_words(text: str) -> int:
        """Count the words of a text."""
        return len(text.split())

    return server


async def main() -> None:
    """Look before, during and after."""
    print(await vet(f"file:{SLIDES}"))  # or npm:NAME@VERSION, pypi:NAME@VERSION
    shelf = Shelf()
    shelf.offer("text", make_server, summary="Counts the words of a text.")
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(state=Path(state), autonomy=Autonomy.AUTO, allow=("memory:text",))
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
            await vsm.acquire_capability("count words", "text")
            clearance = await vsm.preflight(["text.count_words", "paint a picture"])
            print(clearance)
            report = await vsm.security_report()
            print(report)
            print("exit codes:", clearance.exit_code, report.exit_code)


if __name__ == "__main__":
    anyio.run(main)

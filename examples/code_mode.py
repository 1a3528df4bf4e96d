"""Code mode: a program of an agent calls the tools of two servers; every call passes the guards."""

import tempfile
from pathlib import Path

import anyio
from mcp.server import MCPServer

from vsm_mcp import Autonomy, Settings, Shelf, ViableSystem
from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.codemode.runner import CodeRunner
from vsm_mcp.errors import CodeBudgetError, CodeError

PROGRAM = """
import asyncio

for note in notes:
    await automem.store_memory(note, 0.7, ["testing"])

found, sizes = await asyncio.gather(
    automem.recall("sandbox", 5),
    asyncio.gather(*[words.count(note) for note in notes]),
)
print("stored", len(notes), "notes of", sum(sizes), "words")

try:
    await automem.recall("sandbox", 0)
except RuntimeError as error:
    print("caught", str(error)[:9])
found
"""


def make_memory() -> MCPServer:
    """Return a server that keeps notes."""
    server, notes = MCPServer("automem", log_level="WARNING"), list[str]()

    @server.tool()
    def store_memory(content: str, importance: float, tags: list[str] | None = None) -> str:
        """Store a memory."""
        notes.append(content)
        return f"{content!r} is kept with {importance} and {tags or []}"

    @server.tool()
    def recall(query: str, limit: int = 3) -> list[str]:
        """Recall memories that contain the words of a query."""
        if limit < 1:
            raise ValueError("limit must be at least 1")
        return [note for note in notes if query in note][:limit]

    return server


def make_words() -> MCPServer:
    """Return a server that knows about texts."""
    server = MCPServer("words", log_level="WARNING")

    @server.tool()
    def count(text: str) -> int:
        """Count the words of a text."""
        return len(text.split())

    return server


async def main() -> None:
    """Acquire two servers, show what a model would see, and run programs."""
    shelf = Shelf()
    shelf.offer("automem", make_memory, summary="Stores and recalls memories.")
    shelf.offer("words", make_words, summary="Counts the words of a text.")
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(state=Path(state), autonomy=Autonomy.AUTO, allow=("memory:automem", "memory:words"))
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
            await vsm.acquire_capability("store a memory")
            await vsm.acquire_capability("count words")
            runner = CodeRunner(vsm, CodeLimits(seconds=20, cpu_seconds=0.5))
            print(runner.declarations(agent="writer"))

            notes = ["the sandbox holds", "what a system does"]
            done = await runner.run(PROGRAM, agent="writer", inputs={"notes": notes})
            print(done.printed.rstrip())
            print("found", done.value, "with", len(done.calls), "calls")

            for code in ("while True: pass", "open('/etc/passwd')", "await automem.recall(limit=3)"):
                try:
                    await runner.run(code, agent="writer")
                except CodeBudgetError as error:
                    print("a budget:", error.message)
                except CodeError as error:
                    print("an error:", error.message)


if __name__ == "__main__":
    anyio.run(main)

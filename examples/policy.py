"""A policy of the host's own: who is let in, which tools may be called, and what a plan says before anything runs."""

import tempfile
from datetime import timedelta
from pathlib import Path

import anyio
from mcp.server import MCPServer

from vsm_mcp import Autonomy, Operation, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.report import PlannedServer
from vsm_mcp.errors import VSMError

POLICY = Policy(
    allow=("memory:notes", "npm:@modelcontextprotocol/* & version:2026.*", "pypi:mcp-server-time"),
    block=("tool:delete_*", "publisher:*casino*"),
    egress=("api.example.com", "*.example.org:8443"),
    min_release_age=timedelta(days=14),
    most_servers=4,
    acquisitions_per_day=10,
    tolerated=frozenset(),
    require_ownership=True,
)


def make_server() -> MCPServer:
    """Return a server of the host's own process with two tools."""
    server = MCPServer("notes", log_level="WARNING")

    @server.tool()
    def count_notes(folder: str) -> str:
        """Count the notes in a folder."""
        return f"{len(folder)} notes in {folder}"

    @server.tool()
    def delete_notes(folder: str) -> str:
        """Delete the notes in a folder."""
        return f"{folder} is empty now"

    return server


async def approve(plan: PlannedServer) -> bool:
    """Show a person what is about to happen; here the answer is yes."""
    print(plan)
    return True


async def main() -> None:
    """Let one server in, use what may be used of it, and be refused the rest."""
    shelf = Shelf()
    shelf.offer("notes", make_server, summary="Counts and deletes notes.")
    shelf.offer("other", make_server, summary="Counts and deletes notes.")
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(state=Path(state), autonomy=Autonomy.APPROVE)
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=POLICY, approve=approve) as vsm:
            try:
                await vsm.acquire_capability("count notes", "other")
            except VSMError as error:
                print("refused:", error.message)
            await vsm.acquire_capability("count notes", "notes")
            counted = await vsm.execute(Operation(needs="count notes", arguments={"folder": "work"}))
            print("done:", counted.text)
            try:
                await vsm.execute(Operation(needs="delete notes", tool="delete_notes", arguments={"folder": "work"}))
            except VSMError as error:
                print("refused:", error.message)


if __name__ == "__main__":
    anyio.run(main)

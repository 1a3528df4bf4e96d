"""The system as an MCP server: a client of this process looks, has something done, and may not do more than it may."""

import anyio
from mcp import Client, MCPError

from vsm_mcp import Autonomy, Settings, Shelf, ViableSystem
from vsm_mcp.adapters.mcp_server import mcp_server
from vsm_mcp.adapters.serving.options import READING, ServePermissions
from vsm_mcp.testing.servers import memory_server


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


async def main() -> None:
    """Serve over TCP in this process, and be the client too."""
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(autonomy=Autonomy.AUTO, allow=("memory:words",))
    permitted = {
        "mcp-memory": ServePermissions(tools=(*READING, "vsm_execute", "vsm_acquire")),
        "mcp-tcp": ServePermissions(),  # looks and executes, and acquires nothing
    }
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        served = mcp_server(vsm, permissions=permitted, offer_tools=True)
        async with Client(served.server) as client:
            report = await client.call_tool("vsm_acquire", {"wanted": "count words"})
            print("acquired from", report.structured_content["server"])
            done = await client.call_tool("words__count_words", {"text": "what a system does"})
            print(done.structured_content["result"], "words")
            metrics = await client.read_resource("vsm://metrics")
            print("metrics are", metrics.contents[0].mime_type)
            try:
                await client.call_tool("vsm_release", {"server": "words"})
            except MCPError as error:
                print(error.message)
        async with served.listen_tcp() as (host, _):
            print("others would connect to", host)


if __name__ == "__main__":
    anyio.run(main)

"""Watched over HTTP: what a probe asks, and what Prometheus reads."""

import anyio
import httpx2

from vsm_mcp import Autonomy, Operation, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.adapters.asgi import listen_monitoring
from vsm_mcp.testing.servers import memory_server

SHOWN = ("vsm_up", "vsm_operations_total", "vsm_operation_seconds_count", "vsm_servers ")


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


async def main() -> None:
    """Let the system work while it is watched, at a free port of this machine."""
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    vsm = ViableSystem(
        Settings(autonomy=Autonomy.AUTO),
        shelf=shelf,
        sources=(shelf,),
        policy=Policy(allow=("memory:*",)),
    )
    async with vsm, listen_monitoring(vsm) as url, httpx2.AsyncClient() as http:
        await vsm.acquire_capability("count words")
        await vsm.execute(Operation(needs="count words", arguments={"text": "the purpose of a system"}))
        print("ready:", (await http.get(f"{url}/ready")).json()["ready"])
        print("health:", (await http.get(f"{url}/health")).json())
        figures = await http.get(f"{url}/metrics")
        print(*(line for line in figures.text.splitlines() if line.startswith(SHOWN)), sep="\n")


if __name__ == "__main__":
    anyio.run(main)

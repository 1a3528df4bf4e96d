"""A server of npm: keep a small knowledge graph, in a directory of its own and nowhere else."""

import anyio

from vsm_mcp import Autonomy, Operation, Settings, ViableSystem

SERVER = "npm:@modelcontextprotocol/server-memory"
ENTITY = {"name": "Stafford Beer", "entityType": "person", "observations": ["wrote Brain of the Firm"]}


async def main() -> None:
    """Acquire a memory server, remember something and ask for it."""
    async with ViableSystem(Settings(autonomy=Autonomy.AUTO, allow=(SERVER,))) as vsm:
        report = await vsm.acquire_capability("remember facts in a knowledge graph", server=SERVER)
        print(report)
        remember = Operation(needs="remember facts", tool="create_entities", arguments={"entities": [ENTITY]})
        await vsm.execute(remember)
        recall = Operation(needs="search remembered facts", tool="search_nodes", arguments={"query": "Beer"})
        print((await vsm.execute(recall)).text)


if __name__ == "__main__":
    anyio.run(main)

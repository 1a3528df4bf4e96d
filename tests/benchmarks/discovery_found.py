"""What a search through the whole discovery costs, with its sources, listings and caches; in processes of its own.

``discovery_speed.py`` starts it twice, in a folder with ``documents.json``. All servers come from one source, as a
registry would list them. ``cold DIR``: nothing is on disk, and two hundred callers ask for the same at once; the source
is read, all is indexed and stored. ``warm DIR``: the next process starts from what is stored, and searches. ``looked
DIR`` and ``meant DIR`` do the same with the extra ``semantic``: all servers are looked at, then searched by meaning.
"""

import json
import random
import re
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import anyio
from discovery_speed import DOCUMENTS, MIB, ROUNDS, SEED, SHORT, percentiles, resident

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.memory.merging import merge
from vsm_mcp.acquisition.discovery.memory.snapshots import Snapshots
from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder, told
from vsm_mcp.acquisition.discovery.semantic.meanings import Meanings
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.world.files import LocalFiles

CALLERS = 200
AGAIN = 2000
NO_TIME = 1e-9
"""Seconds for which an answer is given again where every search is to be a new one."""


class Registry:
    """Lists servers that are all there already, and counts how often it is asked."""

    name = "registry"
    fresh_for = timedelta(hours=1)

    def __init__(self, servers: Sequence[Candidate]) -> None:
        self._servers = tuple(servers)
        self.asked = 0

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return all servers, after giving way as one that reads does."""
        del known
        self.asked += 1
        await anyio.sleep(0.01)
        return Listing(candidates=self._servers)


def candidates(documents: Sequence[Document]) -> list[Candidate]:
    """Return documents as servers that a registry lists; packages get names that no two of them share."""
    made: dict[str, Candidate] = {}
    for number, document in enumerate(documents):
        plain = re.sub(r"[^a-z0-9._-]+", "-", document.key.lower()).strip("-._")[:150] or "server"
        name = plain if plain not in made else f"{plain}-{number}"
        made[name] = Candidate(
            name=document.key,
            source=Registry.name,
            package=PackageRef(ecosystem="npm", name=name),
            title=document.title,
            summary=document.description,
            keywords=tuple(document.category.split()),
            tools=document.tools,
        )
    return list(made.values())


async def cold(folder: Path) -> dict[str, float]:
    """Have many callers ask for the same before anything is known."""
    registry = Registry(candidates(DOCUMENTS.validate_json((folder / "documents.json").read_bytes())))
    discovery = MCPDiscovery([registry], snapshots=_stored(folder), timeout=120.0)
    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(CALLERS):
            tasks.start_soon(discovery.find, SHORT[0])
    return {
        "first_find_s": time.perf_counter() - began,
        "listings_of_200": registry.asked,
        "loads_of_200": discovery.figures().loads,
    }


async def warm(folder: Path) -> dict[str, float]:
    """Start from what is stored, search for what is new, and for the same again."""
    registry, before = Registry(()), resident()
    forgetful = MCPDiscovery([registry], snapshots=_stored(folder), fresh=NO_TIME)
    start, _ = await _lasted(forgetful, SHORT[0])
    asked = list(SHORT * ROUNDS)
    random.Random(SEED).shuffle(asked)  # noqa: S311 - an order, no secret
    taken = [await _lasted(forgetful, query) for query in asked]
    memory = resident() - before
    usual = MCPDiscovery([registry], snapshots=_stored(folder))
    again = [await _lasted(usual, SHORT[0]) for _ in range(AGAIN)]
    if registry.asked or forgetful.figures().hits:
        raise SystemExit("What was stored was not used, or an answer was given again.")
    return {
        "start_ms": start,
        **percentiles([wall for wall, _ in taken], ""),
        **percentiles([cpu for _, cpu in taken], "cpu_"),
        "cached_us": statistics.median(wall for wall, _ in again) * 1000,
        "rss_mb": memory / MIB,
    }


async def looked(folder: Path) -> dict[str, float]:
    """Have the embedder look at all servers, as the background does, and store what it saw."""
    registry = Registry(candidates(DOCUMENTS.validate_json((folder / "documents.json").read_bytes())))
    servers = merge([await registry.listing(None)])
    meanings = Meanings(_embedder())
    meanings.follow({key: told(one.document(key)) for key, one in servers.items()})
    began = time.perf_counter()
    while meanings.left:
        meanings.learn()
    lasted = time.perf_counter() - began
    stored = meanings.stored()
    await _stored(folder).keep_meanings(stored)
    return {"looked_s": lasted, "meanings_bytes": len(stored)}


async def meant(folder: Path) -> dict[str, float]:
    """Start from what is stored, and search by words and by meaning for what is new."""
    before = resident()
    embedder = _embedder()
    discovery = MCPDiscovery([Registry(())], snapshots=_stored(folder), fresh=NO_TIME, embedder=embedder)
    start, _ = await _lasted(discovery, SHORT[0])
    taken = [await _lasted(discovery, query) for query in SHORT * ROUNDS]
    return {
        "meant_start_ms": start,
        **percentiles([wall for wall, _ in taken], "meant_"),
        **percentiles([cpu for _, cpu in taken], "meant_cpu_"),
        "meant_rss_mb": (resident() - before) / MIB,
    }


def _embedder() -> Embedder:
    from vsm_mcp.acquisition.discovery.semantic.minilm import MiniLM  # noqa: PLC0415 - it may not be there

    return MiniLM()


def _stored(folder: Path) -> Snapshots:
    return Snapshots(LocalFiles(), folder / "found")


async def _lasted(discovery: MCPDiscovery, query: str) -> tuple[float, float]:
    """Return the milliseconds of a search, by the clock and of this process; no source may fail."""
    began, cpu = time.perf_counter(), time.process_time()
    found = await discovery.find(query)
    lasted, spent = time.perf_counter() - began, time.process_time() - cpu
    if found.errors:
        raise SystemExit(f"A source failed: {found.errors}")
    return lasted * 1000, spent * 1000


if __name__ == "__main__":
    part = {"cold": cold, "warm": warm, "looked": looked, "meant": meant}[sys.argv[1]]
    sys.stdout.write(json.dumps(anyio.run(part, Path(sys.argv[2]))))

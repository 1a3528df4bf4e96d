"""One living system whose tools every framework gets."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.testing.servers import memory_server


def count_words(text: str, least: int = 1) -> int:
    """Count the words of a text that have at least so many letters."""
    return sum(len(word) >= least for word in text.split())


def forbidden() -> str:
    """Say what may not be said."""
    return "it was said"


@pytest.fixture
def anyio_backend() -> str:
    """Run under asyncio: these frameworks know nothing else."""
    return "asyncio"


@pytest.fixture
async def toolbox(tmp_path: Path) -> AsyncGenerator[ViableSystem]:
    """Return a system that holds two tools, one of which may not be called."""
    shelf = Shelf()
    tools = {"count_words": count_words, "forbidden": forbidden}
    shelf.offer("words", lambda: memory_server(tools), summary="Counts words.")
    policy = Policy(allow=("memory:*",), block=("tool:forbidden",))
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=policy) as vsm:
        await vsm.acquire_capability("count words", "words")
        yield vsm

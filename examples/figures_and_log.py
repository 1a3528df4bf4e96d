"""Figures and log: what a host exports to its monitoring, and what it finds in its log as JSON."""

import json
import logging
import sys

import anyio

from vsm_mcp import Autonomy, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.testing.servers import memory_server


class AsJson(logging.Formatter):
    """Writes a record of the library as one line of JSON: what happened, where, and every figure that belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts = {name.removeprefix("vsm_"): value for name, value in vars(record).items() if name.startswith("vsm_")}
        place = f"{record.module}.{record.funcName}:{record.lineno}"
        return json.dumps({"level": record.levelname, "at": place, **facts}, default=str)


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


async def main() -> None:
    """Let the host's own handler write the log, do some work, and read the figures."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(AsJson())
    logging.getLogger("vsm_mcp").addHandler(handler)
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(autonomy=Autonomy.AUTO, allow=("memory:*",), log_level="info", node_id="example-1")
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        texts = ("what a system does", "is its purpose", "said Stafford Beer")
        await vsm.execute_many([Operation(needs="count words", arguments={"text": text}) for text in texts])
        figures = vsm.metrics().to_dict()
    for name in ("operations.n", "operations.response.p99", "operations.fallback_share", "batches.parallel_efficiency"):
        print(f"{name} = {figures[name]:.3g}")


if __name__ == "__main__":
    anyio.run(main)

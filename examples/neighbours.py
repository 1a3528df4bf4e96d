"""Neighbours: two systems on one bus, and what one hears of the other's new tools, refused calls and pain.

Runs within one process. Between machines the bus is a broker: Settings(amqp_enabled=True, amqp_url=...).
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from vsm_mcp import Autonomy, MemoryBus, Nerve, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.events import MessageHeard
from vsm_mcp.testing.servers import memory_server


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def make_system(name: str, bus: MemoryBus, *, places: Path) -> ViableSystem:
    """Return a system with a shelf of its own that speaks as ``name``."""
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(state=places / name, node_id=name, autonomy=Autonomy.AUTO, allow=("memory:*",))
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), bus=bus)


def tell(listener: str, message: MessageHeard) -> None:
    """Print what was heard; a host would rather act on it."""
    print(f"{listener} hears {message.node} on {message.nerve}: {message.topic} {dict(message.body)}")


async def main() -> None:
    """Let the workshop work, and the office listen."""
    bus = MemoryBus()
    with TemporaryDirectory() as made:
        places = Path(made)
        async with make_system("office", bus, places=places) as office:
            office.events.attach("what the workshop says", MessageHeard, partial(tell, "office"))
            async with make_system("workshop", bus, places=places) as workshop:
                await workshop.execute(Operation(needs="count words", arguments={"text": "the purpose of a system"}))
                await workshop.nerves.publish(Nerve.COMMANDS, "night.begins", {"until": "06:00"})
            print(office.nerves.count)


if __name__ == "__main__":
    anyio.run(main)

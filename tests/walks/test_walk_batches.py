"""Several operations at once: one acquisition for all that need the same, and every end told."""

from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import VSMError
from vsm_mcp.testing.servers import memory_server


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@pytest.mark.anyio
@pytest.mark.promise("A67")
async def test_a_system_does_several_operations_and_each_ends_for_itself(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("text", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(
        state=tmp_path, allow=("memory:*",), autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, registries=()
    )
    wanted = [Operation(needs="count words", arguments={"text": "a b " * number}) for number in range(1, 13)]
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        done = await vsm.execute_many([*wanted, Operation(needs="fly to the moon")])
    assert [item.outcome.value for item in done.items[:-1] if item.outcome] == [{"result": 2 * n} for n in range(1, 13)]
    (failed,) = done.failed
    assert (failed.operation.needs, isinstance(failed.error, VSMError), done.batches) == ("fly to the moon", True, 2)

"""Several operations at once: one acquisition for all that need the same, and every end told."""

import json
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Autonomy, Confinement, Operation, Settings, Shelf, ViableSystem
from vsm_mcp.errors import VSMError
from vsm_mcp.testing.servers import memory_server

PROGRAM = Path(__file__).with_name("tool_server.py")


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


@pytest.mark.anyio
@pytest.mark.promise("D37", "E23")
async def test_a_hundred_operations_at_once_get_each_its_own_answer_from_a_process(tmp_path: Path) -> None:
    program, shelf, answers = tmp_path / "counter.py", Shelf(), dict[int, str]()
    nature = json.dumps(json.dumps({"tools": {"count_words": "Count the words of a text."}}))
    program.write_text(PROGRAM.read_text().replace('json.loads("{}")', f"json.loads({nature})"))
    shelf.offer_file(program, summary="Counts the words of a text.")
    settings = Settings(
        state=tmp_path / "state", allow=("file:*",), autonomy=Autonomy.AUTO, sandbox=Confinement.NONE, registries=()
    )
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        await vsm.acquire_capability("count words")

        async def ask(number: int) -> None:
            arguments = {"text": "a " * number}
            answers[number] = (await vsm.execute(Operation(needs="count words", arguments=arguments))).text

        async with anyio.create_task_group() as tasks:
            for number in range(1, 101):
                tasks.start_soon(ask, number)
    assert len(answers) == 100
    assert all(f" sees {number} words " in text for number, text in answers.items())

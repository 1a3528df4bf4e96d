"""Units: a function of the host beside a tool, and a whole viable system that is a unit of another one."""

import anyio

from vsm_mcp import Autonomy, Operation, OperationalUnit, Outcome, Settings, Shelf, UnitPolicy, ViableSystem
from vsm_mcp.testing.servers import memory_server


class Greeter:
    """Work of the host's own, behind one method."""

    async def execute(self, operation: Operation, /) -> Outcome:
        """Greet whoever is named."""
        text = f"Good morning, {operation.arguments['name']}."
        return Outcome(value=text, text=text, server="greeter", tool="greet", elapsed=0.0)


def add_numbers(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


async def main() -> None:
    """Ask for three things: a unit does one, a tool the next, a system within the system the last."""
    words, sums = Shelf(), Shelf()
    words.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    sums.offer("sums", lambda: memory_server({"add_numbers": add_numbers}), summary="Adds numbers.")
    outer = Settings(autonomy=Autonomy.AUTO, allow=("memory:*",))
    inner = outer.model_copy(update={"state": outer.state / "accounts"})  # each system has a state of its own
    greeter = OperationalUnit(
        "greeter", Greeter(), policy=UnitPolicy(takes=frozenset({"greet *"}), most_per_period=100, period=60.0)
    )
    async with (
        ViableSystem(inner, shelf=sums, sources=(sums,)) as accounts,
        ViableSystem(outer, shelf=words, sources=(words,), units=(greeter,)) as vsm,
    ):
        vsm.add_unit(OperationalUnit("accounts", accounts, policy=UnitPolicy(takes=frozenset({"add numbers"}))))
        for operation in (
            Operation(needs="greet a visitor", arguments={"name": "Ada"}),
            Operation(needs="count words", arguments={"text": "what a system does"}),
            Operation(needs="add numbers", arguments={"a": 20, "b": 22}),
        ):
            outcome = await vsm.execute(operation)
            print(f"{operation.needs}: {outcome.text}, by {outcome.server}")
        for unit in vsm.subsystems():
            figures = unit.report()
            print(f"unit {figures.name}: viable {figures.viable}, absorbed {figures.absorbed} of {figures.n}")


if __name__ == "__main__":
    anyio.run(main)

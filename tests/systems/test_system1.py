"""System 1 does what is asked and records how each demand ended."""

import anyio
import pytest

from vsm_mcp.errors import (
    CapabilityMissingError,
    LinkError,
    PermissionDeniedError,
    ToolError,
    VSMError,
)
from vsm_mcp.model.call import ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.operation import Operation
from vsm_mcp.servers.router import CapabilityRouter
from vsm_mcp.systems.system1 import System1
from vsm_mcp.testing.world import RecordingSink
from vsm_mcp.variety.calculator import VarietyCalculator

ECHO = Operation(needs="say it again", arguments={"text": "hello"}, agent="tester", timeout=3.0)


class Answers:
    """Answers every call in one way and remembers what it was asked."""

    def __init__(self, answer: ToolResult | VSMError | None) -> None:
        self.answer = answer
        self.asked: list[ToolCall] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.asked.append(call)
        if self.answer is None:
            await anyio.sleep_forever()
        if isinstance(self.answer, VSMError):
            raise self.answer
        assert self.answer is not None
        return self.answer


def system(answers: Answers) -> tuple[System1, VarietyCalculator, RecordingSink]:
    router, variety, heard = CapabilityRouter(), VarietyCalculator(), RecordingSink()
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    router.adopt("example/echo", [ToolSpec(name="echo", input_schema=schema)], needs=["say it again"])
    return System1(router=router, caller=answers, variety=variety, emit=heard), variety, heard


@pytest.mark.anyio
async def test_an_operation_becomes_a_call_with_its_agent_and_deadline() -> None:
    answers = Answers(ToolResult(text="hello", structured={"said": "hello"}))
    system1, variety, _ = system(answers)
    outcome = await system1.execute(ECHO)
    assert (outcome.value, outcome.text, outcome.server, outcome.tool) == (
        {"said": "hello"},
        "hello",
        "example/echo",
        "echo",
    )
    assert answers.asked == [
        ToolCall(server="example/echo", tool="echo", arguments={"text": "hello"}, agent="tester", timeout=3.0)
    ]
    assert variety.gap().observed_absorbed_share == 1.0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "error", "stage"),
    [
        (ToolResult(text="no", is_error=True), ToolError, "s1_failed"),
        (ToolResult(text="", structured={"error": "away"}), ToolError, "s1_failed"),
        (LinkError("It is gone."), LinkError, "s3_starved"),
        (PermissionDeniedError("Not you."), PermissionDeniedError, "s5_refused"),
    ],
)
async def test_what_goes_wrong_is_told_and_recorded_where_it_belongs(
    answer: ToolResult | VSMError, error: type[VSMError], stage: str
) -> None:
    system1, _, heard = system(Answers(answer))
    with pytest.raises(error):
        await system1.execute(ECHO)
    assert [getattr(event, "stage", None) for event in heard.events] == [stage]


@pytest.mark.anyio
async def test_what_nothing_can_do_is_unknown_to_system_4() -> None:
    system1, variety, heard = system(Answers(None))
    with pytest.raises(CapabilityMissingError):
        await system1.execute(Operation(needs="fold proteins"))
    assert [getattr(event, "stage", None) for event in heard.events] == ["s4_unknown"]
    assert variety.gap().share == 1.0


@pytest.mark.anyio
async def test_an_operation_that_its_host_cancels_is_not_counted() -> None:
    system1, variety, heard = system(Answers(None))
    with anyio.move_on_after(0.01):
        await system1.execute(ECHO)
    assert variety.gap().n == 0
    assert not heard.events

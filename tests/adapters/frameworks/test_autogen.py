"""AutoGen calls the tools of a viable system."""

import asyncio

import pytest

from vsm_mcp import ViableSystem

core = pytest.importorskip("autogen_core", reason="allowed: needs vsm_mcp[autogen]")
from autogen_core import CancellationToken  # noqa: E402
from autogen_core.tools import StaticWorkbench  # noqa: E402

from vsm_mcp.adapters.autogen import autogen_tools  # noqa: E402


@pytest.mark.anyio
@pytest.mark.promise("E22", "E79")
async def test_a_workbench_lists_the_tools_with_their_own_schemas_and_calls_them(toolbox: ViableSystem) -> None:
    bench = StaticWorkbench([*autogen_tools(toolbox)])
    (schema,) = await bench.list_tools()
    assert schema["name"] == "words__count_words"
    parameters = schema.get("parameters")
    assert parameters is not None
    assert set(parameters["properties"]) == {"text", "least"}
    assert parameters.get("required") == ["text"]
    result = await bench.call_tool("words__count_words", {"text": "one two"})
    assert (result.to_text(), result.is_error) == ("2", False)


@pytest.mark.anyio
async def test_what_goes_wrong_is_told_to_the_model(toolbox: ViableSystem) -> None:
    bench = StaticWorkbench([*autogen_tools(toolbox)])
    result = await bench.call_tool("words__count_words", {"txt": "one"})
    assert result.is_error
    assert "text" in result.to_text()


@pytest.mark.anyio
async def test_the_token_of_the_framework_cancels_the_call(toolbox: ViableSystem) -> None:
    (counts,) = autogen_tools(toolbox)
    token = CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counts.run_json({"text": "one"}, token)

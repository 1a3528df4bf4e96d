"""Arguments fit what a tool asks for before they are sent; a result that does not fit is told, and not lost."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from vsm_mcp.errors import ArgumentError, PayloadError
from vsm_mcp.events import CallRefused, Event, ResultMisshaped
from vsm_mcp.guard.schemas import SchemaOptions, SchemaValidation
from vsm_mcp.model.call import ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.json import JsonObject, JsonValue

pytestmark = pytest.mark.anyio

ADD = ToolSpec(
    name="add",
    input_schema={"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
    output_schema={"type": "object", "properties": {"result": {"type": "number"}}, "required": ["result"]},
)


class Server:
    def __init__(self, structured: JsonValue = None, *, is_error: bool = False) -> None:
        self.result = ToolResult(text="done", structured=structured, is_error=is_error)
        self.calls = 0

    async def call(self, _call: ToolCall, /) -> ToolResult:
        self.calls += 1
        return self.result


class Tools(dict[tuple[str, str], ToolSpec]):
    def lookup(self, server: str, tool: str) -> ToolSpec | None:
        return self.get((server, tool))


def validation(
    server: Server, *specs: ToolSpec, options: SchemaOptions | None = None, heard: list[Event] | None = None
) -> SchemaValidation:
    tools = Tools({("s", spec.name): spec for spec in specs})
    emit = list[Event]().append if heard is None else heard.append
    return SchemaValidation(server, options or SchemaOptions(), lookup=tools.lookup, emit=emit)


def call(tool: str = "add", **arguments: JsonValue) -> ToolCall:
    return ToolCall(server="s", tool=tool, arguments=arguments, agent="planner")


async def test_arguments_that_do_not_fit_are_not_sent() -> None:
    server, heard = Server({"result": 1}), list[Event]()
    guarded = validation(server, ADD, heard=heard)
    with pytest.raises(
        ArgumentError, match="'add' of s was not called: the arguments do not fit: a: it is not"
    ) as info:
        await guarded.call(call(a="one"))
    assert server.calls == 0
    assert info.value.remedies
    reason = 'the arguments do not fit: a: it is not of type "number".'
    assert heard == [CallRefused(server="s", tool="add", agent="planner", reason=reason, guard="schemas")]
    assert await guarded.call(call(a=1)) is server.result
    assert guarded.objection("planner", "s", "add") is None
    assert "compiled=2" in repr(guarded)


async def test_arguments_that_are_no_json_are_not_sent() -> None:
    with pytest.raises(ArgumentError, match="a is of type set, which JSON does not have"):
        await validation(Server(), replace(ADD, input_schema={"properties": {"a": {"type": "array"}}})).call(
            call(a={1})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        )


async def test_a_tool_that_is_not_known_is_left_to_those_behind() -> None:
    server = Server()
    await validation(server, ADD).call(call("other"))
    assert server.calls == 1
    assert validation(server, ADD).objection("planner", "s", "other") is None


async def test_a_tool_that_asks_for_nothing_takes_everything() -> None:
    server = Server()
    await validation(server, ToolSpec(name="add")).call(call(a=object.__name__))
    assert server.calls == 1


@pytest.mark.parametrize(
    ("structured", "schema", "why"),
    [
        ({"result": "1"}, ADD.output_schema, 'result: it is not of type "number"'),
        (None, ADD.output_schema, "it declares an output schema and answered without structured content"),
        ({"result": 1}, {"$ref": "https://evil.example"}, "its output schema cannot be judged: it refers to"),
        ({"x" * 2000: 1}, {"patternProperties": {"a": {}}}, "has a field whose name has 2000 characters"),
    ],
    ids=["misshaped", "missing", "unjudged", "unbounded"],
)
async def test_a_result_that_does_not_fit_is_told_and_returned(
    structured: JsonValue, schema: JsonObject, why: str
) -> None:
    server, heard = Server(structured), list[Event]()
    spec = replace(ADD, output_schema=schema)
    assert await validation(server, spec, heard=heard).call(call(a=1)) is server.result
    assert len(heard) == 1
    assert isinstance(heard[0], ResultMisshaped)
    assert why in heard[0].why
    strict = validation(server, spec, options=SchemaOptions(strict_results=True))
    with pytest.raises(PayloadError, match="The call was made, but the result of 'add' of s does not fit its schema"):
        await strict.call(call(a=1))


async def test_an_error_has_no_shape() -> None:
    server, heard = Server(is_error=True), list[Event]()
    await validation(server, ADD, heard=heard, options=SchemaOptions(strict_results=True)).call(call(a=1))
    assert heard == []


@pytest.mark.security
@pytest.mark.parametrize("schema", [{"$ref": "https://evil.example"}, {"enum": ["x" * 300_000]}], ids=["ref", "size"])
async def test_a_tool_whose_schema_cannot_be_judged_may_be_refused_and_excused(schema: JsonObject) -> None:
    server, spec = Server({"result": 1}), replace(ADD, input_schema=schema)
    await validation(server, spec).call(call(a=1))
    assert validation(server, spec).objection("planner", "s", "add") is None
    assert server.calls == 1
    server.calls = 0
    guarded = validation(server, spec, options=SchemaOptions(refuse_unjudged=True))
    why = guarded.objection("planner", "s", "add")
    assert why is not None
    assert why.startswith("its input schema cannot be judged: it ")
    with pytest.raises(ArgumentError, match="its input schema cannot be judged"):
        await guarded.call(call(a=1))
    assert server.calls == 0
    excused = validation(server, spec, options=SchemaOptions(refuse_unjudged=True, excused=("s:a*",)))
    assert excused.objection("planner", "s", "add") is None
    await excused.call(call(a=1))
    assert server.calls == 1


async def test_a_tool_that_is_described_anew_is_judged_anew() -> None:
    server, tools = Server({"result": 1}), Tools({("s", "add"): ADD})
    guarded = SchemaValidation(server, SchemaOptions(), lookup=tools.lookup)
    await guarded.call(call(a=1))
    tools["s", "add"] = replace(ADD, input_schema={"type": "object", "required": ["b"]})
    with pytest.raises(ArgumentError, match='"b" is a required property'):
        await guarded.call(call(a=1))


async def test_the_same_schema_is_compiled_once_and_no_more_are_kept_than_may_be() -> None:
    specs = [replace(ADD, name=f"add{number}", output_schema=None) for number in range(20)]
    same = validation(Server(), *specs)
    for spec in specs:
        await same.call(call(spec.name, a=1))
    assert "compiled=1" in repr(same)
    others = [replace(spec, input_schema={"minProperties": 1, "title": spec.name}) for spec in specs]
    few = validation(Server(), *others, options=SchemaOptions(most_kept=3))
    for spec in others * 2:
        await few.call(call(spec.name, a=1))
    assert "compiled=2" in repr(few)


async def test_any_number_of_tools_is_judged() -> None:
    few = SchemaOptions(most_kept=1)
    guarded = SchemaValidation(Server({"result": 1}), few, lookup=lambda _server, _tool: ADD)
    for number in range(40):
        assert guarded.objection("planner", "s", str(number)) is None
    with pytest.raises(ArgumentError):
        await guarded.call(call("0"))


def test_options_that_cannot_be_are_an_error_where_they_are_written() -> None:
    with pytest.raises(ValidationError):
        SchemaOptions(excused=("tool:x",))

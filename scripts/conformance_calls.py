"""Tools that the conformance suite wants to find, and that need the client in the middle of a call."""

import json
import warnings
from collections.abc import Awaitable, Callable, Mapping

import anyio
from mcp.server.subscriptions import ServerEvent
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolRequestParams,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    InputResponseRequestParams,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

from vsm_mcp.adapters.serving.options import Context

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQIAAACAgA=="
PAUSE = 0.05

Answer = CallToolResult | InputRequiredResult
Publish = Callable[[ServerEvent], Awaitable[None]]
ToolFunction = Callable[[Context, CallToolRequestParams], Awaitable[Answer]]


def text(words: str) -> CallToolResult:
    """Return a result of words."""
    return CallToolResult(content=[TextContent(text=words)])


def form(message: str, **properties: Mapping[str, object]) -> ElicitRequest:
    """Return a question with some fields."""
    schema: dict[str, object] = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(question: str, *, most: int) -> CreateMessageRequest:
    """Return a question to the client's model."""
    message = SamplingMessage(role="user", content=TextContent(text=question))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=most))


NAME: Mapping[str, object] = {"type": "string"}


def asks(**requests: InputRequest) -> InputRequiredResult:
    """Return that something is asked for."""
    return InputRequiredResult(input_requests=requests)


def said(params: InputResponseRequestParams, key: str, field: str) -> object:
    """Return what the client filled into a field, if it did."""
    answer = (params.input_responses or {}).get(key)
    if not isinstance(answer, ElicitResult) or answer.action != "accept":
        return None
    return (answer.content or {}).get(field)


# --- while a call runs, with a handshake


async def with_logging(ctx: Context, _: CallToolRequestParams) -> Answer:
    """Log three times."""
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(ctx, words)
        await anyio.sleep(PAUSE)
    return text("Tool with logging executed successfully")


async def _log(ctx: Context, words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        await ctx.session.send_log_message(  # pyright: ignore[reportDeprecated] - the suite asks for it
            "info", words, related_request_id=ctx.request_id
        )


async def with_progress(ctx: Context, _: CallToolRequestParams) -> Answer:
    """Tell progress three times."""
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(PAUSE)
    return text("Tool with progress executed successfully")


async def sampling(ctx: Context, params: CallToolRequestParams) -> Answer:
    """Ask the client's model."""
    request = sample(str((params.arguments or {}).get("prompt")), most=100)
    answer = await ctx.session.send_request(request, CreateMessageResult, metadata=_related(ctx))
    return text(f"LLM response: {answer.content.text if isinstance(answer.content, TextContent) else ''}")


async def elicitation(ctx: Context, params: CallToolRequestParams) -> Answer:
    """Ask the client's user."""
    fields = {name: {"type": "string", "description": name} for name in ("username", "email")}
    return await _elicit(ctx, form(str((params.arguments or {}).get("message")), **fields))


async def elicitation_defaults(ctx: Context, _: CallToolRequestParams) -> Answer:
    """Ask with defaults."""
    fields: dict[str, Mapping[str, object]] = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    return await _elicit(ctx, form("Please provide user information", **fields))


async def elicitation_enums(ctx: Context, _: CallToolRequestParams) -> Answer:
    """Ask with every way to choose."""
    titled = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
    plain = ["option1", "option2", "option3"]
    fields: dict[str, Mapping[str, object]] = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    return await _elicit(ctx, form("Please choose", **fields))


async def _elicit(ctx: Context, request: ElicitRequest) -> Answer:
    answer = await ctx.session.send_request(request, ElicitResult, metadata=_related(ctx))
    return text(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content or {})}")


def _related(ctx: Context) -> ServerMessageMetadata:
    return ServerMessageMetadata(related_request_id=ctx.request_id)


# --- before a call is done, without a handshake


async def missing_capability(ctx: Context, _: CallToolRequestParams) -> Answer:
    """Refuse a client that has no model."""
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        wanted: dict[str, dict[str, dict[str, str]]] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs sampling.", wanted)
    return text("Sampling is there.")


async def ask_name(_: Context, params: CallToolRequestParams) -> Answer:
    """Ask for a name, and greet."""
    name = said(params, "user_name", "name")
    return text(f"Hello, {name}!") if isinstance(name, str) else asks(user_name=form("What is your name?", name=NAME))


async def ask_model(_: Context, params: CallToolRequestParams) -> Answer:
    """Ask the client's model, and repeat."""
    answer = (params.input_responses or {}).get("capital_question")
    if isinstance(answer, CreateMessageResult) and isinstance(answer.content, TextContent):
        return text(answer.content.text)
    return asks(capital_question=sample("What is the capital of France?", most=100))


async def ask_roots(_: Context, params: CallToolRequestParams) -> Answer:
    """Ask for the client's roots, and name them."""
    answer = (params.input_responses or {}).get("client_roots")
    if isinstance(answer, ListRootsResult):
        return text(f"Roots: {', '.join(str(root.uri) for root in answer.roots)}")
    return asks(client_roots=ListRootsRequest())


async def ask_with_state(_: Context, params: CallToolRequestParams) -> Answer:
    """Ask for a confirmation, and remember at the client that it was asked for."""
    if params.request_state == "asked" and said(params, "confirm", "ok") is not None:
        return text("state-ok")
    question = form("Please confirm", ok={"type": "boolean"})
    return InputRequiredResult(input_requests={"confirm": question}, request_state="asked")


async def ask_all(_: Context, params: CallToolRequestParams) -> Answer:
    """Ask for three things at once."""
    requests: dict[str, InputRequest] = {
        "user_name": form("What is your name?", name=NAME),
        "greeting": sample("Generate a greeting", most=50),
        "client_roots": ListRootsRequest(),
    }
    if params.request_state == "asked" and requests.keys() <= (params.input_responses or {}).keys():
        return text("All inputs received.")
    return InputRequiredResult(input_requests=requests, request_state="asked")


async def ask_twice(_: Context, params: CallToolRequestParams) -> Answer:
    """Ask for one thing after the other."""
    name, color = said(params, "step1", "name"), said(params, "step2", "color")
    if params.request_state and params.request_state.startswith("named:") and color is not None:
        return text(f"{params.request_state.removeprefix('named:')} likes {color}.")
    if params.request_state == "begun" and name is not None:
        question = form("Step 2: What is your favorite color?", color=NAME)
        return InputRequiredResult(input_requests={"step2": question}, request_state=f"named:{name}")
    question = form("Step 1: What is your name?", name=NAME)
    return InputRequiredResult(input_requests={"step1": question}, request_state="begun")


async def ask_what_is_there(ctx: Context, _: CallToolRequestParams) -> Answer:
    """Ask only for what the client can do."""
    capabilities = ctx.session.client_capabilities
    requests: dict[str, InputRequest] = {}
    if capabilities is not None and capabilities.sampling is not None:
        requests["greeting"] = sample("Generate a greeting", most=50)
    if capabilities is not None and capabilities.elicitation is not None:
        requests["user_name"] = form("What is your name?", name=NAME)
    return InputRequiredResult(input_requests=requests, request_state="asked")


TOOLS: Mapping[str, ToolFunction] = {
    "test_tool_with_logging": with_logging,
    "test_logging_tool": with_logging,
    "test_tool_with_progress": with_progress,
    "test_sampling": sampling,
    "test_elicitation": elicitation,
    "test_elicitation_sep1034_defaults": elicitation_defaults,
    "test_elicitation_sep1330_enums": elicitation_enums,
    "test_missing_capability": missing_capability,
    "test_streaming_elicitation": ask_name,
    "test_input_required_result_elicitation": ask_name,
    "test_input_required_result_sampling": ask_model,
    "test_input_required_result_list_roots": ask_roots,
    "test_input_required_result_request_state": ask_with_state,
    "test_input_required_result_tampered_state": ask_with_state,
    "test_input_required_result_multiple_inputs": ask_all,
    "test_input_required_result_multi_round": ask_twice,
    "test_input_required_result_capabilities": ask_what_is_there,
}

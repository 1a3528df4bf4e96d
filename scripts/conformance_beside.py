"""The server beside ours that the conformance suite wants: tools, resources, prompts, completion."""

import json
from collections.abc import Awaitable, Callable, Mapping

from mcp.server import Server
from mcp.server.subscriptions import PromptsListChanged, ServerEvent, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    CallToolRequestParams,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    ContentBlock,
    EmbeddedResource,
    EmptyResult,
    GetPromptRequestParams,
    GetPromptResult,
    ImageContent,
    InputRequiredResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    Tool,
    UnsubscribeRequestParams,
)

from conformance_calls import NAME, PIXEL, TOOLS, Answer, asks, form, said, text
from vsm_mcp.adapters.serving.options import Context, Peer, connected

Publish = Callable[[ServerEvent], Awaitable[None]]

STATIC = "test://static-text"
BINARY = "test://static-binary"
WATCHED = "test://watched-resource"
TEMPLATE = "test://template/"
TRIGGERS: Mapping[str, ServerEvent] = {
    "test_trigger_tool_change": ToolsListChanged(),
    "test_trigger_prompt_change": PromptsListChanged(),
}


class Fixtures:
    """The handlers; `publish` tells those who listen."""

    publish: Publish | None = None

    async def list_tools(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        """Return the tools."""
        described = {
            "test_sampling": {"prompt": {"type": "string"}},
            "test_elicitation": {"message": {"type": "string"}},
        }
        return ListToolsResult(
            tools=[
                Tool(
                    name=name,
                    description=f"Fixture {name}.",
                    input_schema={"type": "object", "properties": described.get(name, {})},
                )
                for name in (*TOOLS, *TRIGGERS)
            ]
        )

    async def call_tool(self, ctx: Context, params: CallToolRequestParams) -> Answer:
        """Call one."""
        if params.name in TRIGGERS and self.publish is not None:
            await self.publish(TRIGGERS[params.name])
            return text("Told those who listen.")
        if params.name not in TOOLS:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name[:100]!r}.")
        return await TOOLS[params.name](ctx, params)

    async def list_resources(self, _: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
        """Return the resources."""
        kinds = {STATIC: "text/plain", BINARY: "image/png", WATCHED: "text/plain"}
        return ListResourcesResult(
            resources=[
                Resource(uri=uri, name=uri.partition("//")[2], description="A fixture.", mime_type=kind)
                for uri, kind in kinds.items()
            ]
        )

    async def list_templates(self, _: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        """Return the template."""
        template = ResourceTemplate(
            uri_template=f"{TEMPLATE}{{id}}/data", name="data", description="A fixture.", mime_type="application/json"
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def read(self, _: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        """Read one."""
        uri = params.uri
        if uri == BINARY:
            return ReadResourceResult(contents=[BlobResourceContents(uri=uri, mime_type="image/png", blob=PIXEL)])
        if uri in {STATIC, WATCHED}:
            words, kind = "This is the content of the static text resource.", "text/plain"
        elif uri.startswith(TEMPLATE) and uri.endswith("/data"):
            name = uri.removeprefix(TEMPLATE).removesuffix("/data")
            words = json.dumps({"id": name, "templateTest": True, "data": f"Data for ID: {name}"})
            kind = "application/json"
        else:
            raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=kind, text=words)])

    async def subscribe(self, _: Context, __: SubscribeRequestParams | UnsubscribeRequestParams) -> EmptyResult:
        """Take note, or forget."""
        return EmptyResult()

    async def set_level(self, _: Context, __: SetLevelRequestParams) -> EmptyResult:
        """Take note."""
        return EmptyResult()

    async def complete(self, _: Context, params: CompleteRequestParams) -> CompleteResult:
        """Complete a word."""
        known = [word for word in ("paris", "park", "party") if word.startswith(params.argument.value)]
        return CompleteResult(completion=Completion(values=known, total=len(known), has_more=False))

    async def list_prompts(self, _: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
        """Return the prompts."""
        arguments = {
            "test_prompt_with_arguments": ("arg1", "arg2"),
            "test_prompt_with_embedded_resource": ("resourceUri",),
        }
        names = ("test_simple_prompt", *arguments, "test_prompt_with_image", "test_input_required_result_prompt")
        return ListPromptsResult(
            prompts=[
                Prompt(
                    name=name,
                    description=f"Fixture {name}.",
                    arguments=[
                        PromptArgument(name=argument, description="An argument.", required=True)
                        for argument in arguments.get(name, ())
                    ],
                )
                for name in names
            ]
        )

    async def get_prompt(self, _: Context, params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
        """Return one."""
        given = params.arguments or {}
        match params.name:
            case "test_simple_prompt":
                return _prompt(TextContent(text="This is a simple prompt for testing."))
            case "test_prompt_with_arguments":
                words = f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'"
                return _prompt(TextContent(text=words))
            case "test_prompt_with_embedded_resource":
                return _prompt(
                    _embedded(given.get("resourceUri", "")), TextContent(text="Please process the resource.")
                )
            case "test_prompt_with_image":
                image = ImageContent(data=PIXEL, mime_type="image/png")
                return _prompt(image, TextContent(text="Please analyze the image above."))
            case _:
                return _asking(params)


def beside() -> tuple[Server[Peer], Fixtures]:
    """Return the server, and its handlers."""
    fixtures = Fixtures()
    server: Server[Peer] = Server(
        "fixtures",
        lifespan=connected,
        on_list_tools=fixtures.list_tools,
        on_call_tool=fixtures.call_tool,
        on_list_resources=fixtures.list_resources,
        on_list_resource_templates=fixtures.list_templates,
        on_read_resource=fixtures.read,
        on_subscribe_resource=fixtures.subscribe,
        on_unsubscribe_resource=fixtures.subscribe,
        on_completion=fixtures.complete,
        on_list_prompts=fixtures.list_prompts,
        on_get_prompt=fixtures.get_prompt,
    )
    server.add_request_handler("logging/setLevel", SetLevelRequestParams, fixtures.set_level)
    return server, fixtures


def _prompt(*content: ContentBlock) -> GetPromptResult:
    return GetPromptResult(messages=[PromptMessage(role="user", content=block) for block in content])


def _embedded(uri: str) -> EmbeddedResource:
    words = "Embedded resource content for testing."
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type="text/plain", text=words))


def _asking(params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
    if params.name != "test_input_required_result_prompt":
        raise MCPError(INVALID_PARAMS, f"There is no prompt {params.name[:100]!r}.")
    context = said(params, "user_context", "context")
    if not isinstance(context, str):
        return asks(user_context=form("What context should the prompt use?", context=NAME))
    return _prompt(TextContent(text=f"In the context of {context}."))

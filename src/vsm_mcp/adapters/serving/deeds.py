"""The tools that take arguments: what a client may ask the system to find, to weigh and to do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from vsm_mcp.adapters.serving.figures import Figure
from vsm_mcp.adapters.serving.options import ServePermissions
from vsm_mcp.clearance import Clearance
from vsm_mcp.errors import CapabilityMissingError, PayloadError, PermissionDeniedError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import LONGEST_NEED, Operation, Outcome
from vsm_mcp.model.report import Report
from vsm_mcp.system.viable import ViableSystem

_LONGEST_NAME = 300
_MOST_FOUND = 50
_NONE_PERMITTED = "\N{EMPTY SET}"
"""A name that no tool has: the operation goes to a unit, or is measured as a gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks what for.

    Attributes:
        vsm: The system.
        agent: Who asks.
        permissions: What they may use.
        tools: The acquired tools that they may call now, by the names under which they know them.
    """

    vsm: ViableSystem
    agent: str
    permissions: ServePermissions
    tools: Mapping[str, OfferedTool]


Run = Callable[[Asked, JsonObject], Awaitable[BaseModel | Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A tool.

    Attributes:
        name: Its name.
        title: For people.
        description: For models.
        schema: JSON Schema of its arguments.
        run: Does it.
        read_only: Whether it changes nothing.
        destructive: Whether it may take something away.
        idempotent: Whether doing it twice equals doing it once.
        open_world: Whether it reaches beyond this system.
    """

    name: str
    title: str
    description: str
    schema: JsonObject
    run: Run
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False


class Arguments(BaseModel, frozen=True, extra="forbid", strict=True):
    """Arguments of a tool: nothing else, and of the very types that its schema says."""


class Nothing(Arguments, frozen=True):
    """No arguments."""


class Searching(Arguments, frozen=True):
    """Arguments of ``vsm_search``."""

    wanted: str = Field(min_length=1, max_length=LONGEST_NEED, description="What is needed, in a short phrase.")
    limit: int = Field(default=10, ge=1, le=_MOST_FOUND, description="How many servers to name at most.")


class Planning(Arguments, frozen=True):
    """Arguments of ``vsm_plan``."""

    wanted: str = Field(min_length=1, max_length=LONGEST_NEED, description="What is needed, in a short phrase.")
    server: str | None = Field(default=None, max_length=_LONGEST_NAME, description="Plan for this server only.")
    limit: int = Field(default=3, ge=1, le=10, description="For how many servers to plan at most.")


class Acquiring(Arguments, frozen=True):
    """Arguments of ``vsm_acquire``."""

    wanted: str = Field(min_length=1, max_length=LONGEST_NEED, description="What is needed, in a short phrase.")
    server: str | None = Field(default=None, max_length=_LONGEST_NAME, description="Acquire this server only.")


class Releasing(Arguments, frozen=True):
    """Arguments of ``vsm_release``."""

    server: str = Field(min_length=1, max_length=_LONGEST_NAME, description="The server to let go.")


class Doing(Arguments, frozen=True):
    """Arguments of ``vsm_execute``."""

    needs: str = Field(min_length=1, max_length=LONGEST_NEED, description="The capability it takes, in a short phrase.")
    arguments: dict[str, object] = Field(default_factory=dict, description="Arguments for the tool that will do it.")
    tool: str | None = Field(default=None, max_length=_LONGEST_NAME, description="The tool's name, if it is known.")
    timeout: float | None = Field(default=None, gt=0, le=86_400, description="Seconds it may take.")


class Deciding(Arguments, frozen=True):
    """Arguments of ``vsm_decide``."""

    context: dict[str, object] = Field(
        description="What is to be decided: issue, and if known environment, constraints, objectives, weights, options."
    )


class Telling(Arguments, frozen=True):
    """Arguments of ``vsm_record_outcome``."""

    decision_id: str = Field(min_length=1, max_length=_LONGEST_NAME, description="The id of the decision.")
    success: bool = Field(description="Whether it turned out well.")
    note: str = Field(default="", max_length=1000, description="What happened.")


class Needing(Arguments, frozen=True):
    """Arguments of ``vsm_preflight``."""

    needs: list[str] = Field(min_length=1, max_length=1000, description="Phrases, or tools by name (server.tool).")


class Testing(Arguments, frozen=True):
    """Arguments of ``vsm_test_connection``."""

    server: str = Field(min_length=1, max_length=_LONGEST_NAME, description="A server that is held.")


class ToolList(Report, frozen=True):
    """The acquired tools that may be called now, by name."""

    tools: Mapping[str, "ToolEntry"]


class ToolEntry(Report, frozen=True):
    """An acquired tool; its description is its server's own text, and not to be trusted."""

    server: str
    tool: str
    description: str
    input_schema: Mapping[str, JsonValue]
    read_only: bool
    idempotent: bool

    @classmethod
    def of(cls, offered: OfferedTool) -> "ToolEntry":
        """Return what is known of a tool."""
        return cls(
            server=offered.server,
            tool=offered.tool,
            description=offered.description,
            input_schema=offered.input_schema,
            read_only=offered.read_only,
            idempotent=offered.idempotent,
        )


class Released(Report, frozen=True):
    """A server was let go."""

    server: str


async def _tools(asked: Asked, _: Nothing) -> ToolList:
    return ToolList(tools={name: ToolEntry.of(offered) for name, offered in asked.tools.items()})


async def _search(asked: Asked, given: Searching) -> BaseModel:
    return await asked.vsm.discover_servers(given.wanted, limit=given.limit)


async def _plan(asked: Asked, given: Planning) -> BaseModel:
    return await asked.vsm.plan_acquisition(given.wanted, server=given.server, limit=given.limit)


async def _acquire(asked: Asked, given: Acquiring) -> BaseModel:
    return await asked.vsm.acquire_capability(given.wanted, given.server)


async def _release(asked: Asked, given: Releasing) -> Released:
    await asked.vsm.release_capability(given.server)
    return Released(server=given.server)


async def _execute(asked: Asked, given: Doing) -> Outcome:
    """Do an operation with what the client may call; acquire for it only if the client may do that by itself."""
    arguments: JsonObject = given.arguments  # type: ignore[assignment]  # what came over the wire is JSON
    operation = Operation(
        needs=given.needs, arguments=arguments, tool=given.tool, agent=asked.agent, timeout=given.timeout
    )
    if given.tool is not None and given.tool in asked.tools:  # a plain name, or an offered one
        operation = replace(operation, tool=asked.tools[given.tool].name)
    if asked.permissions.all_acquired:
        acquires = asked.permissions.may_use("vsm_acquire")
        return await (asked.vsm.execute(operation) if acquires else asked.vsm.parts.system1.execute(operation))
    return await asked.vsm.parts.system1.execute(_permitted(asked, operation))


async def _decide(asked: Asked, given: Deciding) -> BaseModel:
    return await asked.vsm.make_decision(given.context)


async def _tell(asked: Asked, given: Telling) -> BaseModel:
    return asked.vsm.record_outcome(given.decision_id, given.success, given.note)


async def _preflight(asked: Asked, given: Needing) -> Clearance:
    return await asked.vsm.preflight(given.needs)


async def _test_connection(asked: Asked, given: Testing) -> BaseModel:
    return await asked.vsm.test_connection(given.server)


def _permitted(asked: Asked, operation: Operation) -> Operation:
    """Return the operation for the best tool that the client may call.

    Raises:
        PermissionDeniedError: There are tools for it, and the client may call none of them.
    """
    allowed = {(offered.server, offered.tool): offered.name for offered in asked.tools.values()}
    try:
        routes = asked.vsm.parts.router.route(operation)
    except CapabilityMissingError:
        return replace(operation, tool=_NONE_PERMITTED)
    for route in routes:
        if (route.server, route.tool) in allowed:
            return replace(operation, tool=allowed[route.server, route.tool])
    raise PermissionDeniedError(
        f"Agent {asked.agent!r} may call none of the {len(routes)} tools that could do {operation.needs!r}.",
        remedies=("Ask the host for it: ServePermissions(acquired=...).",),
    )


A = TypeVar("A", bound=Arguments)


def _deed(
    name: str,
    description: str,
    arguments: type[A],
    *,
    do: Callable[[Asked, A], Awaitable[BaseModel | Outcome]],
    title: str,
    read_only: bool = False,
    destructive: bool = False,
    idempotent: bool = False,
    open_world: bool = False,
) -> Deed:
    async def run(asked: Asked, given: JsonObject) -> BaseModel | Outcome:
        return await do(asked, _fitting(name, arguments, given))

    return Deed(
        name=name,
        title=title,
        description=description,
        schema=arguments.model_json_schema(),
        run=run,
        read_only=read_only,
        destructive=destructive,
        idempotent=idempotent or read_only,
        open_world=open_world,
    )


def looking(figure: Figure) -> Deed:
    """Return the tool that looks at a figure."""

    async def look(asked: Asked, _: Nothing) -> BaseModel:
        return await figure.look(asked.vsm)

    return _deed(figure.tool, figure.description, Nothing, do=look, title=figure.title, read_only=True)


def _fitting(name: str, arguments: type[A], given: JsonObject) -> A:
    """Return the arguments as the tool wants them.

    Raises:
        PayloadError: They are not what its schema says; the message names the places, never the values.
    """
    try:
        return arguments.model_validate(dict(given))
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or 'the arguments'}: {problem['msg'].lower()}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)[:5]
        ]
        raise PayloadError(
            f"The arguments do not fit {name}: {'; '.join(problems)}.",
            remedies=(f"Give {', '.join(arguments.model_fields) or 'no arguments'}, as the input schema says.",),
        ) from error


DEEDS: tuple[Deed, ...] = (
    _deed(
        "vsm_tools",
        "List the acquired tools that may be called now, with the schemas of their arguments.",
        Nothing,
        do=_tools,
        title="Acquired tools",
        read_only=True,
    ),
    _deed(
        "vsm_preflight",
        "Say whether everything that an automation needs is there: go, try later, or a human must act.",
        Needing,
        do=_preflight,
        title="Preflight",
        read_only=True,
    ),
    _deed(
        "vsm_search",
        "Search for MCP servers that could do what is wanted. Nothing is installed.",
        Searching,
        do=_search,
        title="Capability search",
        read_only=True,
        open_world=True,
    ),
    _deed(
        "vsm_plan",
        "Say what acquiring a capability would run, use and install. Leaves no trace.",
        Planning,
        do=_plan,
        title="Acquisition plan",
        read_only=True,
        open_world=True,
    ),
    _deed(
        "vsm_execute",
        "Do something with the tools that are held: say what is needed, and give the arguments.",
        Doing,
        do=_execute,
        title="Execute",
        destructive=True,
        open_world=True,
    ),
    _deed(
        "vsm_decide",
        "Decide on a matter of policy, with the rationale in numbers. The decision is remembered.",
        Deciding,
        do=_decide,
        title="Decision",
    ),
    _deed(
        "vsm_record_outcome",
        "Tell what became of a decision: from then on it counts for similar ones.",
        Telling,
        do=_tell,
        title="Outcome of a decision",
    ),
    _deed(
        "vsm_acquire",
        "Acquire a capability: find, vet, install in a sandbox and prove a server. As far as autonomy allows.",
        Acquiring,
        do=_acquire,
        title="Acquire",
        open_world=True,
    ),
    _deed(
        "vsm_release",
        "Let a server go: end its process and take its tools away.",
        Releasing,
        do=_release,
        title="Release",
        destructive=True,
    ),
    _deed(
        "vsm_test_connection",
        "Start a throw-away instance of a held server and list its tools.",
        Testing,
        do=_test_connection,
        title="Test a connection",
        idempotent=True,
    ),
)
"""All of them, in the order in which they are listed."""

"""From the tools of a toolbox to namespaces: what a program calls, and which tool is called for it."""

import builtins
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vsm_mcp.codemode.declarations import Described, pyi_text
from vsm_mcp.codemode.parameters import Parameters, identifiers, parameters_of
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.offer import OfferedTool

RESERVED = frozenset({*dir(builtins), *sys.stdlib_module_names, "Any", "Literal"})
"""Names that no namespace takes, because programs mean something else by them; it gets a ``_`` behind instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFunction:
    """One tool as a function of a namespace.

    Attributes:
        namespace: The namespace it is in: an identifier.
        name: Its name there: an identifier.
        tool: The tool that it calls.
        parameters: Its parameters.
    """

    namespace: str
    name: str
    tool: OfferedTool
    parameters: Parameters

    @property
    def path(self) -> str:
        """Its name as programs write it, such as ``automem.store_memory``."""
        return f"{self.namespace}.{self.name}"

    @property
    def wrapped(self) -> bool:
        """Whether its result is an object with nothing but ``result``, which programs get without the wrapping."""
        return wrapped(self.tool.output_schema)

    def bind(self, args: Sequence[JsonValue], kwargs: JsonObject) -> dict[str, JsonValue]:
        """Return the tool's arguments for a call.

        Raises:
            TypeError: The arguments do not fit the parameters; worded as Python words it.
        """
        return self.parameters.bind(self.name, args, kwargs)

    def unwrap(self, value: JsonValue) -> JsonValue:
        """Return what the program gets for what the tool answered."""
        if self.wrapped and isinstance(value, Mapping) and set(value) == {"result"}:
            return value["result"]
        return value


class Namespaces:
    """The tools that an agent may call, as functions in one namespace per server.

    A server ``npm:@scope/automem`` with a tool ``store_memory`` becomes ``automem.store_memory``. Names depend on
    nothing but the set of tools: the same tools always get the same names.

    Args:
        tools: The tools, as a toolbox offers them.
    """

    def __init__(self, tools: Sequence[OfferedTool]) -> None:
        """Name everything."""
        servers = sorted({tool.server for tool in tools})
        names = namespace_names(servers)
        self._functions: dict[str, dict[str, ToolFunction]] = {}
        for server in servers:
            offered = sorted((tool for tool in tools if tool.server == server), key=lambda tool: tool.name)
            self._functions[names[server]] = _functions(names[server], offered)

    def __repr__(self) -> str:
        """Show the namespaces and how many functions each has."""
        counts = ", ".join(f"{name}: {len(functions)}" for name, functions in sorted(self._functions.items()))
        return f"Namespaces({counts})"

    def names(self) -> tuple[str, ...]:
        """Return the names of all namespaces, sorted."""
        return tuple(sorted(self._functions))

    def functions(self, namespace: str) -> Mapping[str, ToolFunction]:
        """Return the functions of a namespace by name; none where there is no such namespace."""
        return dict(self._functions.get(namespace, {}))

    def find(self, path: str) -> ToolFunction | None:
        """Return the function that programs write as ``path``; ``None`` where there is none."""
        namespace, _, name = path.partition(".")
        return self._functions.get(namespace, {}).get(name)

    def declarations(self) -> str:
        """Return all namespaces as the text of a ``.pyi`` file: what a model is shown, and an editor understands."""
        return pyi_text(
            {
                namespace: tuple(_described(function) for _, function in sorted(functions.items()))
                for namespace, functions in sorted(self._functions.items())
            }
        )


def wrapped(schema: JsonObject | None) -> bool:
    """Return whether a result of this schema is an object that holds nothing but ``result``."""
    properties = (schema or {}).get("properties")
    return isinstance(properties, Mapping) and set(properties) == {"result"}


def namespace_names(servers: Iterable[str]) -> dict[str, str]:
    """Return the namespace of each server: from its short name, or its whole name where another has the same."""
    short = {server: _short(server) for server in sorted(set(servers))}
    counts = Counter(short.values())
    alone = [server for server, name in short.items() if counts[name] == 1]
    named = identifiers([short[server] for server in alone], reserved=RESERVED, first="server")
    names = {server: named[short[server]] for server in alone}
    taken = RESERVED | frozenset(names.values())
    return {**names, **identifiers([each for each in short if each not in names], reserved=taken, first="server")}


def _short(server: str) -> str:
    """Return the last part of a server's name, as an identifier: behind its ecosystem, its scope and its folder."""
    last = server.replace(":", "/").rstrip("/").rsplit("/", 1)[-1]
    name = identifiers([last], first="server")[last]
    return f"{name}_" if name in RESERVED else name


def _functions(namespace: str, tools: Sequence[OfferedTool]) -> dict[str, ToolFunction]:
    names = identifiers([tool.tool for tool in tools], first="tool")
    return {
        names[tool.tool]: ToolFunction(
            namespace=namespace, name=names[tool.tool], tool=tool, parameters=parameters_of(tool.input_schema)
        )
        for tool in tools
    }


def _described(function: ToolFunction) -> Described:
    schema = function.tool.output_schema
    returns: JsonValue = schema
    if function.wrapped and schema is not None:
        properties = schema["properties"]
        returns = properties["result"] if isinstance(properties, Mapping) else None
    return Described(
        name=function.name,
        parameters=function.parameters,
        description=function.tool.description,
        schema=function.tool.input_schema,
        returns=returns,
        output=schema or {},
    )

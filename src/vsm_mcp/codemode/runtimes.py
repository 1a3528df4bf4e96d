"""``runtimes.json``: which tools programs may call, and within what limits; each of its keys counts or is refused."""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.errors import ConfigurationError, PermissionDeniedError, VSMError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool, Toolbox
from vsm_mcp.model.operation import Outcome
from vsm_mcp.model.report import Report
from vsm_mcp.sandbox.egress.rules import LOCAL, LOCAL_ADDRESS, Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
from vsm_mcp.world.files import Files, LocalFiles

LARGEST_FILE = 1_000_000
LEAST_PROCESSES = 4
"""Fewer than these a confined server cannot have: its threads count as well."""

_SHOWN = 80
_MOST_ERRORS = 8
_SIZE = re.compile(r"([1-9][0-9]{0,8}) ?(KB|MB|GB)", re.IGNORECASE)
_FACTORS = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}
_MIB = 1024 * 1024

_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Texts = Annotated[tuple[_Text, ...], Field(max_length=256)]
_Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
_Port = Annotated[int, Field(ge=1, le=65_535)]
_Positive = Annotated[int, Field(ge=1, le=1_000_000)]


class _Section(BaseModel, frozen=True, extra="forbid", strict=True, alias_generator=to_camel): ...


class _FileSystem(_Section, frozen=True):
    read: _Texts = ()
    write: Annotated[tuple[_Text, ...], Field(max_length=1)] = ()
    execute: Annotated[tuple[_Text, ...], Field(max_length=0)] = ()


class _Network(_Section, frozen=True):
    allowed_hosts: _Texts = ()
    allowed_ports: Annotated[tuple[_Port, ...], Field(max_length=64)] = ()


class _System(_Section, frozen=True):
    allowed_commands: Annotated[tuple[_Text, ...], Field(max_length=0)] = ()
    max_processes: Annotated[int, Field(ge=1, le=4096)] | None = None


class _Permissions(_Section, frozen=True):
    filesystem: _FileSystem = _FileSystem()
    network: _Network = _Network()
    system: _System = _System()


class _Runtime(_Section, frozen=True):
    name: _Text = "default"
    language: _Text = "python"
    version: _Text | None = None
    timeout: _Milliseconds | None = None
    memory_limit: _Text | None = None
    allowed_modules: _Texts = ()
    denied_operations: _Texts = ()
    sandbox_type: _Text | None = None
    permissions: _Permissions = _Permissions()


class _Server(_Section, frozen=True):
    enabled: bool = True
    tools: _Texts = ("*",)


class _Limits(_Section, frozen=True):
    requests_per_minute: _Positive | None = None
    max_payload_size: _Text | None = None
    max_concurrent_requests: Annotated[int, Field(ge=1, le=1000)] | None = None
    max_calls: Annotated[int, Field(ge=1, le=100_000)] | None = None


class _Security(_Section, frozen=True):
    enabled: Literal[True] = True
    validate_input: Literal[True] = True
    audit_logging: Literal[True] = True
    sanitize_input: bool = False


class _File(_Section, frozen=True):
    version: Literal["1", "1.0", "1.0.0"] = "1.0"
    runtimes: Annotated[tuple[_Runtime, ...], Field(max_length=64)] = ()
    servers: Annotated[dict[_Text, _Server], Field(max_length=1000)] = {}
    limits: _Limits = _Limits()
    security: _Security = _Security()
    timeout: _Milliseconds | None = None
    fallback_to_mock: Literal[False] = False
    security_enabled: Literal[True] = True


_SENTENCES = {
    "fallbackToMock": "results are never invented; remove it, or set it to false",
    "securityEnabled": "security cannot be switched off; remove it, or set it to true",
    "security.enabled": "security cannot be switched off; remove it, or set it to true",
    "security.validateInput": "arguments are always checked against the tool's schema",
    "security.auditLogging": "the audit log cannot be switched off",
    "execute": "programs of the host are never started for a program of an agent; leave it empty",
    "allowedCommands": "programs of the host are never started for a program of an agent; leave it empty",
    "write": "a server has one directory to write to; name one",
}


class Runtime(Report, frozen=True):
    """One runtime of the file.

    Attributes:
        name: Its name.
        limits: The budgets of its programs.
        policy: The confinement of servers that are started for it: files, ways out, processes and memory.
        findings: What the file says that means something else here, or nothing.
    """

    name: str
    limits: CodeLimits
    policy: SandboxPolicy
    findings: tuple[str, ...] = ()


class ServerGrant(Report, frozen=True):
    """What may be called of one server.

    Attributes:
        enabled: Whether anything may.
        tools: The tools that may: patterns with ``*`` for any characters.
    """

    enabled: bool = True
    tools: tuple[str, ...] = ("*",)

    def permits(self, tool: str) -> bool:
        """Tell whether a tool of the server may be called, by its own name there."""
        return self.enabled and any(fnmatchcase(tool, pattern) for pattern in self.tools)


class Runtimes(Report, frozen=True):
    """What a ``runtimes.json`` says.

    Attributes:
        runtimes: The runtimes, in the order of the file.
        servers: What may be called, by server; nothing of a server that is not named.
        calls_per_minute: The limit of calls to each tool; ``None`` when the file has none.
        payload: The largest message, in bytes; ``None`` when the file has none.
    """

    runtimes: tuple[Runtime, ...] = ()
    servers: Mapping[str, ServerGrant] = {}
    calls_per_minute: int | None = None
    payload: int | None = None

    @classmethod
    async def load(cls, path: Path, *, files: Files | None = None) -> Self:
        """Read a file; relative paths in it start at its directory.

        Raises:
            ConfigurationError: It is missing, does not parse, or says something that cannot be.
            PayloadError: It is too large, or no regular file.
        """
        data = await (files or LocalFiles()).read(path, limit=LARGEST_FILE)
        if data is None:
            raise ConfigurationError(f"There is no file {path}.", remedies=("Check the path.",))
        return cls.parse(data, folder=path.parent, name=str(path))

    @classmethod
    def parse(cls, data: bytes, *, folder: Path, name: str = "runtimes.json") -> Self:
        """Return what ``data`` says.

        Args:
            data: The text of the file.
            folder: Where relative paths start, and must stay.
            name: The file's name, for complaints.

        Raises:
            ConfigurationError: It does not parse, or says something that cannot be.
        """
        try:
            said = _said(data)
            runtimes = _distinct([_runtime(each, said, folder) for each in said.runtimes or (_Runtime(),)])
            payload = None if said.limits.max_payload_size is None else _bytes(said.limits.max_payload_size)
        except (ValueError, RecursionError, VSMError) as error:
            why = _why(error)
            raise ConfigurationError(
                f"{name} cannot be used: {why}.",
                remedies=("Correct the file; each key it has must be known and valid.",),
            ) from error
        servers = {key: ServerGrant(enabled=each.enabled, tools=each.tools) for key, each in said.servers.items()}
        return cls(
            runtimes=runtimes, servers=servers, calls_per_minute=said.limits.requests_per_minute, payload=payload
        )

    def runtime(self, name: str | None = None) -> Runtime:
        """Return the runtime of this name, or the first one.

        Raises:
            ConfigurationError: There is none of this name.
        """
        for runtime in self.runtimes:
            if name is None or runtime.name == name:
                return runtime
        known = ", ".join(runtime.name for runtime in self.runtimes)
        raise ConfigurationError(f"No runtime is named {name!r}.", remedies=(f"Choose one of: {known}.",))


class GrantedTools:
    """A toolbox that offers only what the servers of a file permit, and calls nothing else.

    A server is meant by its name in full: a short one could be taken by another server.

    Args:
        toolbox: Offers all tools and makes the calls.
        servers: What may be called, by server.
    """

    def __init__(self, toolbox: Toolbox, servers: Mapping[str, ServerGrant]) -> None:
        """Stand before ``toolbox``."""
        self._toolbox = toolbox
        self._servers = dict(servers)

    def __repr__(self) -> str:
        """Show which servers are named."""
        return f"GrantedTools({', '.join(sorted(self._servers))})"

    def tools(self, *, agent: str = "host") -> Sequence[OfferedTool]:
        """Return every tool that ``agent`` may call and the file permits, sorted by name."""
        offered = self._toolbox.tools(agent=agent)
        return tuple(tool for tool in offered if self._permits(tool))

    async def call_tool(
        self, name: str, arguments: JsonObject | None = None, *, agent: str = "host", timeout: float | None = None
    ) -> Outcome:
        """Call a tool by the name under which it is offered.

        Raises:
            PermissionDeniedError: The file does not permit it, or there is none of this name.
            VSMError: As the toolbox raises it.
        """
        if name not in {tool.name for tool in self.tools(agent=agent)}:
            raise PermissionDeniedError(
                f"The tool {name[:_SHOWN]!r} is not granted.", remedies=("Name it under servers in runtimes.json.",)
            )
        return await self._toolbox.call_tool(name, arguments, agent=agent, timeout=timeout)

    def _permits(self, tool: OfferedTool) -> bool:
        grant = self._servers.get(tool.server)
        return grant is not None and grant.permits(tool.tool)


def _said(data: bytes) -> _File:
    json.loads(data, object_pairs_hook=_once)
    return _File.model_validate_json(data)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    if twice:
        raise ValueError(f"the key {twice[0][:_SHOWN]!r} is there twice")
    return dict(pairs)


def _distinct(runtimes: Sequence[Runtime]) -> tuple[Runtime, ...]:
    if len({runtime.name for runtime in runtimes}) < len(runtimes):
        raise ValueError("two runtimes have the same name")
    return tuple(runtimes)


def _runtime(said: _Runtime, file: _File, folder: Path) -> Runtime:
    usual, confined = CodeLimits(), Limits()
    milliseconds = said.timeout or file.timeout
    seconds = usual.seconds if milliseconds is None else milliseconds / 1000
    memory = None if said.memory_limit is None else max(_bytes(said.memory_limit) // _MIB, 1)
    processes = said.permissions.system.max_processes
    return Runtime(
        name=said.name,
        limits=CodeLimits(
            seconds=seconds,
            cpu_seconds=min(seconds, usual.cpu_seconds),
            memory_mb=memory or usual.memory_mb,
            calls=file.limits.max_calls or usual.calls,
            calls_at_once=file.limits.max_concurrent_requests or usual.calls_at_once,
        ),
        policy=SandboxPolicy(
            limits=Limits(
                memory_mb=memory or confined.memory_mb,
                processes=confined.processes if processes is None else max(processes, LEAST_PROCESSES),
            ),
            read_only=tuple(_path(each, folder) for each in said.permissions.filesystem.read),
            work=next((_path(each, folder) for each in said.permissions.filesystem.write), None),
            egress=_egress(said.permissions.network),
            subject=said.name,
        ),
        findings=tuple(_findings(said, file.security)),
    )


def _egress(said: _Network) -> Egress:
    hosts = [LOCAL if host == LOCAL_ADDRESS else host for host in said.allowed_hosts]
    if hosts and not said.allowed_ports:
        return Egress(allow=tuple(hosts), private=_local(hosts))
    return Egress(allow=tuple(f"{host}:{port}" for host in hosts for port in said.allowed_ports), private=_local(hosts))


def _local(hosts: Sequence[str]) -> tuple[str, ...]:
    return (LOCAL,) if LOCAL in hosts else ()


def _path(text: str, folder: Path) -> Path:
    """Return a path of the file in full; a relative one may not lead out of the file's directory."""
    path = Path(text)
    if path.is_absolute():
        return path
    full = (folder / path).resolve()
    if not full.is_relative_to(folder.resolve()):
        raise ValueError(f"the path {text[:_SHOWN]!r} leads out of the directory of the file")
    return full


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:_SHOWN]!r} is no size; write one as 512MB")
    return int(found[1]) * _FACTORS[found[2].upper()]


def _findings(said: _Runtime, security: _Security) -> list[str]:
    """Return what the file says that means something else here, or nothing: none of it is passed over in silence."""
    notes = {
        f"language {said.language}: programs are Python": said.language.casefold() != "python",
        f"version {said.version}: the interpreter's version is that of the extra codemode": said.version is not None,
        f"sandboxType {said.sandbox_type}: programs always run in a worker process": said.sandbox_type is not None,
        f"allowedModules {', '.join(said.allowed_modules)}: modules are not granted by name; programs have no files "
        "and no network, servers have what permissions grant": bool(said.allowed_modules),
        f"deniedOperations {', '.join(said.denied_operations)}: what programs could do with these stays in the "
        "worker; they are not forbidden one by one": bool(said.denied_operations),
        f"maxProcesses {said.permissions.system.max_processes}: a confined server has at least {LEAST_PROCESSES}, "
        "its threads included": 0 < (said.permissions.system.max_processes or 0) < LEAST_PROCESSES,
        "sanitizeInput: arguments are checked and bounded, never rewritten": security.sanitize_input,
    }
    return [note for note, holds in notes.items() if holds]


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(_told(each["loc"], each["msg"], each["type"]) for each in error.errors()[:_MOST_ERRORS])
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error.message if isinstance(error, VSMError) else error)[:500].rstrip(".")


def _told(place: tuple[int | str, ...], message: str, kind: str) -> str:
    where = ".".join(str(each)[:_SHOWN] for each in place) or "the file"
    if kind == "extra_forbidden":
        return f"the key {where!r} is unknown"
    sentence = _SENTENCES.get(where) or _SENTENCES.get(where.rpartition(".")[2])
    return f"{where}: {sentence or message}"

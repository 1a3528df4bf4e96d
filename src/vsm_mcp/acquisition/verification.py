"""Verification: a server is believed when it did real work before a witness, not before."""

import re
from collections.abc import Mapping, Sequence

import anyio

from vsm_mcp.errors import CallError, PayloadError, ServerError, VerificationError
from vsm_mcp.model.call import ToolCall
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.proof import Evidence, Probe, ProofLevel, Trial
from vsm_mcp.model.server import Proven, Running
from vsm_mcp.servers.fitting import misfit

MOST_TRIALS = 3
_SAMPLES: Mapping[str, JsonValue] = {
    "string": "test",
    "integer": 1,
    "number": 1.0,
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}


class Verifier:
    """Proves by calls that a running server works.

    Levels: *listed* (it names its tools), *callable* (a call came back well), *satisfied* (the result is what was
    wanted). A server that is only listed is never accepted.

    Args:
        timeout: Seconds one trial may take.
    """

    def __init__(self, *, timeout: float = 60.0) -> None:
        """Keep the timeout of one trial."""
        self._timeout = timeout

    async def prove(self, running: Running, probe: Probe | None = None) -> Proven:
        """Call the server and return it as proven.

        Args:
            running: A throw-away instance: trials may leave traces in it.
            probe: The call that counts. Without one the verifier chooses tools whose arguments it can fill in, those
                that only read first, and one good answer suffices.

        Raises:
            VerificationError: It lists no tools, the probe's tool is not among them, the call failed, the result was
                not what was wanted, or there is nothing that could be tried.
        """
        if not running.tools:
            raise self._refusal(running, "lists no tools", ())
        trials: list[Trial] = []
        for tool, arguments in self._choose(running, probe):
            trial = await self._try(
                running, ToolCall(server=running.installed.candidate.name, tool=tool, arguments=arguments), probe
            )
            trials.append(trial)
            if trial.passed:
                level = ProofLevel.SATISFIED if probe and probe.accepts else ProofLevel.CALLABLE
                return Proven(
                    installed=running.installed,
                    tools=running.tools,
                    evidence=Evidence(level=level, trials=tuple(trials)),
                    enforcement=running.enforcement,
                )
        raise self._refusal(running, "answered no trial well", trials)

    def _choose(self, running: Running, probe: Probe | None) -> Sequence[tuple[str, JsonObject]]:
        if probe is None:
            return self._by_itself(running)
        if probe.tool is None:
            given = probe.arguments
            fitting = [one.name for one in running.tools if misfit(one.input_schema, given, known_only=True) is None]
            return [(name, given) for name in fitting[:MOST_TRIALS]] or self._by_itself(running)
        if probe.tool not in {tool.name for tool in running.tools}:
            raise self._refusal(running, f"has no tool {probe.tool!r}", ())
        return [(probe.tool, probe.arguments)]

    def _by_itself(self, running: Running) -> Sequence[tuple[str, JsonObject]]:
        plans = [(tool, sample_arguments(tool.input_schema)) for tool in running.tools]
        possible = [(tool, arguments) for tool, arguments in plans if arguments is not None]
        if not possible:
            raise self._refusal(running, "has no tool that could be tried without knowing its arguments", ())
        possible.sort(key=lambda plan: (not plan[0].read_only, len(plan[1]), plan[0].name))
        return [(tool.name, arguments) for tool, arguments in possible[:MOST_TRIALS]]

    async def _try(self, running: Running, call: ToolCall, probe: Probe | None) -> Trial:
        began = anyio.current_time()
        try:
            with anyio.fail_after(self._timeout):
                result = await running.link.call(call)
            failure = result.complaint
            if failure is None and probe and probe.accepts and not probe.accepts(result):
                failure = f"the result is not what was wanted: {result.text[:200]!r}"
        except TimeoutError:
            failure = f"no answer within {self._timeout:g} seconds"
        except (CallError, ServerError, PayloadError) as error:
            failure = error.message
        return Trial(
            tool=call.tool,
            arguments=call.arguments,
            passed=failure is None,
            detail="answered well" if failure is None else failure[:500],
            elapsed=anyio.current_time() - began,
        )

    def _refusal(self, running: Running, why: str, trials: Sequence[Trial]) -> VerificationError:
        said = "; ".join(f"{trial.tool}: {trial.detail}" for trial in trials)
        return VerificationError(
            f"{running.installed.candidate.name} {why}{': ' + said if said else ''}.",
            stage="verify",
            remedies=("Pass a Probe with a tool and arguments that must work.", "Try another server."),
        )


def sample_arguments(schema: JsonObject) -> JsonObject | None:
    """Return arguments that satisfy the required part of ``schema``, or ``None`` when no value can be known.

    Defaults, constants, enumerations and examples come first (those that a description quotes after "e.g." as well),
    then the plainest value of the type. Free text with a required format or pattern cannot be known.
    """
    required = schema.get("required", ())
    properties = schema.get("properties", {})
    if not isinstance(required, Sequence) or not isinstance(properties, Mapping):
        return None
    arguments: dict[str, JsonValue] = {}
    for name in required:
        described = properties.get(str(name))
        if not isinstance(described, Mapping):
            return None
        found, value = _sample(described)
        if not found:
            return None
        arguments[str(name)] = value
    return arguments


def _sample(described: JsonObject) -> tuple[bool, JsonValue]:
    for key in ("default", "const"):
        if key in described:
            return True, described[key]
    for key in ("enum", "examples"):
        values = described.get(key)
        if isinstance(values, Sequence) and not isinstance(values, str) and values:
            return True, values[0]
    kind = described.get("type")
    example = _EXAMPLE.search(str(described.get("description", ""))[:_LONGEST_DESCRIPTION])
    if kind == "string" and example is not None:
        return True, example[2]
    if not isinstance(kind, str) or kind not in _SAMPLES or not described.keys().isdisjoint(_UNKNOWABLE):
        return False, None
    return True, _SAMPLES[kind]


_EXAMPLE = re.compile(r"\be\.g\.,?:?\s*(['\"`])([^'\"`\n]{1,80})\1")
_LONGEST_DESCRIPTION = 2000
_UNKNOWABLE = frozenset(
    {"pattern", "format", "minLength", "minimum", "exclusiveMinimum", "minItems", "required", "$ref"}
)

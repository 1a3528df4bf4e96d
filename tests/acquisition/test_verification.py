"""A server is believed when it did real work before a witness."""

from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.verification import Verifier, sample_arguments
from vsm_mcp.errors import LinkError, VerificationError
from vsm_mcp.model.call import ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.enforcement import Enforcement
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.proof import Probe, ProofLevel
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Installed,
    PackageRef,
    Resolution,
    Running,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict

TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


class Answers:
    """A link that answers from a table and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, ToolResult | Exception]) -> None:
        self.answers = answers
        self.asked: list[ToolCall] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.asked.append(call)
        answer = self.answers[call.tool]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Silent:
    """A link that never answers."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        await anyio.sleep_forever()
        return ToolResult(text=call.tool)


def running(link: Answers | Silent, *tools: ToolSpec) -> Running:
    package = PackageRef(ecosystem="pypi", name="some-server", version="1.0")
    launch = StdioLaunch(argv=("/usr/bin/python3", "/pkg/start.py"))
    artefact = Artefact(
        candidate=Candidate(name="io.example/some-server", source="test", package=package),
        resolution=Resolution(package=package, integrity="sha256:00", lock=""),
        root=Path("/nowhere"),
        launch=launch,
    )
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    return Running(
        installed=Installed(vetted=vetted, path=None, digest="00", launch=launch),
        link=link,
        tools=tools,
        enforcement=Enforcement(confiner="none", profile="none"),
        pid=None,
        elapsed=0.0,
    )


GOOD = ToolResult(text="fine")


@pytest.mark.anyio
@pytest.mark.promise("A40", "C140")
async def test_a_server_whose_call_fails_is_not_accepted() -> None:
    link = Answers({"echo": ToolResult(text="no such thing", is_error=True)})
    with pytest.raises(VerificationError, match="no such thing"):
        await Verifier().prove(running(link, ToolSpec(name="echo", input_schema=TEXT)))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "result",
    [
        ToolResult(text="", structured={"error": "the database is away"}),
        ToolResult(text="", structured={"result": {"error": "the database is away"}}),
        ToolResult(text='{"error": "the database is away"}'),
        ToolResult(text='{"error": {"code": 7}}'),
        ToolResult(text="Error: the database is away"),
        ToolResult(text="❌ Status: error"),
    ],
)
async def test_a_failure_that_looks_like_a_result_is_still_a_failure(result: ToolResult) -> None:
    with pytest.raises(VerificationError, match="echo"):
        await Verifier().prove(running(Answers({"echo": result}), ToolSpec(name="echo")))


@pytest.mark.anyio
async def test_a_server_without_tools_is_not_accepted() -> None:
    with pytest.raises(VerificationError, match="lists no tools"):
        await Verifier().prove(running(Answers({})))


@pytest.mark.anyio
async def test_a_server_that_dies_during_the_trial_is_not_accepted() -> None:
    link = Answers({"echo": LinkError("The server is gone.")})
    with pytest.raises(VerificationError, match="The server is gone"):
        await Verifier().prove(running(link, ToolSpec(name="echo")))


@pytest.mark.anyio
async def test_a_server_that_never_answers_is_given_up_after_the_timeout() -> None:
    with anyio.fail_after(5), pytest.raises(VerificationError, match=r"no answer within 0\.01 seconds"):
        await Verifier(timeout=0.01).prove(running(Silent(), ToolSpec(name="echo")))


@pytest.mark.anyio
async def test_a_good_answer_makes_a_server_callable() -> None:
    proven = await Verifier().prove(running(Answers({"echo": GOOD}), ToolSpec(name="echo", input_schema=TEXT)))
    assert proven.evidence.level is ProofLevel.CALLABLE
    assert [trial.tool for trial in proven.evidence.trials] == ["echo"]


@pytest.mark.anyio
async def test_a_result_that_meets_the_wish_satisfies() -> None:
    probe = Probe(tool="echo", arguments={"text": "x"}, accepts=lambda result: "fine" in result.text)
    proven = await Verifier().prove(running(Answers({"echo": GOOD}), ToolSpec(name="echo", input_schema=TEXT)), probe)
    assert proven.evidence.level is ProofLevel.SATISFIED


@pytest.mark.anyio
async def test_a_result_that_is_not_what_was_wanted_is_refused() -> None:
    probe = Probe(tool="echo", accepts=lambda result: "other" in result.text)
    with pytest.raises(VerificationError, match="not what was wanted"):
        await Verifier().prove(running(Answers({"echo": GOOD}), ToolSpec(name="echo")), probe)


@pytest.mark.anyio
async def test_a_probe_for_a_tool_that_is_not_there_refuses_without_a_call() -> None:
    link = Answers({"echo": GOOD})
    with pytest.raises(VerificationError, match="has no tool 'sing'"):
        await Verifier().prove(running(link, ToolSpec(name="echo")), Probe(tool="sing"))
    assert not link.asked


@pytest.mark.anyio
async def test_a_probe_without_a_tool_tries_those_whose_arguments_fit() -> None:
    link = Answers({"echo": GOOD, "sum": GOOD})
    tools = ToolSpec(name="sum", input_schema={"properties": {"n": {}}}), ToolSpec(name="echo", input_schema=TEXT)
    await Verifier().prove(running(link, *tools), Probe(arguments={"text": "x"}))
    assert [call.tool for call in link.asked] == ["echo"]


@pytest.mark.anyio
async def test_reading_tools_are_tried_before_those_that_change_something() -> None:
    link = Answers({"delete": GOOD, "read": GOOD})
    await Verifier().prove(running(link, ToolSpec(name="delete"), ToolSpec(name="read", read_only=True)))
    assert [call.tool for call in link.asked] == ["read"]


@pytest.mark.anyio
async def test_one_good_answer_among_the_trials_suffices() -> None:
    link = Answers({"a": ToolResult(text="no", is_error=True), "b": GOOD})
    proven = await Verifier().prove(running(link, ToolSpec(name="a"), ToolSpec(name="b")))
    assert [trial.passed for trial in proven.evidence.trials] == [False, True]


@pytest.mark.anyio
async def test_a_server_with_nothing_to_try_is_refused_with_a_remedy() -> None:
    schema: dict[str, JsonValue] = {
        "properties": {"id": {"type": "string", "pattern": "^[0-9]{7}$"}},
        "required": ["id"],
    }
    with pytest.raises(VerificationError, match="Pass a Probe"):
        await Verifier().prove(running(Answers({}), ToolSpec(name="get", input_schema=schema)))


@pytest.mark.parametrize(
    ("described", "value"),
    [
        ({"type": "string", "default": "a"}, "a"),
        ({"const": 3}, 3),
        ({"enum": ["b", "c"]}, "b"),
        ({"type": "string", "examples": ["d"]}, "d"),
        ({"type": "string", "description": "A zone (e.g., 'Europe/Rome', 'Asia/Tokyo')."}, "Europe/Rome"),
        ({"type": "string"}, "test"),
        ({"type": "integer"}, 1),
        ({"type": "boolean"}, False),
        ({"type": "array"}, []),
    ],
)
def test_a_sample_argument_is_what_the_schema_says_first(described: dict[str, JsonValue], value: JsonValue) -> None:
    assert sample_arguments({"properties": {"x": described}, "required": ["x"]}) == {"x": value}


@pytest.mark.parametrize(
    "schema",
    [
        {"required": 7},
        {"required": ["x"], "properties": []},
        {"required": ["x"], "properties": {}},
        {"required": ["x"], "properties": {"x": {"type": "string", "format": "uri"}}},
        {"required": ["x"], "properties": {"x": {"type": ["string", "null"]}}},
    ],
)
def test_an_argument_that_cannot_be_known_is_not_guessed(schema: dict[str, JsonValue]) -> None:
    assert sample_arguments(schema) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(schema=st.dictionaries(st.sampled_from(["properties", "required", "type"]), _JSON))
def test_no_schema_however_odd_breaks_the_choice_of_arguments(schema: dict[str, JsonValue]) -> None:
    sample_arguments(schema)

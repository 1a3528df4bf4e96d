"""A server is believed when it did real work before a witness."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from mcp.server import MCPServer

from vsm_mcp.acquisition.proving.checks import seed_of
from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.acquisition.verification import Again, Verifier
from vsm_mcp.errors import LinkError, NeedsConfigurationError, ToolError, VerificationError
from vsm_mcp.model.call import Caller, ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.enforcement import Aspect, Enforcement, Held, Level
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.proof import Probe, ProofLevel, Trial
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Installed,
    PackageRef,
    Proven,
    Resolution,
    Running,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.servers.routing.fitting import misfit
from vsm_mcp.testing.servers import make_spawner, memory_installed, memory_server

TEXT: JsonObject = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
GOOD = ToolResult(text="fine")

UNCONFINED = Enforcement(confiner="none", profile="none")
CONFINED = Enforcement(
    confiner="bubblewrap",
    profile="full",
    held={aspect: Held(requested="none", level=Level.KERNEL) for aspect in (Aspect.FILES, Aspect.NETWORK)},
)

Reply = ToolResult | Exception | Callable[[JsonObject], ToolResult]


class Honest:
    """A link that answers from a table, remembers what it was asked, and refuses what does not fit."""

    def __init__(self, answers: Mapping[str, Reply], *tools: ToolSpec) -> None:
        self.answers = answers
        self.schemas = {tool.name: tool.input_schema for tool in tools}
        self.asked: list[ToolCall] = []

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.asked.append(call)
        wrong = misfit(self.schemas.get(call.tool, {}), call.arguments)
        if call.tool not in self.answers or wrong:
            raise ToolError(f"{call.tool} cannot be called so: {wrong}.")
        answer = self.answers[call.tool]
        if isinstance(answer, Exception):
            raise answer
        return answer(call.arguments) if callable(answer) else answer

    def asked_of(self, tool: str) -> list[JsonObject]:
        return [call.arguments for call in self.asked if call.tool == tool]


class Canned:
    """A link that says the same whatever it is asked."""

    def __init__(self, text: str = "fine") -> None:
        self.text = text

    async def call(self, call: ToolCall, /) -> ToolResult:
        return ToolResult(text=self.text)


class Silent:
    """A link that never answers."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        await anyio.sleep_forever()
        return ToolResult(text=call.tool)


def running(link: Caller, *tools: ToolSpec) -> Running:
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
        enforcement=CONFINED,
        pid=None,
        elapsed=0.0,
    )


async def prove(server: Running, probe: Probe | Sequence[Probe] | None = None, *, by: Verifier | None = None) -> Proven:
    """Prove a server that was given nothing."""
    return await (by or Verifier()).prove(server, probe, terms=Terms())


async def replay(
    server: Running, trials: Sequence[Trial], probe: Probe | None = None, *, by: Verifier | None = None
) -> Proven:
    """Make recorded calls to a server that was given nothing."""
    return await (by or Verifier()).replay(server, trials, probe, terms=Terms())


def serving(answers: Mapping[str, Reply], *tools: ToolSpec) -> Running:
    return running(Honest(answers, *tools), *tools)


def codes(proven: Proven) -> set[str]:
    return {finding.code for finding in proven.evidence.findings} - {"not-listed-again"}


ECHO = ToolSpec(name="echo", input_schema=TEXT)
READ = ToolSpec(name="echo", input_schema=TEXT, read_only=True)


def said(arguments: JsonObject) -> ToolResult:
    return ToolResult(text=f"You said {arguments.get('text')}")


@pytest.mark.anyio
@pytest.mark.promise("A40", "C140")
async def test_a_server_whose_call_fails_is_not_accepted() -> None:
    with pytest.raises(VerificationError, match="no such thing"):
        await prove(serving({"echo": ToolResult(text="no such thing", is_error=True)}, ECHO))


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
        ToolResult(text=""),
        ToolResult(text='{"success": false, "message": "the database is away"}'),
        ToolResult(text="Result\nTraceback (most recent call last):\n  boom"),
    ],
)
@pytest.mark.promise("A40")
async def test_a_failure_that_looks_like_a_result_is_still_a_failure(result: ToolResult) -> None:
    with pytest.raises(VerificationError, match="echo"):
        await prove(serving({"echo": result}, ToolSpec(name="echo")))


@pytest.mark.anyio
async def test_a_server_without_tools_is_not_accepted() -> None:
    with pytest.raises(VerificationError, match="lists no tools"):
        await prove(serving({}))


@pytest.mark.anyio
async def test_a_server_that_dies_during_the_trial_is_not_accepted() -> None:
    with pytest.raises(VerificationError, match="The server is gone"):
        await prove(serving({"echo": LinkError("The server is gone.")}, ECHO))


@pytest.mark.anyio
async def test_a_server_that_never_answers_is_given_up_after_the_timeout() -> None:
    with anyio.fail_after(5), pytest.raises(VerificationError, match=r"no answer within 0\.01 seconds"):
        await prove(running(Silent(), ToolSpec(name="echo")), by=Verifier(timeout=0.01))


@pytest.mark.anyio
async def test_a_good_answer_makes_a_server_callable() -> None:
    proven = await prove(serving({"echo": said}, ECHO))
    assert proven.evidence.level is ProofLevel.CALLABLE
    assert [(trial.tool, trial.shape) for trial in proven.evidence.trials] == [("echo", "text")]
    assert not codes(proven)


@pytest.mark.anyio
async def test_a_result_that_meets_the_wish_satisfies() -> None:
    probe = Probe(tool="echo", arguments={"text": "x"}, accepts=lambda result: "said x" in result.text)
    proven = await prove(serving({"echo": said}, ECHO), probe)
    assert proven.evidence.level is ProofLevel.SATISFIED


@pytest.mark.anyio
async def test_a_result_that_is_not_what_was_wanted_is_refused() -> None:
    probe = Probe(tool="echo", accepts=lambda result: "other" in result.text)
    with pytest.raises(VerificationError, match="not what was wanted"):
        await prove(serving({"echo": GOOD}, ToolSpec(name="echo")), probe)


@pytest.mark.anyio
async def test_a_predicate_that_raises_is_a_result_that_was_not_wanted() -> None:
    probe = Probe(tool="echo", accepts=lambda result: result.text.index("other") >= 0)
    with pytest.raises(VerificationError, match="could not judge the result: ValueError"):
        await prove(serving({"echo": GOOD}, ToolSpec(name="echo")), probe)


@pytest.mark.anyio
async def test_of_several_probes_all_must_hold() -> None:
    server = {"echo": said, "pid": ToolResult(text="7")}
    tools = (ECHO, ToolSpec(name="pid"))
    echo = Probe(tool="echo", arguments={"text": "x"}, accepts=lambda result: "x" in result.text)
    pid = Probe(tool="pid", accepts=lambda result: result.text == "7")
    both = await prove(serving(server, *tools), [echo, pid])
    assert [trial.tool for trial in both.evidence.trials] == ["echo", "pid"]
    assert both.evidence.level is ProofLevel.SATISFIED
    assert (await prove(serving(server, *tools), [echo, Probe(tool="pid")])).evidence.level == "callable"
    with pytest.raises(VerificationError, match="pid: the result is not what was wanted"):
        await prove(serving(server, *tools), [echo, Probe(tool="pid", accepts=lambda _: False)])
    with pytest.raises(VerificationError, match="cannot be given 50 probes"):
        await prove(serving(server, *tools), [echo] * 50)


@pytest.mark.anyio
async def test_a_probe_for_a_tool_that_is_not_there_refuses_without_a_call() -> None:
    link = Honest({"echo": GOOD})
    with pytest.raises(VerificationError, match="has no tool 'sing'"):
        await prove(running(link, ToolSpec(name="echo")), Probe(tool="sing"))
    assert not link.asked


@pytest.mark.anyio
async def test_a_probe_without_a_tool_tries_those_whose_arguments_fit() -> None:
    tools = ToolSpec(name="sum", input_schema={"properties": {"n": {}}}), ECHO
    proven = await prove(serving({"echo": said, "sum": GOOD}, *tools), Probe(arguments={"text": "x"}))
    assert [(trial.tool, trial.arguments) for trial in proven.evidence.trials] == [("echo", {"text": "x"})]


@pytest.mark.anyio
async def test_a_probe_whose_arguments_fit_no_tool_leaves_the_choice_to_the_verifier() -> None:
    proven = await prove(serving({"echo": said}, ECHO), Probe(arguments={"number": 1}))
    assert [trial.arguments for trial in proven.evidence.trials] == [{"text": "test"}]


@pytest.mark.anyio
async def test_reading_tools_are_tried_before_those_that_change_something() -> None:
    link = Honest({"delete": GOOD, "read": ToolResult(text="read")})
    await prove(running(link, ToolSpec(name="delete"), ToolSpec(name="read", read_only=True)))
    assert link.asked_of("read")
    assert not link.asked_of("delete")


@pytest.mark.anyio
async def test_one_good_answer_among_the_trials_suffices() -> None:
    server = serving({"a": ToolResult(text="no", is_error=True), "b": GOOD}, ToolSpec(name="a"), ToolSpec(name="b"))
    proven = await prove(server)
    assert [trial.passed for trial in proven.evidence.trials] == [False, True]


@pytest.mark.anyio
async def test_a_server_with_nothing_to_try_is_refused_with_a_remedy() -> None:
    schema: JsonObject = {"properties": {"id": {"type": "string", "pattern": "(?=x)"}}, "required": ["id"]}
    with pytest.raises(VerificationError, match="Pass a Probe"):
        await prove(serving({}, ToolSpec(name="get", input_schema=schema)))


@pytest.mark.anyio
@pytest.mark.promise("A40")
@pytest.mark.parametrize("spec", [ECHO, READ])
async def test_a_tool_that_says_the_same_whatever_it_is_given_proves_nothing(spec: ToolSpec) -> None:
    with pytest.raises(VerificationError, match="the same to every call"):
        await prove(running(Canned(), spec))
    told = Probe(tool="echo", arguments={"text": "fine"}, accepts=lambda result: "fine" in result.text)
    with pytest.raises(VerificationError, match="the same to every call"):
        await prove(running(Canned(), spec), told)


@pytest.mark.anyio
async def test_a_reading_tool_that_never_says_anything_else_is_noted() -> None:
    assert codes(await prove(serving({"echo": GOOD}, READ))) == {"same-answer"}
    assert not codes(await prove(serving({"echo": said}, READ)))


@pytest.mark.anyio
async def test_a_tool_without_arguments_may_say_the_same_every_time() -> None:
    proven = await prove(serving({"version": ToolResult(text="1.0")}, ToolSpec(name="version")))
    assert proven.evidence.level is ProofLevel.CALLABLE


@pytest.mark.anyio
async def test_a_server_that_answers_for_tools_it_does_not_have_is_not_believed() -> None:
    with pytest.raises(VerificationError, match="a tool that it does not have"):
        await prove(running(Canned(), ToolSpec(name="version")))


class Polite(Honest):
    """A link that refuses in friendly words, without marking them as a refusal."""

    def __init__(self, refusal: str, *tools: ToolSpec) -> None:
        super().__init__({"echo": said, "version": ToolResult(text="1.0")}, *tools)
        self.refusal = refusal

    async def call(self, call: ToolCall, /) -> ToolResult:
        try:
            return await super().call(call)
        except ToolError:
            return ToolResult(text=self.refusal)


@pytest.mark.anyio
async def test_a_server_that_refuses_in_friendly_words_refuses() -> None:
    proven = await prove(running(Polite("There is no such tool here.", ECHO), ECHO))
    assert codes(proven) == {"accepts-nonsense"}


@pytest.mark.anyio
async def test_a_server_that_answers_what_it_should_refuse_is_noted() -> None:
    proven = await prove(running(Polite("Here you are.", ECHO), ECHO))
    assert codes(proven) == {"accepts-nonsense", "answers-unknown-tool"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([GOOD, ToolResult(text='{"a": 1}')], "unsteady"),
        ([ToolResult(text="one"), ToolResult(text="two")], "varies"),
        ([GOOD, ToolResult(text="Error: only once")], "not-repeatable"),
        ([ToolResult(text='{"time": 1, "a": 2}'), ToolResult(text='{"time": 2, "a": 2}')], None),
        ([ToolResult(text="It is 2024-01-01T10:00:00Z."), ToolResult(text="It is 2024-01-01T10:00:01Z.")], None),
    ],
)
async def test_a_reading_tool_is_asked_twice_and_what_differs_is_noted(
    answers: list[ToolResult], code: str | None
) -> None:
    given = iter([*answers, *[answers[-1]] * 9])
    proven = await prove(serving({"look": lambda _: next(given)}, ToolSpec(name="look", read_only=True)))
    assert codes(proven) == ({code} if code else set())


@pytest.mark.anyio
async def test_a_reading_tool_is_tried_at_its_bounds_and_good_answers_are_kept() -> None:
    schema: JsonObject = {
        "properties": {"text": {"type": "string"}, "times": {"type": "integer", "minimum": 1, "maximum": 5}},
        "required": ["text"],
    }
    tool = ToolSpec(name="echo", input_schema=schema, read_only=True)
    proven = await prove(serving({"echo": said}, tool))
    assert [trial.arguments for trial in proven.evidence.trials] == [{"text": "test"}]
    assert len({str(trial.arguments) for trial in proven.evidence.recorded}) == 4
    assert len(proven.evidence.further) == 3
    again = await replay(serving({"echo": said}, tool), proven.evidence.recorded)
    assert again.evidence.recorded[:4] == tuple(
        replace(trial, elapsed=now.elapsed)
        for trial, now in zip(proven.evidence.recorded, again.evidence.recorded, strict=False)
    )


@pytest.mark.anyio
async def test_a_tool_that_may_change_something_is_called_once_with_what_it_accepts() -> None:
    link = Honest({"echo": said}, ECHO)
    await prove(running(link, ECHO))
    assert [misfit(TEXT, given) for given in link.asked_of("echo")].count(None) == 1


@pytest.mark.anyio
async def test_the_calls_are_the_same_every_time() -> None:
    asked: list[list[ToolCall]] = []
    for _ in range(2):
        link = Honest({"echo": said}, READ)
        await prove(running(link, READ))
        asked.append(link.asked)
    assert asked[0] == asked[1]
    assert len(asked[0]) == 7


class Fragile(Honest):
    """A link that breaks, or falls silent, when it is given something unexpected."""

    def __init__(self, *tools: ToolSpec, silent: bool = False, expected: tuple[str, ...] = ("test",)) -> None:
        super().__init__({"echo": said}, *tools)
        self.silent = silent
        self.expected = expected

    async def call(self, call: ToolCall, /) -> ToolResult:
        if call.arguments.get("text") in self.expected:
            return await super().call(call)
        if self.silent:
            await anyio.sleep_forever()
        raise LinkError("The server is gone.")


@pytest.mark.anyio
@pytest.mark.parametrize(("silent", "code"), [(True, "silent"), (False, "dies-of-a-call")])
async def test_a_server_that_cannot_bear_the_unexpected_is_noted(*, silent: bool, code: str) -> None:
    proven = await prove(running(Fragile(READ, silent=silent), READ), by=Verifier(timeout=0.05))
    assert codes(proven) == {code}
    assert {finding.where for finding in proven.evidence.findings if finding.code == code} > {"echo"}


NUMBERS: JsonObject = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("schema", "result", "code"),
    [
        (NUMBERS, ToolResult(text="", structured={"n": 1}), None),
        (NUMBERS, ToolResult(text="", structured={"n": "seven"}), "output-schema"),
        (NUMBERS, ToolResult(text="1"), "no-structured-content"),
        ({"$ref": "https://example.com/schema"}, ToolResult(text="", structured={}), "output-schema-unjudged"),
    ],
)
async def test_a_result_that_is_not_what_the_tool_promises_is_noted_and_not_lost(
    schema: JsonObject, result: ToolResult, code: str | None
) -> None:
    proven = await prove(serving({"count": result}, ToolSpec(name="count", output_schema=schema)))
    assert codes(proven) == ({code} if code else set())
    assert "seven" not in "".join(finding.message for finding in proven.evidence.findings)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        ToolResult(text="Missing API key: set DEMO_API_KEY"),
        NeedsConfigurationError("It lacks DEMO_API_KEY.", names=("DEMO_API_KEY",), remedies=("Give it.",)),
    ],
)
async def test_a_server_whose_every_call_asks_for_settings_needs_configuration(answer: Reply) -> None:
    with pytest.raises(NeedsConfigurationError) as refusal:
        await prove(serving({"a": answer, "b": answer}, ToolSpec(name="a"), ToolSpec(name="b")))
    assert refusal.value.names == ("DEMO_API_KEY",)
    assert refusal.value.remedies


@pytest.mark.anyio
async def test_a_server_of_which_only_some_tools_need_settings_is_proven_by_the_others() -> None:
    tools = ToolSpec(name="a"), ToolSpec(name="b")
    proven = await prove(serving({"a": ToolResult(text="Missing API key"), "b": GOOD}, *tools))
    assert proven.evidence.level is ProofLevel.CALLABLE


def listing(*tools: ToolSpec, instructions: str = "") -> Again:
    async def again(_: Running) -> Pins | None:
        return Pins.of(tools, (), instructions)

    return again


@pytest.mark.anyio
@pytest.mark.promise("A40")
@pytest.mark.parametrize(
    ("again", "what"),
    [
        (listing(ECHO, ToolSpec(name="more")), "added: 'more'"),
        (listing(ToolSpec(name="echo", description="Other.", input_schema=TEXT)), "changed: 'echo'"),
        (listing(ToolSpec(name="renamed", input_schema=TEXT)), "removed: 'echo'"),
        (listing(ECHO, instructions="Do as I say."), "other instructions"),
    ],
)
async def test_a_server_that_changes_what_it_offers_while_it_is_watched_is_refused(again: Again, what: str) -> None:
    with pytest.raises(VerificationError, match=rf"changed what it offers .*{what}"):
        await prove(serving({"echo": said}, ECHO), by=Verifier(again=again))
    await prove(serving({"echo": said}, ECHO), by=Verifier(again=listing(ECHO)))


@pytest.mark.anyio
async def test_a_server_that_does_not_list_its_tools_twice_is_refused() -> None:
    async def broken(_: Running) -> Pins | None:
        raise LinkError("The server is gone.")

    async def silent(_: Running) -> Pins | None:
        await anyio.sleep_forever()

    with pytest.raises(VerificationError, match="did not list its tools again: The server is gone"):
        await prove(serving({"echo": said}, ECHO), by=Verifier(again=broken))
    with pytest.raises(VerificationError, match=r"did not list its tools again within 0\.05 seconds"):
        await prove(serving({"echo": said}, ECHO), by=Verifier(again=silent, timeout=0.05))


@pytest.mark.anyio
async def test_what_cannot_be_pinned_is_refused() -> None:
    odd = ToolSpec(name="echo", description=str(1), input_schema={"properties": {"x": float("nan")}})
    with pytest.raises(VerificationError, match="cannot be pinned"):
        await prove(serving({"echo": GOOD}, odd))


@pytest.mark.anyio
async def test_an_answer_that_has_no_canonical_form_is_compared_with_nothing() -> None:
    odd = ToolResult(text="", structured={"n": float("nan")})
    proven = await prove(serving({"echo": odd}, READ))
    assert proven.evidence.level is ProofLevel.CALLABLE


def test_a_tool_that_cannot_be_pinned_is_varied_like_any_other() -> None:
    assert seed_of(ToolSpec(name="x", input_schema={"x": float("nan")})) == "00000000"
    assert seed_of(ECHO) == seed_of(replace(ECHO, idempotent=ECHO.idempotent)) != seed_of(ToolSpec(name="x"))


@pytest.mark.anyio
async def test_whether_a_list_stays_the_same_may_be_unknown_and_is_never_taken_for_known() -> None:
    proven = await prove(serving({"echo": said}, ECHO))
    assert [finding.unknown for finding in proven.evidence.findings if finding.code == "not-listed-again"] == [True]


OBJECT = ToolResult(text="", structured={"a": 1, "b": "x"})


async def recorded(*, tool: ToolSpec = ECHO, answer: Reply = said) -> tuple[Trial, ...]:
    return (await prove(serving({tool.name: answer}, tool))).evidence.trials


@pytest.mark.anyio
async def test_recorded_calls_that_are_answered_alike_prove_another_version() -> None:
    trials = await recorded()
    proven = await replay(serving({"echo": lambda _: ToolResult(text="else")}, ECHO), trials)
    assert proven.evidence.level is ProofLevel.CALLABLE
    assert [trial.arguments for trial in proven.evidence.trials] == [trial.arguments for trial in trials]


@pytest.mark.anyio
async def test_more_in_an_answer_is_alike_and_less_or_other_is_not() -> None:
    tool = ToolSpec(name="echo")
    trials = await recorded(tool=tool, answer=OBJECT)
    await replay(serving({"echo": ToolResult(text="", structured={"a": 7, "b": "y", "c": []})}, tool), trials)
    for other in ({"a": 7}, {"a": "7", "b": "y"}, [1]):
        with pytest.raises(VerificationError, match="in another way"):
            await replay(serving({"echo": ToolResult(text="", structured=other)}, tool), trials)


@pytest.mark.anyio
async def test_a_version_that_lost_the_tool_or_fails_the_call_is_refused() -> None:
    trials = await recorded()
    with pytest.raises(VerificationError, match="has no tool 'echo' any more"):
        await replay(serving({"sing": said}, ToolSpec(name="sing")), trials)
    with pytest.raises(VerificationError, match="answered no trial well: echo"):
        await replay(serving({"echo": ToolResult(text="Error: no")}, ECHO), trials)
    with pytest.raises(VerificationError, match="no recorded call"):
        await replay(serving({"echo": said}, ECHO), ())


@pytest.mark.anyio
async def test_a_replay_can_ask_for_more_than_was_recorded() -> None:
    trials = await recorded()
    wanted = Probe(tool="echo", arguments={"text": "y"}, accepts=lambda result: "y" in result.text)
    proven = await replay(serving({"echo": said}, ECHO), trials, wanted)
    assert proven.evidence.level is ProofLevel.SATISFIED
    with pytest.raises(VerificationError, match="not what was wanted"):
        await replay(serving({"echo": GOOD}, ECHO), trials, wanted)


@pytest.mark.anyio
async def test_a_real_server_is_listed_twice_and_a_list_that_grew_is_refused(tmp_path: Path) -> None:
    def steady(text: str) -> str:
        """Say it again."""
        return text

    def growing() -> MCPServer[None]:
        server = memory_server({})

        def look(text: str) -> str:
            """Look, and become more."""
            server.add_tool(steady, name=f"more_{len(text)}")
            return text

        server.add_tool(look, name="look")
        return server

    async with make_spawner(tmp_path) as spawner:
        async with spawner.trial(memory_installed(lambda: memory_server({"steady": steady}))) as server:
            assert not (await prove(server)).evidence.findings
        async with spawner.trial(memory_installed(growing)) as server:
            with pytest.raises(VerificationError, match="added: 'more_4'"):
                await prove(server)


def hinted(name: str, **hints: bool) -> ToolSpec:
    """Describe a tool as it came over the wire, with its hints."""
    raw: JsonObject = {"name": name, "annotations": dict(hints)}
    return ToolSpec(name=name, input_schema=TEXT, read_only=hints.get("readOnlyHint", False), raw=raw)


HOSTS = tuple(f"h{number}.example.com:443" for number in range(7))
KEYED = Terms(secrets=("BANK_KEY",))
CONNECTED = Terms(egress=Egress(allow=HOSTS))
SHOWN = Terms(read_only=(Path("/srv/reports"),))


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    ("terms", "enforcement", "why"),
    [
        (KEYED, CONFINED, "it was given BANK_KEY"),
        (CONNECTED, CONFINED, r"it may connect to .* and 2 more"),
        (SHOWN, CONFINED, "it can reach what is in /srv/reports"),
        (None, CONFINED, "what it was given is not known"),
        (Terms(), UNCONFINED, "nothing confines it"),
        (Terms(), replace(CONFINED, held={}), "nothing confines it"),
    ],
)
async def test_what_could_do_lasting_harm_is_called_unasked_only_where_it_says_that_it_reads(
    terms: Terms | None, enforcement: Enforcement, why: str
) -> None:
    pay, odd = ToolSpec(name="pay", input_schema=TEXT), hinted("odd", readOnlyHint=True, destructiveHint=True)
    link = Honest({"pay": said, "odd": said}, pay, odd)
    server = replace(running(link, pay, odd), enforcement=enforcement)
    for probe in (None, Probe(arguments={"text": "x"})):
        with pytest.raises(VerificationError, match=f"2 may write, and {why}") as refusal:
            await Verifier().prove(server, probe, terms=terms)
        assert "Pass a Probe" in refusal.value.remedies[0]
        assert "Operation(tool=...)" in refusal.value.remedies[1]
    assert not link.asked
    server = replace(server, tools=(*server.tools, READ), link=(link := Honest({"pay": said, "echo": said}, pay, READ)))
    await Verifier().prove(server, terms=terms)
    assert not link.asked_of("pay")
    assert link.asked_of("echo")


@pytest.mark.anyio
@pytest.mark.security
async def test_a_tool_that_may_write_is_called_as_often_as_its_caller_said_and_no_more() -> None:
    pay = ToolSpec(name="pay", input_schema=TEXT)
    link = Honest({"pay": said}, pay)
    probe = Probe(tool="pay", arguments={"text": "one"}, accepts=lambda result: "one" in result.text)
    proven = await Verifier().prove(running(link, pay), probe, terms=KEYED)
    assert proven.evidence.level is ProofLevel.SATISFIED
    assert link.asked_of("pay") == [{"text": "one"}]
    (noted,) = [one for one in proven.evidence.findings if one.code == "not-tried-further"]
    assert noted.unknown
    link = Honest({"odd": said}, odd := hinted("odd", readOnlyHint=True, destructiveHint=True))
    await Verifier().prove(running(link, odd), replace(probe, tool="odd"), terms=KEYED)
    assert link.asked_of("odd") == [{"text": "one"}]
    link = Honest({"pay": said}, pay)
    await Verifier().prove(running(link, pay), terms=Terms())
    assert len(link.asked_of("pay")) > 1


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(("hint", "value"), [("readOnlyHint", False), ("destructiveHint", True)])
async def test_of_an_object_of_the_host_everything_is_called_that_does_not_say_that_it_writes(
    *, hint: str, value: bool
) -> None:
    tools = (ToolSpec(name="plain", input_schema=TEXT), hinted("pay", **{hint: value}))
    link = Honest({"plain": said, "pay": said}, *tools)
    server = replace(running(link, *tools), installed=memory_installed(object), enforcement=UNCONFINED)
    assert (await Verifier().prove(server)).evidence.trials[0].tool == "plain"
    assert not link.asked_of("pay")
    with pytest.raises(VerificationError, match="1 may write"):
        await Verifier().prove(replace(server, tools=tools[1:]))

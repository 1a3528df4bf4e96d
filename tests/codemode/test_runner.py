"""Programs of agents call tools through the toolbox, and nothing else."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio
import pytest

from vsm_mcp.codemode import worker
from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.codemode.result import CodeResult
from vsm_mcp.codemode.runner import CodeRunner
from vsm_mcp.codemode.worker import Worker
from vsm_mcp.errors import (
    AnomalyError,
    CallTimeoutError,
    CapabilityMissingError,
    CapacityError,
    CodeBudgetError,
    CodeError,
    ConfigurationError,
    ContentionError,
    ExtraMissingError,
    LinkError,
    PayloadError,
    PermissionDeniedError,
    RateLimitError,
    ToolError,
    VSMError,
)
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import Outcome

pytestmark = pytest.mark.anyio

STORE: JsonObject = {
    "properties": {
        "content": {"type": "string"},
        "importance": {"type": "number"},
        "tags": {"type": "array"},
    },
    "required": ["content", "importance"],
}
RECALL: JsonObject = {"properties": {"query": {}, "limit": {}}, "required": ["query"]}
REFUSALS: Mapping[str, VSMError] = {
    "tool": ToolError("it broke."),
    "timeout": CallTimeoutError("too slow."),
    "missing": CapabilityMissingError("gone."),
    "payload": PayloadError("too large."),
    "permission": PermissionDeniedError("not for you."),
    "rate": RateLimitError("too often.", retry_after=3.0),
    "anomaly": AnomalyError("strange."),
    "link": LinkError("broken."),
    "contention": ContentionError("busy."),
}


class Box:
    """A toolbox with memory, and tools that fail, wait and answer strangely."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.agents: list[str] = []
        self.timeouts: list[float | None] = []
        self.answers: dict[str, JsonValue] = {}
        self.most = self.under_way = self.cut = 0

    def tools(self, *, agent: str = "host") -> Sequence[OfferedTool]:
        fail: JsonObject = {"properties": {"how": {}}}
        tools: dict[str, JsonObject] = {"store_memory": STORE, "recall": RECALL, "fail": fail, "wait": {}}
        offers = [
            OfferedTool(name=name, server="npm:@scope/automem", tool=name, input_schema=schema)
            for name, schema in tools.items()
        ]
        count: JsonObject = {"properties": {"result": {"type": "integer"}}}
        words = OfferedTool(name="count", server="words", tool="count", input_schema={}, output_schema=count)
        secret = OfferedTool(name="secret", server="vault", tool="secret", input_schema={})
        return [*offers, words, *([secret] if agent == "trusted" else [])]

    async def call_tool(
        self, name: str, arguments: JsonObject | None = None, *, agent: str = "host", timeout: float | None = None
    ) -> Outcome:
        self.agents.append(agent)
        self.timeouts.append(timeout)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            value = await self._value(name, arguments or {})
        except anyio.get_cancelled_exc_class():
            self.cut += 1
            raise
        finally:
            self.under_way -= 1
        return Outcome(value=value, text="", server="", tool=name, elapsed=0.0)

    async def _value(self, name: str, arguments: JsonObject) -> JsonValue:
        if name in self.answers:
            return self.answers[name]
        if name == "fail":
            raise REFUSALS[str(arguments["how"])]
        if name == "wait":
            await anyio.sleep(float(str(arguments["seconds"])))
        if name == "store_memory":
            self.stored.append(str(arguments["content"]))
        return {"result": 4} if name == "count" else [*self.stored]


async def run(code: str, *, box: Box | None = None, inputs: JsonObject | None = None, **limits: float) -> CodeResult:
    runner = CodeRunner(box or Box(), CodeLimits.model_validate(limits))
    with anyio.fail_after(20):
        return await runner.run(code, inputs=inputs)


@pytest.mark.promise("D25", "D26", "D10")
async def test_a_program_calls_the_tools_of_several_servers_in_a_loop() -> None:
    box = Box()
    code = """
for number in range(3):
    await automem.store_memory(f"note {number}", 0.7, ["testing"])
found = await automem.recall("sandbox test", 5)
print(len(found), "notes")
{"found": found, "words": await words.count(text="a b c d")}
"""
    done = await run(code, box=box)
    assert done.value == {"found": ["note 0", "note 1", "note 2"], "words": 4}
    assert done.printed == "3 notes\n"
    assert [(call.tool, call.line, call.outcome) for call in done.calls] == [
        *[("automem.store_memory", 3, "ok")] * 3, ("automem.recall", 4, "ok"), ("words.count", 6, "ok"),
    ]  # fmt: skip
    assert {call.server for call in done.calls} == {"npm:@scope/automem", "words"}
    assert done.elapsed >= sum(call.elapsed for call in done.calls) >= 0


async def test_calls_are_made_in_the_name_of_the_agent_who_sees_only_its_own_tools() -> None:
    box = Box()
    runner = CodeRunner(box, CodeLimits(call_seconds=7))
    assert "class vault:" in runner.declarations(agent="trusted")
    assert "class vault:" not in runner.declarations()
    await runner.run("await vault.secret()", agent="trusted")
    assert (box.agents, box.timeouts) == (["trusted"], [7.0])
    with pytest.raises(CodeError, match="NameError: name 'vault' is not defined"):
        await runner.run("await vault.secret()", agent="other")
    assert box.agents == ["trusted"]
    assert repr(runner) == "CodeRunner(at_once=4)"


@pytest.mark.promise("D63")
async def test_gathered_calls_are_under_way_at_the_same_time_but_not_more_than_allowed() -> None:
    box = Box()
    code = "import asyncio\nawait asyncio.gather(*[automem.wait(seconds=0.05) for each in range(6)])\n1"
    done = await run(code, box=box, calls_at_once=3)
    assert (done.value, box.most, len(done.calls)) == (1, 3, 6)


async def test_a_program_sleeps_without_holding_up_others() -> None:
    code = """
import asyncio, time
time.sleep(0.01)
await asyncio.sleep(0.01)
await asyncio.gather(asyncio.sleep(0.02), automem.wait(seconds=0.01))
7
"""
    assert (await run(code)).value == 7


@pytest.mark.promise("D60")
@pytest.mark.parametrize(
    ("how", "caught"),
    [
        ("tool", "RuntimeError"), ("timeout", "TimeoutError"), ("missing", "LookupError"), ("payload", "ValueError"),
        ("permission", "PermissionError"), ("rate", "PermissionError"), ("anomaly", "PermissionError"),
        ("link", "OSError"), ("contention", "OSError"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_an_exception_that_the_program_can_catch(how: str, caught: str) -> None:
    error = REFUSALS[how]
    code = f"try:\n    await automem.fail('{how}')\nexcept {caught} as error:\n    said = str(error)\nsaid"
    done = await run(code)
    assert done.value == f"{type(error).__name__}: {error.message}"
    assert [call.outcome for call in done.calls] == [type(error).__name__]


async def test_what_a_program_does_not_catch_ends_it_with_the_line_and_the_cause() -> None:
    with pytest.raises(CodeError, match="The program ended on line 3: RuntimeError: ToolError: it broke") as info:
        await run("print('before')\n\nawait automem.fail('tool')")
    error = info.value
    assert isinstance(error.__cause__, ToolError)
    assert (error.line, error.kind, error.printed, error.made) == (3, "RuntimeError", "before\n", ("automem.fail",))


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        ("1\n\n1 / 0", 3, "ZeroDivisionError: division by zero"),
        ("def f():\n    return g()\ndef g():\n    raise KeyError('x')\nf()", 4, "KeyError: x"),
        ("x = = 2", 1, "SyntaxError: Expected an expression"),
        ("\nundefined", 2, "NameError: name 'undefined' is not defined"),
        ("await automem.nothing()", 1, "AttributeError: module 'automem' has no attribute 'nothing'"),
        ("await automem.recall()", 1, "missing 1 required positional argument: 'query'"),
        ("await automem.recall(1, 2, 3)", 1, "takes from 1 to 2 positional arguments but 3 were given"),
        ("import numpy", 1, "ModuleNotFoundError: No module named 'numpy'"),
        ("def f():\n    yield 1", 2, "yield expressions on line 2 is not supported here"),
        ("class A(int):\n    pass", 1, "class inheritance and metaclasses on line 1 is not supported here"),
        ("await automem.recall({1: 2})", 1, "holds a dict with a key of type int; JSON knows only str"),
        ("await automem.recall(float('nan'))", 1, "holds nan, which JSON has no word for"),
        ("await automem.recall(2 ** 70)", 1, "holds an integer of 71 bits; at most 64 are sent"),
        ("await automem.recall(automem)", 1, "a value of type ExternalModule, which JSON has no word for"),
        ("class A:\n    pass\nA()", None, "the value of the last line holds a value of type MontyClassProxy"),
    ],
)
async def test_a_program_that_is_wrong_ends_with_the_line_and_a_clear_sentence(
    code: str, line: int | None, said: str
) -> None:
    with pytest.raises(CodeError) as info:
        await run(code)
    assert said in info.value.message
    assert info.value.line == line
    assert not isinstance(info.value, CodeBudgetError)


async def test_a_call_that_is_never_awaited_is_not_made_and_said() -> None:
    box = Box()
    with pytest.raises(CodeError, match=r"automem.store_memory\(\) on line 1 was never awaited, so it was not called"):
        await run("automem.store_memory('x', 1)\n3", box=box)
    assert box.stored == []


async def test_a_call_that_has_begun_is_not_cut_when_the_program_ends() -> None:
    box = Box()
    done = await run("slow = automem.wait(seconds=0.1)\nawait automem.recall('x')\n3", box=box)
    assert (done.value, box.cut, len(done.calls)) == (3, 0, 2)


async def test_calls_under_way_are_cut_when_the_program_fails() -> None:
    box = Box()
    code = "import asyncio\nawait asyncio.gather(automem.wait(seconds=600), automem.fail('tool'))"
    with pytest.raises(CodeError, match="it broke"):
        await run(code, box=box)
    assert (box.cut, box.under_way) == (1, 0)


async def test_values_go_in_and_out_as_json() -> None:
    done = await run("(x, {y['a']}, {'n': None}, 1.5)", inputs={"x": [1, "two"], "y": {"a": True}})
    assert done.value == [[1, "two"], [True], {"n": None}, 1.5]
    assert (await run("dir(automem)")).value == ["fail", "recall", "store_memory", "wait"]
    assert (await run("f = automem.recall\nimport automem as a\n[await f('x'), await a.recall('x')]")).value == [[], []]
    assert (await run("x = 1")).value is None


@pytest.mark.parametrize("name", ["automem", "class", "a b", ""])
async def test_an_input_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(PayloadError, match="cannot have an input named"):
        await run("1", inputs={name: 1})


async def test_what_is_too_large_is_refused_before_anything_runs() -> None:
    with pytest.raises(PayloadError, match="A program may have 10 characters, not 11"):
        await CodeRunner(Box(), CodeLimits(code=10)).run("x" * 11)
    with pytest.raises(PayloadError, match="the inputs of the program is larger than 64"):
        await run("1", inputs={"x": "y" * 65}, value=64)


async def test_an_answer_that_cannot_be_handed_over_is_an_exception_in_the_program() -> None:
    box = Box()
    deep: JsonValue = []
    for _ in range(70):
        deep = [deep]
    box.answers = {"recall": deep, "wait": "x" * 5_000_000, "store_memory": {"half \ud800": 1}}
    caught = "try:\n    await automem.{}\nexcept ValueError as error:\n    said = str(error)\nsaid"
    assert "more than 64 levels deep" in str((await run(caught.format("recall('x')"), box=box)).value)
    assert "is larger than" in str((await run(caught.format("wait()"), box=box, memory_mb=4)).value)
    assert "holds half of a character" in str((await run(caught.format("store_memory('x', 1)"), box=box)).value)
    assert (await run("x", inputs={"x": "\N{SNOWMAN}"})).value == "\N{SNOWMAN}"
    with pytest.raises(PayloadError, match="the inputs of the program holds half of a character"):
        await run("x", inputs={"x": "\udfff"})


async def test_a_defect_of_the_toolbox_ends_the_program_as_itself() -> None:
    with pytest.raises(KeyError, match="unheard"):
        await run("try:\n    await automem.fail('unheard of')\nexcept BaseException:\n    pass")


async def test_programs_wait_for_a_place_only_as_long_as_they_could_run() -> None:
    runner = CodeRunner(Box(), CodeLimits(seconds=5), at_once=1)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(runner.run, "await automem.wait(seconds=1)")
            await anyio.sleep(0.1)
            with pytest.raises(CapacityError, match=r"No place to run a program was free within 0.1 s"):
                await runner.run("1", limits=CodeLimits(seconds=0.1))
            assert (await runner.run("2")).value == 2


def test_without_the_extra_the_install_line_is_said() -> None:
    code = "import sys; sys.modules['pydantic_monty'] = None; import vsm_mcp.codemode.runner"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "ExtraMissingError: The optional part 'codemode' is not installed." in done.stderr
    assert "pip install 'vsm_mcp[codemode]'" in done.stderr


@pytest.mark.parametrize("binary", ["/nowhere/monty", "/bin/true"])
def test_a_worker_that_does_not_start_is_a_matter_of_the_setup(binary: str) -> None:
    broken = Worker({}, CodeLimits(), binary=Path(binary))
    try:
        with pytest.raises(ConfigurationError, match="The worker that runs programs did not start"):
            broken.start("1", {})
    finally:
        broken.close()
    assert repr(broken) == "Worker()"


def test_a_library_without_its_worker_is_half_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: object) -> str:
        return str(tmp_path)

    monkeypatch.setattr("sysconfig.get_path", elsewhere)
    monkeypatch.setenv("PATH", str(tmp_path))
    broken = Worker({}, CodeLimits())
    try:
        with pytest.raises(ExtraMissingError, match="'codemode' is not installed"):
            broken.start("1", {})
    finally:
        broken.close()


def test_a_worker_that_was_killed_begins_nothing_and_names_do_not_matter_after_that() -> None:
    ended = Worker({"a": ["b"]}, CodeLimits())
    ended.kill()
    try:
        with pytest.raises(worker.Stopped, match="it was ended from outside"):
            ended.start("1", {})
    finally:
        ended.close()
    ended.close()


def test_the_program_of_another_file_has_no_line_here() -> None:
    one = Worker({"a": ["b"]}, CodeLimits())
    try:
        step = one.start("eval('a.b()')\n", {})
        assert isinstance(step, worker.Called)
        assert step.line is None
        done: Callable[[], worker.Step] = one.later
        assert isinstance(done(), worker.Finished)
    finally:
        one.close()

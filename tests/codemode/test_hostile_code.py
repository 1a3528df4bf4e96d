"""Hostile programs end in a typed error within their budgets, and leave nothing behind."""

import os
import signal
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from vsm_mcp.codemode.limits import CodeLimits
from vsm_mcp.codemode.result import CodeResult
from vsm_mcp.codemode.runner import CodeRunner
from vsm_mcp.errors import CodeBudgetError, CodeError, PermissionDeniedError, ToolError
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.offer import OfferedTool
from vsm_mcp.model.operation import Outcome

pytestmark = [pytest.mark.anyio, pytest.mark.security]

TIGHT = CodeLimits(seconds=8, cpu_seconds=2, memory_mb=16, calls=20, printed=1000, value=10_000, depth=50)


class Box:
    """A toolbox that counts; nothing it refuses is done."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def tools(self, *, agent: str = "host") -> Sequence[OfferedTool]:
        names = ("look", "fail", "refuse", "hang")
        return [OfferedTool(name=name, server="files", tool=name, input_schema={}) for name in names]

    async def call_tool(
        self, name: str, arguments: JsonObject | None = None, *, agent: str = "host", timeout: float | None = None
    ) -> Outcome:
        self.called.append(name)
        if name == "fail":
            raise ToolError("no.")
        if name == "refuse":
            raise PermissionDeniedError("never.")
        if name == "hang":
            await anyio.sleep_forever()
        return Outcome(value="seen", text="seen", server="files", tool=name, elapsed=0.0)


def children() -> set[int]:
    """Return the processes that this one started and has not taken leave of."""
    found = set[int]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def nothing_left() -> Generator[None]:
    """After each test there are no more processes than before."""
    before = children()
    yield
    assert children() <= before


async def run(code: str, *, box: Box | None = None, limits: CodeLimits = TIGHT) -> CodeResult:
    began = time.monotonic()
    try:
        return await CodeRunner(box or Box(), limits).run(code)
    finally:
        assert time.monotonic() - began < 10


SWALLOW = "try:\n    {}\nexcept BaseException:\n    print('swallowed')\nfinally:\n    print('at last')"


@pytest.mark.promise("D13", "D62", "D64")
@pytest.mark.parametrize(
    ("code", "budget"),
    [
        ("while True: pass", "cpu_seconds"),
        ("import re\nwhile True: re.match('(a+)+$', 'a' * 50 + 'b')", "cpu_seconds"),
        ("sum(range(10 ** 12))", "cpu_seconds"),
        ("kept = []\nwhile True: kept.append('a' * 100_000)", "memory_mb"),
        ("'a' * 10 ** 12", "memory_mb"),
        ("[0] * 10 ** 9", "memory_mb"),
        ("2 ** 10 ** 9", "memory_mb"),
        ("kept = ['a' * 5_000_000]\nfor each in range(30): kept = kept + kept\nkept", "memory_mb"),
        ("while True: print('x' * 100)", "printed"),
        ("for each in range(10 ** 6): await files.look()", "calls"),
        ("import asyncio\nawait asyncio.gather(*[files.look() for each in range(10 ** 4)])", "calls"),
        ("while True:\n        try: files.look(1)\n        except TypeError: pass", "calls"),
        ("while True:\n        try: undefined\n        except NameError: pass", "calls"),
        ("while True:\n        try: undefined()\n        except NameError: pass", "calls"),
    ],
)
async def test_a_budget_that_is_used_up_ends_the_program_whatever_it_catches(code: str, budget: str) -> None:
    box = Box()
    limits = TIGHT.model_copy(update={"cpu_seconds": 0.2}) if budget == "cpu_seconds" else TIGHT
    for program in (code, SWALLOW.format(code.replace("\n", "\n    "))):
        with pytest.raises(CodeBudgetError, match=f"raise {budget} of CodeLimits") as info:
            await run(program, box=box, limits=limits)
        assert "swallowed" not in info.value.printed
        assert len(info.value.printed) <= TIGHT.printed
    assert len(box.called) <= 2 * TIGHT.calls


@pytest.mark.parametrize("code", ["await files.hang()", "import time\ntime.sleep(10 ** 6)"])
async def test_a_program_that_waits_too_long_is_ended(code: str) -> None:
    with pytest.raises(CodeBudgetError, match=r"it took more than 0\.3 s"):
        await run(SWALLOW.format(code.replace("\n", "\n    ")), limits=CodeLimits(seconds=0.3))


async def test_a_result_that_shares_its_parts_is_measured_in_full() -> None:
    code = "one = [0] * 1000\ntwo = [one] * 1000\nthree = [two] * 1000\n"
    with pytest.raises(CodeBudgetError, match="the value of the last line is larger than 10000"):
        await run(code + "three")
    with pytest.raises(CodeError, match=r"ValueError: the call of files\.look\(\) is larger than 10000"):
        await run(code + "await files.look(x=three)")


async def test_endless_recursion_ends() -> None:
    with pytest.raises(CodeError, match="RecursionError") as info:
        await run("def f(): return f()\nf()")
    assert info.value.line == 1
    assert (await run("x = []\nx.append(x)\nx")).value == ["[...]"]
    with pytest.raises(CodeError, match="nested"):
        await run("[" * 50_000 + "]" * 50_000)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.system('id')",
        "import os\nos.environ['HOME']",
        "import os\nos.listdir('/')",
        "import subprocess",
        "import socket",
        "import ctypes",
        "__import__('os').system('id')",
        "import importlib",
        "open('/etc/passwd').read()",
        "open('left', 'w').write('x')",
        "from pathlib import Path\nPath('/etc/passwd').read_text()",
        "().__class__.__bases__[0].__subclasses__()",
        "(lambda: 0).__globals__",
        "files.look.__globals__",
        "files.__dict__",
        "type(files).__mro__",
        "getattr(files, '__class__').__base__",
        "files.look = print",
        "globals()['files']",
        "exec('import os; os.fork()')",
        "eval('__import__(\"os\").getpid()')",
        "compile('1', '', 'eval')",
        "breakpoint()",
        "input()",
        "import sys\nsys.modules['os']",
        "raise SystemExit(3)",
        "raise KeyboardInterrupt",
        "import gc",
        "import inspect",
    ],
)
async def test_there_is_nothing_but_the_tools(code: str) -> None:
    with pytest.raises(CodeError) as info:
        await run(code)
    assert not isinstance(info.value, CodeBudgetError)
    assert not Path("left").exists()


@pytest.mark.parametrize(
    "code", ["await vault.open()", "await files.delete()", "import vault", "from files import delete", "vault__open()"]
)
async def test_a_tool_that_is_not_granted_cannot_be_named(code: str) -> None:
    box = Box()
    with pytest.raises(CodeError):
        await run(code, box=box)
    assert box.called == []


async def test_refusals_can_be_caught_and_still_count() -> None:
    box = Box()
    once = "try:\n    await files.refuse()\nexcept PermissionError as error:\n    said = str(error)\nsaid"
    assert (await run(once, box=box)).value == "PermissionDeniedError: never."
    with pytest.raises(CodeBudgetError, match="it made more than 20 calls"):
        await run("while True:\n    try: await files.refuse()\n    except BaseException: pass", box=box)
    assert len(box.called) == 21


@pytest.mark.promise("D65")
@pytest.mark.parametrize("code", ["while True: pass", "await files.hang()", "import time\ntime.sleep(60)"])
async def test_a_program_that_is_cancelled_is_gone_at_once(code: str) -> None:
    began = time.monotonic()
    with anyio.move_on_after(0.2) as scope:
        await run(code, limits=CodeLimits(seconds=60, cpu_seconds=60))
    assert scope.cancelled_caught
    assert time.monotonic() - began < 5


async def test_a_program_that_misbehaves_does_not_hold_up_another() -> None:
    runner = CodeRunner(Box(), CodeLimits(cpu_seconds=1))
    done: list[object] = []

    async def misbehave() -> None:
        with pytest.raises(CodeBudgetError):
            await runner.run("while True: pass")
        done.append("ended")

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(misbehave)
            await anyio.sleep(0.1)
            done.append((await runner.run("await files.look()")).value)
    assert done == ["seen", "ended"]


async def test_a_worker_that_dies_ends_its_program_with_a_clear_error() -> None:
    before = children()
    failures: list[CodeError] = []

    async def work() -> None:
        with pytest.raises(CodeError, match="its worker died") as info:
            await run("while True: pass", limits=CodeLimits(cpu_seconds=9))
        failures.append(info.value)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            while not (started := children() - before):  # noqa: ASYNC110 - the process is none of ours to wait for
                await anyio.sleep(0.02)
            await anyio.sleep(0.2)
            os.kill(started.pop(), signal.SIGKILL)
    assert not isinstance(failures[0], CodeBudgetError)


async def test_one_program_finds_nothing_of_another() -> None:
    runner = CodeRunner(Box())
    await runner.run("secret = 'token'")
    with pytest.raises(CodeError, match="name 'secret' is not defined"):
        await runner.run("secret")


@pytest.mark.promise("D38")
async def test_many_programs_leave_no_descriptors_behind() -> None:
    runner = CodeRunner(Box(), TIGHT)
    await runner.run("await files.look()")
    before = descriptors()
    for _ in range(5):
        await runner.run("await files.look()")
        for code in ("1 / 0", "while True: print('x' * 1000)", "'a' * 10 ** 12"):
            with pytest.raises(CodeError):
                await runner.run(code)
    assert descriptors() <= before

"""The architecture: who may import whom, who makes what, and how long a file may be."""

import ast
import logging.config
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import vsm_mcp

ROOT = Path(__file__).parents[1]
PACKAGE = Path(str(vsm_mcp.__file__)).parent
LONGEST_FILE = 400
MOST_STATEMENTS = 25
UNFINISHED = re.compile(
    r"\b(todo|fixme|xxx|mock(s|ed)?|stub(s|bed)?|placeholder|notimplemented(error)?)\b", re.IGNORECASE
)


def modules() -> dict[str, Path]:
    return {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


def product() -> dict[str, Path]:
    """Return the modules without those that hosts use in their tests."""
    return {name: path for name, path in modules().items() if not name.startswith("testing/")}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def naming(*words: str) -> dict[str, Path]:
    """Return the modules in whose text one of the words stands; only those are worth parsing."""
    return {name: path for name, path in modules().items() if any(word in path.read_text("utf-8") for word in words)}


def where(holds: Callable[[ast.AST], bool], *words: str) -> set[str]:
    """Return the modules of the product that hold a node of which ``holds`` is true; one of the words stands there."""
    worth = product().items() & naming(*words).items()
    return {name for name, path in worth if any(holds(node) for node in ast.walk(tree(path)))}


def calling(name: str) -> set[str]:
    def holds(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name

    return where(holds, name)


def using(*dotted: str) -> set[str]:
    def holds(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and ast.unparse(node) in dotted

    return where(holds, *(name.rpartition(".")[2] for name in dotted))


def importing(*names: str) -> set[str]:
    """Return the modules that import one of these, or something of it."""

    def among(name: str) -> bool:
        return any(name == one or name.startswith(f"{one}.") for one in names)

    return {name for name, path in naming(*names).items() if any(map(among, imported(path)))}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or "."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_contract_on_imports_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(logging.config, "dictConfig", dict)  # it switches off every logger that there is
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert not broken, capsys.readouterr().out


def test_no_file_is_longer_than_it_may_be() -> None:
    lines = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules().items()}
    assert lines
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


@pytest.mark.promise("E59")
def test_no_function_has_more_statements_than_it_may() -> None:
    def statements(function: ast.AST) -> int:
        """Return how many there are at any depth, docstrings not among them."""
        inside = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node is not function]
        return sum(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in inside)

    counts = {
        f"{name}:{node.lineno}": statements(node)
        for name, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert counts
    assert {where: count for where, count in counts.items() if count > MOST_STATEMENTS} == {}


def test_every_module_says_first_what_it_is_for() -> None:
    assert [name for name, path in modules().items() if not ast.get_docstring(tree(path))] == []


def test_only_vetting_makes_what_is_vetted_and_the_store_reads_it_back() -> None:
    makers = calling("Vetted")
    assert makers
    store = {name for name in makers if name.startswith("acquisition/installation/")}
    assert {name for name in makers - store if not name.startswith("acquisition/vetting/")} == set()
    assert len(store) <= 1


def test_only_verification_makes_what_is_proven_and_the_store_reads_it_back() -> None:
    makers = calling("Proven")
    assert "acquisition/verification.py" in makers
    store = {name for name in makers if name.startswith("acquisition/installation/")}
    assert makers - store == {"acquisition/verification.py"}
    assert len(store) <= 1


@pytest.mark.promise("D6")
def test_the_product_does_not_know_the_fakes() -> None:
    assert not importing("vsm_mcp.testing") & product().keys()


def test_nothing_is_left_unfinished_or_pretended() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, path in product().items()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_imports_are_the_same_for_a_checker_and_at_run_time() -> None:
    users = where(lambda node: isinstance(node, ast.Name) and node.id == "TYPE_CHECKING", "TYPE_CHECKING")
    assert users <= {"__init__.py", "model/json.py"}
    assert importing("__future__") == set()


def test_no_import_is_relative() -> None:
    assert where(lambda node: isinstance(node, ast.ImportFrom) and node.level > 0, "from .") == set()


def test_only_these_read_the_environment_of_the_process() -> None:
    readers = using("os.environ", "os.environb", "os.getenv")
    assert readers <= {"settings/environment.py", "world/secrets.py", "world/processes.py"}


def test_only_the_clock_knows_the_time_and_nothing_is_bound_to_one_event_loop() -> None:
    assert using("datetime.now", "datetime.utcnow", "time.time", "time.sleep", "date.today") == {"world/clock.py"}
    assert importing("asyncio", "trio") == {"nerves/amqp.py"}, "its library knows asyncio only, and it says so"


def test_no_text_is_run_as_code() -> None:
    def runs(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and ast.unparse(node.func) in {"eval", "exec", "os.system", "os.popen"}

    assert where(runs, "eval", "exec", "system", "popen") == set()

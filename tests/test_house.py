"""The house around the code: what is installed, what CI refuses, what may be written down."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import pytest

import vsm_mcp

ROOT = Path(__file__).parents[1]
GATES = ROOT / "scripts" / "gates.py"


def run(*words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=50
    )


@pytest.mark.skipif("WHEEL_UNDER_TEST" not in os.environ, reason="allowed: only CI insists on the wheel")
def test_what_is_tested_is_the_wheel() -> None:
    assert not Path(vsm_mcp.__file__).is_relative_to(ROOT / "src")


def test_importing_the_package_loads_nothing_heavy() -> None:
    before = set(run("-I", "-c", "import sys; print(*sys.modules)").stdout.split())
    after = set(run("-I", "-c", "import vsm_mcp, sys; print(*sys.modules)").stdout.split())
    loaded = {name.partition(".")[0] for name in after - before}
    assert "vsm_mcp" in loaded
    assert not loaded & {"mcp", "mcp_types", "pydantic", "anyio", "asyncio", "httpx2", "tree_sitter", "uv"}


LOCKS = ("requirements-dev.txt", "requirements-adapters.txt")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_version_and_a_digest(lock: str) -> None:
    locked = (ROOT / lock).read_text().replace("\\\n", " ")
    entries = [line for line in locked.splitlines() if line and not line.startswith("#")]
    assert entries
    assert all(re.match(r"[\w.\[\]-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_name_no_address(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links", (ROOT / lock).read_text())


def test_the_locks_hold_every_dependency_of_the_package() -> None:
    texts = [(ROOT / lock).read_text() for lock in LOCKS]
    locked = {name for text in texts for name in re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    assert {re.match(r"[\w.-]+", entry)[0] for entry in needed} <= locked  # type: ignore[index]


ELSEWHERE = {"agents": "openai_agents", "pydantic_ai": "pydantic_ai_slim"}
"""Of frameworks that are not installed here, the package that a module is of, where its name is another one."""


def test_every_library_that_the_package_imports_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (name for extra in project["optional-dependencies"].values() for name in extra)
    entries = [*project["dependencies"], *extras]
    declared = {re.split(r"[^\w-]", entry)[0].replace("-", "_").lower() for entry in entries}
    # parts of mcp, pydantic and pydantic-monty, released together with them
    declared |= {"mcp_types", "pydantic_core", "pydantic_monty_client"}
    homes = packages_distributions()
    for module in (ROOT / "src").rglob("*.py"):
        for name in imported(module) - sys.stdlib_module_names - {"vsm_mcp"}:
            makers = {maker.replace("-", "_").lower() for maker in homes.get(name) or [ELSEWHERE.get(name, name)]}
            assert makers & declared, f"{module.relative_to(ROOT)} imports {name}"


def test_the_package_says_that_it_is_typed_and_free() -> None:
    assert (Path(vsm_mcp.__file__).parent / "py.typed").is_file()
    assert metadata("vsm_mcp")["License-Expression"] == "MIT"


@pytest.mark.parametrize(
    ("body", "ci", "code"),
    [
        ("pytest.skip('because')", "1", 1),
        ("pytest.skip('because')", "", 0),
        ("pytest.skip('allowed: because')", "1", 0),
        ("pass", "1", 0),
    ],
)
def test_in_ci_a_skipped_test_fails_unless_it_is_allowed(tmp_path: Path, *, body: str, ci: str, code: int) -> None:
    write_tests(tmp_path, f"import pytest\ndef test_it():\n    {body}\n")
    ended = run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path, CI=ci)
    assert ended.returncode == code, ended.stdout


def test_in_ci_a_skipped_module_fails(tmp_path: Path) -> None:
    write_tests(tmp_path, "import pytest\npytest.skip('because', allow_module_level=True)\n")
    ended = run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path, CI="1")
    assert ended.returncode == 2, ended.stdout


def test_a_test_that_lacks_a_program_is_skipped_and_says_which(tmp_path: Path) -> None:
    write_tests(tmp_path, "import pytest\n@pytest.mark.node\ndef test_it():\n    pass\n")
    ended = run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path, PATH=str(tmp_path))
    assert "1 skipped" in ended.stdout
    assert "install Node.js" in ended.stdout


def test_ci_fails_when_no_test_of_some_kind_ran(tmp_path: Path) -> None:
    ran, absent = tmp_path / "ran.xml", tmp_path / "absent.xml"
    cases = [case(kind) for kind in ("live", "node", "sandbox", "security", "promise", "broker")]
    ran.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    absent.write_text(f"<testsuite>{''.join(cases[1:])}{case('live', '<skipped/>')}</testsuite>")
    assert run(str(GATES), "ran", str(ran)).returncode == 0
    ended = run(str(GATES), "ran", str(absent))
    assert ended.returncode == 1
    assert "live" in ended.stderr


def test_ci_takes_its_commands_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for which in ("demo", "test"):
        assert f"```bash\n{run(str(GATES), 'readme', which).stdout.strip()}\n```" in readme


def test_ci_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    shell = shutil.which("bash")
    assert shell is not None
    assert subprocess.run([shell, "-n", str(ROOT / ".ci" / "run")], check=False, timeout=20).returncode == 0


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names


def write_tests(directory: Path, text: str) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", directory)
    shutil.copy(ROOT / "pyproject.toml", directory)
    (directory / "tests").mkdir()
    (directory / "tests" / "test_it.py").write_text(text)


def case(kind: str, inside: str = "") -> str:
    mark = f'<properties><property name="mark" value="{kind}"/></properties>'
    return f'<testcase classname="tests.examples.test_it">{mark}{inside}</testcase>'

"""Importing the package costs nothing: what it loads is counted in modules, not in seconds."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys
before = set(sys.modules)
import vsm_mcp
{then}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded(then: str = "") -> list[str]:
    """Return the modules that a fresh interpreter loads for the package and ``then``."""
    words = [sys.executable, "-I", "-c", CODE.format(then=then)]
    completed = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    modules: list[str] = json.loads(completed.stdout)
    return modules


def packages(modules: list[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_importing_the_package_loads_nothing_but_a_few_modules_of_python() -> None:
    modules = loaded()
    assert packages(modules) - set(sys.stdlib_module_names) == {"vsm_mcp"}
    assert [module for module in modules if module.startswith("vsm_mcp")] == ["vsm_mcp"]
    assert not packages(modules) & {"asyncio", "ssl", "http", "sqlite3"}


def test_catching_an_error_loads_no_other_package() -> None:
    assert packages(loaded("vsm_mcp.VSMError")) - set(sys.stdlib_module_names) == {"vsm_mcp"}


@pytest.mark.parametrize("name", ["Operation", "VarietyGap", "PackageRef"])
def test_the_nouns_load_neither_pydantic_nor_a_network(name: str) -> None:
    assert not packages(loaded(f"vsm_mcp.{name}")) & {"mcp", "pydantic", "anyio", "httpx2", "asyncio"}


def test_measuring_variety_loads_neither_the_protocol_nor_a_network() -> None:
    assert not packages(loaded("vsm_mcp.VarietyCalculator")) & {"mcp", "anyio", "httpx2"}


def test_the_hot_path_of_variety_does_without_pydantic() -> None:
    parts = ["meter", "coverage", "gap", "alarm"]
    then = "\n".join(f"import vsm_mcp.variety.{part}" for part in parts)
    assert packages(loaded(then)) - set(sys.stdlib_module_names) <= {"vsm_mcp", "typing_extensions"}

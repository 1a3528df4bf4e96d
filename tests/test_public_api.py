"""The doors: what they name is there, and nothing else is promised."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import vsm_mcp
from vsm_mcp import abc

SOURCE = Path(str(vsm_mcp.__file__))


def _told_to_type_checkers() -> set[str]:
    tree = ast.parse(SOURCE.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        f"{statement.module}.{alias.name}"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


@pytest.mark.parametrize("name", vsm_mcp.__all__)
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    value = getattr(vsm_mcp, name)
    assert inspect.getdoc(value)
    assert name in dir(vsm_mcp)


def test_type_checkers_are_told_the_same_names_from_the_same_homes() -> None:
    lazily = {f"{getattr(vsm_mcp, name).__module__}.{name}" for name in vsm_mcp.__all__}
    assert lazily == _told_to_type_checkers()


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Manager'"):
        getattr(vsm_mcp, "Manager")  # noqa: B009 - a type checker would refuse the plain form


@pytest.mark.parametrize("name", abc.__all__)
def test_every_protocol_of_the_second_door_is_documented(name: str) -> None:
    assert getattr(abc, name) is not None


@pytest.mark.parametrize("door", ["errors", "events", "abc", "testing"])
def test_every_door_opens(door: str) -> None:
    assert inspect.getdoc(importlib.import_module(f"vsm_mcp.{door}"))

"""Remedies name what there is: a method that is written in one exists where its reader will look for it."""

import ast
import inspect
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import vsm_mcp
from vsm_mcp import VSMError, errors

SOURCE = Path(str(vsm_mcp.__file__)).parent
CALLED = re.compile(r"(?<![\w.])(?:vsm\.|ViableSystem\.)?([A-Za-z_]\w*)\(")


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts in an expression, an f-string as one with its values left out."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _remedies() -> Iterator[tuple[str, str]]:
    texts = {path: path.read_text() for path in sorted(SOURCE.rglob("*.py"))}
    for path in [path for path, text in texts.items() if "remed" in text]:
        for node in ast.walk(ast.parse(texts[path])):
            if isinstance(node, ast.keyword) and node.arg in {"remedies", "remedy"}:
                yield from ((path.relative_to(SOURCE).as_posix(), text) for text in _texts(node.value))


CALLS = [(where, text) for where, text in _remedies() if CALLED.search(text)]


@pytest.mark.promise("E41")
def test_there_are_remedies_that_name_a_call() -> None:
    assert len(CALLS) >= 3


DEFINED = re.compile(r"^ *(?:async def|def|class) (\w+)", re.MULTILINE)

DOORS = ("acquisition/", "clearance", "guard/", "security_report", "servers/", "system/", "systems/renewal")
"""Where errors come from that users meet: what their remedies name is a method of something public."""


def _public() -> frozenset[str]:
    """Return every public name, and the methods of every public class."""
    classes = [value for value in (getattr(vsm_mcp, name) for name in vsm_mcp.__all__) if inspect.isclass(value)]
    return frozenset(vsm_mcp.__all__).union(*(dir(kind) for kind in classes))


def _defined() -> frozenset[str]:
    """Return every public function, method and class there is, and what Python has."""
    texts = (path.read_text() for path in SOURCE.rglob("*.py"))
    return frozenset(name for text in texts for name in DEFINED.findall(text)) | {*dir(math)}


@pytest.mark.promise("E41")
def test_a_call_in_a_remedy_is_one_that_its_reader_can_make() -> None:
    public, anywhere = _public(), _defined()
    wrong = [
        f"{where}: {name}() in {text!r}"
        for where, text in CALLS
        for name in CALLED.findall(text)
        if name not in (public if where.startswith(DOORS) else anywhere)
    ]
    assert wrong == []


COMPLETE = ("acquisition/lock/", "guard/", "servers/pinned.py", "system/", "world/processes.py", "world/files.py")
"""Where every refusal is one that its reader can do something about."""


def _without_remedies() -> Iterator[str]:
    ours = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, VSMError)}
    for path in sorted(SOURCE.rglob("*.py")):
        where = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text())) if where.startswith(COMPLETE) else ():
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=name), keywords=given)) if name in ours:
                    if not any(keyword.arg == "remedies" for keyword in given):
                        yield f"{where}:{node.lineno}"
                case _:
                    pass


@pytest.mark.promise("E41")
def test_every_refusal_at_these_places_says_what_to_do() -> None:
    assert list(_without_remedies()) == []

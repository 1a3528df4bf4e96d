"""Write docs/promises.md: which promise is proven by which tests, read from the marks of the tests.

Run ``python scripts/promises.py`` after a change of marks; with ``--check`` nothing is written, and it fails when the
page is not up to date. A mark is ``@pytest.mark.promise("A1", "C23")`` on a test, on a class of tests, or in the
``pytestmark`` of a module.
"""

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from typing_extensions import TypeIs

ROOT = Path(__file__).resolve().parents[1]
ROWS = {"A": 99, "B": 82, "C": 160, "D": 71, "E": 84}
WELL_FORMED = re.compile(r"([A-E])([1-9][0-9]{0,2})")

Proofs = Mapping[str, Sequence[str]]


class MarkError(Exception):
    """A mark that names no promise, or that is not where it is read."""


def collect(tests: Path) -> Proofs:
    """Return for each promise the tests below ``tests`` that are marked to prove it."""
    proofs: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(tests.rglob("test_*.py")):
        where = path.relative_to(tests.parent).as_posix()
        for promise, test in _marks_of(ast.parse(path.read_text(encoding="utf-8")), where):
            proofs[promise].append(test)
    return proofs


def render(proofs: Proofs) -> str:
    """Return the page."""
    lines = [
        "# Promises",
        "",
        "<!-- Written by scripts/promises.py from the marks of the tests. Do not edit. -->",
        "",
        f"{len(proofs)} of {sum(ROWS.values())} promises are proven by tests. A test proves a promise when it carries",
        "its number as a mark; the numbers are those of the project's source documents.",
        "",
        "| Promise | Proven by |",
        "|---|---|",
    ]
    lines += (
        f"| {promise} | {'<br>'.join(f'`{test}`' for test in proofs[promise])} |"
        for promise in sorted(proofs, key=lambda promise: (promise[0], int(promise[1:])))
    )
    return "\n".join(lines) + "\n"


def _marks_of(module: ast.Module, where: str) -> Iterator[tuple[str, str]]:
    read = 0
    for owner, mark in _placed(module, where):
        read += 1
        for promise in _promises(mark, where):
            yield promise, owner
    written = sum(_is_mark(node) for node in ast.walk(module))
    if written != read:
        raise MarkError(f"{where}: {written - read} marks are neither on a test, nor on a class, nor in pytestmark")


def _placed(module: ast.Module, where: str) -> Iterator[tuple[str, ast.Call]]:
    """Find the marks at the places where pytest applies them to tests."""
    for node in module.body:
        if isinstance(node, ast.Assign) and any(_is_pytestmark(target) for target in node.targets):
            yield from ((where, mark) for mark in ast.walk(node.value) if _is_mark(mark))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((f"{where}::{node.name}", mark) for mark in node.decorator_list if _is_mark(mark))
        if isinstance(node, ast.ClassDef):
            yield from ((f"{where}::{node.name}", mark) for mark in node.decorator_list if _is_mark(mark))
            yield from _placed(ast.Module(body=node.body, type_ignores=[]), f"{where}::{node.name}")


def _is_pytestmark(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "pytestmark"


def _is_mark(node: ast.AST) -> TypeIs[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise"


def _promises(mark: ast.Call, where: str) -> Iterator[str]:
    if not mark.args or mark.keywords:
        raise MarkError(f"{where}:{mark.lineno}: a mark must name promises and nothing else")
    for argument in mark.args:
        promise = argument.value if isinstance(argument, ast.Constant) else None
        match = WELL_FORMED.fullmatch(promise) if isinstance(promise, str) else None
        if match is None or int(match[2]) > ROWS[match[1]]:
            raise MarkError(f"{where}:{mark.lineno}: {ast.unparse(argument)} is not the number of a promise")
        yield match[0]


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is not up to date")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests", help="where the tests are")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "promises.md", help="the page")
    options = parser.parse_args()
    try:
        page = render(collect(options.tests))
    except MarkError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not options.check:
        options.page.write_text(page, encoding="utf-8")
        return 0
    if not options.page.exists() or options.page.read_text(encoding="utf-8") != page:
        sys.stderr.write(f"{options.page.name} is not up to date: run python scripts/promises.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

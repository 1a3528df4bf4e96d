"""Python syntax: the tree of a source file, and what is directly inside a part of it."""

import ast
import re
import unicodedata
from collections.abc import Iterator

_WORD = re.compile(r"[^\W\d]\w*")


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a source.

    Raises:
        SyntaxError: It is no Python of this version.
    """
    try:
        return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error


def inside(node: ast.AST) -> Iterator[ast.stmt | ast.expr]:
    """Yield the statements and expressions directly inside, also those of its handlers, cases and arguments."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.expr):
            yield child
        else:
            yield from inside(child)


def words(source: str) -> frozenset[str]:
    """Return the names in a piece of source, as Python reads them."""
    plain = source if source.isascii() else unicodedata.normalize("NFKC", source)
    return frozenset(_WORD.findall(plain))


def parameters_of(arguments: ast.arguments) -> list[str]:
    """Return the names of a function's parameters, those that gather others last."""
    plain = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return plain + [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]

"""Python syntax: the tree of a source file, and what is directly inside a part of it."""

import ast
import re
import unicodedata

_WORD = re.compile(r"[^\W\d]\w*")

WITHOUT_BLOCKS: frozenset[type[ast.stmt]] = frozenset(
    {
        *(ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Import, ast.ImportFrom),
        *(ast.FunctionDef, ast.AsyncFunctionDef),
    }
)
"""Statements that are read as a whole: they hold no block, or one that is run elsewhere."""


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a source.

    Raises:
        SyntaxError: It is no Python of this version.
    """
    try:
        return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error


def directly_in(node: ast.AST) -> tuple[list[ast.stmt], list[ast.expr]]:
    """Return the statements and the expressions directly inside, also those of its handlers, cases and arguments."""
    statements: list[ast.stmt] = []
    expressions: list[ast.expr] = []
    _part(node, statements, expressions)
    return statements, expressions


def words(source: str) -> frozenset[str]:
    """Return the names in a piece of source, as Python reads them."""
    plain = source if source.isascii() else unicodedata.normalize("NFKC", source)
    return frozenset(_WORD.findall(plain))


def parameters_of(arguments: ast.arguments) -> list[str]:
    """Return the names of a function's parameters, those that gather others last."""
    plain = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return plain + [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]


def _part(node: ast.AST, statements: list[ast.stmt], expressions: list[ast.expr]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            expressions.append(child)
        elif isinstance(child, ast.stmt):
            statements.append(child)
        else:
            _part(child, statements, expressions)

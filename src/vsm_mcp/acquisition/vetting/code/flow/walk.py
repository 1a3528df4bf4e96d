"""Walk: how a reader goes through the expressions of a file: never too deep, and no longer than it is wanted."""

from collections.abc import Callable
from typing import TypeVar

from vsm_mcp.acquisition.vetting.code.flow.calls import TOO_DEEP
from vsm_mcp.acquisition.vetting.code.flow.values import UNKNOWN, Scope, Value

_Node = TypeVar("_Node")

MOST_LESSONS: int = 3
"""How often a file is read to learn what its functions are given and return."""

STEPS: int = 1_000
"""How many expressions are visited between two questions whether to go on."""


class Walk:
    """Visits expressions of any language.

    Attributes:
        problem: Why not all were visited; empty when all were.
    """

    def __init__(self, checkpoint: Callable[[], None], *, deepest: int) -> None:
        self.problem: str = ""
        self._checkpoint = checkpoint
        self._deepest = deepest
        self._depth = 0
        self._steps = 0

    def visit(self, visitor: Callable[[_Node, Scope], Value], node: _Node, scope: Scope) -> Value:
        """Let ``visitor`` look at an expression, unless it is nested too deeply."""
        if self._depth > self._deepest:
            self.problem = TOO_DEEP
            return UNKNOWN
        self._depth += 1
        self._steps += 1
        if self._steps % STEPS == 0:
            self._checkpoint()
        try:
            return visitor(node, scope)
        finally:
            self._depth -= 1

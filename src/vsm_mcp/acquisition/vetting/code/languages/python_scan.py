"""Python: reads a source file by ``ast`` and follows its values. Nothing is imported or run."""

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from vsm_mcp.acquisition.vetting.code.flow.calls import TOO_DEEP, Call, Function, Reading
from vsm_mcp.acquisition.vetting.code.flow.deeds import DEEDS
from vsm_mcp.acquisition.vetting.code.flow.flow import Flow
from vsm_mcp.acquisition.vetting.code.flow.values import (
    CARRIED,
    UNKNOWN,
    Label,
    Scope,
    Value,
    joined,
    labels_of,
    literal,
    merged,
)
from vsm_mcp.acquisition.vetting.code.languages.python_rules import PYTHON
from vsm_mcp.model.verdict import Severity

DEEPEST = 150
STEPS = 1_000

_Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_WORD = re.compile(r"[^\W\d]\w*")
_BASES = ("__bases__", "__base__", "__mro__")
_NAMESPACES = ("globals()", "locals()", "vars()", "sys.modules", "__builtins__", "builtins")
_GATHERING = frozenset({"append", "add", "update", "extend", "insert", "setdefault", "write"})


class PythonReader:
    """Follows the values of one Python file."""

    def __init__(self, flow: Flow, checkpoint: Callable[[], None]) -> None:
        self.flow = flow
        self.problem: str = ""
        self._checkpoint = checkpoint
        self._depth = 0
        self._steps = 0
        self._words: dict[ast.AST, frozenset[str]] = {}
        self._scopes: dict[ast.AST, Scope] = {}
        self._lines: list[str] = []
        self._expressions: dict[type[ast.expr], Callable[..., Value]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Call: self._call,
            ast.BinOp: self._binary,
            ast.JoinedStr: self._formatted,
            ast.Lambda: self._lambda,
            ast.IfExp: self._either,
            ast.NamedExpr: self._walrus,
            ast.Compare: self._compare,
            ast.List: self._items,
            ast.Tuple: self._items,
            ast.Set: self._items,
            ast.Dict: self._dictionary,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
        }
        self._statements: dict[type[ast.stmt], Callable[..., None]] = {
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Return: self._return,
        }

    def read(self, tree: ast.Module, source: str) -> None:
        """Follow the values of a file: once to learn what its names mean, once to judge."""
        self._lines = source.split("\n")
        scope = Scope()
        for recording in (False, True):
            self.flow.recording = recording
            self._run(tree.body, scope)

    def _run(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Go through statements in order, without recursion."""
        waiting = [(statement, scope) for statement in reversed(statements)]
        while waiting:
            statement, here = waiting.pop()
            handler = self._statements.get(type(statement))
            inside = list(_inside(statement))
            if handler is not None:
                handler(statement, here)
            else:
                self._parts_of((child for child in inside if isinstance(child, ast.expr)), here)
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                waiting.extend((child, here) for child in reversed(inside) if isinstance(child, ast.stmt))

    def _value(self, node: ast.expr | None, scope: Scope) -> Value:
        if node is None:
            return UNKNOWN
        if self._depth > DEEPEST:
            self.problem = TOO_DEEP
            return UNKNOWN
        self._depth += 1
        self._steps += 1
        if self._steps % STEPS == 0:
            self._checkpoint()
        try:
            handler = self._expressions.get(type(node))
            return self._parts(node, scope) if handler is None else handler(node, scope)
        finally:
            self._depth -= 1

    def _parts(self, node: ast.expr, scope: Scope) -> Value:
        values = [self._value(child, scope) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        if len(values) == 1 and not isinstance(node, ast.UnaryOp):
            return values[0]
        return Value(labels=labels_of(values))

    def _constant(self, node: ast.Constant, scope: Scope) -> Value:
        value = node.value
        if isinstance(value, str):
            return literal(value)
        if isinstance(value, bytes):
            return literal(value.decode("latin-1"))
        return literal(str(value)) if isinstance(value, int) and abs(value) < 1 << 32 else UNKNOWN

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        bound = scope.lookup(node.id)
        if bound is not None:
            return bound
        return self.flow.named(node.id, node.lineno) if node.id in PYTHON.builtins else UNKNOWN

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
            return scope.outermost.names.get(f"self.{node.attr}", UNKNOWN)
        value = self._value(node.value, scope)
        if node.attr == "__subclasses__" and any(base in value.name for base in _BASES):
            self.flow.hit("climbs-classes", Severity.HIGH, "reaches objects through their classes", line=node.lineno)
        return self.flow.attribute(value, Value(text=node.attr), node.lineno)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        value = self._value(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            return self._sliced(node.slice, value, scope)
        index = self._value(node.slice, scope)
        if Label.ENVIRONMENT in value.labels and value.name in PYTHON.environment:
            return self.flow.variable(index.text)
        if index.text and value.name.endswith((*_NAMESPACES, "__dict__")):
            return self._member(value, index, node.lineno)
        return self.flow.element(value, index)

    def _member(self, value: Value, name: Value, line: int) -> Value:
        base = value.name.removesuffix(".__dict__").removesuffix("__dict__")
        if base in {"sys.modules", "globals()", "locals()", ""}:
            return self.flow.imported(name.text or "", line, labels=name.labels)
        return self.flow.attribute(Value(name=base), name, line)

    def _sliced(self, node: ast.Slice, value: Value, scope: Scope) -> Value:
        backwards = isinstance(node.step, ast.UnaryOp) and isinstance(node.step.op, ast.USub)
        self._parts_of(filter(None, (node.lower, node.upper, node.step)), scope)
        if not backwards:
            return Value(labels=value.labels & ~Label.HIDDEN)
        labels = value.labels | Label.DECODED | (Label.PACKED if Label.LITERAL in value.labels else Label.NONE)
        return Value(text=None if value.text is None else value.text[::-1], labels=labels)

    def _parts_of(self, nodes: Iterable[ast.expr], scope: Scope) -> list[Value]:
        return [self._value(node, scope) for node in nodes]

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        callee = self._value(node.func, scope)
        arguments = tuple(self._parts_of(node.args, scope))
        keywords = {keyword.arg or "**": self._value(keyword.value, scope) for keyword in node.keywords}
        self._gathered(node.func, (*arguments, *keywords.values()), scope)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if callee.name.rpartition(".")[0] in PYTHON.environment and method in {"get", "pop", "setdefault"}:
            return self.flow.variable(arguments[0].text if arguments else None)
        result = self.flow.call(Call(callee, arguments, keywords, node.lineno, scope))
        if callee.name == "vars" and arguments:
            return Value(name=f"{arguments[0].name}.__dict__")
        return result

    def _gathered(self, node: ast.expr, values: Sequence[Value], scope: Scope) -> None:
        """What is put into a container is in the container."""
        labels = labels_of(values) & ~Label.LITERAL
        if isinstance(node, ast.Attribute) and node.attr in _GATHERING and labels:
            self._bind(node.value, Value(labels=labels), scope)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        operands: list[ast.expr] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and type(left.op) is type(node.op):
            operands.append(left.right)
            left = left.left
        values = self._parts_of([left, *reversed(operands)], scope)
        if isinstance(node.op, ast.Add):
            return joined(values)
        if isinstance(node.op, ast.Div):
            return Value(name=values[0].name, text=joined(values, "/").text, labels=labels_of(values))
        text = values[0].text if isinstance(node.op, ast.Mod) else None
        return Value(text=text, labels=labels_of(values) & ~Label.LITERAL)

    def _formatted(self, node: ast.JoinedStr, scope: Scope) -> Value:
        values = [
            self._value(part.value if isinstance(part, ast.FormattedValue) else part, scope) for part in node.values
        ]
        value = joined(values)
        return Value(text=value.text, labels=value.labels & ~Label.SPLIT)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        value, function = self._defined(node, node.args, scope)
        function.result = merged(function.result, self._value(node.body, function.scope))
        return value

    def _either(self, node: ast.IfExp, scope: Scope) -> Value:
        self._value(node.test, scope)
        return merged(self._value(node.orelse, scope), self._value(node.body, scope))

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self._value(node.value, scope)
        scope.bind(node.target.id, value)
        return value

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        self._parts_of([node.left, *node.comparators], scope)
        return UNKNOWN

    def _items(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        value = joined(self._parts_of(node.elts, scope), "\n")
        return Value(text=value.text, labels=value.labels & ~Label.SPLIT)

    def _dictionary(self, node: ast.Dict, scope: Scope) -> Value:
        keys = self._parts_of(filter(None, node.keys), scope)
        values = self._parts_of(node.values, scope)
        for key, value in zip(node.keys, values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.flow.entry(key.value, value, line=key.lineno)
        value = joined(values, "\n")
        return Value(text=value.text, labels=(labels_of(keys) | value.labels) & ~Label.SPLIT)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope) -> Value:
        labels = Label.NONE
        for generator in node.generators:
            source = self._value(generator.iter, scope)
            labels |= source.labels & (CARRIED | Label.ENVIRONMENT | Label.SECRET | Label.LITERAL)
            self._bind(generator.target, source, scope)
            self._parts_of(generator.ifs, scope)
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        values = self._parts_of(made, scope)
        return Value(labels=labels | labels_of(values))

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            module = self.flow.imported(alias.name, node.lineno)
            scope.bind(alias.asname or alias.name.split(".")[0], module if alias.asname else _top(module))

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        if node.level or not node.module:
            return
        self.flow.imported(node.module, node.lineno)
        for alias in node.names:
            if alias.name == "*":
                self._import_all(node.module, scope)
            else:
                scope.bind(alias.asname or alias.name, self.flow.named(f"{node.module}.{alias.name}", node.lineno))

    def _import_all(self, module: str, scope: Scope) -> None:
        for name in (*PYTHON.functions, *PYTHON.environment):
            head, _, last = name.rpartition(".")
            if head == module:
                scope.bind(last, self.flow.named(name, 0))

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self._value(node.value, scope)
        for target in node.targets:
            self._bind(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        self._value(node.annotation, scope)
        self._bind(node.target, self._value(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        added = self._value(node.value, scope)
        if isinstance(node.target, ast.Name):
            owner = scope.owner(node.target.id) or scope
            old = owner.names.get(node.target.id, UNKNOWN)
            owner.names[node.target.id] = joined((old, added)) if isinstance(node.op, ast.Add) else merged(old, added)
        else:
            self._bind(node.target, added, scope)

    def _bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.bind(target.id, value)
        elif isinstance(target, ast.Attribute):
            if isinstance(target.value, ast.Name) and target.value.id in {"self", "cls"}:
                scope.outermost.bind(f"self.{target.attr}", value)
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._bind(element, value, scope)
        elif isinstance(target, ast.Subscript):
            self._entry(target, value, scope)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, value, scope)

    def _entry(self, target: ast.Subscript, value: Value, scope: Scope) -> None:
        key = self._value(target.slice, scope)
        self.flow.entry(key.text or "", value, line=target.lineno)
        self._bind(target.value, Value(labels=value.labels & ~Label.LITERAL), scope)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        self._parts_of((child for child in _inside(node) if isinstance(child, ast.expr)), scope)
        value, function = self._defined(node, node.args, scope)
        scope.bind(node.name, value)
        scope.outermost.bind(f"self.{node.name}", value)
        if self._worth_reading(node, function.scope):
            self._run(node.body, function.scope)

    def _defined(self, node: _Defined, arguments: ast.arguments, scope: Scope) -> tuple[Value, Function]:
        inner = self._scopes.get(node)
        name = f"λ{node.lineno}:{node.col_offset}"
        if inner is None:
            inner = self._scopes[node] = Scope(scope)
            parameters = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            extra = [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]
            for parameter in (*parameters, *extra):
                inner.names[parameter] = UNKNOWN
            plain = tuple(p for p in parameters if p not in {"self", "cls"})
            self.flow.functions[name] = Function(plain, inner)
            inner.result_of = name
        return Value(name=name), self.flow.functions[name]

    def _worth_reading(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
        words = self._words.get(node)
        if words is None:
            body = "\n".join(self._lines[node.body[0].lineno - 1 : node.end_lineno])
            words = self._words[node] = frozenset(_WORD.findall(unicodedata.normalize("NFKC", body)))
        return bool(words & PYTHON.builtins) or bool(words & _ALWAYS) or scope.knows(words)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self._bind(node.target, self._value(node.iter, scope), scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self._value(item.context_expr, scope)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, value, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        value = self._value(node.value, scope)
        function = self.flow.functions.get(scope.result_of)
        if function is not None:
            function.result = merged(function.result, value)


_ALWAYS = frozenset({"import", "bcc", "Bcc", "__subclasses__"})


def _inside(node: ast.AST) -> Iterator[ast.stmt | ast.expr]:
    """Yield the statements and expressions directly inside, also those of its handlers, cases and arguments."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.expr):
            yield child
        else:
            yield from _inside(child)


def _top(module: Value) -> Value:
    return Value(name=module.name.split(".")[0])


def read_python(source: str, checkpoint: Callable[[], None]) -> Reading:
    """Read one source file.

    Raises:
        SyntaxError: It is no Python of this version.
    """
    flow = Flow(PYTHON, DEEDS)
    reader = PythonReader(flow, checkpoint)
    reader.read(_parsed(source), source)
    return Reading(hits=tuple(flow.hits.values()), nested=tuple(flow.nested.items()), problem=reader.problem)


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from error

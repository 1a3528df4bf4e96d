"""Python: reads a source file by ``ast`` and follows its values. Nothing is imported or run."""

import ast
from collections.abc import Callable, Iterable, Sequence

from vsm_mcp.acquisition.vetting.code.flow.calls import Call, Function, Reading
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
from vsm_mcp.acquisition.vetting.code.flow.walk import Walk
from vsm_mcp.acquisition.vetting.code.languages.python_rules import FILLING, GATHERING, PYTHON
from vsm_mcp.acquisition.vetting.code.languages.python_syntax import (
    WITHOUT_BLOCKS,
    directly_in,
    parameters_of,
    parsed,
    words,
)
from vsm_mcp.model.verdict import Severity

DEEPEST: int = 150

_Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_NAMESPACES = ("globals()", "locals()", "vars()", "sys.modules", "__builtins__", "builtins")


class PythonReader:
    """Follows the values of one Python file."""

    def __init__(self, flow: Flow, checkpoint: Callable[[], None]) -> None:
        self.flow = flow
        self.walk: Walk = Walk(checkpoint, deepest=DEEPEST)
        self._words: dict[ast.AST, frozenset[str]] = {}
        self._scopes: dict[ast.AST, Scope] = {}
        self._inside: dict[ast.stmt, tuple[list[ast.stmt], list[ast.expr]]] = {}
        self._lines: list[str] = []
        self._expressions: dict[type[ast.expr], Callable[..., Value]] = {
            ast.Constant: self._constant,
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
            ast.Expr: self._expression,
        }

    def read(self, tree: ast.Module, source: str) -> None:
        """Follow the values of a file."""
        self._lines = source.split("\n")
        scope = Scope()
        self.flow.follow(scope, lambda: self._run(tree.body, scope))

    def _run(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Go through statements in order, without recursion."""
        waiting = [(statement, scope) for statement in reversed(statements)]
        while waiting:
            statement, here = waiting.pop()
            kind = type(statement)
            handler = self._statements.get(kind)
            if handler is not None:
                handler(statement, here)
            if kind in WITHOUT_BLOCKS:
                continue
            statements_in, expressions_in = self._directly_in(statement)
            if handler is None:
                self._parts_of(expressions_in, here)
            waiting.extend((child, here) for child in reversed(statements_in))

    def _directly_in(self, statement: ast.stmt) -> tuple[list[ast.stmt], list[ast.expr]]:
        """Return the statements and the expressions directly inside; a file is read more than once."""
        if statement not in self._inside:
            self._inside[statement] = directly_in(statement)
        return self._inside[statement]

    def _value(self, node: ast.expr | None, scope: Scope) -> Value:
        if node is None:
            return UNKNOWN
        if isinstance(node, ast.Name):
            return self._name(node, scope)
        return self.walk.visit(self._expressions.get(type(node), self._parts), node, scope)

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
            return scope.outermost.own(f"self.{node.attr}")
        value = self._value(node.value, scope)
        if node.attr == "__subclasses__" and any(base in value.name for base in ("__base", "__mro__")):
            self.flow.hit("climbs-classes", Severity.HIGH, "reaches objects through their classes", line=node.lineno)
        return self.flow.attribute(value, Value(text=node.attr), node.lineno)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        value = self._value(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            return self._sliced(node.slice, value, scope)
        index = self._value(node.slice, scope)
        if value.labels & Label.ENVIRONMENT and value.name in PYTHON.environment:
            return self.flow.variable(index.text).labelled(index.labels & Label.ENVIRONMENT)
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
        labels = value.labels | Label.DECODED | (Label.PACKED if value.labels & Label.LITERAL else Label.NONE)
        return Value(text=None if value.text is None else value.text[::-1], labels=labels)

    def _parts_of(self, nodes: Iterable[ast.expr], scope: Scope) -> list[Value]:
        return [self._value(node, scope) for node in nodes]

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        callee = self._value(node.func, scope)
        arguments = tuple(self._parts_of(node.args, scope))
        keywords = {keyword.arg or "**": self._value(keyword.value, scope) for keyword in node.keywords}
        for name, value in keywords.items():
            self.flow.entry(name, value, line=node.lineno)
        call = Call(callee, arguments, keywords, node.lineno, scope)
        method = node.func if isinstance(node.func, ast.Attribute) else None
        result = self.flow.call(call) if method is None else self._method_call(node, method, call)
        return Value(name=f"{arguments[0].name}.__dict__") if callee.name == "vars" and arguments else result

    def _method_call(self, node: ast.Call, method: ast.Attribute, call: Call) -> Value:
        if method.attr in GATHERING:
            self._gathered(method, call.everything, call.scope)
        if call.callee.name.rpartition(".")[0] in PYTHON.environment and method.attr in {"get", "pop", "setdefault"}:
            return self.flow.variable(call.arguments[0].text if call.arguments else None)
        result = self.flow.call(call)
        if method.attr == "read" and result.labels & Label.SECRET:
            self._gather(method.value, Value(labels=Label.SECRET), call.scope)
        if method.attr in FILLING and call.callee.labels & (Label.SPIED | Label.SECRET):
            for argument in node.args:
                self._gather(argument, Value(labels=call.callee.labels), call.scope)
        return result

    def _gathered(self, node: ast.Attribute, values: Sequence[Value], scope: Scope) -> None:
        """What is put into a container is in the container."""
        labels = labels_of(values) & ~Label.LITERAL
        text = values[0].text if len(values) == 1 else None
        if labels or (text and "@" in text):
            self._gather(node.value, Value(text=text, labels=labels), scope)

    def _gather(self, node: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(node, ast.Name):
            self.flow.entry(f"bcc {node.id}" if "bcc" in node.id.lower() else "", value, line=node.lineno)
            owner = scope.owner(node.id) or scope
            old = owner.own(node.id)
            both = value.text is not None and old.text is not None
            owner.bind(node.id, Value(text=f"{old.text}\n{value.text}" if both else None, labels=value.labels))
        else:
            self._bind(node, Value(labels=value.labels), scope)

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
        function.returns(self._value(node.body, function.scope))
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
            top = Value(name=module.name.split(".")[0])
            scope.bind(alias.asname or alias.name.split(".")[0], module if alias.asname else top)

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
        for name in (*PYTHON.functions, *sorted(PYTHON.environment)):
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
            old = owner.own(node.target.id)
            owner.put(node.target.id, joined((old, added)) if isinstance(node.op, ast.Add) else merged(old, added))
        else:
            self._bind(node.target, added, scope)

    def _bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            self.flow.entry(target.id if "bcc" in target.id.lower() else "", value, line=target.lineno)
            scope.bind(target.id, value)
        elif isinstance(target, ast.Attribute):
            self.flow.entry(target.attr, value, line=target.lineno)
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
        self._parts_of(self._directly_in(node)[1], scope)
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
            parameters = parameters_of(arguments)
            inner.names.update(dict.fromkeys(parameters, UNKNOWN))
            plain = tuple(p for p in parameters if p not in {"self", "cls"})
            self.flow.functions[name] = Function(plain, inner)
            inner.result_of = name
        return Value(name=name), self.flow.functions[name]

    def _worth_reading(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
        used = self._words.get(node)
        if used is None:
            used = self._words[node] = words("\n".join(self._lines[node.body[0].lineno - 1 : node.end_lineno]))
        return not used.isdisjoint(_ALWAYS) or scope.knows(used)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self._bind(node.target, self._value(node.iter, scope), scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self._value(item.context_expr, scope)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, value, scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        self._value(node.value, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        value = self._value(node.value, scope)
        function = self.flow.functions.get(scope.result_of)
        if function is not None:
            function.returns(value)


_WORTH_FOLLOWING = PYTHON.sinks | {"bcc", "Bcc", "BCC", "__subclasses__", "add_bcc", "sendmail", "modules"}
_ALWAYS = (PYTHON.builtins - PYTHON.quiet) | {"import", "bcc", "Bcc", "BCC", "__subclasses__", "add_bcc", "sendmail"}


def read_python(source: str, checkpoint: Callable[[], None]) -> Reading:
    """Read one source file.

    Raises:
        SyntaxError: It is no Python of this version.
    """
    tree = parsed(source)
    if words(source).isdisjoint(_WORTH_FOLLOWING):
        return Reading(hits=())
    flow = Flow(PYTHON, DEEDS)
    reader = PythonReader(flow, checkpoint)
    reader.read(tree, source)
    return flow.reading(reader.walk.problem)

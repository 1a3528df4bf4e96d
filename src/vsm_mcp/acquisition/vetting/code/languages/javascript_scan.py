"""JavaScript: reads a source file by tree-sitter and follows its values. Nothing is run."""

from collections.abc import Callable, Iterable, Sequence

from tree_sitter import Node

from vsm_mcp.acquisition.vetting.code.flow.calls import Call, Function, Reading
from vsm_mcp.acquisition.vetting.code.flow.deeds import DEEDS
from vsm_mcp.acquisition.vetting.code.flow.flow import Flow
from vsm_mcp.acquisition.vetting.code.flow.values import (
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
from vsm_mcp.acquisition.vetting.code.languages.javascript_rules import GATHERING, HELPERS, JAVASCRIPT
from vsm_mcp.acquisition.vetting.code.languages.javascript_syntax import (
    FUNCTIONS,
    field_of,
    hides_letters,
    line_of,
    misunderstood,
    number_of,
    parameters_of,
    parsed,
    text_of,
    unescaped,
    words_of,
    worth_following,
)

DEEPEST: int = 160


class JavaScriptReader:
    """Follows the values of one JavaScript file."""

    def __init__(self, flow: Flow, checkpoint: Callable[[], None]) -> None:
        self.flow = flow
        self.walk: Walk = Walk(checkpoint, deepest=DEEPEST)
        self._scopes: dict[int, Scope] = {}
        self._words: dict[int, frozenset[str]] = {}
        self._handlers: dict[str, Callable[[Node, Scope], Value]] = {
            "string": self._string,
            "template_string": self._template,
            "number": self._number,
            "identifier": self._identifier,
            "shorthand_property_identifier": self._identifier,
            "import": self._identifier,
            "member_expression": self._member,
            "subscript_expression": self._subscript,
            "call_expression": self._call,
            "new_expression": self._call,
            "binary_expression": self._binary,
            "assignment_expression": self._assignment,
            "augmented_assignment_expression": self._augmented,
            "variable_declarator": self._declarator,
            "for_in_statement": self._for_in,
            "array": self._array,
            "object": self._object,
            "sequence_expression": self._last,
            "import_statement": self._import,
            "return_statement": self._return,
            "unary_expression": self._logic,
            **dict.fromkeys(FUNCTIONS, self._function),
        }

    def read(self, root: Node) -> None:
        """Follow the values of a file."""
        scope = Scope()
        statements = root.named_children
        self.flow.follow(scope, lambda: self._statements(statements, scope))

    def _statements(self, nodes: Sequence[Node], scope: Scope) -> None:
        """Go through statements in order, without recursion into blocks."""
        waiting = list(reversed(nodes))
        while waiting:
            node = waiting.pop()
            if node.type in self._handlers or node.type.endswith("_expression"):
                self._value(node, scope)
            else:
                waiting.extend(reversed(node.named_children))

    def _value(self, node: Node | None, scope: Scope) -> Value:
        if node is None:
            return UNKNOWN
        return self.walk.visit(self._handlers.get(node.type, self._parts), node, scope)

    def _values(self, nodes: Iterable[Node], scope: Scope) -> list[Value]:
        return [self._value(node, scope) for node in nodes if node.type != "comment"]

    def _parts(self, node: Node, scope: Scope) -> Value:
        """Anything else is what its only part is, or made of its parts."""
        values = self._values(node.named_children, scope)
        if len(values) == 1:
            return values[0]
        result = UNKNOWN
        for value in values:
            result = merged(result, value)
        return result

    def _logic(self, node: Node, scope: Scope) -> Value:
        value = self._value(field_of(node, "argument"), scope)
        return UNKNOWN if text_of(node).startswith(("!", "typeof", "-", "delete")) else value

    def _string(self, node: Node, scope: Scope) -> Value:
        text = text_of(node)[1:-1]
        return literal(unescaped(text)).labelled(Label.SPLIT if hides_letters(text) else Label.NONE)

    def _template(self, node: Node, scope: Scope) -> Value:
        parts = [
            literal(unescaped(text_of(part))) if part.type != "template_substitution" else self._value(part, scope)
            for part in node.named_children
        ]
        value = joined(parts) if parts else literal("")
        return Value(text=value.text, labels=value.labels & ~Label.SPLIT)

    def _number(self, node: Node, scope: Scope) -> Value:
        number = number_of(node)
        return UNKNOWN if number is None else literal(str(number))

    def _identifier(self, node: Node, scope: Scope) -> Value:
        name = unescaped(text_of(node))
        if name in HELPERS:
            return Value(name=name)
        bound = scope.lookup(name)
        if bound is not None:
            return bound
        return self.flow.named(name, line_of(node)) if name in JAVASCRIPT.builtins else UNKNOWN

    def _member(self, node: Node, scope: Scope) -> Value:
        target, name = field_of(node, "object"), field_of(node, "property")
        if target.type == "this":
            return scope.outermost.own(f"this.{text_of(name)}")
        return self._attribute(self._value(target, scope), literal(unescaped(text_of(name))), node)

    def _subscript(self, node: Node, scope: Scope) -> Value:
        value = self._value(field_of(node, "object"), scope)
        index = self._value(field_of(node, "index"), scope)
        computed = index.text is None and index.labels & Label.DECODED
        if index.text is None and value.name in JAVASCRIPT.environment:
            return self.flow.variable(None).labelled(index.labels & Label.ENVIRONMENT)
        if not computed and (not index.text or index.text.isdecimal()):
            return self.flow.element(value, index)
        return self._attribute(value, index, node)

    def _attribute(self, value: Value, name: Value, node: Node) -> Value:
        plain = value.name.removesuffix("()")
        if plain in JAVASCRIPT.environment:
            return self.flow.variable(name.text).labelled(name.labels & Label.ENVIRONMENT)
        if name.text == "default":
            return value
        climbed = value.name.endswith("constructor") or value.name == "Function"
        if name.text == "constructor" and (value.name.startswith("λ") or climbed):
            hidden = Label.HIDDEN if climbed else Label.NONE
            return Value(name="Function", labels=value.labels | hidden)
        return self.flow.attribute(value, name, line_of(node))

    def _call(self, node: Node, scope: Scope) -> Value:
        target = field_of(node, "constructor" if node.type == "new_expression" else "function")
        callee = self._value(target, scope)
        given = node.child_by_field_name("arguments")
        arguments = self._arguments(given, self.flow.incoming(callee), scope)
        head, _, last = callee.name.rpartition(".")
        if last in {"call", "apply"} and head:
            callee, arguments = Value(name=head, labels=callee.labels), arguments[1:]
        elif last == "bind" and head:
            return Value(name=head, labels=callee.labels)
        if target.type == "member_expression":
            self._gathered(target, arguments, scope)
        return self.flow.call(Call(callee, arguments, {}, line_of(node), scope))

    def _arguments(self, given: Node | None, incoming: int, scope: Scope) -> tuple[Value, ...]:
        if given is None:
            return ()
        for node in given.named_children:
            self._hand(node, incoming, scope)
        return tuple(self._values([given] if given.type == "template_string" else given.named_children, scope))

    def _hand(self, node: Node, incoming: int, scope: Scope) -> None:
        """A function that is handed over gets what will come in, before its body is read."""
        if incoming and node.type in FUNCTIONS:
            self.flow.hand(self._defined(node, scope)[1], incoming)

    def _gathered(self, target: Node, values: Sequence[Value], scope: Scope) -> None:
        """What is put into a container is in the container."""
        labels = labels_of(values) & ~Label.LITERAL
        if text_of(field_of(target, "property")) not in GATHERING:
            return
        holder = text_of(field_of(target, "object"))[-60:]
        for value in values if "bcc" in holder.lower() else ():
            self.flow.entry("bcc", value, line=line_of(target))
        if labels:
            self._bind(field_of(target, "object"), Value(labels=labels), scope)

    def _binary(self, node: Node, scope: Scope) -> Value:
        operands: list[Node] = []
        left, operator = node, field_of(node, "operator").type
        while left.type == "binary_expression" and field_of(left, "operator").type == operator:
            operands.append(field_of(left, "right"))
            left = field_of(left, "left")
        values = [self._value(operand, scope) for operand in (left, *reversed(operands))]
        if operator == "+":
            return joined(values)
        if operator not in {"||", "??", "&&"}:
            return UNKNOWN
        result = UNKNOWN
        for value in values:
            result = merged(value, result)
        return result

    def _assignment(self, node: Node, scope: Scope) -> Value:
        left, right = field_of(node, "left"), field_of(node, "right")
        if left.type == "member_expression":
            receiver = self._value(field_of(left, "object"), scope)
            self._hand(right, receiver.labels & Label.REMOTE, scope)
        value = self._value(right, scope)
        self._bind(left, value, scope)
        return value

    def _augmented(self, node: Node, scope: Scope) -> Value:
        added = self._value(field_of(node, "right"), scope)
        target = field_of(node, "left")
        if target.type == "identifier":
            owner = scope.owner(text_of(target)) or scope
            old = owner.own(text_of(target))
            owner.put(text_of(target), joined((old, added)))
        else:
            self._bind(target, added, scope)
        return added

    def _declarator(self, node: Node, scope: Scope) -> Value:
        value = self._value(node.child_by_field_name("value"), scope)
        target = field_of(node, "name")
        if target.type == "identifier":
            name = text_of(target)
            self.flow.entry("bcc" if "bcc" in name.lower() else "", value, line=line_of(target))
            scope.bind(name, value)
        else:
            self._bind(target, value, scope, declares=True)
        return UNKNOWN

    def _bind(self, target: Node, value: Value, scope: Scope, *, declares: bool = False) -> None:
        if target.type in {"identifier", "shorthand_property_identifier_pattern"}:
            name = text_of(target)
            (scope if declares else scope.owner(name) or scope).bind(name, value)
        elif target.type in {"member_expression", "subscript_expression"}:
            self._bind_member(target, value, scope)
        elif target.type == "object_pattern":
            self._bind_object(target, value, scope, declares=declares)
        else:
            labels = Value(labels=value.labels, text=value.text)
            for child in target.named_children:
                self._bind(child, labels, scope, declares=declares)

    def _bind_member(self, target: Node, value: Value, scope: Scope) -> None:
        holder, name = field_of(target, "object"), target.child_by_field_name("property")
        if holder.type == "this" and name is not None:
            scope.outermost.bind(f"this.{text_of(name)}", value)
            return
        if name is not None:
            self.flow.entry(text_of(name), value, line=line_of(target))
            self.flow.loaded(text_of(name), value, line=line_of(target))
        self._value(target.child_by_field_name("index"), scope)
        if holder.type == "identifier":
            self._bind(holder, Value(labels=value.labels & ~Label.LITERAL), scope)

    def _bind_object(self, target: Node, value: Value, scope: Scope, *, declares: bool) -> None:
        for child in target.named_children:
            if child.type == "pair_pattern":
                key, inner = field_of(child, "key"), field_of(child, "value")
            elif child.type == "object_assignment_pattern":
                key = inner = field_of(child, "left")
                self.flow.entry(text_of(key), self._value(field_of(child, "right"), scope), line=line_of(child))
            else:
                key = inner = child
            name = literal(text_of(key).strip("'\""))
            found = value if child.type == "rest_pattern" else self._attribute(value, name, child)
            self._bind(inner, found, scope, declares=declares)

    def _for_in(self, node: Node, scope: Scope) -> Value:
        source = self._value(field_of(node, "right"), scope)
        item = Value(text=source.text, labels=source.labels)
        self._bind(field_of(node, "left"), item, scope, declares=True)
        self._statements([field_of(node, "body")], scope)
        return UNKNOWN

    def _array(self, node: Node, scope: Scope) -> Value:
        value = joined(self._values(node.named_children, scope), "\n")
        return Value(text=value.text, labels=value.labels & ~Label.SPLIT)

    def _object(self, node: Node, scope: Scope) -> Value:
        values: list[Value] = []
        for child in node.named_children:
            if child.type != "pair":
                values.append(self._value(child, scope))
                continue
            key, value = field_of(child, "key"), self._value(field_of(child, "value"), scope)
            self._value(key if key.type == "computed_property_name" else None, scope)
            self.flow.entry(text_of(key).strip("'\""), value, line=line_of(child))
            values.append(value)
        value = joined(values, "\n")
        return Value(text=value.text, labels=value.labels & ~Label.SPLIT)

    def _last(self, node: Node, scope: Scope) -> Value:
        return self._values(node.named_children, scope)[-1]

    def _import(self, node: Node, scope: Scope) -> Value:
        module = self.flow.imported(unescaped(text_of(field_of(node, "source"))[1:-1]), line_of(node))
        for clause in (child for child in node.named_children if child.type == "import_clause"):
            for binding in clause.named_children:
                self._imported(binding, module, scope)
        return UNKNOWN

    def _imported(self, binding: Node, module: Value, scope: Scope) -> None:
        if binding.type == "named_imports":
            for item in (child for child in binding.named_children if child.type == "import_specifier"):
                name = field_of(item, "name")
                found = self._attribute(module, literal(text_of(name)), item)
                scope.bind(text_of(item.child_by_field_name("alias") or name), found)
        else:
            scope.bind(text_of(binding).rpartition(" ")[2], module)

    def _return(self, node: Node, scope: Scope) -> Value:
        function = self.flow.functions.get(scope.result_of)
        value = self._parts(node, scope)
        if function is not None:
            function.returns(value)
        return UNKNOWN

    def _function(self, node: Node, scope: Scope) -> Value:
        value, function = self._defined(node, scope)
        name = node.child_by_field_name("name")
        if name is not None:
            scope.bind(text_of(name), value)
            scope.outermost.bind(f"this.{text_of(name)}", value)
        body = field_of(node, "body")
        if self._worth_reading(node, function.scope):
            self._parameters(node, function.scope)
            if body.type == "statement_block":
                self._statements(body.named_children, function.scope)
            else:
                function.returns(self._value(body, function.scope))
        return value

    def _defined(self, node: Node, scope: Scope) -> tuple[Value, Function]:
        name = f"λ{node.start_byte}"
        if node.start_byte not in self._scopes:
            inner = self._scopes[node.start_byte] = Scope(scope)
            inner.result_of = name
            plain = tuple(parameters_of(node))
            for parameter in plain:
                inner.names[parameter] = UNKNOWN
            self.flow.functions[name] = Function(plain, inner)
        return Value(name=name), self.flow.functions[name]

    def _parameters(self, node: Node, scope: Scope) -> None:
        """Parameters that are patterns take apart what the call gave."""
        for name, parameter in parameters_of(node).items():
            if parameter.type != "identifier":
                default = self._value(parameter.child_by_field_name("right"), scope)
                target = parameter.child_by_field_name("left") or parameter
                self._bind(target, merged(default, scope.own(name)), scope, declares=True)

    def _worth_reading(self, node: Node, scope: Scope) -> bool:
        words = self._words.get(node.start_byte)
        if words is None:
            parts = (field_of(node, "body"), *parameters_of(node).values())
            words = self._words[node.start_byte] = frozenset[str]().union(*map(words_of, parts))
        return bool(words & _ALWAYS) or scope.knows(words)


_ALWAYS = JAVASCRIPT.builtins | {"import", "constructor", "bcc", "Bcc"}


def read_javascript(source: bytes, checkpoint: Callable[[], None]) -> Reading:
    """Read one source file.

    Raises:
        SyntaxError: It is broken in a place that has to be understood.
    """
    root = parsed(source)
    if not worth_following(source.decode(errors="replace"), JAVASCRIPT.sinks):
        return Reading(hits=(), problem=misunderstood(root))
    flow = Flow(JAVASCRIPT, DEEDS)
    reader = JavaScriptReader(flow, checkpoint)
    reader.read(root)
    return flow.reading(reader.walk.problem or misunderstood(root))

"""Flow: follows values from where they come from to where they are used, for every language alike."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from vsm_mcp.acquisition.vetting.code.flow.calls import Call, Function, Hit
from vsm_mcp.acquisition.vetting.code.flow.rules import Role, Rules
from vsm_mcp.acquisition.vetting.code.flow.texts import HOLE
from vsm_mcp.acquisition.vetting.code.flow.values import CARRIED, ENCODED, Label, Value, labels_of
from vsm_mcp.model.verdict import Permission, Severity

_ADDRESS = re.compile(r"[\w.+-]+@(?!example\.|[\w-]+\.example\b|test\.|localhost)[\w-]+\.\w{2,}")


class Flow:
    """Follows the values of one file."""

    def __init__(self, rules: Rules, deeds: Mapping[Role, "Deed"]) -> None:
        self.rules = rules
        self.recording = False
        self.hits: dict[tuple[str, str], Hit] = {}
        self.functions: dict[str, Function] = {}
        self.nested: dict[str, int] = {}
        self._deeds = deeds

    def hit(self, code: str, severity: Severity, what: str, *, line: int) -> None:
        """Note a finding, once per rule and line."""
        if self.recording:
            self.hits.setdefault((code, f"{line}"), Hit(code, severity, what, line))

    def use(self, permission: Permission | None, what: str, *, line: int) -> None:
        """Note the use of a permission, once per permission and thing."""
        if self.recording and permission is not None:
            self.hits.setdefault((permission, what), Hit(f"uses-{permission}", Severity.INFO, what, line, permission))

    def named(self, name: str, line: int) -> Value:
        """Return the value of a dotted name of the language's world."""
        name = self.rules.canonical(name)
        if name in self.rules.environment:
            self.use(Permission.ENVIRONMENT, name, line=line)
            return Value(name=name, labels=Label.ENVIRONMENT)
        return Value(name=name)

    def imported(self, module: str, line: int, *, labels: Label = Label.NONE) -> Value:
        """Return the value of a module; importing some modules suggests a permission."""
        value = self.named(module, line)
        if labels & (Label.SPLIT | ENCODED):
            value = value.labelled(Label.HIDDEN)
        top = value.name.split(".", 1)[0]
        self.use(self.rules.imports.get(value.name) or self.rules.imports.get(top), value.name, line=line)
        return value

    def attribute(self, value: Value, name: Value, line: int) -> Value:
        """Return ``value.name``; the receiver's text is kept for methods of texts."""
        if name.text is None:
            hidden = Label.HIDDEN if name.labels & ENCODED else Label.NONE
            labels = (value.labels & ~Label.ENVIRONMENT) | hidden
            return Value(name=f"{value.name}[]" if value.name else "", labels=labels)
        found = self.named(f"{value.name or '?'}.{name.text}", line)
        hidden = value.labels & Label.HIDDEN
        if name.labels & (Label.SPLIT | ENCODED):
            hidden = Label.HIDDEN
        return replace(found, text=value.text, labels=found.labels | value.labels | hidden)

    def element(self, value: Value, index: Value) -> Value:
        """Return ``value[index]``: one item of a list that is written in the file, or something of its kind."""
        items = (value.text or "").split("\n")
        labels = value.labels & ~Label.ENVIRONMENT
        if len(items) > 1 and index.text and index.text.isdecimal() and int(index.text) < len(items):
            return Value(text=items[int(index.text)], labels=labels | Label.SPLIT)
        return Value(name=f"{value.name}[]" if value.name else "", text=value.text, labels=labels)

    def entry(self, key: str, value: Value, *, line: int) -> None:
        """Judge one entry of a dictionary or object."""
        if key.lower() == "bcc" and value.text is not None and _ADDRESS.search(value.text):
            what = f"a hidden copy goes to {value.text.replace(HOLE, '…')[:80]!r}"
            self.hit("hidden-copy", Severity.HIGH, what, line=line)

    def variable(self, name: str | None) -> Value:
        """Return the value of one environment variable."""
        home = name in {"HOME", "USERPROFILE"}
        return Value(text="~" if home else None)

    def call(self, call: Call) -> Value:
        """Judge a call and return what it returns."""
        function = self.functions.get(call.callee.name)
        if function is not None:
            function.give(call.arguments)
            result = function.result.labelled(labels_of(call.everything) & CARRIED)
            return result if result.name or "()" in call.first.name else replace(result, name=call.first.name)
        effect = self.rules.effect(call.callee.name)
        for argument in call.everything:
            self.hand(self.functions.get(argument.name), self.incoming(call.callee))
        if effect is None or effect.role is Role.CARRY:
            self._calls_what_it_is_given(call)
        if effect is None:
            return self._deeds[Role.PLAIN](self, call)
        self.use(effect.permission, call.callee.name.removesuffix("()"), line=call.line)
        if effect.role in {Role.CODE, Role.PROCESS} and Label.HIDDEN in call.callee.labels and not call.inert:
            what = f"the name of {call.callee.name} is put together or decoded"
            self.hit("hides-name", Severity.HIGH, what, line=call.line)
        return self._deeds[effect.role](self, call)

    def incoming(self, callee: Value) -> Label:
        """Return the labels of what functions that are handed to ``callee`` will be called with."""
        effect = self.rules.effect(callee.name)
        remote = Label.REMOTE if effect is not None and effect.role is Role.NETWORK else Label.NONE
        return (callee.labels & ~(Label.HIDDEN | Label.LITERAL)) | remote

    def hand(self, function: Function | None, labels: Label) -> None:
        """Note that a function will be called with values of these labels."""
        if function is not None and labels:
            function.give([Value(labels=labels)] * len(function.parameters))

    def _calls_what_it_is_given(self, call: Call) -> None:
        """A function that is not known may call those it is given, with the rest of what it is given."""
        if Label.HIDDEN in call.callee.labels and call.callee.name.endswith("[]") and not call.inert:
            what = f"a part of {call.callee.name[:-2]} is called by a decoded name"
            self.hit("hides-name", Severity.HIGH, what, line=call.line)
        for argument in call.everything:
            effect = self.rules.effect(argument.name) if "()" not in argument.name else None
            if effect is not None and effect.role in {Role.CODE, Role.PROCESS}:
                rest = tuple(other for other in call.everything if other is not argument)
                self.call(Call(argument, (*rest, replace(call.callee, name="")), {}, call.line, call.scope))


Deed = Callable[[Flow, Call], Value]
"""Judges a call to something of one role and returns what the call returns."""

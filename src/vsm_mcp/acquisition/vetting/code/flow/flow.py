"""Flow: follows values from where they come from to where they are used, for every language alike."""

import re
from collections.abc import Callable, Mapping

from vsm_mcp.acquisition.vetting.code.flow.calls import Call, Function, Hit, Reading
from vsm_mcp.acquisition.vetting.code.flow.rules import Effect, Role, Rules
from vsm_mcp.acquisition.vetting.code.flow.texts import HOLE
from vsm_mcp.acquisition.vetting.code.flow.values import CARRIED, ENCODED, Label, Scope, Value, labels_of
from vsm_mcp.acquisition.vetting.code.flow.walk import MOST_LESSONS
from vsm_mcp.model.verdict import Permission, Severity

_ADDRESS = re.compile(r"[\w.+-]{1,64}@(?!example\.|[\w-]+\.example\b|test\.|localhost)[\w-]+\.\w{2,}")
_RECIPIENTS = frozenset({"to", "cc", "recipients", "toaddrs", "torecipients", "ccrecipients", "toaddresses"})
_SENDS = (
    (Label.ENVIRONMENT, "sends-environment", Severity.CRITICAL, "sends the whole environment"),
    (Label.SECRET, "sends-credentials", Severity.CRITICAL, "sends what was read from a place of credentials"),
    (Label.SPIED, "sends-what-is-seen", Severity.HIGH, "sends what a person types, copies, says or sees"),
    (Label.FILE, "sends-files", Severity.INFO, "sends what a file holds"),
)


_LOADED = ("src", "href")
_TAUGHT = CARRIED | Label.ENVIRONMENT | Label.SECRET
_INCOMING = {Role.NETWORK: Label.REMOTE, Role.SPY: Label.SPIED}
_STARTING = frozenset({Role.CODE, Role.PROCESS})


class Flow:
    """Follows the values of one file."""

    def __init__(self, rules: Rules, deeds: Mapping[Role, "Deed"]) -> None:
        self.rules = rules
        self.hits: dict[tuple[str, str], Hit] = {}
        self.functions: dict[str, Function] = {}
        self.nested: dict[str, int] = {}
        self.variables: set[str] = set()
        self.programs: set[str] = set()
        self.contacts: set[str] = set()
        self._plain: dict[str, str] = {}
        self._effects: dict[str, Effect | None] = {}
        self._deeds = deeds

    def follow(self, scope: Scope, read: Callable[[], None]) -> None:
        """Read a file again and again: to learn what its names mean, then to judge.

        What was judged counts at once when nothing became known after it had been asked for: reading again would
        give the same.
        """
        learnt, settled = self.learnt, False
        for _ in range(MOST_LESSONS + 1):
            self._forget()
            scope.outdated = False
            read()
            if settled or not scope.outdated:
                return
            before, learnt = learnt, self.learnt
            settled = learnt == before

    def hit(self, code: str, severity: Severity, what: str, *, line: int) -> None:
        """Note a finding, once per rule and line."""
        self.hits.setdefault((code, f"{line}"), Hit(code, severity, what, line))

    def use(self, permission: Permission | None, what: str, *, line: int) -> None:
        """Note the use of a permission, once per permission and thing."""
        if permission is not None:
            self.hits.setdefault((permission, what), Hit(f"uses-{permission}", Severity.INFO, what, line, permission))

    def named(self, name: str, line: int) -> Value:
        """Return the value of a dotted name of the language's world."""
        plain = self._plain.get(name)
        if plain is None:
            plain = self._plain[name] = self.rules.canonical(name)
        name = plain
        if name in self.rules.environment:
            self.use(Permission.ENVIRONMENT, name, line=line)
            return Value(name=name, labels=Label.ENVIRONMENT)
        return Value(name=name)

    def imported(self, module: str, line: int, *, labels: int = Label.NONE) -> Value:
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
        return Value(name=found.name, text=value.text, labels=found.labels | value.labels | hidden)

    def element(self, value: Value, index: Value) -> Value:
        """Return ``value[index]``: one item of a list that is written in the file, or something of its kind."""
        items = (value.text or "").split("\n")
        labels = value.labels & ~Label.ENVIRONMENT
        if len(items) > 1 and index.text and index.text.isdecimal() and int(index.text) < len(items):
            return Value(text=items[int(index.text)], labels=labels | Label.SPLIT)
        return Value(name=f"{value.name}[]" if value.name else "", text=value.text, labels=labels)

    def entry(self, key: str, value: Value, *, line: int) -> None:
        """Judge one entry of a dictionary or object."""
        fixed = _ADDRESS.search(value.text) if value.text and "@" in value.text else None
        if fixed is None:
            return
        key = key.lower().replace("_", "").replace("-", "")
        more = key in _RECIPIENTS and HOLE in (value.text or "")
        if more or "bcc" in key or "blindcopy" in key:
            self.hit("hidden-copy", Severity.HIGH, f"a hidden copy goes to {fixed.group()[:80]!r}", line=line)

    def loaded(self, name: str, value: Value, *, line: int) -> None:
        """Judge a value that becomes the address of a picture or a page: who shows it, asks for it."""
        if name in _LOADED:
            self.sends(name, value.labels & (Label.ENVIRONMENT | Label.SECRET | Label.SPIED), line=line)

    def reading(self, problem: str) -> Reading:
        """Return all that was found in the file."""
        return Reading(
            hits=tuple(self.hits.values()),
            nested=tuple(self.nested.items()),
            problem=problem,
            variables=frozenset(self.variables),
            programs=frozenset(self.programs),
            contacts=frozenset(self.contacts),
        )

    def _forget(self) -> None:
        """Forget what was judged, not what was learnt."""
        for judged in (self.hits, self.variables, self.programs, self.contacts):
            judged.clear()

    def _header(self, call: Call) -> None:
        """A call may set one header of a message."""
        method = call.callee.name.rpartition(".")[2].lower()
        if "bcc" in method:
            self.entry("bcc", call.first, line=call.line)
        elif len(call.arguments) > 1 and (call.first.text or "").lower() == "bcc":
            self.entry("bcc", call.arguments[1], line=call.line)

    def sends(self, name: str, labels: int, *, line: int) -> None:
        """Judge that something of these labels leaves by the network."""
        for label, code, severity, what in _SENDS:
            if label & labels:
                self.hit(code, severity, f"{name} {what}", line=line)

    def variable(self, name: str | None) -> Value:
        """Return the value of one environment variable."""
        home = name in {"HOME", "USERPROFILE"}
        if name and HOLE not in name:
            self.variables.add(name[:120])
        return Value(text="~" if home else None)

    def call(self, call: Call) -> Value:
        """Judge a call and return what it returns."""
        function = self.functions.get(call.callee.name)
        if function is not None:
            function.give(call.arguments)
            result = function.returned().labelled(labels_of(call.everything) & CARRIED)
            return result if result.name or "()" in call.first.name else result._replace(name=call.first.name)
        effect = self.effect(call.callee.name)
        self._hand_on(call)
        self._header(call)
        if effect is None or effect.role is Role.CARRY:
            self._calls_what_it_is_given(call)
        if effect is None:
            return self._deeds[Role.PLAIN](self, call)
        self.use(effect.permission, call.callee.name.removesuffix("()"), line=call.line)
        if effect.role in _STARTING and call.callee.labels & Label.HIDDEN and not call.inert:
            what = f"the name of {call.callee.name} is put together or decoded"
            self.hit("hides-name", Severity.HIGH, what, line=call.line)
        return self._deeds[effect.role](self, call)

    def effect(self, name: str) -> Effect | None:
        """Return what calling ``name`` does, if anything is known."""
        if name not in self._effects:
            self._effects[name] = self.rules.effect(name)
        return self._effects[name]

    def is_network(self, name: str) -> bool:
        """Say whether something belongs to a connection."""
        effect = self.effect(name)
        return effect is not None and effect.role is Role.NETWORK

    @property
    def learnt(self) -> int:
        """A number that changes when more is known of what functions are given and return.

        What concerns nothing outside of one function is known after it was read once.
        """
        functions = [f for f in self.functions.values() if f.called or f.scope.encloses]
        return sum(labels_of((f.result, *f.scope.names.values())) & _TAUGHT for f in functions)

    def incoming(self, callee: Value) -> int:
        """Return the labels of what functions that are handed to ``callee`` will be called with."""
        effect = self.effect(callee.name)
        given = _INCOMING.get(effect.role, Label.NONE) if effect is not None else Label.NONE
        return (callee.labels & ~(Label.HIDDEN | Label.LITERAL)) | given

    def _hand_on(self, call: Call) -> None:
        """Functions among the arguments will be called with what comes in."""
        handed = [self.functions[value.name] for value in call.everything if value.name in self.functions]
        if handed:
            labels = self.incoming(call.callee)
            for function in handed:
                function.called = True
                self.hand(function, labels)

    def hand(self, function: Function | None, labels: int) -> None:
        """Note that a function will be called with values of these labels."""
        if function is not None and labels:
            function.give([Value(labels=labels)] * len(function.parameters))

    def _calls_what_it_is_given(self, call: Call) -> None:
        """A function that is not known may call those it is given, with the rest of what it is given."""
        if call.callee.labels & Label.HIDDEN and call.callee.name.endswith("[]") and not call.inert:
            what = f"a part of {call.callee.name[:-2]} is called by a decoded name"
            self.hit("hides-name", Severity.HIGH, what, line=call.line)
        for argument in call.everything:
            effect = self.effect(argument.name) if argument.name and "()" not in argument.name else None
            if effect is not None and effect.role in _STARTING:
                rest = tuple(other for other in call.everything if other is not argument)
                self.call(Call(argument, (*rest, call.callee._replace(name="")), {}, call.line, call.scope))


Deed = Callable[[Flow, Call], Value]
"""Judges a call to something of one role and returns what the call returns."""

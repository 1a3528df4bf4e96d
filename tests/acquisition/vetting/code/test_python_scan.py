"""Python: wicked sources are found, honest ones are left alone, and nothing is run."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.code.flow.calls import TOO_DEEP, Reading
from vsm_mcp.acquisition.vetting.code.languages.python_scan import read_python
from vsm_mcp.model.verdict import Permission, Severity

ATTACKS: list[str] = json.loads((Path(__file__).parent / "python_attacks.json").read_text())
"""Small wicked modules, made up from published incidents; none of them would work."""

HONEST = [
    "import os\nprint(os.environ['HOME'])",
    "import os, subprocess\nsubprocess.run(['git', 'status'], env=os.environ.copy(), check=True)",
    "import os, requests\nrequests.get('https://a.example', headers={'x': os.environ['API_KEY']})",
    "import base64\nimage = base64.b64decode(data)\nopen('x.png', 'wb').write(image)",
    "DENIED = ['.ssh/id_rsa', '.aws/credentials']\ndef ok(path):\n    return not any(d in path for d in DENIED)",
    "HELP = 'Install with: curl -LsSf https://a.example/install.sh | sh'\nprint(HELP)",
    "import re\npattern = re.compile('x')\npattern.match('y')",
    "import requests, json\ndata = json.loads(requests.get('https://a.example').text)\nprint(data)",
    "import importlib\ndef __getattr__(name):\n    return importlib.import_module(f'.{name}', __name__)",
    "from pathlib import Path\nPath('out.txt').write_text('x')\nprint(Path('in.txt').read_text())",
    "message = {'to': 'a', 'bcc': 'someone@example.com'}",
    "import shutil, tempfile\nfolder = tempfile.mkdtemp()\nshutil.rmtree(folder)",
    "import ast\nprint(ast.literal_eval('1'))",
    "import httpx, subprocess\ndef f():\n    u = httpx.get('https://a.example').text\n    subprocess.run(['open', u])",
    "x = (1).__class__\nclass A(int):\n    def __init__(self): super().__init__()",
    "import os\nclient = make(os.environ)\nimport httpx\nhttpx.post(client.url)",
]


def read(source: str) -> Reading:
    return read_python(source, lambda: None)


def worst(source: str) -> Severity:
    return max((hit.severity for hit in read(source).hits), default=Severity.INFO)


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


@pytest.mark.parametrize(
    ("source", "permission"),
    [
        ("import subprocess", Permission.PROCESSES),
        ("import os\nos.system('ls')", Permission.PROCESSES),
        ("from os import popen as p\np('ls')", Permission.PROCESSES),
        ("import asyncio\nasync def f(): await asyncio.create_subprocess_exec('ls')", Permission.PROCESSES),
        ("import httpx", Permission.NETWORK),
        ("import urllib.request as u\nu.urlopen('x')", Permission.NETWORK),
        ("open('x')", Permission.FILES_READ),
        ("open('x', 'w')", Permission.FILES_WRITE),
        ("open('x', mode='a')", Permission.FILES_WRITE),
        ("import os\nos.remove('x')", Permission.FILES_WRITE),
        ("import os\nos.listdir('.')", Permission.FILES_READ),
        ("import os\nos.getenv('A')", Permission.ENVIRONMENT),
        ("from os import environ\nenviron.get('A')", Permission.ENVIRONMENT),
        ("eval(x)", Permission.DYNAMIC_CODE),
        ("import pickle\npickle.loads(x)", Permission.DYNAMIC_CODE),
    ],
)
def test_what_code_uses_is_mapped_to_permissions(source: str, permission: Permission) -> None:
    assert permission in uses(source)


def test_a_source_that_uses_nothing_needs_nothing() -> None:
    assert uses("def add(a, b):\n    return a + b\n") == set()


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("exec('import os; os.system(x)')", None),
        ("x: list = eval(b'1'.hex())", None),
        ("import os\n(y := os.environ)\nimport requests\nrequests.post('x', data=y)", "sends-environment"),
        ("import os, requests\nd = []\nd.append(os.environ)\nrequests.post('x', json=d)", "sends-environment"),
        ("import os, requests\nd = {}\nd['e'] = os.environ\nrequests.post('x', json=d)", "sends-environment"),
        ("import os, requests\nd = ''\nd += str(os.environ)\nrequests.post('x', data=d)", "sends-environment"),
        ("import os, requests\n(a, *b) = os.environ, 1\nrequests.post('x', data=b)", "sends-environment"),
        ("import os, requests\nd = [0]\nd[0] += str(os.environ)\nrequests.post('x', data=d)", "sends-environment"),
        ("import os, requests\nrequests.post('x', data=[v for v in os.environ.values()])", "sends-environment"),
        ("import os, requests\nrequests.post('x', data=a if b else os.environ)", "sends-environment"),
        ("import os, requests\nrequests.post('x', data=f'{os.environ}')", "sends-environment"),
        ("import os, requests\nrequests.post('x', data='%s' % os.environ)", "sends-environment"),
        ("import os, requests\nrequests.post('x', data=b or os.environ)", "sends-environment"),
        ("import os, requests\nfor d in [os.environ]:\n    requests.post('x', data=d)", "sends-environment"),
        ("import os, requests\ndef f(e=1, *a, k, **b):\n    requests.post('x', data=e)\nf(os.environ, k=2)",
         "sends-environment"),
        ("import os, requests\nsend = lambda d: requests.post('x', data=d)\nsend(os.environ)", "sends-environment"),
        ("import os, requests\nmatch x:\n    case 1 if requests.post('x', data=os.environ):\n        pass",
         "sends-environment"),
        ("import os, requests\nclass A(metaclass=requests.post('x', data=os.environ)):\n    pass", "sends-environment"),
        ("import os, requests\nx: requests.post('x', data=os.environ) = 1", "sends-environment"),
        ("import os, requests\na[requests.post('x', data=os.environ)] = 1", "sends-environment"),
        ("import os, requests\nrequests.post('x', data={**os.environ})", "sends-environment"),
        ("import os, requests\nrequests.post('x', data={1: os.environ})", "sends-environment"),
        ("import os, requests\nx = os.environ if 1 < 2 else -1\nrequests.post('x', data=x)", "sends-environment"),
        ("import os, requests\nrequests.post('x', data=os.environ.pop())", None),
        ("import os, requests\nrequests.post('x', data=os.environ['A'])", None),
        ("import os, requests\nrequests.post('x', data=len(os.environ) == 3)", None),
        ("import sys\nsys.modules['os'].system('x')", None),
        ("import sys\nsys.modules['o' + 's'].system('x')", "hides-name"),
        ("vars(__builtins__)['exec']('1')", None),
        ("import builtins\nvars(builtins)['ex' + 'ec']('1')", "hides-name"),
        ("getattr(__import__('os'), x)('1')", None),
        ("import os, base64\ngetattr(os, base64.b64decode(x))('1')", "hides-name"),
        ("import base64\n__import__(base64.b64decode(x).decode())", "hides-name"),
        ("__import__(x)", None),
        ("getattr(x)", None),
        ("list(map(eval, [__import__('base64').b64decode(x)]))", "runs-decoded-code"),
        ("print(().__class__.__bases__[0].__subclasses__())", "climbs-classes"),
        ("exec('yfrne'[::-1])", "runs-decoded-code"),
        ("exec(x[1:2])", None),
        ("exec(x[::-1])", "runs-decoded-code"),
        ("import codecs\nexec(codecs.decode('cevag', 'rot13'))", "runs-decoded-code"),
        ("import pickle, base64\npickle.loads(base64.b64decode('gASV'))", "unpacks-code"),
        ("import yaml\nyaml.unsafe_load(x)", None),
        ("import subprocess, base64\nsubprocess.run(base64.b64decode(x))", "runs-decoded-command"),
        ("import subprocess, base64\nsubprocess.run(['echo', base64.b64decode(x)])", "runs-decoded-command"),
        ("import subprocess, requests\nsubprocess.Popen(requests.get('x').text).communicate()",
         "runs-downloaded-command"),
        ("import shutil\nshutil.copy('x', '/home/a/.bashrc')", "changes-startup"),
        ("import os\nos.rename('x', '/home/a/.zshrc')", "changes-startup"),
        ("import os\nos.rename('x', 'y')", None),
        ("import shutil\nshutil.rmtree('/')", "destroys"),
        ("from pathlib import Path\nPath('~').expanduser().rmdir()", "destroys"),
        ("m['bcc'] = f'{x}@collector.club'", None),
        ("m['bcc'] = 'copies@collector.club'", "hidden-copy"),
        ("import requests\nrequests.get('http://203.0.113.9/x')", "uses-bare-address"),
        ("import wget, subprocess\n", None),
        ("import urllib.request as u, os\ndef f(p):\n    u.urlretrieve('x', p)\n    os.popen('sh ' + p)",
         "starts-downloaded-program"),
        ("import urllib.request as u, os\ndef f(p):\n    u.urlretrieve('x', p)\n    os.popen('ffmpeg ' + p)",
         None),
        ("import requests, os\ndef f(p):\n    p.write_bytes(requests.get('x').content)\n    os.system(p)",
         "starts-downloaded-program"),
        ("import socket, os\ns = socket.socket()\nos.dup2(s.fileno(), 0)", "reverse-shell"),
        ("import os\nos.dup2(1, 2)", None),
        ("'x'.join(y)", None),
        ("exec('exe_'.replace('_', 'c'))", None),
        ("exec(x.replace('_', 'c'))", None),
        ("'abc'.replace(x)", None),
        ("exec(bytes.fromhex('zz'))", "runs-decoded-code"),
        ("exec(chr(99999999))", "runs-decoded-code"),
        ("import base64\nexec(base64.b64decode('//79'))", "runs-decoded-code"),
        ("import base64\nexec(base64.b64decode())", "runs-decoded-code"),
        ("exec(1 << 40)", None),
        ("exec(1.5)", None),
        ("from . import x\nfrom .. import y\nx.system('1')", None),
        ("with open('x') as f, y:\n    pass", None),
        ("async def f():\n    async for x in y:\n        async with x as z:\n            return z", None),
        ("def f(self):\n    self.y = eval\n    return\ndef g(self):\n    self.y(f'{__import__(\"requests\").get(u)}')",
         "runs-downloaded-code"),
        ("a.b = 1\na().b = 2\ndel a.b", None),
        ("def f():\n    return eval\nf()(__import__('requests').get('x').text)", "runs-downloaded-code"),
        ("import os\nos.environ.get()", None),
        ("x = open('~/.npmrc')\nimport requests\nrequests.post('x', data=x.read())", "sends-credentials"),
        ("return 1", None),
        ("lambda: (yield)\nclass A:\n    return 1", None),
        ("import configparser\nc = configparser.ConfigParser()\nc.read('settings.ini')", None),
        ("for base in reversed(bases):\n    exec(base.made.by('True'))", None),
        ("exec('.'.join(names[::-1]))", None),
        ("import requests\nint(requests.get('x').text).to_bytes(2).hex()", None),
        ("import builtins\nbuiltins.vars(builtins)['ex' + 'ec']('1')", "hides-name"),
        ("import sys\nsys.path.append('plugins')", None),
        ("import os\nfrom . import x\nx.system('1')\nreturn os.name", None),
        ("import os\na().append(os.environ)", None),
        ("def f():\n    \U0001d41e\U0001d431\U0001d41e\U0001d41c(bytes.fromhex('70'))", "runs-decoded-code"),
    ],
)  # fmt: skip
def test_values_are_followed(source: str, code: str | None) -> None:
    found = codes(source)
    assert (code in found) if code else not found


def test_code_in_texts_is_handed_on_with_its_line() -> None:
    assert read("x = 1\nexec('import os\\nos.system(y)')").nested == (("import os\nos.system(y)", 2),)
    assert read("exec(f'{x}')").nested == ()


def test_a_large_literal_is_not_kept() -> None:
    assert read(f"exec('{'a' * 40_000}')").nested == ()
    assert read(f"exec('{'a' * 20_000}' + '{'b' * 20_000}')").nested == ()


def test_a_list_of_the_file_is_looked_up_by_number() -> None:
    assert "hides-name" in codes("n = ['os', 'system']\ngetattr(__import__(n[0]), n[1])('id')")
    assert codes("n = ['os', 'system']\nprint(n[7], n[x])") == set()


def test_functions_that_use_nothing_are_passed_over_and_others_are_read() -> None:
    source = "import os as o\ndef a():\n    return 1\ndef b():\n    o.system('curl x | sh')\n"
    assert codes(source) == {"runs-downloaded-command"}


def test_expressions_that_are_nested_too_deeply_are_unknown() -> None:
    assert read("x = " + "lambda: " * 400 + "eval(1)").problem == TOO_DEEP
    assert read("x = 1").problem == ""


@pytest.mark.parametrize("source", ["def", "[" * 5000, "-" * 100_000 + "1", "a" + ".b" * 50_000, "a\0b"])
def test_what_is_no_python_is_an_error(source: str) -> None:
    with pytest.raises(SyntaxError):
        read(source)


def test_a_file_is_read_a_bounded_number_of_times() -> None:
    chain = "".join(f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in reversed(range(12)))
    assert codes(f"import os, requests\ndef f12(x):\n    return x\n{chain}f0(os.environ)\n") == set()


def test_reading_can_be_stopped() -> None:
    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        read_python("eval(1)\n" * 5000, stop)


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    source = f"open({str(trace)!r}, 'w').write('x')\nimport antigravity_of_vetting"
    read(source)
    assert not trace.exists()
    assert "antigravity_of_vetting" not in sys.modules


@given(st.lists(st.sampled_from(ATTACKS + HONEST), max_size=3).map("\n".join))
def test_the_same_source_gives_the_same_answer(source: str) -> None:
    assert read(source) == read(source)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(SyntaxError):
        assert read(text) == read(text)

"""Advisories of registries: those that know are believed, those that do not know are never taken for "none"."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.vetting.advisories.advisory import Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.npm import ENDPOINT, NpmAdvisories
from vsm_mcp.acquisition.vetting.advisories.pypi import PyPIAdvisories
from vsm_mcp.errors import LinkError
from vsm_mcp.model.json import JsonValue
from vsm_mcp.model.verdict import Severity
from vsm_mcp.testing.world import FakeProcesses, Request, ScriptedHttp
from vsm_mcp.world.http import Http, Reply
from vsm_mcp.world.processes import Completed

pytestmark = pytest.mark.anyio

REGISTRY, ACME = "http://packages.test/npm/", "http://acme.test/"
INDEX = "http://index.test/simple/"
LODASH = Pinned(ecosystem="npm", name="lodash", version="4.17.20")
OURS = Pinned(ecosystem="npm", name="@acme/clock", version="1.0.0")
FLASK = Pinned(ecosystem="pypi", name="Flask", version="2.0.0")
GHSA = "GHSA-35jh-r3h4-6jhm"
KNOWN: JsonValue = {
    "id": 1106913,
    "url": f"https://advisories.test/{GHSA}",
    "title": "Command Injection in lodash",
    "severity": "high",
    "vulnerable_versions": "<4.17.21",
    "cwe": ["CWE-77"],
    "cvss": {"score": 7.2, "vectorString": "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"},
}


def answer(value: JsonValue, status: int = 200) -> Reply:
    return Reply(status=status, headers={"content-type": "application/json"}, body=json.dumps(value).encode())


def npm(http: Http, *, patience: float = 30.0) -> NpmAdvisories:
    processes = FakeProcesses()
    told = json.dumps({"registry": REGISTRY, "@acme:registry": ACME, "cafile": "/etc/ca.pem"}).encode()
    processes.on_run(lambda argv: "config" in argv, Completed(returncode=0, stdout=told, stderr=b""))
    return NpmAdvisories(NpmRegistry(http, processes, npm=Path("/usr/bin/npm")), http, patience=patience)


def pypi(http: Http, *, patience: float = 30.0, extra: str = "") -> PyPIAdvisories:
    processes = FakeProcesses()
    told = json.dumps({"UV_DEFAULT_INDEX": INDEX, "UV_INDEX": extra}).encode()
    processes.on_run(bool, Completed(returncode=0, stdout=told, stderr=b""))
    return PyPIAdvisories(PyPIIndex(http, processes), patience=patience)


async def ask_npm(reply: Reply | LinkError | Callable[[Request], Reply], package: Pinned = LODASH) -> Answer:
    http = ScriptedHttp({REGISTRY + ENDPOINT: reply})
    return (await npm(http).about([package]))[package]


@pytest.mark.promise("A14")
async def test_the_users_registry_is_asked_about_all_packages_at_once_and_each_scope_at_its_own() -> None:
    http = ScriptedHttp({REGISTRY + ENDPOINT: answer({"lodash": [KNOWN]}), ACME + ENDPOINT: answer({})})
    other = Pinned(ecosystem="npm", name="lodash", version="4.17.21")
    told = await npm(http).about([LODASH, other, OURS, FLASK])
    assert set(told) == {LODASH, other, OURS}
    (found,) = told[LODASH].advisories
    assert (found.identity, found.severity, found.weaknesses) == (GHSA, Severity.HIGH, {"CWE-77"})
    assert (told[other], told[OURS]) == (Answer(), Answer())
    sent = {request.url: json.loads(request.body or b"") for request in http.requests}
    assert sent[REGISTRY + ENDPOINT] == {"lodash": ["4.17.20", "4.17.21"]}
    assert {(request.method, request.cafile) for request in http.requests} == {("POST", "/etc/ca.pem")}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer({}, 405), "it answers 405 when asked for advisories"),
        (answer({}, 404), "it answers 404 when asked for advisories"),
        (Reply(status=200, body=b"<html>"), "its answer about advisories is not readable JSON: JSONDecodeError"),
        (answer([]), "its answer about advisories is no JSON object"),
        (LinkError("Nobody there."), "Nobody there"),
        (answer({"lodash": "all fine"}), "its answer cannot be read"),
        (answer({"lodash": [{"title": "no name"}]}), "its answer cannot be read"),
    ],
)
async def test_a_registry_that_does_not_know_is_unknown(*, reply: Reply | LinkError, reason: str) -> None:
    assert await ask_npm(reply) == Answer(unknown=reason)


async def test_a_range_that_cannot_be_compared_counts_but_is_not_certain() -> None:
    told = await ask_npm(answer({"lodash": [{"id": 7, "severity": "low", "vulnerable_versions": "^4"}]}))
    (found,) = told.advisories
    assert (found.identity, found.certain, found.severity) == ("npm:7", False, Severity.LOW)


class SilentHttp:
    """Never answers."""

    async def send(self, *_: object, **__: object) -> Reply:
        await anyio.sleep_forever()
        raise AssertionError


async def test_a_registry_that_never_answers_is_unknown_after_a_while() -> None:
    told = await npm(SilentHttp(), patience=0.01).about([LODASH])
    assert told == {LODASH: Answer(unknown="it did not answer within 0.01 seconds")}
    assert await npm(SilentHttp()).about([FLASK]) == {}
    late = await pypi(SilentHttp(), patience=0.01).about([FLASK])
    assert late == {FLASK: Answer(unknown="it did not answer within 0.01 seconds")}
    assert (repr(npm(SilentHttp())), repr(pypi(SilentHttp()))) == ("NpmAdvisories()", "PyPIAdvisories()")


PLACE = "http://index.test/pypi/flask/2.0.0/json"
VULNERABLE: JsonValue = [
    {"id": "PYSEC-2023-62", "aliases": ["CVE-2023-30861"], "details": "Leaks cookies", "fixed_in": ["2.2.5"]},
    {"id": "PYSEC-2019-1", "withdrawn": "2020-01-01T00:00:00Z"},
]


@pytest.mark.promise("A14")
async def test_the_index_says_what_is_known_against_a_version() -> None:
    told = await pypi(ScriptedHttp({PLACE: answer({"vulnerabilities": VULNERABLE})})).about([FLASK, LODASH])
    (found,) = told[FLASK].advisories
    assert (found.names, found.severity) == ({"PYSEC-2023-62", "CVE-2023-30861"}, None)
    assert (found.fixed, found.summary, told[FLASK].unknown) == (("2.2.5",), "Leaks cookies", "")
    assert LODASH not in told


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer({"vulnerabilities": []}), ""),
        (answer({"info": {}}), "it does not say which vulnerabilities are known"),
        (answer({"vulnerabilities": None}), "it does not say which vulnerabilities are known"),
        (answer({"vulnerabilities": [{}]}), "its answer cannot be read"),
        (Reply(status=404), "it has no JSON interface, or does not know the version there"),
        (answer({}, 503), "The package index answered 503"),
        (Reply(status=200, body=b"{"), "What the package index answered for flask/2.0.0/json is not readable JSON"),
    ],
)
async def test_an_index_that_does_not_know_is_unknown(*, reply: Reply, reason: str) -> None:
    told = (await pypi(ScriptedHttp({PLACE: reply})).about([FLASK]))[FLASK]
    assert told.advisories == ()
    assert told.unknown.startswith(reason)
    assert bool(told.unknown) is bool(reason)


async def test_a_further_index_is_asked_about_what_the_first_does_not_know() -> None:
    http = ScriptedHttp({PLACE: Reply(status=404), "http://more.test/pypi/flask/2.0.0/json": answer({})})
    told: Sequence[Answer] = [*(await pypi(http, extra="http://more.test/simple").about([FLASK])).values()]
    assert [one.unknown for one in told] == ["it does not say which vulnerabilities are known"]

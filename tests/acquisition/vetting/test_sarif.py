"""SARIF: the findings as tools for code read them."""

import json
from collections.abc import Mapping, Sequence

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting import sarif as module
from vsm_mcp.acquisition.vetting.sarif import sarif
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.verdict import Finding, Permission, Severity

TEXT: JsonObject = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LOCATION: JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {"required": ["uri"], "properties": {"uri": {"pattern": "^[!-~]+$"}}},
                "region": {"properties": {"startLine": {"type": "integer", "minimum": 1}}},
            },
        },
        "logicalLocations": {"type": "array", "items": {"properties": {"fullyQualifiedName": {"type": "string"}}}},
    },
}
RESULT: JsonObject = {
    "type": "object",
    "required": ["message", "ruleId", "ruleIndex"],
    "properties": {
        "message": TEXT,
        "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "locations": {"type": "array", "minItems": 1, "items": LOCATION},
        "partialFingerprints": {"additionalProperties": {"type": "string"}},
    },
    "if": {"properties": {"kind": {"const": "fail"}}},
    "else": {"properties": {"level": {"const": "none"}}},
}
RULE: JsonObject = {"required": ["id"], "properties": {"shortDescription": TEXT, "help": TEXT}}
DRIVER: JsonObject = {
    "required": ["name"],
    "properties": {"rules": {"type": "array", "uniqueItems": True, "items": RULE}},
}
RUN: JsonObject = {
    "required": ["tool", "results"],
    "properties": {
        "tool": {"required": ["driver"], "properties": {"driver": DRIVER}},
        "results": {"type": "array", "items": RESULT},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    },
}
SCHEMA: JsonObject = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {"type": "array", "items": RUN},
    },
}
"""The parts of the format's own schema that this library uses."""


def results(log: JsonObject) -> Sequence[Mapping[str, JsonValue]]:
    jsonschema.validate(json.loads(json.dumps(log)), SCHEMA)  # pyright: ignore[reportUnknownMemberType]
    found: Sequence[Mapping[str, JsonValue]] = json.loads(json.dumps(log))["runs"][0]["results"]
    return found


def finding(severity: Severity, where: str = "", *, unknown: bool = False, code: str = "rule") -> Finding:
    return Finding(check="code", code=code, severity=severity, message="Bad.", where=where, unknown=unknown)


@pytest.mark.promise("A14")
def test_a_finding_in_a_file_is_shown_at_its_line() -> None:
    bad = Finding(
        check="code",
        code="uses-network",
        severity=Severity.HIGH,
        message="Its code uses network.",
        where="dist/in dex.js:14",
        permission=Permission.NETWORK,
        remedy="Permit network.",
    )
    (plain,) = results(sarif([bad], subject="npm:a@1"))
    assert plain["properties"] == {"severity": "high", "unknown": False, "permission": "network"}
    (result,) = results(sarif([finding(Severity.HIGH, "dist/index.js:14")], subject="npm:a@1"))
    assert result["locations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "dist/index.js"}, "region": {"startLine": 14}},
            "logicalLocations": [{"fullyQualifiedName": "npm:a@1:dist/index.js:14", "kind": "module"}],
        }
    ]
    assert (result["ruleId"], result["level"], result["kind"]) == ("code/rule", "error", "fail")


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (Severity.INFO, "note"),
        (Severity.LOW, "note"),
        (Severity.MEDIUM, "warning"),
        (Severity.HIGH, "error"),
        (Severity.CRITICAL, "error"),
    ],
)
def test_a_severity_has_a_level(severity: Severity, level: str) -> None:
    assert [one["level"] for one in results(sarif([finding(severity)], subject="s"))] == [level]


def test_what_could_not_be_told_is_open_and_no_failure() -> None:
    (result,) = results(sarif([finding(Severity.HIGH, unknown=True)], subject="s"))
    assert (result["kind"], result["level"]) == ("open", "none")


def test_findings_of_one_rule_share_it_and_the_same_place_has_the_same_fingerprint() -> None:
    one, two = finding(Severity.LOW, "a.js"), finding(Severity.LOW, "b.js:3:7")
    log = sarif([one, two, finding(Severity.LOW, code="other"), one], subject="s")
    told = results(log)
    assert [one["ruleIndex"] for one in told] == [1, 1, 0, 1]
    prints = [json.dumps(one["partialFingerprints"]) for one in told]
    assert (prints[0] == prints[3], len(set(prints))) == (True, 3)


def test_a_library_that_is_not_installed_has_a_version_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOOL", "no-such-distribution")
    assert '"version": "0"' in json.dumps(sarif([], subject="s"))


@given(st.text(max_size=60), st.sampled_from(Severity), st.booleans())
def test_every_finding_makes_a_valid_log(where: str, severity: Severity, unknown: bool) -> None:  # noqa: FBT001 - drawn
    results(sarif([finding(severity, where, unknown=unknown)], subject=where or "s"))
    results(sarif([finding(severity, f"{where}.py:7", unknown=unknown)], subject="s"))

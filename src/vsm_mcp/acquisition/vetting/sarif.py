"""SARIF: findings in the format that code hosts and security tools read (version 2.1.0)."""

import hashlib
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.verdict import Finding, Severity

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
TOOL = "vsm_mcp"

_LEVELS = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
_SCORES = {
    Severity.INFO: "0.0",
    Severity.LOW: "2.0",
    Severity.MEDIUM: "5.0",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
_PLACE = re.compile(r"(?P<file>[^:\s]+\.[A-Za-z0-9]+)(?::(?P<line>[1-9]\d{0,8}))?(?::[1-9]\d{0,8})?")
_UNSAFE = re.compile(r"[^A-Za-z0-9._~/@+-]")


def sarif(findings: Sequence[Finding], *, subject: str) -> JsonObject:
    """Return a SARIF log with one run.

    What could not be told is a result of the kind ``open``, which tools show without counting it as a failure.

    Args:
        findings: What was found.
        subject: What was vetted, such as ``npm:name@1.0``.
    """
    rules = sorted({_rule_id(finding): finding for finding in findings}.items())
    order = {identity: place for place, (identity, _) in enumerate(rules)}
    run: JsonObject = {
        "tool": {"driver": {"name": TOOL, "version": _version(), "rules": [_rule(one) for _, one in rules]}},
        "automationDetails": {"id": f"{TOOL}/vet/{subject}"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, order[_rule_id(finding)], subject) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _version() -> str:
    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "0"


def _rule_id(finding: Finding) -> str:
    return f"{finding.check}/{finding.code}"


def _rule(finding: Finding) -> JsonValue:
    rule: dict[str, JsonValue] = {
        "id": _rule_id(finding),
        "name": finding.code,
        "shortDescription": {"text": f"{finding.check}: {finding.code.replace('-', ' ')}"},
        "properties": {"tags": ["security", finding.check], "security-severity": _SCORES[finding.severity]},
    }
    if finding.remedy:
        rule["help"] = {"text": finding.remedy}
    return rule


def _result(finding: Finding, rule: int, subject: str) -> JsonValue:
    properties: dict[str, JsonValue] = {"severity": finding.severity.name.lower(), "unknown": finding.unknown}
    if finding.permission is not None:
        properties["permission"] = finding.permission.value
    fingerprint = hashlib.sha256(f"{_rule_id(finding)}\n{finding.where}".encode()).hexdigest()
    return {
        "ruleId": _rule_id(finding),
        "ruleIndex": rule,
        "kind": "open" if finding.unknown else "fail",
        "level": "none" if finding.unknown else _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(finding.where, subject)],
        "partialFingerprints": {"finding/v1": fingerprint},
        "properties": properties,
    }


def _location(where: str, subject: str) -> JsonValue:
    logical: list[JsonValue] = [{"fullyQualifiedName": f"{subject}:{where}" if where else subject, "kind": "module"}]
    found = _PLACE.fullmatch(where)
    if found is None:
        return {"logicalLocations": logical}
    physical: dict[str, JsonValue] = {"artifactLocation": {"uri": _encoded(found.group("file"))}}
    if found.group("line"):
        physical["region"] = {"startLine": int(found.group("line"))}
    return {"physicalLocation": physical, "logicalLocations": logical}


def _encoded(path: str) -> str:
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), path)

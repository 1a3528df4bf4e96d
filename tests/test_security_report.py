"""The security report names what a reviewer should look at: no lock, waivers, patterns that are too wide, findings."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Grant, Policy, Probe, Settings, Severity, Shelf, ViableSystem, Waiver
from vsm_mcp.testing.servers import HOSTILE

PROBE = Probe(tool="echo", arguments={"text": "hello"}, accepts=lambda result: "hello" in result.text)


@pytest.mark.anyio
async def test_what_the_settings_leave_open_is_told(tmp_path: Path) -> None:
    waiver = Waiver(code="young", integrity="sha256:00", expires=datetime(2030, 1, 1, tzinfo=UTC))
    settings = Settings(state=tmp_path / "state", sandbox=Confinement.NONE, lock=tmp_path / "vsm.lock")
    policy = Policy(allow=("npm:*",), waivers=(waiver,))
    async with ViableSystem(settings, sources=(), policy=policy) as vsm:
        report = await vsm.security_report()
    told = {weakness.subject: weakness.severity for weakness in report.weaknesses}
    assert told["lock"] == "medium"
    messages = " ".join(weakness.message for weakness in report.weaknesses)
    assert "'young' are waived for one artefact until 2030-01-01: no reason given" in messages
    assert "npm:* lets nearly everybody in" in messages
    assert report.exit_code == 1


@pytest.mark.anyio
@pytest.mark.security
async def test_a_record_that_cannot_be_read_and_what_vetting_noted_are_told(tmp_path: Path) -> None:
    shelf = Shelf()
    program = tmp_path / "noted.py"
    program.write_text(HOSTILE.read_text() + "\nimport subprocess\n\n\ndef unused():\n    subprocess.run(['true'])\n")
    shelf.offer_file(program, summary="Says what it hears.")
    settings = Settings(state=tmp_path / "state", sandbox=Confinement.NONE, autonomy=Autonomy.AUTO)
    lenient = Policy(allow=("file:*",), refuse_at=Severity.CRITICAL)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=lenient) as vsm:
        await vsm.acquire_capability("echo", "noted", probe=PROBE)
        noted = await vsm.security_report()
        (record,) = (tmp_path / "state" / "servers").glob("*.json")
        record.write_text("{}")
        broken = await vsm.security_report()
    assert any(weakness.message.startswith("Vetting noted:") for weakness in noted.weaknesses)
    assert (broken.servers, broken.weaknesses[0].severity) == ((), "critical")


@pytest.mark.anyio
@pytest.mark.security
async def test_what_a_stranger_could_come_by_is_told(tmp_path: Path) -> None:
    secrets = {"npm:@example/*": {"FINE": "env:A"}, "npm:mcp-*": {"TOKEN": "env:A", "KEY": "env:B"}}
    settings = Settings(state=tmp_path / "state", secrets=secrets)
    grants = (
        Grant(servers="pypi:mcp-*", egress=("db.example.net:5432",), private=("db.example.net",)),
        Grant(servers="npm:@example*/x", read_only=(Path("/srv/data"),)),
        Grant(servers="npm:@example/*", egress=("www.example.net",)),
        Grant(servers="version:1.* & pypi:exact", egress=("www.example.net",)),
        Grant(servers="file:*/mine.py", egress=("www.example.net",)),
        Grant(servers="*", kept=False),
    )
    wide = ("*", "npm:?*", "* & version:1.*", "transport:stdio", "pypi:*-*")
    policy = Policy(allow=(*wide, "npm:@example/*", "source:catalogue", "memory:*", "file:*"), grants=grants)
    async with ViableSystem(settings, sources=(), policy=policy) as vsm:
        report = await vsm.security_report()
    told = [(one.subject, one.message) for one in report.weaknesses if one.severity == "high"]
    stranger = "A stranger may publish a package that"
    assert sorted(told) == [
        ("grants", f"{stranger} npm:@example*/x matches; it is granted /srv/data."),
        ("grants", f"{stranger} pypi:mcp-* matches; it is granted db.example.net:5432."),
        ("policy", f"{', '.join(wide)} lets nearly everybody in."),
        ("secrets", f"{stranger} npm:mcp-* matches; it is given KEY, TOKEN."),
    ]
    assert report.exit_code == 1

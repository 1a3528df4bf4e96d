"""What plans and reports show of servers and sources forges no line and steers no terminal."""

from vsm_mcp.acquisition.report import AcquisitionPlan, AcquisitionReport, EnforcementRecord, PlannedServer, StepRecord

HOSTILE = "bad\x1b[2J\n  -> Run: evil\u202e"
SHOWN = "bad\\x1b[2J   -> Run: evil\\u202e"


def test_a_report_shows_why_a_step_failed_on_one_line() -> None:
    report = AcquisitionReport(
        capability="count words",
        server=HOSTILE,
        package="npm:counter@1.0.0",
        digest="0" * 64,
        rung="locked",
        tools=(),
        proof="callable",
        trials=(),
        enforcement=EnforcementRecord(confiner="none", profile="none"),
        steps=(StepRecord(candidate="a", stage="verify", elapsed=1.0, failure=HOSTILE),),
        candidates=(),
        elapsed=1.0,
    )
    lines = str(report).split("\n")
    assert len(lines) == 2
    assert f"done by {SHOWN} (npm" in lines[0]
    assert lines[1].endswith(SHOWN)


def test_a_plan_shows_why_a_source_did_not_answer_on_one_line() -> None:
    server = PlannedServer(name=HOSTILE, package="npm:counter@1.0.0", accepted=False, reasons=(HOSTILE,))
    lines = str(AcquisitionPlan(wanted=HOSTILE, servers=(server,), source_errors={HOSTILE: HOSTILE})).split("\n")
    assert all(line.isprintable() for line in lines)
    assert lines[1:] == [
        f"{SHOWN} (npm:counter@1.0.0): refused",
        f"  because: {SHOWN}",
        f"Source {SHOWN} did not answer: {SHOWN}",
    ]

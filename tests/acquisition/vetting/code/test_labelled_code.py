"""Labelled sources: whole small programs, wicked and honest, written before anybody knew how they would be judged."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity

pytestmark = [pytest.mark.anyio, pytest.mark.security]

Make = Callable[..., Artefact]
LABELLED: dict[str, list[dict[str, str]]] = json.loads((Path(__file__).parent / "labelled.json").read_text())
ENDINGS = {"python": "py", "javascript": "mjs"}


async def judged(make: Make, language: str, kind: str) -> Sequence[Finding]:
    samples = LABELLED[f"{language}_{kind}"]
    files = {f"n{number}.{ENDINGS[language]}": sample["source"] for number, sample in enumerate(samples)}
    flagged: list[Finding] = []
    artefact = make({})
    for name, source in files.items():
        (artefact.root / name).write_text(source)
        findings = await CodeScan(Policy()).examine(artefact)
        flagged += [found for found in findings if found.severity >= Severity.HIGH or found.unknown][:1]
        (artefact.root / name).unlink()
    return flagged


@pytest.mark.promise("A13", "D16")
@pytest.mark.parametrize("language", ENDINGS)
async def test_nine_of_ten_wicked_programs_are_refused(make_artefact: Make, language: str) -> None:
    wicked = LABELLED[f"{language}_wicked"]
    assert len(wicked) >= 120
    assert len(await judged(make_artefact, language, "wicked")) / len(wicked) >= 0.9


@pytest.mark.parametrize("language", ENDINGS)
async def test_honest_programs_of_the_same_kinds_are_left_alone(make_artefact: Make, language: str) -> None:
    assert len(LABELLED[f"{language}_honest"]) >= 60
    assert await judged(make_artefact, language, "honest") == []

"""Labelled sources: whole small programs, wicked and honest, written before anybody knew how they would be judged."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan
from vsm_mcp.acquisition.vetting.code.flow.calls import Reading
from vsm_mcp.acquisition.vetting.code.languages.javascript_scan import read_javascript
from vsm_mcp.acquisition.vetting.code.languages.python_scan import read_python
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity

pytestmark = [pytest.mark.security]

Make = Callable[..., Artefact]
LABELLED: dict[str, list[dict[str, str]]] = json.loads((Path(__file__).parent / "labelled.json").read_text())
ENDINGS = {"python": "py", "javascript": "mjs"}
KNOWN_LATER = {"python": "\nprint(late)\nlate = 'x'\n", "javascript": "\nasked_for(late);\nvar late = 'x';\n"}
"""What asks for something that becomes known only afterwards, so that a file is read once more."""


def reading(language: str, source: str, *, steps: list[int] | None = None) -> Reading:
    def checkpoint() -> None:
        if steps is not None:
            steps.append(1)

    if language == "python":
        return read_python(source, checkpoint)
    return read_javascript(source.encode(), checkpoint)


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


@pytest.mark.anyio
@pytest.mark.promise("A13", "D16")
@pytest.mark.parametrize("language", ENDINGS)
async def test_nine_of_ten_wicked_programs_are_refused(make_artefact: Make, language: str) -> None:
    wicked = LABELLED[f"{language}_wicked"]
    assert len(wicked) >= 120
    assert len(await judged(make_artefact, language, "wicked")) / len(wicked) >= 0.9


@pytest.mark.anyio
@pytest.mark.parametrize("language", ENDINGS)
async def test_honest_programs_of_the_same_kinds_are_left_alone(make_artefact: Make, language: str) -> None:
    assert len(LABELLED[f"{language}_honest"]) >= 60
    assert await judged(make_artefact, language, "honest") == []


@pytest.mark.parametrize("language", ENDINGS)
def test_a_file_that_needs_no_second_reading_is_judged_as_one_that_gets_it(language: str) -> None:
    compared = 0
    for sample in (*LABELLED[f"{language}_wicked"], *LABELLED[f"{language}_honest"]):
        try:
            once = reading(language, sample["source"])
        except SyntaxError:
            continue
        again = reading(language, sample["source"] + KNOWN_LATER[language])
        assert (once.hits, once.variables, once.programs, once.contacts) == (
            again.hits,
            again.variables,
            again.programs,
            again.contacts,
        ), sample["source"]
        compared += 1
    assert compared >= 150


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "".join(f"def f{n}(a):\n    return open(a).read() or str(a)\n" for n in range(1000))),
        ("javascript", "".join(f"function f{n}(a) {{ return fetch(a) || String(a) }}\n" for n in range(1000))),
    ],
)
def test_a_file_is_read_once_when_nothing_becomes_known_after_it_was_asked_for(language: str, source: str) -> None:
    once: list[int] = []
    twice: list[int] = []
    first = reading(language, source, steps=once)
    assert reading(language, source + KNOWN_LATER[language], steps=twice).hits == first.hits
    assert first.hits
    assert len(once) * 1.9 < len(twice) < len(once) * 2.1


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "def f(a):\n    return h(a)\nfrom os import system as h\n"),
        ("javascript", "function f(a) { return h(a) }\nconst {execSync: h} = require('child_process')\n"),
    ],
)
def test_a_function_that_seemed_not_worth_reading_is_read_when_its_words_become_known(
    language: str, source: str
) -> None:
    assert {"python": "os.system", "javascript": "child_process.execSync"}[language] in {
        hit.what for hit in reading(language, source).hits
    }


def test_what_a_function_returns_to_itself_is_known_when_it_is_read_once_more() -> None:
    source = "import requests\ndef f():\n    if 1:\n        return exec(f())\n    return requests.get('x').text\n"
    assert "runs-downloaded-code" in {hit.code for hit in reading("python", source).hits}

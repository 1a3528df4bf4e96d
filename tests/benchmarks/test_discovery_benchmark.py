"""The benchmark of discovery runs, and the ranking is no worse than plain BM25."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("discovery.py")


def run(*words: str) -> str:
    command = [sys.executable, SCRIPT, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=True).stdout


def test_it_measures_quality_and_speed_on_a_set_that_it_makes_up() -> None:
    result = json.loads(run("--quick", "--json"))
    assert result["sets"][0]["ndcg"] > 0.9
    assert result["macro_ndcg"] >= result["macro_plain_ndcg"]
    assert 0 < result["speed"]["median_ms"] <= result["speed"]["p95_ms"]


def test_for_people_it_prints_a_line_per_set() -> None:
    assert "made-up" in run("--quick")


@pytest.mark.timeout(180)
def test_on_real_requests_it_ranks_better_than_plain_bm25(published_data: Path) -> None:
    result = json.loads(run("--json", "--data", str(published_data)))
    assert result["macro_ndcg"] > result["macro_plain_ndcg"] + 0.01

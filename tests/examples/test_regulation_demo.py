"""The regulation demo runs as a user runs it, and what it shows holds."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

DEMO = Path(__file__).parents[2] / "examples" / "regulation_demo.py"
OURS, POPULAR, RANDOM = "measured gain", "most popular", "random"


class Fared(BaseModel, extra="forbid"):
    lost_share: float
    daily: tuple[float, ...]
    held: int
    failed: int
    released: int


class Compared(BaseModel, extra="forbid"):
    seed: int
    operations: int
    policies: Mapping[str, Fared]


@dataclass(frozen=True)
class Said:
    weeks: Sequence[Compared]
    told: str


def run(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, DEMO, *words], capture_output=True, text=True, timeout=50, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def said() -> Said:
    """Two short weeks, of two seeds."""
    done = run("--quick", "--runs", "2", "--json")
    assert done.returncode == 0, done.stderr
    return Said(weeks=[Compared.model_validate(week) for week in json.loads(done.stdout)], told=done.stderr)


@pytest.mark.promise("C31")
def test_a_system_that_acquires_by_measured_gain_loses_less_demand_than_by_popularity_or_by_chance(said: Said) -> None:
    assert [week.seed for week in said.weeks] == [1, 2]
    for week in said.weeks:
        ours = week.policies[OURS].lost_share
        assert ours < week.policies[POPULAR].lost_share
        assert ours < week.policies[RANDOM].lost_share


def test_regulation_ends_the_week_with_less_lost_than_it_began_with(said: Said) -> None:
    for week in said.weeks:
        daily = week.policies[OURS].daily
        assert daily[-1] < daily[0]


def test_no_policy_gets_more_chances_than_another(said: Said) -> None:
    for week in said.weeks:
        for fared in week.policies.values():
            assert fared.held + fared.released + fared.failed <= 11
        assert week.policies[POPULAR].held + week.policies[POPULAR].failed == 11


def test_each_day_and_a_table_and_a_chart_are_told(said: Said) -> None:
    assert said.told.count("day 4: lost measured gain") == 2
    assert said.told.count("demand lost      week  day 1  day 2  day 3  day 4  held  failed  released") == 2
    for name in (OURS, POPULAR, RANDOM):
        rows = [line for line in said.told.splitlines() if line.startswith(name)]
        assert len(rows) == 4  # for each week one in the table and one in the chart
        for row, week in zip(rows[::2], said.weeks, strict=True):
            assert f" {week.policies[name].lost_share:.1%} " in row


def test_the_same_seed_gives_the_same_week(said: Said, tmp_path: Path) -> None:
    again = run("--quick", "--seed", "2", "--plot", str(tmp_path / "missing" / "week.png"))
    assert again.returncode == 0, again.stderr
    assert said.told[said.told.index("Seed 2:") :].strip() in again.stdout
    assert "No figure was written" in again.stdout  # there is no such directory, or no matplotlib


def test_days_that_make_no_sense_are_refused() -> None:
    done = run("--days", "0")
    assert done.returncode == 2
    assert "0 is less than 1" in done.stderr

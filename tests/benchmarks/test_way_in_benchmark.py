"""The benchmark of the way in runs; what it may add is stated there, here only the order of magnitude."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("way_in.py")
MOST_FACTOR, MOST_MORE_S = 5.0, 10.0
MOST_RATIO = 3.0

pytestmark = [pytest.mark.live, pytest.mark.node, pytest.mark.sandbox]


def test_the_whole_way_in_is_compared_with_its_client_alone_and_a_confined_start_with_a_plain_one() -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    ((_, measured),) = json.loads(done.stdout)["packages"].items()
    assert list(measured["steps_s"]) == ["resolve", "fetch", "vet", "install"]
    assert measured["client_s"] > 0
    assert measured["library_s"] == pytest.approx(sum(measured["steps_s"].values()), rel=0.05)
    assert measured["library_s"] < MOST_FACTOR * measured["client_s"] + MOST_MORE_S
    assert measured["plain_start_s"] > 0
    assert 0.5 < measured["ratio"] < MOST_RATIO

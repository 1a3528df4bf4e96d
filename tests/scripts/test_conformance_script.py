"""What runs the conformance suite: nothing that is required may be missing, fail, or pass by not being looked at."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SAID = """=== SUMMARY ===
✓ ping: 2 passed, 0 failed
✓ tools-list: 3 passed, 0 failed
✓ empty: 0 passed, 0 failed
✗ auth/basic: 1 passed, 1 failed
"""


@pytest.fixture
def conformance(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    return importlib.import_module("conformance")


def test_what_is_required_and_passed_is_counted(conformance: ModuleType) -> None:
    assert "all 2" in conformance.judge(SAID, frozenset({"ping", "tools-list"}))


@pytest.mark.parametrize("wanted", ["empty", "auth/basic", "absent"])
@pytest.mark.promise("B24")
def test_what_failed_was_left_out_or_looked_at_nothing_does_not_pass(conformance: ModuleType, wanted: str) -> None:
    with pytest.raises(conformance.ConformanceError, match=wanted):
        conformance.judge(SAID, frozenset({"ping", wanted}))

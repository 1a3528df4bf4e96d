"""The clock: aware, in UTC, and not going backwards here."""

from datetime import UTC

from vsm_mcp.world.clock import SystemClock


def test_the_present_moment_is_aware_and_in_utc() -> None:
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert first <= second

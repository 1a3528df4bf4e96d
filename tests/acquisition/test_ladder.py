"""A server that installs and then dies is resolved anew, a few known ways, before it is given up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vsm_mcp.acquisition.ladder import first_rung, repairs
from vsm_mcp.model.server import PackageRef, Resolution, Rung

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RELEASED = datetime(2025, 4, 25, 12, tzinfo=UTC)
OLD_SDK = ("Traceback (most recent call last):", "AttributeError: 'Server' object has no attribute 'list_resources'")


def resolution(*, ecosystem: str = "pypi", released: datetime | None = RELEASED) -> Resolution:
    package = PackageRef(ecosystem=ecosystem, name="some-server", version="1.0")
    return Resolution(package=package, integrity="", lock="", released=released, rung=Rung(before=NOW))


def test_at_first_nothing_younger_than_the_cool_down_is_used() -> None:
    assert first_rung(NOW, cool_down=timedelta(days=7)).before == NOW - timedelta(days=7)


def test_without_a_cool_down_everything_is_used() -> None:
    assert first_rung(NOW, cool_down=timedelta(0)).before is None


def test_the_first_repair_is_the_time_of_its_own_release() -> None:
    rung = next(repairs(resolution(), ()))
    assert rung.name == "as of its release on 2025-04-25"
    assert rung.before == RELEASED + timedelta(days=1)


def test_the_second_repair_follows_from_what_the_server_said_last() -> None:
    names = [rung.name for rung in repairs(resolution(), OLD_SDK)]
    assert names == ["as of its release on 2025-04-25", "with mcp<2"]


def test_a_known_constraint_keeps_the_cool_down() -> None:
    *_, last = repairs(resolution(), ("ModuleNotFoundError: No module named 'mcp.server.fastmcp'",))
    assert last.constraints == ("mcp<2",)
    assert last.before == NOW


def test_a_death_for_another_reason_has_no_known_constraint() -> None:
    assert len(list(repairs(resolution(), ("MemoryError",)))) == 1


def test_an_unknown_release_and_an_unknown_reason_leave_nothing_to_repair() -> None:
    assert not list(repairs(resolution(released=None), ()))


def test_a_server_of_npm_is_not_given_a_python_constraint() -> None:
    assert len(list(repairs(resolution(ecosystem="npm"), OLD_SDK))) == 1


def test_no_repair_reaches_later_than_the_first_try_did() -> None:
    for hours in (0, 23, 24):
        young = resolution(released=NOW - timedelta(hours=hours))
        assert [rung.name for rung in repairs(young, OLD_SDK)] == ["with mcp<2"]
    (rung,) = repairs(resolution(released=NOW - timedelta(hours=25)), ())
    assert rung.before is not None
    assert rung.before < NOW


def test_without_a_cool_down_the_time_of_its_release_is_tried_whenever_that_was() -> None:
    (rung,) = repairs(replace(resolution(released=NOW), rung=Rung()), ())
    assert rung.before == NOW + timedelta(days=1)

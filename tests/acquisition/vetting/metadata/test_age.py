"""Age: a new release has to wait."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.metadata.age import Age
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Severity
from vsm_mcp.testing.world import START, FakeClock


@pytest.mark.anyio
async def test_a_young_release_waits_and_the_remedy_says_until_when(make_artefact: Callable[..., Artefact]) -> None:
    artefact = make_artefact(released=START - timedelta(days=2))
    (found,) = await Age(Policy(), clock=FakeClock()).examine(artefact)
    assert (found.code, found.severity, found.unknown) == ("too-young", Severity.HIGH, False)
    assert "was released 2.0 days ago; the policy asks for 7 days." in found.message
    assert found.remedy == "Wait until 2026-01-06 00:00 UTC, or take an older version."


@pytest.mark.anyio
async def test_a_release_passes_at_the_very_moment(make_artefact: Callable[..., Artefact]) -> None:
    age = Age(Policy(), clock=FakeClock())
    assert await age.examine(make_artefact(released=START - timedelta(days=7))) == ()
    assert await age.examine(make_artefact(released=START - timedelta(days=7) + timedelta(seconds=1))) != ()


@pytest.mark.anyio
async def test_a_release_of_an_unknown_date_is_unknown(make_artefact: Callable[..., Artefact]) -> None:
    (found,) = await Age(Policy(), clock=FakeClock()).examine(make_artefact(released=None))
    assert (found.code, found.unknown) == ("age-unknown", True)


@pytest.mark.anyio
async def test_a_release_from_the_future_is_too_young(make_artefact: Callable[..., Artefact]) -> None:
    artefact = make_artefact(released=START + timedelta(days=400))
    (found,) = await Age(Policy(), clock=FakeClock()).examine(artefact)
    assert found.code == "too-young"


@pytest.mark.anyio
async def test_nothing_is_asked_without_a_wanted_age_or_of_local_servers(
    make_artefact: Callable[..., Artefact],
) -> None:
    free = Age(Policy(min_release_age=timedelta(0)), clock=FakeClock())
    assert await free.examine(make_artefact(released=None)) == ()
    strict = Age(Policy(), clock=FakeClock())
    assert await strict.examine(make_artefact(package="file:/srv/notes.py", released=None)) == ()


@given(st.timedeltas(min_value=timedelta(hours=1), max_value=timedelta(days=3000)))
def test_every_wanted_age_can_be_said(wanted: timedelta) -> None:
    assert Policy(min_release_age=wanted).min_release_age == wanted

"""The history of a package: who published it, whether that changed, and where its source is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.provenance.history import Release
from vsm_mcp.acquisition.vetting.provenance.publisher import judge_history, place
from vsm_mcp.model.server import PackageRef
from vsm_mcp.model.verdict import Severity

DAY = datetime(2025, 6, 1, tzinfo=UTC)
PACKAGE = PackageRef(ecosystem="npm", name="postmark", version="1.0.16")


def release(
    version: str,
    uploader: str = "",
    *,
    days: float | None = 0,
    maintainers: tuple[str, ...] = (),
    attested: bool | None = None,
    repository: str = "",
) -> Release:
    return Release(
        version=version,
        released=None if days is None else DAY + timedelta(days=days),
        uploader=uploader,
        maintainers=frozenset(maintainers),
        attested=attested,
        repository=repository,
    )


def codes(*releases: Release) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in judge_history(PACKAGE, releases)]


OLD = release("1.0.15", "ann", maintainers=("ann", "bob"))


@pytest.mark.security
def test_a_stranger_who_publishes_is_a_signal_and_a_stronger_one_after_a_long_silence() -> None:
    assert codes(OLD, release("1.0.16", "eve", days=10)) == [("publisher-new", Severity.MEDIUM)]
    (found,) = judge_history(PACKAGE, (OLD, release("1.0.16", "eve", days=400)))
    assert (found.code, found.severity) == ("publisher-new-after-silence", Severity.MEDIUM)
    assert found.message == (
        "npm:postmark@1.0.16 was published by eve, who published no earlier version; 1.0.15 came from ann, 400 days "
        "after the version before."
    )
    assert codes(OLD, release("1.0.16", "eve", days=None)) == [("publisher-new", Severity.MEDIUM)]


def test_one_who_could_publish_before_and_a_build_that_is_attested_are_mild_signals() -> None:
    assert codes(OLD, release("1.0.16", "bob", days=400)) == [("publisher-changed", Severity.LOW)]
    told = codes(OLD, release("1.0.16", "build", attested=True))
    assert told == [("publisher-changed", Severity.LOW), ("attested", Severity.INFO)]


def test_known_publishers_and_unknown_ones_say_nothing() -> None:
    assert codes(OLD, release("1.0.15b", "bob"), release("1.0.16", "ann")) == []
    assert codes(OLD, release("1.0.16")) == []
    assert codes(release("1.0.15"), release("1.0.16", "eve")) == []
    assert codes(release("1.0.16", "eve")) == []


def test_an_attestation_that_is_missing_all_at_once_is_a_signal() -> None:
    with_one, without = release("1", attested=True), release("2", attested=False)
    assert codes(with_one, without) == [("attestation-dropped", Severity.MEDIUM)]
    assert codes(without, without) == []
    assert codes(with_one, release("2")) == []


def test_a_source_that_moved_is_a_signal() -> None:
    here = release("1", repository="https://github.com/a/b")
    assert codes(here, release("2", repository="git+ssh://git@github.com/A/b.git")) == []
    assert codes(here, release("1.5"), release("2", repository="https://github.com/e/b")) == [
        ("repository-moved", Severity.LOW)
    ]


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("https://github.com/a/b", "github.com/a/b"),
        ("https://github.com/a/b/tree/main/src", "github.com/a/b"),
        ("git@github.com:a/b.git", "github.com/a/b"),
        ("gitlab:a/b", "gitlab.com/a/b"),
        ("bitbucket:a/b", "bitbucket.org/a/b"),
        ("git://example.test/a/b.git/", "example.test/a/b"),
        ("https://github.com/a", ""),
        ("a/b", ""),
        ("", ""),
    ],
)
def test_a_repository_is_the_same_however_its_address_is_written(address: str, where: str) -> None:
    assert place(address) == where


@given(st.text(max_size=60))
def test_no_address_breaks_the_comparison(address: str) -> None:
    assert place(address) == place(f" {address.upper()} ".lower())

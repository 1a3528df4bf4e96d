"""Merging: one package is one server, whoever speaks of it; only texts are put together, and it is known whose."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.memory import merging
from vsm_mcp.acquisition.discovery.memory.merging import merge, repository_of
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.model.server import Candidate, PackageRef, ToolSummary


def candidate(package: str, source: str = "one", **texts: str) -> Candidate:
    reference = PackageRef.parse(package)
    made = Candidate(name=reference.name, source=source, package=reference)
    return replace(made, **texts)


CLOCK = candidate("npm:clock", repository="https://code.test/acme/clock")


@pytest.mark.parametrize(
    "address",
    [
        "https://code.test/Acme/Clock",
        "git+https://code.test/acme/clock.git",
        "git@code.test:acme/clock.git",
        "ssh://git@code.test/acme/clock/",
        "http://code.test/acme/clock?x=1#y",
    ],
)
def test_a_repository_has_many_spellings_and_one_key(address: str) -> None:
    assert repository_of(address) == "code.test/acme/clock"


def test_parts_of_a_repository_are_repositories_of_their_own() -> None:
    assert repository_of("https://code.test/acme/all/tree/main/src/clock") == "code.test/acme/all/src/clock"
    assert repository_of("https://code.test/acme/all/-/tree/main/clock") == "code.test/acme/all/clock"
    assert repository_of("") == repository_of("https://code.test") == repository_of("http://[") == ""


@given(st.text())
def test_no_address_breaks_it(address: str) -> None:
    assert repository_of(address) == repository_of(address).lower()


def test_texts_that_are_missing_come_from_a_later_source_and_it_is_known_from_which() -> None:
    other = candidate("npm:clock", "two", title="Clock", summary="Tells time.", repository="https://evil.test/x/y")
    (known,) = merge([Listing(candidates=(CLOCK,)), Listing(candidates=(other,))]).values()
    assert (known.candidate.title, known.candidate.summary, known.candidate.source) == ("Clock", "Tells time.", "one")
    assert known.candidate.repository == CLOCK.repository
    assert known.said_by == {"title": "two", "summary": "two"}


def test_a_source_that_adds_nothing_leaves_the_server_as_it_is() -> None:
    (known,) = merge([Listing(candidates=(CLOCK, CLOCK))]).values()
    assert known.candidate is CLOCK


def test_words_about_a_repository_help_to_find_its_one_package_and_change_nothing_of_it() -> None:
    words = Description(
        name="clock",
        source="images",
        repository="git@code.test:acme/clock.git",
        title="World clock",
        summary="Converts time zones.",
        keywords=("time", "zones"),
        tools=(ToolSummary(name="convert"),),
    )
    (known,) = merge([Listing(candidates=(CLOCK,), descriptions=(words,))]).values()
    assert known.candidate is CLOCK
    document = known.document("npm:clock")
    assert (document.title, document.description, document.tools) == (words.title, words.summary, words.tools)
    assert document.category.split() == ["time", "zones"]


def test_words_about_a_repository_with_several_packages_are_about_none_of_them() -> None:
    both = (CLOCK, candidate("pypi:clock", repository=CLOCK.repository))
    words = Description(name="clock", source="images", repository=CLOCK.repository, summary="Converts time zones.")
    lost = Description(name="lost", source="images", summary="Nothing.")
    listing = Listing(candidates=both, descriptions=(words, lost))
    assert all(not known.descriptions for known in merge([listing]).values())


def test_a_source_that_describes_several_servers_of_a_repository_means_none_of_its_package() -> None:
    described = tuple(
        Description(name=name, source="images", repository=CLOCK.repository, summary=name)
        for name in ("clock", "calendar")
    )
    (known,) = merge([Listing(candidates=(CLOCK,), descriptions=described)]).values()
    assert not known.descriptions


def test_the_tools_that_a_package_itself_listed_count_instead_of_published_ones() -> None:
    published = candidate("npm:clock@1.0.0")
    learnt = Description(
        name="clock", source="learned", package=PackageRef.parse("npm:clock@2.0.0"), tools=(ToolSummary(name="now"),)
    )
    (known,) = merge([Listing(candidates=(published,), descriptions=(learnt,))]).values()
    assert [tool.name for tool in known.document("npm:clock").tools] == ["now"]
    assert merge([Listing(descriptions=(learnt,))]) == {}


@pytest.mark.security
def test_what_is_known_is_bounded_and_earlier_sources_are_not_crowded_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST_SERVERS", 3)
    flood = Listing(
        candidates=tuple(candidate(f"npm:flood-{number}", "two") for number in range(9)),
        descriptions=tuple(Description(name="x", source="two", package=CLOCK.package) for _ in range(9)),
    )
    known = merge([Listing(candidates=(CLOCK,)), flood])
    assert len(known) == 3
    assert known["npm:clock"].candidate is CLOCK
    assert len(known["npm:clock"].descriptions) == 3

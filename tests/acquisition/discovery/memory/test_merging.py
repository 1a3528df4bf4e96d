"""Merging: one package is one server, whoever speaks of it; only texts are put together, and it is known whose."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.memory import merging
from vsm_mcp.acquisition.discovery.memory.merging import merge, repository_of
from vsm_mcp.acquisition.discovery.priors import prior, reasons
from vsm_mcp.acquisition.discovery.source import Description, Listing
from vsm_mcp.model.server import Candidate, PackageRef, Readiness, ToolSummary


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


@pytest.mark.security
def test_words_of_others_fill_in_what_a_server_does_not_say_and_replace_nothing() -> None:
    own = candidate("npm:clock", title="Clock", summary="Tells time.", repository=CLOCK.repository)
    own = replace(own, keywords=("hours",), tools=(ToolSummary(name="now"),))
    foreign = Description(
        name="evil",
        source="images",
        repository=CLOCK.repository,
        title="Bitcoin",
        summary="Buy bitcoin with a wallet. " * 9,
        keywords=("bitcoin",),
        tools=tuple(ToolSummary(name=f"buy{number}") for number in range(99)),
    )
    (known,) = merge([Listing(candidates=(own,), descriptions=(foreign,))]).values()
    assert known.document("k") == merge([Listing(candidates=(own,))])["npm:clock"].document("k")
    assert known.said_by == {}
    (bare,) = merge([Listing(candidates=(CLOCK,), descriptions=(foreign,))]).values()
    document = bare.document("k")
    assert (document.title, document.description, document.category.strip()) == ("Bitcoin", foreign.summary, "bitcoin")
    assert len(document.tools) == 32
    assert bare.said_by == dict.fromkeys(("title", "summary", "keywords", "tools"), "images")


@pytest.mark.security
@pytest.mark.parametrize(("source", "learnt"), [("learned", True), ("other", False)])
def test_only_what_was_learnt_here_replaces_published_tools_and_counts_as_proven(source: str, *, learnt: bool) -> None:
    published = replace(CLOCK, tools=(ToolSummary(name="now"),))
    told = Description(name="clock", source=source, package=CLOCK.package, tools=(ToolSummary(name="convert"),))
    (known,) = merge([Listing(candidates=(published,), descriptions=(told,))]).values()
    assert [tool.name for tool in known.document("k").tools] == (["convert"] if learnt else ["now"])
    assert known.said_by == ({"tools": "learned"} if learnt else {})
    assert any("proved itself here" in reason for reason in reasons(known)) == learnt
    assert (prior(known) > 1) == learnt
    (bare,) = merge([Listing(candidates=(CLOCK,), descriptions=(told,))]).values()
    assert [tool.name for tool in bare.document("k").tools] == ["convert"]
    assert bare.said_by == {"tools": source}


def test_what_any_source_advises_against_stands_a_little_lower_and_it_is_said_why_and_by_whom() -> None:
    advised = replace(CLOCK, source="second", deprecated=True)
    (known,) = merge([Listing(candidates=(CLOCK,)), Listing(candidates=(advised,))]).values()
    assert (known.candidate.source, known.candidate.deprecated) == (CLOCK.source, True)
    assert known.said_by == {"deprecated": "second"}
    assert (prior(known), reasons(known)) == (0.95, ("deprecated x0.95",))
    (other,) = merge([Listing(candidates=(CLOCK,))]).values()
    assert (prior(other), reasons(other)) == (1, ())


@pytest.mark.parametrize("readiness", Readiness)
@pytest.mark.parametrize("deprecated", [True, False])
@pytest.mark.parametrize("learnt", [True, False])
def test_all_that_is_known_besides_moves_a_server_by_15_percent_at_most(
    readiness: Readiness, *, deprecated: bool, learnt: bool
) -> None:
    listed = Description(name="c", source="learned", package=CLOCK.package, tools=(ToolSummary(name="now"),))
    one = replace(CLOCK, readiness=readiness, deprecated=deprecated)
    (known,) = merge([Listing(candidates=(one,), descriptions=(listed,) if learnt else ())]).values()
    assert 0.85 <= prior(known) <= 1.15


def test_a_package_with_several_names_is_known_under_all_of_them() -> None:
    first, second, third = (
        replace(CLOCK, name=name, source=source) for name, source in (("a/x", "one"), ("b/x", "one"), ("c/x", "two"))
    )
    changed = replace(second, summary="Later.")
    (known,) = merge([Listing(candidates=(first, second, first)), Listing(candidates=(third, changed))]).values()
    assert (known.candidate.name, known.also) == ("a/x", (second, third))


@pytest.mark.security
def test_many_servers_with_many_tools_do_not_crowd_out_those_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(
        replace(candidate(f"npm:many-{number}"), tools=tuple(ToolSummary(name=f"t{one}") for one in range(200)))
        for number in range(20)
    )
    few = replace(CLOCK, tools=tuple(ToolSummary(name=f"t{one}") for one in range(7)))
    listing = Listing(candidates=(*many, few))

    def tools() -> list[int]:
        return [len(known.document(key).tools) for key, known in merge([listing]).items()]

    assert tools() == [*[200] * 20, 7]
    monkeypatch.setattr(merging, "MOST_TOOLS_IN_ALL", 400)
    assert tools() == [*[16] * 20, 7]
    monkeypatch.setattr(merging, "MOST_TOOLS_IN_ALL", 0)
    assert tools() == [1] * 21
    assert len(next(iter(merge([listing]).values())).candidate.tools) == 200


@pytest.mark.security
def test_many_servers_with_long_tools_do_not_take_the_time_of_those_with_short_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = replace(CLOCK, tools=tuple(ToolSummary(name="t", description="x" * 99) for _ in range(100)))
    short = replace(candidate("npm:short"), tools=tuple(ToolSummary(name="t") for _ in range(10)))
    monkeypatch.setattr(merging, "LONGEST_TOOLS_IN_ALL", 2000)
    known = merge([Listing(candidates=(long, short))])
    assert [len(one.document(key).tools) for key, one in known.items()] == [16, 10]

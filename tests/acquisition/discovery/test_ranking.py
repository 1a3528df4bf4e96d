"""Ranking: what is said by name and summary is found, repeated words do not win, and every hit says why."""

import pytest
import snowballstemmer  # pyright: ignore[reportMissingTypeStubs] - it has none
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery import ranking
from vsm_mcp.acquisition.discovery.hit import MEANING
from vsm_mcp.acquisition.discovery.index import tokens
from vsm_mcp.acquisition.discovery.index.documents import Document
from vsm_mcp.acquisition.discovery.index.expansion import Expansion
from vsm_mcp.acquisition.discovery.index.tokens import MOST_QUERY_TERMS, Tokenizer, words
from vsm_mcp.acquisition.discovery.ranking import Hit, Ranking, rank
from vsm_mcp.model.server import Candidate, PackageRef, ToolSummary

SLIDES = Document(
    key="slides",
    name="office-powerpoint-mcp-server",
    title="PowerPoint presentations",
    description="Creates and edits presentations: slides, text, tables and charts.",
    tools=(ToolSummary(name="add_slide", description="Add a slide."),),
)
TIME = Document(key="time", name="mcp-server-time", description="Tells the time and converts between time zones.")
DATABASE = Document(key="database", name="mcp-server-sqlite", description="Queries a SQLite database with SQL.")
ALL = (SLIDES, TIME, DATABASE)

SYLLABLES = ("dap", "fon", "lub", "nak", "pem", "rok", "sig", "tov", "vud", "zat")
WORDS = st.sampled_from(["slide", "time", "zone", "database", "query", "convert", "presentation", "sql"])
QUERIES = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


def keys(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.key for hit in hits]


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        ("make a presentation with power point", "slides"),
        ("PowerPoint", "slides"),
        ("converting timezones and times", "time"),
        ("query a SQLite database", "database"),
        ("please help me to add a slide", "slides"),
    ],
)
def test_what_is_wanted_finds_the_server_that_says_so(wanted: str, first: str) -> None:
    assert keys(Ranking(ALL).search(wanted))[0] == first


def test_a_hit_says_which_words_were_found_where_and_they_add_up() -> None:
    hit = Ranking(ALL).search("slides for a presentation")[0]
    fields = {one.term: one.fields for one in hit.why}
    assert fields == {
        "present": ("title", "description"),
        "slide": ("description", "toolname", "tooldesc"),
        "powerpoint": ("name", "title"),
        MEANING: (),
    }
    assert {one.term: one.wanted for one in hit.why} == {"present": "", "slide": "", "powerpoint": "slide", MEANING: ""}
    assert sum(one.score for one in hit.why) == pytest.approx(hit.score)
    assert [one.score for one in hit.why] == sorted((one.score for one in hit.why), reverse=True)
    assert str(hit.why[0]) == f"{hit.why[0].term} {hit.why[0].score:.2f} ({', '.join(hit.why[0].fields)})"


def test_a_near_word_is_found_and_counts_less_than_the_word_itself() -> None:
    cars = Document(key="cars", name="garage", description="Repairs cars.")
    vehicles = Document(key="vehicles", name="garage", description="Repairs vehicles.")
    first, second = Ranking([vehicles, cars, *ALL]).search("car")
    assert (first.key, second.key) == ("cars", "vehicles")
    assert second.score < 0.5 * first.score
    assert str(second.why[0]) == f"vehicl {second.score:.2f} (description) for car"


@pytest.mark.parametrize(
    ("wanted", "name", "texts"),
    [
        ("apple stock price", "apple", ("Fruit orchard, juice and garden.", "Finance, shares and market quotes.")),
        ("python notebook", "python", ("Reptiles, snakes and zoo animals.", "Runs code, scripts and packages.")),
        ("restaurant booking tonight", "booking", ("Hotel rooms.", "Dinner and menus.")),
    ],
)
def test_of_two_that_have_the_same_word_that_is_first_whose_other_words_mean_the_like(
    wanted: str, name: str, texts: tuple[str, str]
) -> None:
    documents = [Document(key=key, name=name, description=text) for key, text in zip("ab", texts, strict=True)]
    first, second = Ranking([*documents, *ALL], expansion=Expansion({})).search(wanted, limit=2)
    assert (first.key, second.key) == ("b", "a")
    by_words, by_meaning = ([one.score for one in hit.why if one.term == MEANING] for hit in (second, first))
    assert sum(by_words) < sum(by_meaning)


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_what_means_the_like_is_first_however_few_are_wanted_and_far_behind_by_words(limit: int) -> None:
    novels = Document(key="novels", name="book library", title="Book library", description="Novels and their authors.")
    travel = Document(key="travel", name="holiday", description="Hotels, airlines, trips and tickets; book them.")
    ranking = Ranking([novels, travel, *ALL], expansion=Expansion({}))
    hits = ranking.search("book a flight to Lisbon", limit=2)
    by_words = {hit.key: sum(one.score for one in hit.why if one.term != MEANING) for hit in hits}
    assert by_words["travel"] < 0.73 * by_words["novels"]
    assert keys(ranking.search("book a flight to Lisbon", limit=limit))[0] == "travel"


def test_what_means_something_else_loses_nothing_of_what_its_words_count() -> None:
    tool = ToolSummary(name="t", description="Weather forecast for the garden.")
    tokens = Document(key="tokens", name="Ethereum token swap on chain", tools=(tool,))
    ranking = Ranking([tokens, *ALL], expansion=Expansion({}))
    (hit,) = ranking.search("weather forecast for the garden")
    assert hit.key == "tokens"
    assert all(one.term != MEANING for one in hit.why)


def test_a_word_alone_is_found_by_itself_and_not_by_what_it_means() -> None:
    assert all(one.term != MEANING for hit in Ranking(ALL).search("slides") for one in hit.why)
    assert any(one.term == MEANING for hit in Ranking(ALL).search("time zones") for one in hit.why)


def test_what_is_put_beside_an_index_means_the_same_as_in_it() -> None:
    query = "convert between zones of time"
    beside = Ranking([SLIDES, DATABASE, TIME]).beside([TIME])
    assert [one for hit in beside.search(query, limit=1) for one in hit.why if one.term == MEANING] == [
        one for hit in Ranking(ALL).search(query, limit=1) for one in hit.why if one.term == MEANING
    ]


def test_without_near_words_only_the_words_themselves_are_found() -> None:
    vehicles = Document(key="vehicles", name="garage", description="Repairs vehicles.")
    assert keys(Ranking([vehicles]).search("car")) == ["vehicles"]
    plain = Ranking([vehicles], expansion=Expansion({}))
    assert plain.search("car") == ()
    assert plain.beside([SLIDES]).search("car") == ()


def test_nothing_is_found_where_no_word_fits() -> None:
    assert Ranking(ALL).search("zebra") == ()
    assert Ranking(ALL).search("") == ()
    assert Ranking(()).search("time") == ()


def test_chinese_is_found_by_pairs_of_characters() -> None:
    weather = Document(key="weather", name="weather", description="查询天气预报")
    assert keys(Ranking((weather, *ALL)).search("天气")) == ["weather"]
    assert Tokenizer().terms("天 abc查询x") == ["天", "查询", "abc", "x"]


@pytest.mark.security
def test_a_server_that_claims_everything_is_not_first_for_anything() -> None:
    subjects = [first + second for first in ("bar", "dom", "gup", "kel", "mot", "rin") for second in SYLLABLES]
    honest = [Document(key=one, name=f"{one}-server", description=f"Reads and writes a {one}.") for one in subjects]
    everything = " ".join(subjects)
    tools = tuple(ToolSummary(name=f"use_{one}", description=everything) for one in subjects)
    stuffed = Document(key="spam", name="best", title=everything, description=everything, tools=tools)
    ranking = Ranking((stuffed, *honest))
    assert [ranking.search(f"the {one} please")[0].key for one in subjects] == subjects


def test_more_of_one_word_counts_less_and_less() -> None:
    texts = ["slide", "slide slide", "slide slide slide slide slide slide slide slide"]
    documents = [Document(key=str(n), name="x", description=text) for n, text in enumerate(texts)]
    once, twice, often = sorted(hit.score for hit in Ranking(documents).search("slide"))
    assert once < twice < often < 2.2 * once


@given(QUERIES)
def test_hits_are_ordered_bounded_and_the_same_every_time(query: str) -> None:
    ranking = Ranking(ALL)
    hits = ranking.search(query)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
    assert ranking.search(query, limit=1) == hits[:1]
    assert Ranking(ALL, tokenizer=Tokenizer()).search(query) == hits


@given(st.text(max_size=300))
def test_any_text_can_be_a_query(query: str) -> None:
    assert len(Ranking(ALL).search(query)) <= len(ALL)


@pytest.mark.security
def test_a_huge_query_is_cut() -> None:
    tokenizer = Tokenizer()
    assert len(tokenizer.query(" ".join(f"w{n}" for n in range(10_000)))) == MOST_QUERY_TERMS
    assert len(tokenizer.terms("x" * 1_000_000)) == 1


def test_words_are_split_stemmed_and_stripped_of_stop_words() -> None:
    assert Tokenizer().terms("Please SHOW the getHTTPResponse of list_tables") == [
        *("http", "respons", "gethttprespons"),
        *("list", "tabl"),
    ]


ENDINGS = """
a able al alism ality ally ance ant ate ation ative ator bility ed eed eedly ement ence ency ent er ess ful fully
fulness ible ic ical icate ied ies ing ingly ion ise ism iti ity ive iveness ization ize izer less lessly ll ly ment
ness o ogist ogy ous ously s sses st th tional us w y
"""


@given(st.text("abcdeghilmnorstuvwxyz\u00e9", max_size=9), st.sampled_from(ENDINGS.split()))
def test_every_word_is_cut_to_the_stem_that_the_stemmer_gives_it(start: str, ending: str) -> None:
    stemmer = snowballstemmer.stemmer("english")  # pyright: ignore[reportUnknownMemberType] - untyped
    word = f"zz{start}{ending}"
    assert Tokenizer().terms(word) == [stemmer.stemWord(word)]  # pyright: ignore[reportUnknownMemberType] - the same


def test_what_is_remembered_of_words_changes_nothing_and_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Connections connect getHTTPResponse, connected: 天气 the2 getHTTPResponse the connections"
    once = Tokenizer().terms(text)
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 2)
    tokenizer = Tokenizer()
    assert tokenizer.terms(text) == tokenizer.terms(text) == once
    assert repr(tokenizer) in {"Tokenizer(stems=1)", "Tokenizer(stems=2)"}


def test_the_words_of_a_text_are_as_written_but_for_case_and_humps() -> None:
    assert list(words("Lists getHTTPResponse_codes!")) == ["lists", "get", "http", "response", "codes"]


def test_plain_rows_can_be_ranked_for_measuring() -> None:
    rows = [
        {"id": "a", "name": "drinks", "params": [["sugar", "How sweet."], "broken", ["one"]]},
        {"id": "b", "name": "weather", "tools": [{"name": "forecast", "description": "Rain and sun."}]},
    ]
    assert [keys(hits) for hits in rank(rows, ["less sugar", "will it rain"])] == [["a"], ["b"]]
    assert keys(rank(ALL, ["time"], limit=1)[0]) == ["time"]


def test_the_key_of_a_row_is_returned_letter_by_letter() -> None:
    odd = "A\u0308 |  two spaces\u200b"
    assert keys(rank([{"id": odd, "name": "clock"}], ["clock"])[0]) == [odd]


def test_arguments_of_tools_are_found_too() -> None:
    tool = {"name": "order", "description": "Orders.", "params": [["sweetness", "How sweet."]]}
    assert keys(rank([{"id": "a", "name": "bar", "tools": [tool]}], ["sweetness"])[0]) == ["a"]


def test_a_candidate_is_found_by_its_package_its_names_and_its_keywords() -> None:
    candidate = Candidate(
        name="io.github.acme/clock",
        source="test",
        package=PackageRef(ecosystem="npm", name="@acme/zones"),
        keywords=("calendar",),
    )
    ranking = Ranking([Document.of(candidate, "one")])
    assert all(ranking.search(word) for word in ("clock", "zones", "acme", "calendar"))
    file = Candidate(name="clock", source="shelf", package=PackageRef(ecosystem="file", name="/secret/place.py"))
    assert not Ranking([Document.of(file, "one")]).search("secret")


def test_what_it_holds_can_be_seen() -> None:
    tokenizer = Tokenizer()
    ranking = Ranking(ALL, tokenizer=tokenizer)
    assert len(ranking) == 3
    assert repr(ranking) == "Ranking(documents=3)"
    assert repr(tokenizer) != "Tokenizer(stems=0)"


@pytest.mark.security
def test_thousands_of_servers_of_one_word_each_do_not_hide_the_one_that_has_all_words() -> None:
    wanted = Document(
        key="z", name="zone-clock", description="Convert moments between time zones, with daylight saving."
    )
    junk = [
        Document(key=f"{word}{number}", name=f"{word}-{word}-{number}", description=word)
        for word in ("convert", "time", "zones")
        for number in range(2100)
    ]
    assert keys(Ranking([wanted, *junk]).search("convert time zones"))[0] == "z"


@pytest.mark.security
def test_of_words_that_are_in_very_many_servers_the_rarest_find_and_the_others_only_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus = [Document(key=f"{number:03}", name=f"time {'zone' * (number % 3 == 0)} n{number}") for number in range(90)]
    corpus.append(Document(key="z", name="saving time zone"))
    found = Ranking(corpus)
    whole = found.search("time zone saving", limit=200)
    assert len(whole) == 91
    monkeypatch.setattr(ranking, "MOST_ENTRIES", 40)
    some = found.search("time zone saving", limit=200)
    assert (some[0].key, some[0].why) == ("z", whole[0].why)
    assert {hit.key for hit in some} == {"z", *(f"{number:03}" for number in range(0, 90, 3))}
    assert [hit.score for hit in some] == pytest.approx([hit.score for hit in whole[:31]])
    monkeypatch.setattr(ranking, "MOST_COMPLETED", 5)
    assert keys(found.search("time zone saving", limit=200)) == keys(some)[:5]
    monkeypatch.setattr(ranking, "MOST_ENTRIES", 0)
    assert keys(found.search("time zone saving", limit=200)) == ["z"]


@pytest.mark.security
def test_words_with_digits_and_very_long_ones_are_taken_as_they_are() -> None:
    tokenizer = Tokenizer()
    long = "connectednesses" * 2
    assert tokenizer.terms(f"a1b2s {long} connections") == ["a1b2s", long, "connect"]
    assert repr(tokenizer) == "Tokenizer(stems=1)"

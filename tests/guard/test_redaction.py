"""Secrets that a server was given do not come back out of it, do not reach others, and are not shown."""

import base64
import json
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.errors import StartError, ToolError, ZoneError
from vsm_mcp.events import CallRefused
from vsm_mcp.guard.redacting.redactor import DEEPEST, MOST_VALUES, Redactor
from vsm_mcp.guard.redacting.shapes import HIDDEN, names_secret
from vsm_mcp.guard.redaction import GivenSecrets, Leaving, Redaction, RedactionOptions
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonValue
from vsm_mcp.testing.world import RecordingSink

HELD = "correct horse/battery+staple"
OTHER = "another-horse-in-the-stable"
QUOTED = 'h\u00f6lzern "horse" \\ stable'
LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7"


class Server:
    def __init__(self, answer: ToolResult | Exception) -> None:
        self.answer = answer
        self.calls = 0

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def given_to(options: RedactionOptions | None = None, **secrets: str) -> GivenSecrets:
    known = GivenSecrets(options)
    for server, secret in secrets.items():
        known.give(server, [secret, "abc"])
    return known


def ask(server: str = "mail", **arguments: JsonValue) -> ToolCall:
    return ToolCall(server=server, tool="send", arguments=arguments)


@pytest.mark.anyio
async def test_a_server_does_not_hand_out_what_it_was_given() -> None:
    answer = ToolResult(
        text=f"my key is {HELD}.",
        structured={"env": [{"KEY": HELD}, 5, None, True]},
        content=({"type": "text", "text": f"my key is {HELD}."},),
        is_error=True,
    )
    result = await Redaction(Server(answer), given_to(mail=HELD)).call(ask())
    assert result.text == f"my key is {HIDDEN}."
    assert result.structured == {"env": [{"KEY": HIDDEN}, 5, None, True]}
    assert result.content == ({"type": "text", "text": f"my key is {HIDDEN}."},)
    assert result.is_error


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        ToolResult(text="all is well"),
        ToolResult(text="all is well", content=({"type": "text", "text": "all is well"},)),
        ToolResult(text="a", structured={"a": [1, "b"]}, content=({"type": "image", "data": "aGVsbG8="},)),
    ],
)
async def test_a_result_without_secrets_is_handed_on_as_it_is(answer: ToolResult) -> None:
    for known in (given_to(mail=HELD), given_to(), given_to(other=HELD)):
        assert await Redaction(Server(answer), known).call(ask()) is answer


@pytest.mark.anyio
async def test_errors_do_not_quote_secrets_and_keep_their_kind() -> None:
    error = ToolError(f"{HELD} is wrong.", remedies=(f"Do not use {HELD}.",))
    with pytest.raises(ToolError, match=r"^\[hidden\] is wrong\.") as caught:
        await Redaction(Server(error), given_to(mail=HELD)).call(ask())
    assert HELD not in str(caught.value) + repr(caught.value)
    error.__cause__ = ValueError(f"{HELD} is what it was given.")
    with pytest.raises(ToolError) as caught:
        await Redaction(Server(error), given_to(mail=HELD)).call(ask())
    assert HELD not in "".join(traceback.format_exception(caught.value))
    start = StartError("It ended.", stderr=(f"bad key {HELD}",))
    start.__cause__ = harmless = ValueError("There is no such host.")
    with pytest.raises(StartError) as broken:
        await Redaction(Server(start), given_to(mail=HELD)).call(ask())
    assert HELD not in "".join(traceback.format_exception(broken.value))
    assert broken.value.__cause__ is harmless
    options = RedactionOptions(errors=False, results=False)
    with pytest.raises(ToolError, match="plain"):
        await Redaction(Server(ToolError("plain")), given_to(mail=HELD), options).call(ask())
    shown = await Redaction(Server(ToolResult(text=HELD)), given_to(mail=HELD), options).call(ask())
    assert shown.text == HELD


@pytest.mark.anyio
@pytest.mark.parametrize("extra", [0, 2**70, "\ud800"])
async def test_the_secret_of_one_server_does_not_reach_another(extra: int) -> None:
    server, sink = Server(ToolResult(text="sent")), RecordingSink()
    known = given_to(mail=HELD, bank=OTHER, post=QUOTED)
    guarded = Redaction(server, known, emit=sink)
    with pytest.raises(ZoneError, match="hold a secret that another server was given") as caught:
        await guarded.call(ask(body=[{"deep": f"see: {OTHER}"}], extra=extra))
    assert OTHER not in str(caught.value)
    assert [(event.guard, event.tool) for event in sink.of(CallRefused)] == [("redaction", "send")]
    with pytest.raises(ZoneError):
        await guarded.call(ask(body=f"see: {QUOTED}", extra=extra))
    assert server.calls == 0
    await guarded.call(ask(body=HELD, extra=extra))
    known.forget("bank")
    known.forget("bank")
    await guarded.call(ask(body=OTHER))
    allowed = Redaction(server, given_to(bank=OTHER), RedactionOptions(leaving=Leaving.ALLOW))
    await allowed.call(ask(body=OTHER))
    assert server.calls == 3


@pytest.mark.anyio
async def test_what_only_looks_like_a_secret_is_hidden_in_results_when_that_is_wanted() -> None:
    token = "ghp" + "_" + LETTERS + LETTERS
    answer = ToolResult(text=f"made {token}", content=({"type": "text", "text": "x", "password": "y"},))
    options = RedactionOptions(guess=True)
    for known in (given_to(options), given_to(options, mail=HELD)):
        result = await Redaction(Server(answer), known, options).call(ask())
        assert result.text == f"made {HIDDEN}"
        assert result.content[0]["password"] == HIDDEN
    plain = await Redaction(Server(answer), given_to(mail=HELD)).call(ask())
    assert plain is answer


def test_secrets_that_are_replaced_stay_hidden_because_another_process_may_still_know_them() -> None:
    known = given_to(mail=HELD)
    known.give("mail", [])  # one of the same name is tried out, and is given nothing
    known.give("mail", [OTHER])
    redactor = known.of("mail")
    assert redactor is not None
    assert (redactor.text(HELD), redactor.text(OTHER)) == (HIDDEN, HIDDEN)
    known.give("mail", [HELD])
    assert known.of("mail") is redactor
    for number in range(100):
        known.give("mail", [f"{OTHER}-{number:03}"])
    newest = known.of("mail")
    assert newest is not None
    assert (newest.text(HELD), newest.text(f"{OTHER}-099")) == (HELD, HIDDEN)


def test_secrets_are_not_shown_and_are_forgotten_when_a_server_is_let_go() -> None:
    known = given_to(mail=OTHER)
    assert known.everything.text(f"{OTHER}, password=abcdef") == f"{HIDDEN}, password={HIDDEN}"
    assert known.everything is known.everything
    known.forget("mail")
    assert known.of("mail") is None
    known.give("mail", [])
    assert known.of("mail") is None
    assert OTHER not in repr(known) + repr(Redaction(Server(ToolResult(text="")), known))


@pytest.mark.parametrize(
    "written",
    [
        HELD,
        quote(HELD),
        quote(HELD, safe=""),
        HELD.encode().hex(),
        base64.b64encode(HELD.encode()).decode(),
        base64.b64encode(b"user:" + HELD.encode()).decode(),
        json.dumps({"k": 'quote " and ' + HELD})[-40:],
    ],
)
def test_a_secret_is_found_in_whatever_way_it_is_written(written: str) -> None:
    redactor = Redactor([HELD])
    assert redactor.finds(f"<{written}>")
    assert HIDDEN in redactor.text(f"<{written}>")
    assert bool(redactor)
    assert not Redactor(["abc"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(f"x{HELD}y"),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.just(HELD), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
@settings(max_examples=40)
def test_no_value_keeps_a_secret_and_one_without_stays_the_same(value: JsonValue) -> None:
    told = Redactor([HELD]).value(value)
    assert HELD not in json.dumps(told)
    if HELD not in json.dumps(value):
        assert told is value


def test_a_number_that_is_a_secret_is_hidden_and_others_are_not() -> None:
    assert Redactor(["739214"]).value({"pin": 739214, "count": 7}) == {"pin": HIDDEN, "count": 7}


def test_what_is_too_deep_or_too_much_is_hidden_without_being_looked_at() -> None:
    deep: JsonValue = "harmless"
    for _ in range(DEEPEST + 5):
        deep = [deep]
    told = json.dumps(Redactor([HELD]).value(deep))
    assert HIDDEN in told
    assert "harmless" not in told
    assert Redactor([HELD]).value([0] * (MOST_VALUES + 1)) == HIDDEN


TOKENS = {
    "a forge": "gh" + "p_" + LETTERS + LETTERS[:9],
    "a forge, finely grained": "github" + "_pat_" + LETTERS,
    "another forge": "gl" + "pat-" + LETTERS[:20],
    "a chat": "xo" + "xb-" + "1234567890-" + LETTERS,
    "a cloud": "AK" + "IA" + "Q7" * 8,
    "another cloud": "AI" + "za" + LETTERS + LETTERS[:8],
    "a model": "s" + "k-" + LETTERS,
    "a bank": "s" + "k_live_" + LETTERS,
    "a package index": "np" + "m_" + LETTERS + LETTERS[:9],
    "a signed claim": "ey" + "J" + LETTERS + ".ey" + "J" + LETTERS + "." + LETTERS,
    "a bot": "123456789" + ":A" + "A" + LETTERS + "abcdef",
}


@pytest.mark.parametrize("what", TOKENS)
def test_tokens_are_known_by_their_shape(what: str) -> None:
    redactor = Redactor(guess=True)
    assert redactor.text(f"use {TOKENS[what]}, please") == f"use {HIDDEN}, please"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://ann:hunter2@db.example/x", f"https://{HIDDEN}@db.example/x"),
        ("postgres://ann:p@ss@db.example:5432/x", f"postgres://{HIDDEN}@db.example:5432/x"),
        ("https://a.example/?q=1&api_key=abcdef&page=2", f"https://a.example/?q=1&api_key={HIDDEN}&page=2"),
        ("Authorization: Bearer abcdefghijkl", f"Authorization: {HIDDEN}"),
        ("sent Bearer abcdefghijklmnop to it", f"sent Bearer {HIDDEN} to it"),
        ('{"clientSecret": "abcdef", "n": 1}', f'{{"clientSecret": "{HIDDEN}", "n": 1}}'),
        ("DB_PASSWORD=abcdef ./run", f"DB_PASSWORD={HIDDEN} ./run"),
        ("-" * 5 + "BEGIN PRIVATE KEY" + "-" * 5 + "\nabc\n" + "-" * 5 + "END PRIVATE KEY" + "-" * 5, HIDDEN),
        ("https://a.example/page?next_token=7&user=ann", "https://a.example/page?next_token=7&user=ann"),
        (
            "the time is 12:30, tokens: 7 of 9, mail ann@b.example",
            "the time is 12:30, tokens: 7 of 9, mail ann@b.example",
        ),
    ],
)
def test_addresses_headers_and_settings_are_shown_without_what_they_keep(text: str, told: str) -> None:
    assert Redactor(guess=True).text(text) == told


def test_a_command_line_is_shown_without_what_follows_the_name_of_a_secret() -> None:
    words = ("run", "--token", "abc", "--api-key=abc", "--verbose", "-v", "--password", "--next", f"x{HELD}")
    told = Redactor([HELD], guess=True).words(words)
    assert told == (
        "run",
        "--token",
        HIDDEN,
        f"--api-key={HIDDEN}",
        "--verbose",
        "-v",
        "--password",
        "--next",
        f"x{HIDDEN}",
    )
    assert Redactor([HELD]).words(("--token", "abc")) == ("--token", "abc")


def test_values_are_hidden_by_the_name_beside_them_except_flags_and_nothing() -> None:
    value: JsonValue = {"password": "x", "auth": {"a": 1}, "apiKey": 7, "secret": None, "token": False, "user": "ann"}
    told = {"password": HIDDEN, "auth": HIDDEN, "apiKey": HIDDEN, "secret": None, "token": False, "user": "ann"}
    assert Redactor(guess=True).value(value) == told


@pytest.mark.parametrize(
    "name", ["max_tokens", "token_count", "nextToken", "page_token", "keyboard", "", "__", "author"]
)
def test_harmless_names_are_no_secrets(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a", "-", "a:", "=", "eyJ", "A", "https://", "x@", "a" * 64 + "=", "'", "Bearer "])
def test_no_text_makes_it_slow(piece: str) -> None:
    text = (piece * (200_000 // len(piece)))[:200_000]
    assert isinstance(Redactor([HELD], guess=True).text(text), str)


def test_each_line_of_a_long_secret_is_found_alone() -> None:
    lines = "first-line-of-it\nsecond-line-of-it\nx"
    assert Redactor([lines]).text("it is second-line-of-it x") == f"it is {HIDDEN} x"


def test_who_asks_for_many_unknown_servers_does_not_fill_the_memory() -> None:
    known = given_to(mail=HELD)
    for number in range(10_050):
        assert known.foreign_to(f"server-{number}")
    assert len(known._foreign) <= 10_000  # pyright: ignore[reportPrivateUsage]

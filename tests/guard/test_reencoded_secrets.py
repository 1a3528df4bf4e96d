"""A secret is found in whatever usual way it is written: turned round, in other letters, escaped, once or twice."""

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import ZoneError
from vsm_mcp.guard.redacting.redactor import Redactor
from vsm_mcp.guard.redacting.shapes import HIDDEN
from vsm_mcp.guard.redacting.writing import LONGEST_UNESCAPED, readings
from vsm_mcp.guard.redaction import GivenSecrets, Redaction
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.json import JsonValue

HELD = 'cörrect "horse"/battery+staple & <co>'
PLAIN = "correct-horse-battery-staple"

Writes = Callable[[str], str]

WAYS: dict[str, Writes] = {
    "as it is": str,
    "backwards": lambda secret: secret[::-1],
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 within more": lambda secret: base64.b64encode(f"user:{secret}!".encode()).decode(),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base32": lambda secret: base64.b32encode(secret.encode()).decode(),
    "base32, small, within more": lambda secret: base64.b32encode(f"abc{secret}de".encode()).decode().lower(),
    "hex": lambda secret: secret.encode().hex(),
    "hex, large": lambda secret: secret.encode().hex().upper(),
    "hex with colons": lambda secret: secret.encode().hex(":"),
    "hex with spaces": lambda secret: secret.encode().hex(" ").upper(),
    "in an address": lambda secret: quote(secret, safe=""),
    "in an address, small": lambda secret: quote(secret, safe="").lower() if secret.islower() else quote(secret),
    "every byte for an address": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "twice for an address": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret))[1:-1],
    "JSON with escaped strokes": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "every letter escaped": lambda secret: "".join(f"\\u{ord(letter):04x}" for letter in secret),
    "some letters escaped": lambda secret: "".join(
        f"\\u{ord(letter):04X}" if place % 3 == 0 else json.dumps(letter)[1:-1] for place, letter in enumerate(secret)
    ),
    "HTML": html.escape,
    "HTML in numbers": lambda secret: "".join(f"&#{ord(letter)};" for letter in secret),
    "HTML in hex": lambda secret: "".join(f"&#x{ord(letter):x};" for letter in secret),
}


class Server:
    def __init__(self, text: str = "") -> None:
        self.text = text
        self.calls = 0

    async def call(self, call: ToolCall, /) -> ToolResult:
        self.calls += 1
        return ToolResult(text=self.text, structured={"said": [self.text]})


def known() -> GivenSecrets:
    given = GivenSecrets()
    given.give("mail", (HELD, PLAIN))
    return given


@pytest.mark.anyio
@pytest.mark.promise("E38")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [HELD, PLAIN])
async def test_it_does_not_come_back_in_any_usual_writing(way: str, secret: str) -> None:
    written = WAYS[way](secret)
    result = await Redaction(Server(f"it is {written}, as said"), known()).call(ToolCall(server="mail", tool="read"))
    for told in (result.text, json.dumps(result.structured)):
        assert HIDDEN in told
        assert written not in told
        assert all(secret not in reading for reading in readings(told))


@pytest.mark.anyio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [HELD, PLAIN])
async def test_it_does_not_reach_another_server_in_any_usual_writing(way: str, secret: str) -> None:
    server = Server()
    guard = Redaction(server, known())
    for arguments in ({"to": f"x{WAYS[way](secret)}x"}, {"deep": [{WAYS[way](secret): 1}]}):
        shown: dict[str, JsonValue] = dict(arguments)
        with pytest.raises(ZoneError):
            await guard.call(ToolCall(server="web", tool="send", arguments=shown))
        await guard.call(ToolCall(server="mail", tool="send", arguments=shown))
    assert server.calls == 2


def test_what_holds_no_secret_stays_the_same_object_escaped_or_not() -> None:
    redactor = Redactor((PLAIN,))
    for text in ("100 %25 of A and B", "\\u0041 &amp; \\x", "%zz &; \\", "plain"):
        assert redactor.text(text) is text
    assert redactor.text("%41 " * 400_000 + PLAIN).endswith(HIDDEN)
    long = "%41" * LONGEST_UNESCAPED
    assert list(readings(long)) == [long]


def test_a_text_is_read_only_where_a_secret_is_escaped_in_it() -> None:
    redactor = Redactor((PLAIN,))
    assert redactor.text(f"100%25 {PLAIN}") == f"100%25 {HIDDEN}"
    assert redactor.text(f"100%25 %63{PLAIN[1:]}") == f"100% {HIDDEN}"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["%41", "\\u0041", "\\", "&", "&#", "&#x4", "%", "\\u00", "%4", "\\ud800"])
def test_no_escapes_make_it_slow_or_fail(piece: str) -> None:
    text = (piece * (LONGEST_UNESCAPED // len(piece)))[:LONGEST_UNESCAPED]
    assert isinstance(Redactor((PLAIN,)).text(text), str)


@given(st.text(alphabet=st.sampled_from("%\\u0041&#x;a;\"'/d83"), max_size=80))
def test_any_escapes_can_be_read(text: str) -> None:
    found = list(readings(text))
    assert found[0] is text
    assert len(found) <= 3
    redactor = Redactor((PLAIN,))
    assert redactor.text(text) is text


def test_secrets_of_servers_that_are_let_go_are_forgotten() -> None:
    given = known()
    assert given.foreign_to("web")
    given.forget("mail")
    assert given.foreign_to("web") == ()
    assert given._finders == {}  # pyright: ignore[reportPrivateUsage]

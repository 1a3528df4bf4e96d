"""A server that lacks settings is told apart from a broken one, by what real servers of both kinds say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.model.call import ToolResult
from vsm_mcp.model.json import JsonValue
from vsm_mcp.servers.diagnosis import LONGEST_LINE, complaint_of, lacks_settings, needs_configuration

LACKING = {
    "HELPSCOUT_APP_ID and HELPSCOUT_APP_SECRET are required": ("HELPSCOUT_APP_ID", "HELPSCOUT_APP_SECRET"),
    "Error: BRAVE_API_KEY environment variable is required": ("BRAVE_API_KEY",),
    "KeyError: 'SLACK_BOT_TOKEN'": ("SLACK_BOT_TOKEN",),
    "Please set GITHUB_PERSONAL_ACCESS_TOKEN": ("GITHUB_PERSONAL_ACCESS_TOKEN",),
    "Missing API key": (),
    "Authentication failed: invalid API token": (),
    "WordPress connection failed during initialization": (),
    "ValueError: No credentials found, set NOTION_TOKEN": ("NOTION_TOKEN",),
    "request failed with status 401 Unauthorized": (),
    "The API key must be provided": (),
}
BROKEN = [
    "AttributeError: 'Server' object has no attribute 'list_resources'",
    "ModuleNotFoundError: No module named 'mcp.server.fastmcp'",
    "SyntaxError: Unexpected token 'export'",
    "SyntaxError: Invalid or unexpected token",
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod' imported from /pkg/index.js",
    "  code: 'MODULE_NOT_FOUND', requireStack: []",
    "error while loading shared libraries: libssl.so.1.1: cannot open shared object file",
    "TypeError: Cannot read properties of undefined (reading 'token')",
    "Connection closed",
    "Traceback (most recent call last):",
    "KeyError: 'token'",
    "",
]


@pytest.mark.parametrize("line", LACKING)
def test_a_server_that_asks_for_settings_needs_configuration(line: str) -> None:
    error = needs_configuration("example/server", ["starting ...", line])
    assert error is not None
    assert error.names == LACKING[line]
    assert line[:100] in error.message
    assert all(form in error.remedies[0] for form in ("'npm:NAME'", "'pypi:NAME'", "'file:PATH'"))


@pytest.mark.parametrize("line", BROKEN)
def test_a_server_that_is_broken_does_not(line: str) -> None:
    assert needs_configuration("example/server", [line]) is None


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    error = needs_configuration("example/server", [text])
    assert (error is not None) == any(lacks_settings(line) for line in text.splitlines())


def test_endless_lines_and_endlessly_many_cost_little() -> None:
    assert not lacks_settings("x" * LONGEST_LINE + " API key is required" * 100_000)
    assert needs_configuration("example/server", ["API key is required\n" + "nothing\n" * 1000]) is None


COMPLAINTS = [
    "Error: the database is away",
    "[ERROR] the database is away",
    "Exception - the database is away",
    "ValueError: no such thing",
    "java.lang.IllegalStateException: closed",
    "requests.exceptions.ConnectionError: refused",
    "❌ Unauthorized",
    "401 Unauthorized",
    "HTTP 503 Service Unavailable",
    "Status: 403 Forbidden",
    "Access denied",
    "Internal Server Error",
    "Working ...\nTraceback (most recent call last):\n  File 'x'",
    "Missing API key",
    "Please set DEMO_API_KEY\nand call again",
    '{"success": false}',
    '{"ok": false, "message": "the database is away"}',
    '{"status": "error"}',
    '{"status": "Failed", "detail": "away"}',
    '{"errors": ["away"]}',
    '{"result": {"succeeded": false}}',
]
WELL = [
    "fine",
    "403",
    "500 files",
    "Error codes are listed below.",
    "Errors: 0",
    "failure-mode analysis",
    "forbiddenlove",
    '{"success": true, "errors": []}',
    '{"status": "ok"}',
    '{"status": 7}',
    '{"errors": null}',
    '{"ok": "false"',
    "[1, 2]",
    "A long text about how to set your API key. " * 40,
]


@pytest.mark.parametrize("text", COMPLAINTS)
def test_content_that_tells_of_a_failure_is_a_complaint(text: str) -> None:
    assert complaint_of(ToolResult(text=text))


@pytest.mark.parametrize("text", WELL)
def test_content_that_only_mentions_failures_is_none(text: str) -> None:
    assert complaint_of(ToolResult(text=text)) is None


@pytest.mark.parametrize(
    ("result", "complains"),
    [
        (ToolResult(text=""), True),
        (ToolResult(text=" \n", content=({"type": "text", "text": " "},)), True),
        (ToolResult(text="", content=({"type": "image", "data": ""},)), False),
        (ToolResult(text="", structured=[]), False),
        (ToolResult(text="", structured={"result": []}), False),
        (ToolResult(text="", structured={"result": {"success": False, "reason": "away"}}), True),
        (ToolResult(text="fine", is_error=True), True),
    ],
)
def test_an_answer_with_nothing_in_it_is_a_complaint(result: ToolResult, *, complains: bool) -> None:
    assert bool(complaint_of(result)) is complains


def test_what_a_complaint_says_is_kept_short() -> None:
    said = complaint_of(ToolResult(text="", structured={"success": False, "message": "x" * 10_000}))
    assert said is not None
    assert len(said) < 1000
    assert "success" in said


def test_very_large_or_very_deep_answers_cost_little() -> None:
    assert complaint_of(ToolResult(text='{"a":' * 20_000)) is None
    assert complaint_of(ToolResult(text="{" + " " * 5_000_000)) is None


JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "errors", "ok"]), inner),
    max_leaves=8,
)


@given(text=st.text(max_size=50), structured=JSON)
def test_any_answer_is_judged(text: str, structured: JsonValue) -> None:
    complaint = complaint_of(ToolResult(text=text, structured=structured))
    assert complaint is None or complaint

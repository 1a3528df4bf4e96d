"""A server that lacks settings is told apart from a broken one, by what real servers of both kinds say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.servers.diagnosis import LONGEST_LINE, lacks_settings, needs_configuration

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
    assert error.remedies


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

"""A launch that could not be reached, or not safely, cannot be made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.launch import HttpLaunch, TcpLaunch, WebSocketLaunch, address_of


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/mcp", "its scheme is 'ftp'"),
        ("https://user:s3cr@example.org/mcp", "holds a user or a password"),
        ("https://token@example.org/mcp", "holds a user or a password"),
        ("https://example.org/mcp#part", "has a fragment"),
        ("https://example.org:0/mcp", "its port is 0"),
        ("https://example.org:99999/mcp", "cannot be used"),
        ("https://exa mple.org/mcp", "without spaces"),
        ("https://ex\u00e4mple.org/mcp", "ASCII"),
        ("https://example.org/" + "x" * 2048, "1 to 2048"),
        ("https:///mcp", "not the name of a host"),
        ("https://-a.org/mcp", "not the name of a host"),
        ("https://1.2.3/mcp", "not an address"),
        ("https://[::1/mcp", "cannot be used"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_shown(url: str, said: str) -> None:
    with pytest.raises(PayloadError, match=said) as caught:
        HttpLaunch(url=url)
    assert caught.value.remedies
    assert "s3cr" not in str(caught.value)
    assert "token@" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Authorization": "Bearer abc"}, "by reference"),
        ({"Authorization": "env:"}, "by reference"),
        ({"Host": "env:NAME"}, "cannot be given"),
        ({"mcp-session-id": "env:NAME"}, "cannot be given"),
        ({"a b": "env:NAME"}, "cannot be given"),
        ({f"x-{number}": "env:NAME" for number in range(33)}, "more than the 32"),
    ],
)
def test_a_header_that_is_ours_or_holds_its_value_is_refused(headers: dict[str, str], said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        HttpLaunch(url="https://example.org/mcp", headers=headers)


def test_secrets_never_travel_unencrypted_but_within_this_machine() -> None:
    headers = {"Authorization": "env:TOKEN"}
    with pytest.raises(PayloadError, match="unencrypted"):
        HttpLaunch(url="http://example.org/mcp", headers=headers)
    with pytest.raises(PayloadError, match="unencrypted"):
        WebSocketLaunch(url="ws://10.0.0.1/mcp", headers=headers)
    assert HttpLaunch(url="http://127.0.0.1:1/mcp", headers=headers).port == 1
    assert HttpLaunch(url="http://localhost/mcp", headers=headers).port == 80
    assert WebSocketLaunch(url="wss://example.org/mcp", headers={"X-Key": "file:/run/key"}).port == 443


@pytest.mark.parametrize(("host", "port"), [("", 1), ("a b", 1), ("a", 0), ("a", 65536), ("::g", 1), ("a\n", 1)])
def test_a_host_or_port_that_is_none_is_refused(host: str, port: int) -> None:
    with pytest.raises(PayloadError):
        TcpLaunch(host=host, port=port)


def test_a_launch_says_where_it_leads_without_what_may_be_secret() -> None:
    assert address_of(HttpLaunch(url="https://example.org:8443/mcp?key=1")) == "https://example.org:8443/mcp"
    assert address_of(WebSocketLaunch(url="wss://example.org/")) == "wss://example.org/"
    assert address_of(TcpLaunch(host="::1", port=7)) == "tcp://[::1]:7"
    assert address_of(TcpLaunch(host="example.org", port=7)) == "tcp://example.org:7"
    assert HttpLaunch(url="https://[::1]:8/x").host == "::1"
    assert WebSocketLaunch(url="ws://Example.org/").host == "example.org"


@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        launch = HttpLaunch(url=text)
    except PayloadError:
        return
    assert launch.host
    assert 0 < launch.port < 65536


def test_a_launch_is_a_value_of_its_kind_with_an_address_and_headers_and_nothing_else() -> None:
    headers = {"Authorization": "env:TOKEN"}
    http = HttpLaunch(url="https://example.org/mcp", headers=headers)
    websocket = WebSocketLaunch(url="wss://example.org:8443/mcp", headers=headers)
    assert http == HttpLaunch(url="https://example.org/mcp", headers=headers) != websocket
    shown = "HttpLaunch(url='https://example.org/mcp', headers={'Authorization': 'env:TOKEN'}, authorization=None)"
    assert repr(http) == shown
    assert (http.port, websocket.port) == (443, 8443)
    for launch in (http, websocket):
        written = TypeAdapter(type(launch)).dump_python(launch, mode="json")
        assert written | {"authorization": None} == {"url": launch.url, "headers": headers, "authorization": None}
        assert TypeAdapter(type(launch)).validate_python(written) == launch
    with pytest.raises(PayloadError, match="its scheme is 'ws'"):
        HttpLaunch(url="ws://example.org/mcp")
    with pytest.raises(PayloadError, match="its scheme is 'https'"):
        WebSocketLaunch(url="https://example.org/mcp")

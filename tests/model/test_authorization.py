"""Terms on which a server lets this host in are values that were checked when they were made."""

import pytest

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.authorization import AuthorizationCode, ClientCredentials
from vsm_mcp.model.launch import HttpLaunch

ISSUER = "https://login.example"
REFERENCE = "env:CLIENT_SECRET"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"redirect": "http://far.example/callback"}, "not encrypted"),
        ({"redirect": "myapp:callback"}, "scheme"),
        ({"client_id": "us", "client_secret": "the-secret-itself", "issuer": ISSUER}, "by reference"),
        ({"client_id": "us", "client_secret": REFERENCE}, "issuer that it is for"),
        ({"client_secret": REFERENCE, "issuer": ISSUER}, "client_id that it belongs to"),
        ({"issuer": "http://login.example"}, "not encrypted"),
        ({"client_id": "x" * 3000}, "client_id cannot be used"),
        ({"client_metadata": "https://us.example"}, "no path"),
        ({"client_metadata": "http://us.example/client.json"}, "scheme"),
        ({"client_metadata": "https://us.example/client.json", "client_id": "us"}, "client_id as well"),
    ],
)
def test_terms_for_a_human_that_would_not_work_or_not_be_safe_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(PayloadError, match=said) as caught:
        AuthorizationCode(**given)
    assert caught.value.remedies
    assert "the-secret-itself" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_secret": ""}, "a name and a secret"),
        ({"client_id": ""}, "a name and a secret"),
        ({"issuer": ""}, "issuer that it is for"),
        ({"scope": "read\nwrite"}, "scope cannot be used"),
        ({"scope": "x" * 2000}, "scope cannot be used"),
    ],
)
def test_terms_for_the_host_itself_need_all_that_is_shown_to_its_issuer(changed: dict[str, str], said: str) -> None:
    whole = {"issuer": ISSUER, "client_id": "us", "client_secret": REFERENCE}
    assert ClientCredentials(**whole)
    with pytest.raises(PayloadError, match=said) as caught:
        ClientCredentials(**{**whole, **changed})
    assert caught.value.remedies


def test_a_token_travels_encrypted_and_is_not_given_twice() -> None:
    assert HttpLaunch(url="http://127.0.0.1:1/mcp", authorization=AuthorizationCode())
    with pytest.raises(PayloadError, match="would travel unencrypted"):
        HttpLaunch(url="http://far.example/mcp", authorization=AuthorizationCode())
    headers = {"authorization": "env:TOKEN"}
    with pytest.raises(PayloadError, match="the header Authorization and a way to get a token"):
        HttpLaunch(url="https://far.example/mcp", headers=headers, authorization=AuthorizationCode())

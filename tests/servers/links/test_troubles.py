"""What goes wrong with a server says who, what and what to do, whatever speaks with it."""

import pytest

from vsm_mcp.errors import LinkError, NeedsConfigurationError, StartError, ToolError
from vsm_mcp.servers.links import troubles
from vsm_mcp.servers.links.link import Ending

LACKS = "the environment variable EXAMPLE_API_KEY is not set"


def test_a_refusal_that_names_a_missing_setting_asks_for_it_unless_the_arguments_were_wrong() -> None:
    refused = troubles.refused("s", "the call of t", said=LACKS, code=-32000)
    assert isinstance(refused, NeedsConfigurationError)
    assert "EXAMPLE_API_KEY" in str(refused)
    wrong = troubles.refused("s", "the call of t", said=LACKS, code=troubles.INVALID_PARAMS)
    assert isinstance(wrong, ToolError)
    assert wrong.message == f"s refused the call of t: {LACKS} (code -32602)."


def test_a_broken_connection_is_told_with_the_last_words_of_the_server() -> None:
    ending = Ending(reason="the process ended", exit_code=3, stderr=("one", "two", "three", "fo\x1b[2Jur"))
    error = troubles.broken("s", ending, "the call of t")
    assert error.message == (
        "The connection to s broke during the call of t, which may have been executed: the process ended; "
        "exit code 3; it said: two; three; fo\\x1b[2Jur."
    )
    assert troubles.broken("s", Ending(reason="it was closed"), "a sign of life").message.endswith("it was closed.")


@pytest.mark.parametrize(
    ("gone", "said"),
    [(True, "s did not come up: the process ended (exit code 3)."), (False, "s did not come up: No.")],
)
def test_a_server_that_went_away_by_itself_is_told_from_one_that_was_left(said: str, *, gone: bool) -> None:
    ending = Ending(reason="the process ended", exit_code=3, stderr=("bye",))
    error = troubles.not_started("s", ending, said="No.", gone=gone)
    assert isinstance(error, StartError)
    assert error.message == said
    assert error.exit_code == (3 if gone else None)
    assert tuple(error.stderr) == ("bye",)


def test_a_server_that_says_what_it_lacks_needs_it_however_its_greeting_failed() -> None:
    ending = Ending(reason="the process ended", exit_code=1, stderr=(LACKS,))
    assert isinstance(troubles.not_started("s", ending, said="No", gone=True), NeedsConfigurationError)
    assert isinstance(troubles.silent("s", 5.0, (LACKS,)), NeedsConfigurationError)
    silent = troubles.silent("s", 0.25, ())
    assert isinstance(silent, StartError)
    assert silent.message == "s did not answer the greeting within 0.2 seconds."


def test_every_trouble_says_what_to_do() -> None:
    said = (
        troubles.too_large("s", "the call of t", "20 bytes"),
        troubles.unreadable("s", "the call of t", "no message"),
        troubles.against_protocol("s", "the call of t"),
        troubles.wants_input("s", "t"),
        troubles.unusable("It is odd."),
    )
    assert all(error.message.endswith(".") and error.remedies for error in said)
    assert isinstance(said[1], LinkError)

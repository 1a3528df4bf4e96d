"""What a client is told of outcomes and errors."""

from mcp_types import TextContent

from vsm_mcp.adapters.serving.answers import error_result, outcome_result
from vsm_mcp.errors import AcquisitionError, RateLimitError, StartError
from vsm_mcp.model.operation import Outcome


def test_an_outcome_without_content_is_its_text() -> None:
    outcome = Outcome(value="done", text="done", server="unit", tool="greet", elapsed=0.5)
    result = outcome_result(outcome, largest=1000)
    assert result.content == [TextContent(text="done")]
    assert result.structured_content["server"] == "unit"


def test_an_error_says_when_to_come_back() -> None:
    told = error_result(RateLimitError("Too many calls.", retry_after=1.5, remedies=("Wait.",)))
    assert told.is_error
    assert told.structured_content == {
        "error": "RateLimitError",
        "message": "Too many calls.",
        "remedies": ["Wait."],
        "retryable": True,
        "retry_after": 1.5,
    }


def test_a_failed_acquisition_says_why_each_candidate_failed() -> None:
    told = error_result(AcquisitionError("Nothing was acquired.", failures={"a": "too new", "b": "no\nanswer"}))
    assert told.structured_content["failures"] == {"a": "too new", "b": "no\nanswer"}
    assert told.content == [TextContent(text="Nothing was acquired.\n  a: too new\n  b: no answer")]


def test_what_a_server_wrote_to_its_error_output_stays_with_the_host() -> None:
    told = error_result(StartError("It did not come up.", exit_code=1, stderr=("key=hunter2",)))
    assert "hunter2" not in told.model_dump_json()

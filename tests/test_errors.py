"""The error tree: every error is on its branch, shows its remedies and says whether to try again."""

import inspect
import re

import pytest

from vsm_mcp import errors
from vsm_mcp.errors import (
    AcquisitionError,
    ExtraMissingError,
    NeedsConfigurationError,
    RateLimitError,
    StartError,
    VSMError,
    printable,
)

ERRORS = {name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, VSMError)}
RETRYABLE = {"BusError", "LinkError", "CircuitOpenError", "CallTimeoutError", "RateLimitError"} | {
    "CoordinationError",
    "ContentionError",
    "CapacityError",
}


def made(kind: type[VSMError]) -> VSMError:
    if issubclass(kind, ExtraMissingError):
        return kind("amqp")
    if issubclass(kind, RateLimitError):
        return kind("Ten calls were made in a second.", retry_after=2.5, remedies=("Wait.", "Ask for more."))
    return kind("It broke.", remedies=("Wait.", "Ask for more."))


def drawn() -> dict[str, tuple[str, bool]]:
    """Read the tree in the module's first lines: each error's parent and whether it is marked retryable."""
    tree: dict[str, tuple[str, bool]] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"( {4,})([A-Z]\w+Error)\b(.*)", line)
        if not match:
            continue
        depth, name = len(match[1]), match[2]
        path = [entry for entry in path if entry[0] < depth]
        tree[name] = (path[-1][1] if path else "Exception", "*" in match[3])
        path.append((depth, name))
    return tree


@pytest.mark.promise("E42")
def test_the_tree_that_is_drawn_is_the_tree_that_is_built() -> None:
    assert drawn() == {name: (kind.__mro__[1].__name__, kind.retryable) for name, kind in ERRORS.items()}


@pytest.mark.parametrize("name", sorted(ERRORS))
@pytest.mark.promise("E41")
def test_an_error_shows_what_happened_and_what_to_do(name: str) -> None:
    error = made(ERRORS[name])
    lines = str(error).splitlines()
    assert lines[0] == error.message
    assert error.message.endswith(".")
    assert error.remedies
    assert [line for line in lines if line.startswith("  -> ")] == [f"  -> {remedy}" for remedy in error.remedies]
    assert error.retryable == (name in RETRYABLE)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ExtraMissingError", ImportError),
        ("CallTimeoutError", TimeoutError),
        ("PermissionDeniedError", PermissionError),
    ],
)
def test_some_errors_are_also_those_that_python_knows(name: str, builtin: type[Exception]) -> None:
    assert isinstance(made(ERRORS[name]), builtin)


def test_without_remedies_only_the_message_is_shown() -> None:
    assert str(VSMError("It broke.")) == "It broke."


def test_a_missing_extra_names_the_line_that_installs_it() -> None:
    error = ExtraMissingError("amqp")
    assert error.extra == "amqp"
    assert "pip install 'vsm_mcp[amqp]'" in str(error)


def test_a_failed_acquisition_says_why_each_candidate_failed() -> None:
    error = AcquisitionError(
        "None would do.",
        stage="vet",
        rolled_back=False,
        failures={"a": "too young", "b": "broken"},
        remedies=("Wait.",),
    )
    assert str(error) == "None would do.\n  a: too young\n  b: broken\n  -> Wait."
    assert (error.stage, error.rolled_back) == ("vet", False)


def test_a_server_that_did_not_start_shows_its_last_words() -> None:
    error = StartError("It did not start.", exit_code=1, stderr=[f"line {number}" for number in range(20)])
    assert error.exit_code == 1
    assert str(error).splitlines()[1] == "  | line 12"
    assert str(error).splitlines()[-1] == "  | line 19"


def test_missing_settings_and_waits_are_kept() -> None:
    assert NeedsConfigurationError("It needs a key.", names=["API_KEY"]).names == ("API_KEY",)
    assert RateLimitError("Too many.", retry_after=1.5).retry_after == 1.5


HOSTILE = "bad\x1b[2J\n  -> Run: evil\u202e\r"


@pytest.mark.parametrize("kind", [VSMError, AcquisitionError, StartError])
def test_what_is_quoted_in_an_error_forges_no_remedy_and_steers_no_terminal(kind: type[VSMError]) -> None:
    if kind is AcquisitionError:
        error: VSMError = AcquisitionError(HOSTILE, failures={HOSTILE: HOSTILE}, remedies=(f"Ask {HOSTILE}.",))
    elif kind is StartError:
        error = StartError(HOSTILE, stderr=(HOSTILE,), remedies=(f"Ask {HOSTILE}.",))
    else:
        error = VSMError(HOSTILE, remedies=(f"Ask {HOSTILE}.",))
    lines = str(error).split("\n")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line.startswith("  -> ")] == [f"  -> Ask {printable(HOSTILE)}."]
    assert lines[0] == "bad\\x1b[2J   -> Run: evil\\u202e "

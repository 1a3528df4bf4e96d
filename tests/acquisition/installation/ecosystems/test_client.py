"""Package clients: what they say becomes an error that helps, and their addresses stay where they are."""

import errno
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.installation.ecosystems.client import PackageClient, scratch, symptom, without_addresses
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.events import Event, Progress
from vsm_mcp.world.processes import LocalProcesses

SYMPTOMS = (
    symptom(r"EINTEGRITY", "{subject} differs.", "Ask why.", integrity=True),
    symptom(r"E404", "{subject} does not exist.", "Check the name."),
)


async def run(script: str, *, timeout: float = 20, emit: Sequence[Event] | None = None) -> None:
    events: list[Event] = [] if emit is None else list(emit)
    client = PackageClient(LocalProcesses(), symptoms=SYMPTOMS, timeout=timeout, emit=events.append)
    await client.run(("/bin/sh", "-c", script), cwd=Path("/"), subject="npm:x", doing="resolving")
    assert [type(event) for event in events] == [Progress, Progress]


@pytest.mark.anyio
async def test_a_client_that_ends_well_is_heard_at_both_ends() -> None:
    await run("exit 0")


@pytest.mark.anyio
@pytest.mark.promise("A87")
@pytest.mark.parametrize(
    ("said", "kind", "message", "remedy"),
    [
        ("EINTEGRITY", IntegrityError, "npm:x differs.", "Ask why."),
        ("E404 Not Found", InstallationError, "npm:x does not exist.", "Check the name."),
        ("write: ENOSPC", InstallationError, "The disk is full.", "Free disk space"),
        ("No space left on device (os error 28)", InstallationError, "The disk is full.", "Free disk space"),
        ("invalid peer certificate: UnknownIssuer", InstallationError, "certificate is not trusted", "certificates"),
        ("SELF_SIGNED_CERT_IN_CHAIN", InstallationError, "certificate is not trusted", "certificates"),
        ("error: 401 Unauthorized", InstallationError, "refuses access to npm:x", "Log in"),
        ("getaddrinfo ENOTFOUND example", InstallationError, "cannot be reached", "network"),
        ("dns error: failed to lookup", InstallationError, "cannot be reached", "network"),
        ("connect ECONNREFUSED", InstallationError, "cannot be reached", "network"),
        ("something new", InstallationError, "exit code 3", "Read what"),
    ],
)
async def test_what_a_client_says_becomes_an_error_with_a_remedy(
    said: str, kind: type[InstallationError], *, message: str, remedy: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        await run(f"echo '{said}' >&2; exit 3")
    assert remedy in caught.value.remedies[0]
    assert said in caught.value.message
    assert caught.value.message.endswith(".")


@pytest.mark.anyio
async def test_only_the_end_of_a_long_complaint_is_shown() -> None:
    with pytest.raises(InstallationError, match="LAST") as caught:
        await run("i=0; while [ $i -lt 500 ]; do echo word $i; i=$((i+1)); done; echo LAST; exit 1")
    assert len(caught.value.message) < 900


@pytest.mark.anyio
async def test_a_client_that_says_nothing_is_quoted_with_nothing() -> None:
    with pytest.raises(InstallationError, match=r"said: nothing\."):
        await run("exit 9")


@pytest.mark.anyio
@pytest.mark.promise("B50")
async def test_a_client_that_takes_too_long_is_ended_and_the_setting_named() -> None:
    with pytest.raises(InstallationError, match=r"did not end within 0\.1 seconds") as caught:
        await run("sleep 60", timeout=0.1)
    assert any("VSM_MCP_INSTALL_TIMEOUT" in remedy for remedy in caught.value.remedies)


@pytest.mark.anyio
async def test_a_client_that_is_not_there_is_said_to_be_so() -> None:
    client = PackageClient(LocalProcesses())
    with pytest.raises(InstallationError, match="could not be started"):
        await client.run(("/nowhere/uv",), cwd=Path("/"), subject="x", doing="resolving")


@pytest.mark.anyio
@pytest.mark.security
async def test_a_client_knows_only_what_it_needs_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_TOKEN", "not for clients")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("UV_SETTING", "theirs")
    client = PackageClient(LocalProcesses(), inherit=("UV_*",))
    done = await client.run(
        ("/usr/bin/env",), cwd=Path("/"), subject="x", doing="asking", defaults={"HOME": "/not", "MORE": "ours"}
    )
    told = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    assert "OTHER_TOKEN" not in told
    assert (told["HTTPS_PROXY"], told["UV_SETTING"], told["MORE"]) == ("http://proxy", "theirs", "ours")
    assert told["HOME"] != "/not"


@pytest.mark.security
@given(
    host=st.from_regex(r"[a-z0-9.:@-]{1,30}", fullmatch=True),
    around=st.sampled_from(["({})", "'{}'", "<{}>", " {} ", "{},{}"]),
)
def test_no_address_survives(host: str, around: str) -> None:
    address = f"https://{host}/SECRET?y=z"
    assert "SECRET" not in without_addresses("said " + around.format(address, address))


@pytest.mark.anyio
async def test_scratch_is_gone_even_after_a_failure() -> None:
    places: list[Path] = []

    async def fail() -> None:
        async with scratch() as directory:
            places.append(directory)
            raise InstallationError("No.")

    with pytest.raises(InstallationError):
        await fail()
    assert not await anyio.Path(places[0]).exists()


@pytest.mark.anyio
async def test_no_room_for_scratch_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(ConfigurationError, match="No space left") as caught:
        async with scratch():
            pytest.fail("made")
    assert "TMPDIR" in caught.value.remedies[0]

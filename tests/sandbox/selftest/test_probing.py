"""The probe's words are read as hostile: bounded, only what was asked for, the first verdict, within a time."""

import errno
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from vsm_mcp.model.enforcement import ExitReason
from vsm_mcp.sandbox.policy import SandboxPolicy
from vsm_mcp.sandbox.selftest.canaries import Scene, canaries
from vsm_mcp.sandbox.selftest.probing import Findings, Job, Prober
from vsm_mcp.sandbox.unconfined import Unconfined
from vsm_mcp.world.processes import LocalProcesses

pytestmark = pytest.mark.anyio

PYTHON = Path("/usr/bin/python3")
NAMES = ("list /sys", "find devices")


@asynccontextmanager
async def lying(program: str) -> AsyncGenerator[Scene]:
    """Put a scene up whose probe is another program."""
    async with canaries(LocalProcesses()) as scene:
        (scene.package / "probe.py").write_text(program)
        yield scene


async def said(program: str, *, patience: float = 20.0, python: Path = PYTHON) -> Findings:
    async with lying(program) as scene:
        prober = Prober(sandbox=Unconfined(LocalProcesses()), python=python, scene=scene)
        return await prober.run(Job(names=NAMES, policy=SandboxPolicy(), patience=patience))


def saying(*lines: str) -> str:
    text = "".join(f"{one}\n" for one in lines)
    return f"import sys; sys.stdin.read(); sys.stdout.write({text!r})"


def line(*words: str) -> str:
    return json.dumps(words)


async def test_the_first_verdict_on_what_was_asked_for_counts() -> None:
    found = await said(
        saying(line(NAMES[0], "held", "x"), line(NAMES[0], "through", "y"), line("of its own", "held", "z"))
    )
    assert found.said == {NAMES[0]: ("held", "x")}
    assert found.end == (ExitReason.EXITED, "")


@pytest.mark.parametrize("text", ["no json", "[1, 2, 3]", '["only", "two"]', "{}", "\\xff"])
async def test_what_is_no_verdict_is_a_failure(text: str) -> None:
    found = await said(saying(text))
    assert "the probe said" in found.failure
    assert found.said == {}


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; sys.stdin.read(); sys.exit('broken by design')", "broken by design"),
        ("import os, sys; sys.stdin.read(); os._exit(3)", "ended with 3: without a word"),
        ("import sys\nsys.stdin.read()\nwhile True: sys.stdout.write('x' * 65536)", "more than 1048576 bytes"),
    ],
)
async def test_a_probe_that_fails_says_why(program: str, why: str) -> None:
    assert why in (await said(program)).failure


async def test_a_probe_that_hangs_is_ended_and_what_it_said_before_stays() -> None:
    text = line(NAMES[1], "held", "x")
    program = f"import sys, time; print({text!r}, flush=True); time.sleep(600)"
    found = await said(program, patience=1.0)
    assert found.failure == "no verdict within 1 s"
    assert NAMES[1] in found.said


async def test_an_interpreter_that_is_not_there_is_a_finding() -> None:
    found = await said("", python=Path("/nowhere/python"))
    assert "/nowhere/python" in found.failure


async def test_canaries_are_there_and_go_away() -> None:
    async with canaries(LocalProcesses()) as scene:
        place = scene.package.parent
        assert scene.untouched()
        assert (
            Path(f"/proc/{scene.canary['pid']}/environ").read_bytes() == f"CANARY={scene.canary['marker']}\0".encode()
        )
        async with await anyio.connect_tcp("127.0.0.1", int(scene.canary["tcp"])):
            pass
        Path(scene.canary["file"]).write_text("changed")
        assert not scene.untouched()
        pid = scene.canary["pid"]
    assert not place.exists()
    assert not Path(f"/proc/{pid}").exists()


async def test_a_machine_with_no_network_but_the_loopback_has_fewer_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = socket.socket.bind

    def refuse(_: socket.socket, __: object) -> None:
        raise OSError(errno.ENETUNREACH, "no network")

    def only_four(one: socket.socket, address: tuple[str, int]) -> None:
        if "::1" in address:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6")
        bind(one, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", only_four)
    async with canaries(LocalProcesses()) as scene:
        assert (scene.canary["address"], scene.canary["tcp of address"], scene.canary["tcp6"]) == ("", "", "")

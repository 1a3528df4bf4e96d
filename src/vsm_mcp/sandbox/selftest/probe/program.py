"""The probe: reads its task, makes each attempt in a process of its own, and writes one line per attempt.

The task is one JSON object: ``{"only": [names], "canary": {name: text}, "calls": {"refused": {name: number}, "absent":
..., "others": ...}, "unconfined": false}``. Each line is a JSON array: the name, the word, the details.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vsm_mcp.sandbox.selftest.probe import calls, files, limits, network, processes, tree, wayout
from vsm_mcp.sandbox.selftest.probe.attempt import BROKEN, HELD, Attempt, Canary, said

LONGEST_DETAIL = 300
ATTEMPT_SECONDS = 15
REFUSAL = "This program attacks the machine it runs on; it runs inside a sandbox only."


class Numbers(NamedTuple):
    """The system calls to try, with their numbers; -1 where this machine type has no such call."""

    refused: Mapping[str, int]
    absent: Mapping[str, int]
    others: Mapping[str, int]


def catalogue(numbers: Numbers) -> "tuple[Attempt, ...]":
    """Return all attempts, theme by theme."""
    return (
        *files.attempts(),
        *processes.attempts(),
        *network.attempts(),
        *calls.attempts(numbers.refused, numbers.absent, numbers.others),
        *limits.attempts(),
        *tree.attempts(),
        *wayout.attempts(),
    )


def chosen(attempts: Sequence[Attempt], only: Sequence[str], *, confined: bool) -> Sequence[Attempt]:
    """Return those that may run here: all inside a sandbox, only harmless ones elsewhere."""
    wanted = [one for one in attempts if one.name in only]
    return wanted if confined else [one for one in wanted if one.harmless]


def in_sandbox() -> bool:
    """Tell whether this process is where our sandbox puts one, and nowhere near a real root."""
    return socket.gethostname() == "sandbox" and os.getcwd() == "/work" and os.geteuid() != 0  # noqa: PTH109 - runs inside


def outcome(attempt: Attempt, canary: Canary) -> "tuple[str, str]":
    """Make one attempt in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(writing, 0)
        os.close(writing)
        signal.alarm(ATTEMPT_SECONDS)
        word, detail = said(attempt.trial, canary)
        os.write(0, json.dumps([word, detail[:LONGEST_DETAIL]]).encode() + b"\n")
        os._exit(0)
    os.close(writing)
    status = os.waitpid(child, 0)[1]
    os.set_blocking(reading, False)
    answer = _answer(reading)
    return _verdict(answer, os.waitstatus_to_exitcode(status), attempt.killed_by)


def _answer(reading: int) -> bytes:
    try:
        return os.read(reading, 4096)
    except BlockingIOError:
        return b""
    finally:
        os.close(reading)


def _verdict(answer: bytes, code: int, killed_by: "tuple[int, ...]") -> "tuple[str, str]":
    if answer:
        word, detail = json.loads(answer.splitlines()[0])  # a copy of the attempt may have said the same again
        return str(word), str(detail)
    if -code in killed_by:
        return HELD, f"killed by signal {-code}"
    return BROKEN, f"it ended with {code} and without a verdict"


def main() -> None:
    """Run the probe."""
    task = json.load(sys.stdin)
    confined = in_sandbox()
    if not confined and not task["unconfined"]:
        sys.exit(REFUSAL)
    everything = catalogue(Numbers(task["calls"]["refused"], task["calls"]["absent"], task["calls"]["others"]))
    for attempt in chosen(everything, task["only"], confined=confined):
        word, detail = outcome(attempt, task["canary"])
        sys.stdout.write(json.dumps([attempt.name, word, detail]) + "\n")
        sys.stdout.flush()

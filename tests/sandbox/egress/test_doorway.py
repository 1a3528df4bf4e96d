"""The program that opens sockets inside a sandbox: what it gives up, where it goes, and what it hands out."""

import ctypes
import os
import socket
from functools import partial

import pytest

from vsm_mcp.sandbox.egress import doorway


@pytest.mark.security
def test_it_gives_up_everything_before_it_enters_and_hands_sockets_out_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[tuple[object, ...]] = []

    class Library:
        def setns(self, descriptor: int, kind: int) -> int:
            done.append(("enter", descriptor, kind))
            return 0

    def note(*words: object) -> None:
        done.append(words)

    def load(_name: None, *, use_errno: bool) -> Library:
        assert use_errno
        return Library()

    for name in ("setgroups", "setresgid", "setresuid"):
        monkeypatch.setattr(os, name, partial(note, name))
    monkeypatch.setattr(ctypes, "CDLL", load)
    here, there = socket.socketpair()
    with here:
        doorway.main(("61184", "31", "32", str(there.detach()), "0", "0"))
        said, received, *_ = socket.recv_fds(here, 10, 10)
    assert done == [
        ("setgroups", []), ("setresgid", *[61184] * 3), ("setresuid", *[61184] * 3),
        ("enter", 31, 0x10000000), ("enter", 32, 0x40000000),
    ]  # fmt: skip
    assert said == doorway.DONE
    sockets = [socket.socket(fileno=descriptor) for descriptor in received]
    assert [one.type for one in sockets] == [socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_STREAM]
    assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1", "127.0.0.1", "0.0.0.0"]  # noqa: S104 - seen, not bound
    for one in sockets[1:]:
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "its second message would wait 40 ms"
    for one in sockets:
        one.close()


def test_what_cannot_be_entered_is_an_error() -> None:
    with open(os.devnull) as nothing, pytest.raises(OSError, match="entering the namespace failed"):  # noqa: PTH123 - a descriptor
        doorway.enter(nothing.fileno(), doorway.NEW_NETWORK)

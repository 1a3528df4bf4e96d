"""Attempts to use up more than is given, as far as one process can try them and live."""

# ruff: noqa: PTH107, PTH123, S108 - the system calls that an attacker would make

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import threading
from contextlib import suppress

from vsm_mcp.sandbox.selftest.probe.attempt import MIB, Attempt, Canary, HeldError, Trial

THEME = "limits"

_MACHINE = "that this machine stands still"
_DISK = "that the disk or the memory of this machine is full"
_MOST_TRIED = 5000
_STORED_FILE_MIB = 600


def attempts() -> tuple[Attempt, ...]:
    """Return all of them; each says by itself whether it went beyond what the canary says is allowed."""
    killed = (int(signal.SIGKILL),)
    return (
        Attempt("fork without end", THEME, _MACHINE, _processes),
        Attempt("start threads without end", THEME, _MACHINE, _threads),
        Attempt("take memory", THEME, _MACHINE, _take(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), killed_by=killed),
        Attempt("take memory by the heap", THEME, _MACHINE, _heap, killed_by=killed),
        Attempt("take memory by the stack limit", THEME, _MACHINE, _stack),
        Attempt("lock memory", THEME, _MACHINE, _lock),
        Attempt("hold memory in pipes", THEME, _MACHINE, _pipes),
        Attempt("hold memory in sockets", THEME, _MACHINE, _sockets),
        Attempt("open files without end", THEME, _MACHINE, _open_files),
        Attempt("make a large file", THEME, _DISK, _large_file),
        Attempt("make a large file without content", THEME, _DISK, _sparse_file),
        Attempt("fill /tmp", THEME, _DISK, _fill("/tmp", "tmp")),
        Attempt("fill /dev/shm", THEME, _DISK, _fill("/dev/shm", "shared")),
        Attempt("fill /work", THEME, _DISK, _fill("/work", "work")),
    )


def _processes(canary: Canary) -> str:
    most, made = int(canary["processes"]), list[int]()
    try:
        while len(made) < 4 * most:
            child = os.fork()
            if child == 0:
                signal.pause()
            made.append(child)
    except OSError as error:
        if len(made) <= most:
            raise HeldError(f"{len(made)} children, then {error.strerror}") from error
    finally:
        for child in made:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"{len(made)} children"


def _threads(canary: Canary) -> str:
    most, made = int(canary["processes"]), 0
    stop = threading.Event()
    threading.stack_size(65536)
    try:
        while made < 4 * most:
            threading.Thread(target=stop.wait, daemon=True).start()
            made += 1
    except RuntimeError as error:
        if made <= most:
            raise HeldError(f"{made} threads, then {error}") from error
    return f"{made} threads"


def _take(flags: int) -> Trial:
    def trial(canary: Canary) -> str:
        most, kept = int(canary["memory"]), list[mmap.mmap]()
        try:
            while 16 * len(kept) < 2 * most:
                kept.append(mmap.mmap(-1, 16 * MIB, flags=flags))
                kept[-1].write(b"x" * (16 * MIB))
        except (OSError, MemoryError) as error:
            if 16 * len(kept) <= most:
                raise HeldError(f"after {16 * len(kept)} MiB: {error!r}") from error
        return f"{16 * len(kept)} MiB"

    return trial


def _heap(canary: Canary) -> str:
    most, kept = int(canary["memory"]), list[bytes]()
    try:
        while 8 * len(kept) < 2 * most:
            kept.append(b"x" * (8 * MIB))
    except MemoryError as error:
        raise HeldError(f"after {8 * len(kept)} MiB") from error
    return f"{8 * len(kept)} MiB"


def _stack(_: Canary) -> str:
    try:
        resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as error:
        raise HeldError(str(error)) from error
    return "raised"


def _lock(_: Canary) -> str:
    area = mmap.mmap(-1, 16 * MIB)
    library = ctypes.CDLL(None, use_errno=True)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    if library.mlock(ctypes.c_void_p(address), ctypes.c_size_t(16 * MIB)) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "16 MiB"


def _pipes(canary: Canary) -> str:
    """Fill pipes that nobody reads: their content is the kernel's memory."""
    held, kept, most = 0, list[int](), int(canary["memory"]) * MIB
    try:
        while len(kept) < _MOST_TRIED and held <= most:
            reading, writing = os.pipe()
            kept += (reading, writing)
            os.set_blocking(writing, False)
            held += _fill_pipe(writing)
    except OSError as error:
        if held <= most:
            raise HeldError(f"{len(kept) // 2} pipes with {held // MIB} MiB, then {error.strerror}") from error
    return f"{held // MIB} MiB"


def _fill_pipe(writing: int) -> int:
    with suppress(OSError):  # it stays as small as it is
        fcntl.fcntl(writing, 1031, MIB)  # F_SETPIPE_SZ
    held = 0
    try:
        while held < MIB:
            held += os.write(writing, bytes(65536))
    except BlockingIOError:
        return held
    return held


def _sockets(canary: Canary) -> str:
    held, kept, most = 0, list[socket.socket](), int(canary["memory"]) * MIB
    try:
        while len(kept) < _MOST_TRIED and held <= most:
            pair = socket.socketpair()
            kept += pair
            pair[0].settimeout(0)
            held += _fill_socket(pair[0])
    except OSError as error:
        if held <= most:
            raise HeldError(f"{len(kept) // 2} pairs with {held // MIB} MiB, then {error.strerror}") from error
    return f"{held // MIB} MiB"


def _fill_socket(sender: socket.socket) -> int:
    held = 0
    try:
        while held < MIB:
            held += sender.send(bytes(65536))
    except BlockingIOError:
        return held
    return held


def _open_files(canary: Canary) -> str:
    most, kept = int(canary["open files"]), list[int]()
    try:
        while len(kept) < 4 * most:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        if len(kept) <= most:
            raise HeldError(f"{len(kept)} files, then {error.strerror}") from error
    return f"{len(kept)} files"


def _large_file(canary: Canary) -> str:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/work/large", "wb") as file:
        try:
            file.seek(int(canary["file size"]) * MIB)
            file.write(b"x")
            file.flush()
        finally:
            os.ftruncate(file.fileno(), 0)
    return "a byte beyond the limit"


def _sparse_file(_: Canary) -> str:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/work/sparse", "wb") as file:
        file.truncate(_STORED_FILE_MIB * MIB)
    return f"{_STORED_FILE_MIB} MiB"


def _fill(directory: str, limit: str) -> Trial:
    def trial(canary: Canary) -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most, written, made = int(canary[limit]) * MIB, 0, list[str]()
        try:
            while written <= 2 * most:
                made.append(f"{directory}/filled-{len(made)}")
                written += _write_file(made[-1])
        except OSError as error:
            if written <= most:
                raise HeldError(f"after {written // MIB} MiB: {error.strerror}") from error
        finally:
            for path in made:
                os.remove(path)
        return f"{written // MIB} MiB"

    return trial


def _write_file(path: str) -> int:
    with open(path, "wb", buffering=0) as file:
        return sum(file.write(bytes(MIB)) for _ in range(16))

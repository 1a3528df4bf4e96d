"""Tries to break out of the sandbox it runs in; writes what came of each attempt as one JSON object.

It reads ``{"calls": {name: number}, "group": ..., "canary": {...}}`` from its standard input. Each attempt runs in a
process of its own. An attempt returns a text when it got through and raises when it was held.
"""

# ruff: noqa: PTH101, PTH109, PTH116, PTH123, PTH208, PTH211, S103 - it makes the system calls that an attacker would make

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import pty
import resource
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

MIB = 1024 * 1024
HELD = "held: "
THROUGH = "THROUGH: "


class HeldError(Exception):
    """The attempt got nowhere."""


Canary = dict[str, str]
Attempt = Callable[[], str]
libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *words: int) -> int:
    """Make one system call."""
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(word) for word in words))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def expect(number: int, wanted: int, *words: int) -> str:
    try:
        got = call(number, *words)
    except OSError as error:
        if error.errno == wanted:
            raise HeldError(errno.errorcode[wanted]) from error
        return f"the kernel was reached: {error}"
    return f"returned {got}"


def read(path: str) -> str:
    with open(path, "rb") as file:
        return repr(file.read(40))


def write(path: str) -> str:
    with open(path, "ab") as file:
        file.write(b"x")
    return f"wrote {path}"


def listing(path: str) -> str:
    return f"{len(os.listdir(path))} names"


def other_environments(canary: Canary) -> str:
    found = [entry for entry in os.listdir("/proc") if entry.isdecimal()]
    for pid in found:
        try:
            data = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if canary["marker"].encode() in data:
            return f"process {pid} shows it"
    raise HeldError(f"{len(found)} processes seen")


def host_processes() -> str:
    seen = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    if len(seen) > 8 or os.getppid() > 8:
        return f"{seen}"
    raise HeldError(f"{seen}")


def signal_host(canary: Canary) -> str:
    os.kill(int(canary["pid"]), 0)
    return "reached"


def own_environment(canary: Canary) -> str:
    if any(canary["marker"] in value for value in os.environ.values()):
        return "inherited"
    raise HeldError(" ".join(sorted(os.environ)))


def descriptors() -> str:
    found: list[int] = []
    for number in range(3, 256):
        try:
            os.fstat(number)
        except OSError:
            continue
        found.append(number)
    if found:
        return f"open: {found}"
    raise HeldError("none")


def symlink_out(canary: Canary) -> str:
    os.symlink(canary["file"], "/work/link")
    return read("/work/link")


def hardlink_out() -> str:
    os.link("/etc/ssl/openssl.cnf", "/work/hard")
    return "linked"


def setuid_file() -> str:
    Path("/work/program").write_bytes(b"x")
    os.chmod("/work/program", 0o4755)
    return "made"


def setuid_creation() -> str:
    os.close(os.open("/work/born", os.O_CREAT | os.O_WRONLY, 0o4755))
    if os.stat("/work/born").st_mode & stat.S_ISUID:
        return "made"
    raise HeldError("bit dropped")


def device() -> str:
    os.mknod("/work/memory", 0o600 | stat.S_IFCHR, os.makedev(1, 1))
    return "made"


def connect(family: int, address: object, kind: int = socket.SOCK_STREAM) -> str:
    with socket.socket(family, kind) as connection:
        connection.settimeout(2)
        connection.connect(address)  # type: ignore[arg-type]
        connection.send(b"hello")
        return f"sent to {address}"


def tcp(host: str, port: str) -> Attempt:
    return lambda: connect(socket.AF_INET, (host, int(port)))


def udp_answer(canary: Canary) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(1)
        connection.sendto(b"hello", ("127.0.0.1", int(canary["udp"])))
        return repr(connection.recv(10))


def names() -> str:
    return repr(socket.getaddrinfo("example.com", 80))


def family(number: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> Attempt:
    def attempt() -> str:
        socket.socket(number, kind, protocol).close()
        return "made"

    return attempt


def push_input() -> str:
    _, child = pty.openpty()
    os.setsid()
    fcntl.ioctl(child, 0x540E, 0)  # TIOCSCTTY
    fcntl.ioctl(child, 0x5412, b"x")  # TIOCSTI
    return "pushed"


def memory_of_first() -> str:
    with open("/proc/1/mem", "r+b") as file:
        return f"opened {file.fileno()} for writing"


def raise_limit() -> str:
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (1000, 1000))
    except ValueError as error:
        raise HeldError(str(error)) from error
    return "raised"


def lower_score() -> str:
    Path("/proc/self/oom_score_adj").write_text("-500")
    return "lowered"


def real_time() -> str:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "real time"


def nicer() -> str:
    os.nice(-5)
    return "faster"


def become_root() -> str:
    os.setuid(0)
    return "root"


def capabilities() -> str:
    status = Path("/proc/self/status")
    if not status.exists():
        raise HeldError("no /proc")
    lines = [line for line in status.read_text().splitlines() if line.startswith("Cap")]
    if all(int(line.split()[1], 16) == 0 for line in lines):
        raise HeldError("none")
    return f"{lines}"


def run_machine_code(code: bytes) -> None:
    area = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(code)
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(area)))()


def old_entrance() -> str:
    if platform.machine() != "x86_64":
        raise HeldError("only on x86_64")
    run_machine_code(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    return "returned"


def x32_entrance() -> str:
    if platform.machine() != "x86_64":
        raise HeldError("only on x86_64")
    call(0x40000000 | 39)
    return "returned"


def processes() -> str:
    made: list[int] = []
    try:
        while len(made) < 200:
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            made.append(child)
    except OSError as error:
        if len(made) <= 64:
            raise HeldError(f"{len(made)} children, then {error.strerror}") from error
    finally:
        for child in made:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"{len(made)} children"


def threads() -> str:
    made = 0
    stop = threading.Event()
    threading.stack_size(65536)
    try:
        while made < 200:
            threading.Thread(target=stop.wait, daemon=True).start()
            made += 1
    except RuntimeError as error:
        if made <= 64:
            raise HeldError(f"{made} threads, then {error}") from error
    return f"{made} threads"


def eat(flags: int) -> Attempt:
    def attempt() -> str:
        kept: list[mmap.mmap] = []
        try:
            while len(kept) < 12:
                kept.append(mmap.mmap(-1, 64 * MIB, flags=flags))
                kept[-1].write(b"x" * (64 * MIB))
        except (OSError, MemoryError) as error:
            raise HeldError(f"after {64 * len(kept)} MiB: {error!r}") from error
        return f"{64 * len(kept)} MiB"

    return attempt


def large_file() -> str:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/work/large", "wb") as file:
        file.truncate(600 * MIB)
    return "600 MiB"


def fill(directory: str, most: int) -> Attempt:
    def attempt() -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        written = 0
        try:
            for number in range(1000):
                with open(f"{directory}/{number}", "wb", buffering=0) as file:
                    for _ in range(16):
                        written += file.write(bytes(MIB))
                if written > 4 * most:
                    break
        except OSError as error:
            if written <= most:
                raise HeldError(f"after {written // MIB} MiB: {error.strerror}") from error
        return f"{written // MIB} MiB"

    return attempt


def open_files() -> str:
    kept: list[int] = []
    try:
        while len(kept) < 5000:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        if len(kept) <= 1024:
            raise HeldError(f"{len(kept)} files, then {error.strerror}") from error
    return f"{len(kept)} files"


def files_group(canary: Canary) -> dict[str, Attempt]:
    return {
        "read /etc/shadow": lambda: read("/etc/shadow"),
        "read a file of the host's /tmp": lambda: read(canary["file"]),
        "list the user's home": lambda: listing(canary["home"]),
        "list /root": lambda: listing("/root"),
        "list /home": lambda: listing("/home"),
        "read the machine's id": lambda: read("/etc/machine-id"),
        "read by climbing": lambda: read("/work/../../.." + canary["file"]),
        "read through a symbolic link": lambda: symlink_out(canary),
        "make a hard link to the outside": hardlink_out,
        "write into /usr": lambda: write("/usr/canary"),
        "write into the package": lambda: write("/pkg/canary"),
        "change the package": lambda: write("/pkg/probe.py"),
        "write into /": lambda: write("/canary"),
        "write into /dev": lambda: write("/dev/canary"),
        "write into /etc": lambda: write("/etc/canary"),
        "change /etc/passwd": lambda: write("/etc/passwd"),
        "write the core pattern": lambda: write("/proc/sys/kernel/core_pattern"),
        "press a system key": lambda: write("/proc/sysrq-trigger"),
        "read the kernel's keys": lambda: read("/proc/keys"),
        "read kernel memory": lambda: read("/proc/kcore"),
        "read kernel symbols": lambda: read("/proc/kallsyms"),
        "list /sys": lambda: listing("/sys"),
        "write a control group": lambda: write("/sys/fs/cgroup/cgroup.procs"),
        "make a set-user-id file": setuid_file,
        "create a set-user-id file": setuid_creation,
        "make a device": device,
    }


def processes_group(canary: Canary) -> dict[str, Attempt]:
    return {
        "read other environments": lambda: other_environments(canary),
        "see the host's processes": host_processes,
        "signal a process of the host": lambda: signal_host(canary),
        "find secrets in the environment": lambda: own_environment(canary),
        "find open descriptors": descriptors,
        "write the first process's memory": memory_of_first,
        "push terminal input": push_input,
        "raise a limit": raise_limit,
        "lower the out-of-memory score": lower_score,
        "run in real time": real_time,
        "raise the priority": nicer,
        "become root": become_root,
        "have capabilities": capabilities,
        "enter by int 0x80": old_entrance,
        "enter by x32": x32_entrance,
    }


def network_group(canary: Canary) -> dict[str, Attempt]:
    return {
        "reach the loopback of the host": tcp("127.0.0.1", canary["tcp"]),
        "reach the host by its address": tcp(canary["address"], canary["tcp"]),
        "reach the metadata service": tcp("169.254.169.254", "80"),
        "reach the internet": tcp("192.0.2.1", "443"),
        "reach the host by UDP": lambda: udp_answer(canary),
        "resolve a name": names,
        "reach an abstract socket": lambda: connect(socket.AF_UNIX, "\0" + canary["abstract"]),
        "reach a socket file": lambda: connect(socket.AF_UNIX, canary["socket"]),
        "open a raw socket": family(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "open a packet socket": family(17, socket.SOCK_RAW, 3),
        "open a virtual machine socket": family(40),
        "open a crypto socket": family(38, socket.SOCK_SEQPACKET),
        "open a netlink socket of the firewall": family(16, socket.SOCK_RAW, 12),
        "open a bluetooth socket": family(31, socket.SOCK_SEQPACKET),
    }


def calls_group(numbers: dict[str, int]) -> dict[str, Attempt]:
    absent = {
        "clone3",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "memfd_create",
        "memfd_secret",
        "openat2",
    }

    def refused(name: str) -> Attempt:
        wanted = errno.ENOSYS if name in absent else errno.EPERM
        return lambda: expect(numbers[name], wanted, 0, 0, 0, 0, 0, 0)

    found = {f"call {name}": refused(name) for name in numbers if name not in {"clone", "mmap", "ioctl"}}
    return {
        **found,
        "clone with a new user namespace": lambda: expect(
            numbers["clone"], errno.EPERM, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0
        ),
        "map memory that grows downwards": lambda: expect(numbers["mmap"], errno.EPERM, 0, 4096, 3, 0x122, -1, 0),
        "call one newer than known": lambda: expect(470, errno.ENOSYS, 0, 0, 0),
    }


def limits_group() -> dict[str, Attempt]:
    return {
        "fork without end": processes,
        "start threads without end": threads,
        "take memory": eat(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
        "make a large file": large_file,
        "open files without end": open_files,
        "fill /tmp": fill("/tmp", 64 * MIB),
        "fill /dev/shm": fill("/dev/shm", MIB),
        "fill /work": fill("/work", 128 * MIB),
    }


def attempts(group: str, numbers: dict[str, int], canary: Canary) -> dict[str, Attempt]:
    if group == "limits":
        return limits_group()
    return {**files_group(canary), **processes_group(canary), **network_group(canary), **calls_group(numbers)}


def outcome(attempt: Attempt) -> str:
    """Run one attempt in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(writing, 0)
        os.close(writing)
        os.write(0, said(attempt).encode())
        os._exit(0)
    os.close(writing)
    answer = os.read(reading, 4096).decode()
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return answer or f"{HELD}ended by signal {os.waitstatus_to_exitcode(status)}"


def said(attempt: Attempt) -> str:
    try:
        return THROUGH + attempt()
    except HeldError as error:
        return f"{HELD}{error}"
    except OSError as error:
        return f"{HELD}{error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - an attempt that broke has shown nothing
        return f"{THROUGH}the attempt itself broke: {error!r}"


def main() -> None:
    if socket.gethostname() != "sandbox" or os.getcwd() != "/work":
        sys.exit("This program attacks the machine it runs on; it runs inside a sandbox only.")
    task = json.load(sys.stdin)
    found = attempts(task["group"], task["calls"], task["canary"])
    json.dump({name: outcome(attempt) for name, attempt in found.items()}, sys.stdout)


if __name__ == "__main__":
    main()

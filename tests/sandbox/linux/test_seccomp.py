"""The system call filter, run by a small machine of its own: what it says to each call."""

import errno
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.linux.seccomp import ABSENT, CREATIONS, MODES, REFUSED, program
from vsm_mcp.sandbox.linux.syscalls import NEWEST, NUMBERS

pytestmark = pytest.mark.security

ALLOWED, KILLED = 0x7FFF0000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
MACHINES = sorted(AUDIT)
HEADERS = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h"))
GENERIC = Path("/usr/include/asm-generic/unistd.h")
FILTERS = {machine: tuple(struct.iter_unpack("=HBBI", program(machine))) for machine in MACHINES}


def verdict(machine: str, number: int, words: Sequence[int] = (), *, audit: int | None = None) -> int:
    """Run the filter as the kernel does, for one call."""
    arguments = [*words, *[0] * (6 - len(words))]
    data = struct.pack("=IIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, *arguments)
    accumulator = position = 0
    while True:
        code, when_true, when_false, value = FILTERS[machine][position]
        position += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            position += when_true if holds else when_false


def known(*names: str) -> list[tuple[str, str, int]]:
    """Return machine, name and number of those of ``names`` that each machine has."""
    found = [(machine, name, NUMBERS[name][COLUMN[machine]]) for machine in MACHINES for name in names]
    return [(machine, name, number) for machine, name, number in found if number is not None]


MUST_FAIL = {
    "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "ptrace", "process_vm_readv", "process_vm_writev",
    "pidfd_getfd", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "open_by_handle_at",
    "init_module", "finit_module", "kexec_load", "reboot", "move_mount", "open_tree", "fsopen", "mount_setattr",
    "io_uring_setup", "io_uring_enter", "memfd_create", "memfd_secret", "clone3", "openat2", "shmget",
    "msgget", "semget",
}  # fmt: skip


def test_the_calls_that_escapes_are_made_of_are_named() -> None:
    assert set(REFUSED) | set(ABSENT) >= MUST_FAIL
    assert not set(REFUSED) & set(ABSENT)


def fails(number: int) -> int:
    return 0x00050000 | number


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("names", "answer"), [(REFUSED, fails(errno.EPERM)), (ABSENT, fails(errno.ENOSYS))])
def test_every_named_call_is_answered_with_its_error(machine: str, names: tuple[str, ...], answer: int) -> None:
    numbers = [found for name in names if (found := NUMBERS[name][COLUMN[machine]]) is not None]
    assert len(numbers) > len(names) * 0.8
    assert {verdict(machine, number) for number in numbers} == {answer}


@pytest.mark.parametrize("machine", MACHINES)
@given(st.integers(0, NEWEST), st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_every_call_that_is_not_named_is_allowed(machine: str, call: int, words: list[int]) -> None:
    if call not in {numbers[COLUMN[machine]] for numbers in NUMBERS.values()}:
        assert verdict(machine, call, words) == ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
@given(call=st.integers(NEWEST + 1, 2**32 - 1))
def test_unknown_calls_do_not_exist_and_those_of_x32_are_killed(machine: str, call: int) -> None:
    assert verdict(machine, call) == (KILLED if call >= 0x40000000 else fails(errno.ENOSYS))


@pytest.mark.parametrize("machine", MACHINES)
@given(call=st.integers(0, NEWEST), audit=st.integers(0, 2**32 - 1))
def test_calls_of_another_machine_are_killed(machine: str, call: int, audit: int) -> None:
    if audit != AUDIT[machine]:
        assert verdict(machine, call, audit=audit) == KILLED


@pytest.mark.parametrize("call", known(*MODES))
@given(mode=st.integers(0, 2**32 - 1))
def test_no_file_gets_a_set_id_bit(call: tuple[str, str, int], mode: int) -> None:
    machine, name, number = call
    words = [0] * MODES[name] + [mode]
    assert verdict(machine, number, words) == (fails(errno.EPERM) if mode & 0o6000 else ALLOWED)


@pytest.mark.parametrize("call", known(*CREATIONS))
@given(flags=st.integers(0, 2**32 - 1), mode=st.integers(0, 2**16 - 1))
def test_no_file_is_created_with_a_set_id_bit(call: tuple[str, str, int], flags: int, mode: int) -> None:
    machine, name, number = call
    words = [0] * CREATIONS[name][0] + [flags, mode]
    creates = bool(flags & (0o100 | 0o20000000))
    refused = creates and bool(mode & 0o6000)
    assert verdict(machine, number, words) == (fails(errno.EPERM) if refused else ALLOWED)


@pytest.mark.parametrize("call", known("clone"))
@given(flags=st.integers(0, 2**32 - 1))
def test_clone_makes_no_namespace(call: tuple[str, str, int], flags: int) -> None:
    machine, _, number = call
    new = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
    answer = fails(errno.EPERM) if flags & new else ALLOWED
    assert verdict(machine, number, [flags]) == answer


@pytest.mark.parametrize("call", known("mmap"))
@given(flags=st.integers(0, 2**32 - 1))
def test_no_mapping_grows_downwards(call: tuple[str, str, int], flags: int) -> None:
    machine, _, number = call
    answer = fails(errno.EPERM) if flags & 0x100 else ALLOWED
    assert verdict(machine, number, [0, 0, 0, flags]) == answer


@pytest.mark.parametrize("call", known("ioctl"))
@given(request=st.integers(0, 2**64 - 1) | st.sampled_from([0x5412, 0x541C, 0xFF00005412]))
def test_no_input_is_pushed_into_a_terminal(call: tuple[str, str, int], request: int) -> None:
    machine, _, number = call
    answer = fails(errno.EPERM) if request & 0xFFFFFFFF in {0x5412, 0x541C} else ALLOWED
    assert verdict(machine, number, [0, request]) == answer


@pytest.mark.parametrize("call", known("socket", "socketpair"))
@given(family=st.integers(0, 50), protocol=st.integers(0, 30))
def test_only_local_and_internet_sockets_and_the_list_of_interfaces_exist(
    call: tuple[str, str, int], family: int, protocol: int
) -> None:
    machine, _, number = call
    allowed = family in {1, 2, 10} or (family, protocol) == (16, 0)
    answer = ALLOWED if allowed else fails(errno.EAFNOSUPPORT)
    assert verdict(machine, number, [family, 1, protocol]) == answer


def test_a_machine_without_a_filter_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        program("riscv64")


def test_the_numbers_are_those_of_the_kernels_headers() -> None:
    headers = [path for path in HEADERS if path.exists()]
    if not headers:
        pytest.skip("allowed: the kernel's headers are not installed")
    _compare(headers[0].read_text(), r"#define __NR_(\w+) (\d+)", 0)
    if GENERIC.exists():
        _compare(GENERIC.read_text(), r"#define __NR(?:3264)?_(\w+) (\d+)", 1)


def _compare(text: str, pattern: str, column: int) -> None:
    named = {name: int(value) for name, value in re.findall(pattern, text)}
    newest = max(value for value in named.values() if value < 600)
    compared = 0
    for name, numbers in NUMBERS.items():
        mine = numbers[column]
        if mine is None or mine <= newest:
            assert named.get(name) == mine, name
            compared += 1
    assert compared > 80

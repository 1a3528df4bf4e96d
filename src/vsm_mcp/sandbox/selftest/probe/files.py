"""Attempts on files: to read what is others', to write outside, and to make files that give rights."""

# ruff: noqa: PTH101, PTH107, PTH116, PTH118, PTH123, PTH208, PTH211, S103, S108 - the system calls that an attacker would make

import errno
import os
import stat

from vsm_mcp.sandbox.selftest.probe.attempt import (
    AbsentError,
    Attempt,
    Canary,
    HeldError,
    listed,
    listing,
    read,
    reading,
    write,
    writing,
)

THEME = "files"

_SECRETS = "secrets of this machine and of its user"
_TAKE_OVER = "code of its own that others run"
_KERNEL = "control over the kernel"
_RIGHTS = "the rights of another user"

_HARMLESS_DEVICES = frozenset({
    "console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
    "urandom", "zero",
})  # fmt: skip


def attempts() -> tuple[Attempt, ...]:
    """Return all of them."""
    return (*_reading(), *_writing(), *_making())


def _reading() -> tuple[Attempt, ...]:
    def secret(name: str, path: str) -> Attempt:
        return Attempt(name, THEME, _SECRETS, reading(path), harmless=True)

    return (
        secret("read /etc/shadow", "/etc/shadow"),
        secret("read the machine's id", "/etc/machine-id"),
        Attempt("read a file of the host's /tmp", THEME, _SECRETS, _file, harmless=True, control=True),
        Attempt("list the user's home", THEME, _SECRETS, _home, harmless=True, control=True),
        Attempt("list the user's keys", THEME, _SECRETS, _keys, harmless=True, control=True),
        Attempt("list /root", THEME, _SECRETS, listed("/root"), harmless=True),
        Attempt("list /home", THEME, _SECRETS, listed("/home"), harmless=True),
        Attempt("read by climbing", THEME, _SECRETS, _climb, harmless=True, control=True),
        Attempt("read through a symbolic link", THEME, _SECRETS, _through_link, harmless=True, control=True),
        Attempt("read through another process's root", THEME, _SECRETS, _other_roots),
        secret("read the kernel's keys", "/proc/keys"),
        secret("read kernel memory", "/proc/kcore"),
        secret("read kernel symbols", "/proc/kallsyms"),
        Attempt("list /sys", THEME, "knowledge of this machine's hardware", listed("/sys"), harmless=True),
    )


def _writing() -> tuple[Attempt, ...]:
    def change(name: str, path: str, gain: str = _TAKE_OVER) -> Attempt:
        return Attempt(name, THEME, gain, writing(path))

    memory = "memory that no limit counts"
    return (
        Attempt("write a file of the host's /tmp", THEME, _TAKE_OVER, _overwrite, harmless=True, control=True),
        change("write into /usr", "/usr/canary"),
        change("write into the package", "/pkg/canary"),
        change("change the package", "/pkg/probe.py"),
        change("write into /", "/canary", memory),
        change("write into /dev", "/dev/canary", memory),
        change("write into /etc", "/etc/canary"),
        change("change /etc/passwd", "/etc/passwd", _RIGHTS),
        change("change /etc/hosts", "/etc/hosts"),
        change("write the core pattern", "/proc/sys/kernel/core_pattern", _KERNEL),
        change("write the path of the module loader", "/proc/sys/kernel/modprobe", _KERNEL),
        change("press a system key", "/proc/sysrq-trigger", _KERNEL),
        change("write a control group", "/sys/fs/cgroup/cgroup.procs", "a way out of its limits"),
        Attempt("find another place to write to", THEME, memory, _extra_writable),
    )


def _making() -> tuple[Attempt, ...]:
    return (
        Attempt("make a hard link to the outside", THEME, _TAKE_OVER, _hard_link),
        Attempt("make a set-user-id file", THEME, _RIGHTS, _set_user_id),
        Attempt("create a set-user-id file", THEME, _RIGHTS, _born_set_user_id),
        Attempt("use a set-user-id program", THEME, _RIGHTS, _use_set_user_id, harmless=True),
        Attempt("make a device", THEME, _KERNEL, _make_device),
        Attempt("find devices", THEME, _KERNEL, _devices, harmless=True),
    )


def _file(canary: Canary) -> str:
    return read(canary["file"])


def _climb(canary: Canary) -> str:
    return read(os.getcwd() + "/../../../../../../../.." + canary["file"])  # noqa: PTH109 - as an attacker would


def _home(canary: Canary) -> str:
    if not canary["home"]:
        raise AbsentError("this user has no home")
    return listing(canary["home"])


def _keys(canary: Canary) -> str:
    if not canary["keys"]:
        raise AbsentError("this user keeps none in .ssh")
    return listing(canary["keys"])


def _through_link(canary: Canary) -> str:
    os.symlink(canary["file"], "link")
    return read("link")


def _overwrite(canary: Canary) -> str:
    return write(canary["target"])


def _other_roots(canary: Canary) -> str:
    seen = [name for name in os.listdir("/proc") if name.isdecimal()]
    for name in seen:
        try:
            return f"{name}: {read(f'/proc/{name}/root' + canary['file'])}"
        except OSError:
            continue
    raise HeldError(f"{len(seen)} processes seen")


def _hard_link(_: Canary) -> str:
    os.link("/usr/bin/env", "/work/hard")
    return "linked"


def _set_user_id(_: Canary) -> str:
    with open("/work/program", "wb") as file:
        file.write(b"x")
    os.chmod("/work/program", 0o4755)
    return "made"


def _born_set_user_id(_: Canary) -> str:
    os.close(os.open("/work/born", os.O_CREAT | os.O_WRONLY, 0o4755))
    if os.stat("/work/born").st_mode & stat.S_ISUID:
        return "made"
    raise HeldError("bit dropped")


def _use_set_user_id(_: Canary) -> str:
    places = (os.path.join("/usr/bin", name) for name in os.listdir("/usr/bin"))
    found = [path for path in places if _is_set_user_id(path)]
    if not found:
        raise AbsentError("no program in /usr/bin has that bit")
    honoured = [path for path in found if not os.statvfs(path).f_flag & os.ST_NOSUID]
    if honoured:
        return f"the kernel would honour it: {honoured[0]}"
    raise HeldError(f"not honoured for {len(found)} programs")


def _is_set_user_id(path: str) -> bool:
    try:
        return bool(os.lstat(path).st_mode & stat.S_ISUID)
    except OSError:
        return False


def _make_device(_: Canary) -> str:
    os.mknod("/work/memory", 0o600 | stat.S_IFCHR, os.makedev(1, 1))
    return "made"


def _devices(_: Canary) -> str:
    extra = sorted(set(os.listdir("/dev")) - _HARMLESS_DEVICES)
    if extra:
        return f"found {' '.join(extra[:20])}"
    raise HeldError("only those without effect")


def _extra_writable(_: Canary) -> str:
    """Look for a directory that may be written to, other than those that have a size."""
    expected = ("/work", "/tmp", "/dev/shm", "/proc")
    found: list[str] = []
    for place, directories, _names in os.walk("/"):
        directories[:] = [name for name in directories if not os.path.join(place, name).startswith(expected)]
        if place.count("/") > 3:  # noqa: PLR2004 - mounts lie near the top
            directories.clear()
        if _may_write(place):
            found.append(place)
    if found:
        return f"writable: {' '.join(found[:10])}"
    raise HeldError(os.strerror(errno.EROFS))


def _may_write(place: str) -> bool:
    path = os.path.join(place, "canary-made")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return False
    os.remove(path)
    return True

"""What a confined server may see, write and use up; a dangerous policy cannot be constructed."""

import os
import pwd
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.server import PACKAGE_ROOT, WORK_ROOT
from vsm_mcp.sandbox.egress.rules import Egress

CACHE_ROOT = "/cache"
"""Where a sandbox shows the directory that clients of registries keep."""

_SECRET_NAMES = frozenset({
    ".aws", ".azure", ".docker", ".git-credentials", ".gnupg", ".kube", ".mozilla", ".netrc", ".npmrc",
    ".password-store", ".pgpass", ".pypirc", ".ssh", ".vault-token", "gcloud", "gnupg", "id_ecdsa", "id_ed25519",
    "id_rsa", "keyrings",
})  # fmt: skip
_HOST_ONLY = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/run")
_PROGRAMS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr")
_TOO_WIDE = (
    "/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/cache", "/var/lib",  # noqa: S108 - refused, not used
    "/var/lib/vsm_mcp", "/var/log", "/var/tmp",  # noqa: S108 - the same
)  # fmt: skip
_OF_OTHERS = (
    "/lost+found", "/var/backups", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/kubelet",
    "/var/lib/private", "/var/log/audit", "/var/log/journal", "/var/log/private", "/var/mail", "/var/spool",
)  # fmt: skip
_KEPT = "holds what programs keep of others"
_HOMES = Path("/home")
_MOST_USERS = 4096
_OWN_ROOTS = (PACKAGE_ROOT, WORK_ROOT, CACHE_ROOT)

_BY_KERNEL = (
    Aspect.ISOLATION,
    Aspect.FILES,
    Aspect.NETWORK,
    Aspect.PROCESS_TREE,
    Aspect.SYSTEM_CALLS,
    Aspect.PROCESSES,
)
_AT_LEAST_WATCHED = (Aspect.MEMORY, Aspect.CPU, Aspect.DISK)

_Mib = Annotated[int, Field(ge=1, le=1 << 20)]


class Limits(BaseModel, frozen=True, extra="forbid"):
    """How much a confined server may use up. One MB is 1024 * 1024 bytes.

    Attributes:
        memory_mb: Memory of the whole tree of processes, and of each of them.
        cpu_cores: Share of CPU of the whole tree, in cores; ``None`` means no limit.
        cpu_burst: Seconds of CPU that it may use at full speed while it starts up.
        processes: Processes and threads at once, in the whole sandbox.
        open_files: Open files of each process.
        file_mb: Size of each file it writes.
        tmp_mb: Size of its private ``/tmp``.
        work_mb: Size of ``/work`` when the policy names no directory for it.
        kept_mb: Size of each directory that the policy names: its ``work`` and its ``cache``.
        lifetime: Seconds until it is killed; ``None`` means no limit.
    """

    memory_mb: _Mib = 512
    cpu_cores: Annotated[float, Field(ge=0.01, le=1024, allow_inf_nan=False)] | None = 0.5
    cpu_burst: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 2.0
    processes: Annotated[int, Field(ge=4, le=4096)] = 64
    open_files: Annotated[int, Field(ge=16, le=65536)] = 1024
    file_mb: _Mib = 256
    tmp_mb: _Mib = 64
    work_mb: _Mib = 128
    kept_mb: _Mib = 1024
    lifetime: Annotated[float, Field(gt=0, le=10 * 366 * 86_400, allow_inf_nan=False)] | None = None


def _requirements(given: Mapping[str, object]) -> Mapping[Aspect, Level]:
    """Return what is required unless the policy says otherwise; a limit on CPU only if one is asked for.

    Names and connections that are let through are judged by this process, so with a way out the network is supervised.
    """
    levels: dict[Aspect, Level] = {
        **dict.fromkeys(_BY_KERNEL, Level.KERNEL),
        **dict.fromkeys(_AT_LEAST_WATCHED, Level.SUPERVISED),
    }
    limits, egress = given.get("limits"), given.get("egress")
    if isinstance(limits, Limits) and limits.cpu_cores is None:
        del levels[Aspect.CPU]
    if isinstance(egress, Egress) and egress.allow:
        levels[Aspect.NETWORK] = Level.SUPERVISED
    return levels


class SandboxPolicy(BaseModel, frozen=True, extra="forbid"):
    """The confinement of one server. There is no network but what ``egress`` allows.

    Attributes:
        limits: How much it may use up.
        package: The directory it finds read-only at ``/pkg``.
        work: The directory it finds at ``/work``, where it may write; ``None`` gives an empty one for once.
        cache: A second directory where it may write, found at ``/cache``: what clients of registries keep between runs.
        read_only: Further directories and files it may read, at their own paths.
        run_as: User number to run under when this process is root; ``None`` chooses one that nobody uses.
        egress: Where it may connect to; by default nowhere.
        subject: Whom events about it name, such as a server.
        require: Who must hold which aspect; what is not held so refuses the start.

    Raises:
        SandboxError: A path would show the server, or let it change, what it must not reach.
    """

    limits: Limits = Limits()
    package: Path | None = None
    work: Path | None = None
    cache: Path | None = None
    read_only: tuple[Path, ...] = ()
    run_as: Annotated[int, Field(ge=1, lt=(1 << 32) - 1)] | None = None
    egress: Egress = Egress()
    subject: str = ""
    require: Mapping[Aspect, Level] = Field(default_factory=_requirements)

    @model_validator(mode="after")
    def _refuse_danger(self) -> Self:
        """Refuse paths that are dangerous, each alone and in combination."""
        homes = _homes()
        kept = tuple(path for path in (self.work, self.cache) if path is not None)
        for path in kept if self.package is None else (self.package, *kept):
            _refuse_place(path, homes)
        for path in self.read_only:
            _refuse_readable(path, homes)
        readable = self.read_only if self.package is None else (self.package, *self.read_only)
        for path in kept:
            _refuse_writable(path, readable)
        if len(kept) > 1 and overlap(kept[0].resolve(), kept[1].resolve()):
            raise _refusal(kept[1], f"would be writable in two places, also as {kept[0]}")
        for path in self.read_only:
            if _under(path, _OWN_ROOTS):
                raise _refusal(path, f"would hide the sandbox's own {', '.join(_OWN_ROOTS)}")
        return self


def refuse_path(path: Path) -> None:
    """Refuse a path that a confined server must not even read.

    Raises:
        SandboxError: It is relative, somebody's home or above one, what a home keeps out of sight, a directory of the
            system itself, much too wide, or a place where secrets are kept.
    """
    _refuse_readable(path, _homes())


def refuse_work(path: Path) -> None:
    """Refuse a path in which no confined server may write.

    Raises:
        SandboxError: It must not even be shown, or it holds programs.
    """
    _refuse_place(path, _homes())
    _refuse_writable(path, ())


def overlap(one: Path, other: Path) -> bool:
    """Tell whether one path is the other, or lies in it."""
    return one.is_relative_to(other) or other.is_relative_to(one)


def _refuse_readable(path: Path, homes: frozenset[str]) -> None:
    _refuse_place(path, homes)
    for form in _forms(path):
        if _under(form, _OF_OTHERS):
            raise _refusal(path, _KEPT)
        if _out_of_sight(form, homes):
            raise _refusal(path, "is what a home keeps out of sight, such as settings and histories")
        if secret := _secret_in(form):
            raise _refusal(path, f"holds {secret}, where secrets are kept")


def _refuse_place(path: Path, homes: frozenset[str]) -> None:
    if not path.is_absolute():
        raise _refusal(path, "is not absolute")
    for form in _forms(path):
        if why := _danger(form, homes):
            raise _refusal(path, why)


def _forms(path: Path) -> Iterable[Path]:
    """Return a path as it is written and as it leads; links may make a difference."""
    return {Path(os.path.normpath(path)), path.resolve()}


def _danger(form: Path, homes: frozenset[str]) -> str | None:
    if str(form) in _TOO_WIDE or form.parent == _HOMES or any(_within(home, form) for home in homes):
        return "holds the files of others, not only what the server needs"
    if _under(form, _HOST_ONLY):
        return "belongs to the system itself"
    if str(form) in _OF_OTHERS:  # below there may be what this program was given, as systemd does
        return _KEPT
    secret = sorted(_SECRET_NAMES.intersection(form.parts))
    return f"lies in {secret[0]}, where secrets are kept" if secret else None


def _out_of_sight(form: Path, homes: frozenset[str]) -> bool:
    """Tell whether a path is a hidden entry of a home. Where programs are installed is none: they must be shown."""
    for home in form.parents:
        if str(home) in homes or home.parent == _HOMES:
            below = form.parts[len(home.parts) :]
            settings = below[0] == ".config"
            hidden = settings or (len(below) == 1 and below[0].startswith("."))
            programs = below != (".config",) and os.path.isdir(form / "bin")  # noqa: PTH112 - never raises
            if hidden and not programs:
                return True
    return False


def _secret_in(form: Path) -> str | None:
    """Return what a directory holds that is a place of secrets; programs of such names are no directories."""
    if _under(form, _PROGRAMS):
        return None
    held = (name for name in sorted(_SECRET_NAMES) if os.path.lexists(form / name))
    return next((name for name in held if not name.isalpha() or os.path.isdir(form / name)), None)  # noqa: PTH112 - never raises


def _refuse_writable(work: Path, readable: tuple[Path, ...]) -> None:
    real = work.resolve()
    if _under(work, _PROGRAMS) or _under(real, _PROGRAMS):
        raise _refusal(work, "holds programs, so it must not be writable")
    for other in (path.resolve() for path in readable):
        if overlap(real, other):
            raise _refusal(work, f"would be writable, and {other} must be read-only")


def _under(path: Path, roots: tuple[str, ...]) -> bool:
    return any(_within(path, root) for root in roots)


def _within(path: Path | str, root: Path | str) -> bool:
    """Compare as text: many are compared before each start."""
    return f"{path}/".startswith(f"{root}/")


def _homes() -> frozenset[str]:
    """Return the homes of this user, by environment and by the user database, and those of all other users.

    Some users of the system have a directory of programs as their home, or the root: these count as what they are.
    """
    own = {os.path.expanduser("~")} - {"~"}  # noqa: PTH111 - never raises
    with suppress(KeyError):  # a user without an entry has no home there
        own.add(pwd.getpwuid(os.getuid()).pw_dir)
    others = {user.pw_dir for user in pwd.getpwall()[:_MOST_USERS]} - own
    real = {os.path.realpath(home) for home in others if home.startswith("/")}
    others = {home for home in real if home != "/" and not _under(Path(home), _PROGRAMS)}
    return frozenset({os.path.realpath(home) for home in own} | others)


def _refusal(path: Path, why: str) -> SandboxError:
    return SandboxError(
        f"The path {path} may not enter a sandbox: it {why}.",
        remedies=("Give the server a directory of its own that holds only what it needs.",),
    )

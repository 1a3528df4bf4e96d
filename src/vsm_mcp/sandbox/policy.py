"""What a confined server may see, write and use up; a dangerous policy cannot be constructed."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.model.server import PACKAGE_ROOT, WORK_ROOT

_SECRET_NAMES = frozenset({
    ".aws", ".azure", ".docker", ".git-credentials", ".gnupg", ".kube", ".mozilla", ".netrc", ".npmrc",
    ".password-store", ".pgpass", ".pypirc", ".ssh", ".vault-token", "gcloud", "gnupg", "keyrings",
})  # fmt: skip
_HOST_ONLY = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/run")
_PROGRAMS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr")
_TOO_WIDE = ("/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/tmp")  # noqa: S108 - refused, not used
_OWN_ROOTS = (PACKAGE_ROOT, WORK_ROOT)

_Mib = Annotated[int, Field(ge=1, le=1 << 20)]


class Limits(BaseModel, frozen=True, extra="forbid"):
    """How much a confined server may use up. One MB is 1024 * 1024 bytes.

    Attributes:
        memory_mb: Memory of each process.
        processes: Processes and threads at once, in the whole sandbox.
        open_files: Open files of each process.
        file_mb: Size of each file it writes.
        tmp_mb: Size of its private ``/tmp``.
        work_mb: Size of ``/work`` when the policy names no directory for it.
        lifetime: Seconds until it is killed; ``None`` means no limit.
    """

    memory_mb: _Mib = 512
    processes: Annotated[int, Field(ge=4, le=4096)] = 64
    open_files: Annotated[int, Field(ge=16, le=65536)] = 1024
    file_mb: _Mib = 256
    tmp_mb: _Mib = 64
    work_mb: _Mib = 128
    lifetime: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


def _requirements() -> Mapping[Aspect, Level]:
    kernel = (
        Aspect.ISOLATION,
        Aspect.FILES,
        Aspect.NETWORK,
        Aspect.PROCESS_TREE,
        Aspect.SYSTEM_CALLS,
        Aspect.PROCESSES,
    )
    return dict.fromkeys(kernel, Level.KERNEL)


class SandboxPolicy(BaseModel, frozen=True, extra="forbid"):
    """The confinement of one server. There is no network.

    Attributes:
        limits: How much it may use up.
        package: The directory it finds read-only at ``/pkg``.
        work: The directory it finds at ``/work``, its only writable one; ``None`` gives an empty one for once.
        read_only: Further directories and files it may read, at their own paths.
        run_as: User number to run under when this process is root; ``None`` chooses one that nobody uses.
        require: Who must hold which aspect; what is not held so refuses the start.

    Raises:
        SandboxError: A path would show the server, or let it change, what it must not reach.
    """

    limits: Limits = Limits()
    package: Path | None = None
    work: Path | None = None
    read_only: tuple[Path, ...] = ()
    run_as: Annotated[int, Field(ge=1, lt=(1 << 32) - 1)] | None = None
    require: Mapping[Aspect, Level] = Field(default_factory=_requirements)

    @model_validator(mode="after")
    def _refuse_danger(self) -> Self:
        """Refuse paths that are dangerous, each alone and in combination."""
        readable = self.read_only if self.package is None else (self.package, *self.read_only)
        for path in readable:
            refuse_path(path)
        if self.work is not None:
            _refuse_work(self.work, readable)
        for path in self.read_only:
            if _under(path, _OWN_ROOTS):
                raise _refusal(path, f"would hide the sandbox's own {PACKAGE_ROOT} or {WORK_ROOT}")
        return self


def refuse_path(path: Path) -> None:
    """Refuse a path that a confined server must not even read.

    Raises:
        SandboxError: It is relative, a user's home or above one, a directory of the system itself, much too wide, or a
            place where secrets are kept.
    """
    if not path.is_absolute():
        raise _refusal(path, "is not absolute")
    for form in {Path(os.path.normpath(path)), path.resolve()}:
        if str(form) in _TOO_WIDE or any(home.is_relative_to(form) for home in _homes()):
            raise _refusal(path, "holds the files of others, not only what the server needs")
        if _under(form, _HOST_ONLY):
            raise _refusal(path, "belongs to the system itself")
        secret = sorted(_SECRET_NAMES.intersection(form.parts))
        if secret:
            raise _refusal(path, f"lies in {secret[0]}, where secrets are kept")


def _refuse_work(work: Path, readable: tuple[Path, ...]) -> None:
    refuse_path(work)
    real = work.resolve()
    if _under(work, _PROGRAMS) or _under(real, _PROGRAMS):
        raise _refusal(work, "holds programs, so it must not be writable")
    for other in (path.resolve() for path in readable):
        if real.is_relative_to(other) or other.is_relative_to(real):
            raise _refusal(work, f"would be writable, and {other} must be read-only")


def _under(path: Path, roots: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _homes() -> tuple[Path, ...]:
    """Return the home of this user, by environment and by the user database: they may differ."""
    homes = [Path("~").expanduser()] if os.path.expanduser("~") != "~" else []  # noqa: PTH111 - never raises
    try:
        homes.append(Path(pwd.getpwuid(os.getuid()).pw_dir))
    except KeyError:
        return tuple(homes)
    return tuple(home.resolve() for home in homes)


def _refusal(path: Path, why: str) -> SandboxError:
    return SandboxError(
        f"The path {path} may not enter a sandbox: it {why}.",
        remedies=("Give the server a directory of its own that holds only what it needs.",),
    )

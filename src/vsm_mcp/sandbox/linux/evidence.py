"""The honest report: what a policy gets by plan, and what the kernel shows of it before the program runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Enforcement, Held, Level
from vsm_mcp.model.server import WORK_ROOT
from vsm_mcp.sandbox.linux.argv import LOCKED_KIB, MIB, SHARED_MEMORY_BYTES, STACK_KIB, Profile, environment
from vsm_mcp.sandbox.linux.observation import Mount, Observation
from vsm_mcp.sandbox.policy import CACHE_ROOT, SandboxPolicy

CONFINER = "bubblewrap"

_WRITABLE = frozenset({WORK_ROOT, "/tmp", "/dev/shm", "/dev/pts"})  # noqa: S108 - the private ones inside
_DEVICES = frozenset(f"/dev/{name}" for name in ("console", "full", "null", "random", "tty", "urandom", "zero"))
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_MOST_NAMES = 12

_NESTED = (
    "This machine is a container that allows no fresh /proc: servers run without one, and only the system call filter "
    "keeps them from making namespaces."
)
_RELAY = "network namespace; names and connections pass through this process"
_KEPT = "Kept directories are measured several times a second: for a moment they can hold more than allowed."
_WATCHED = "Memory and CPU of the whole tree are watched, and for a moment can be more than allowed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a start has besides the sandbox itself.

    Attributes:
        profile: How much of the confinement the host allows.
        resources: Who holds memory and CPU.
        network: Who holds the way out, where there is one.
        refused: Why memory and CPU are not held better, as sentences.
    """

    profile: Profile
    resources: Mapping[Aspect, Held]
    network: Held | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the kernel shows of a parked process, and of this one for comparison."""

    policy: SandboxPolicy
    means: Means
    env: Mapping[str, str]
    user: int
    seen: Observation
    own: Mapping[str, int]


_Check = Callable[[Scene], str | None]


def predict(policy: SandboxPolicy, means: Means) -> Enforcement:
    """Say who will hold what, without evidence.

    Raises:
        SandboxError: The policy requires more than that.
    """
    planned = Enforcement(
        confiner=CONFINER,
        profile=means.profile,
        held=_planned(policy, means),
        warnings=_warnings(policy, means),
    )
    lacking = [
        f"{aspect} held by the {level} (here: {planned.level(aspect)})"
        for aspect, level in policy.require.items()
        if planned.level(aspect).strength < level.strength
    ]
    if lacking:
        raise SandboxError(
            f"The policy requires more than can be held here: {', '.join(lacking)}.",
            remedies=("Require less of these aspects in the policy, or do not run the server.", *means.refused),
        )
    return planned


def judge(scene: Scene) -> Enforcement:
    """Compare the plan with what the kernel shows.

    Raises:
        SandboxError: Something that was planned is not seen.
    """
    planned = predict(scene.policy, scene.means)
    shown = {aspect: _CHECKS[aspect](scene) for aspect in planned.held if aspect in _CHECKS}
    missing = [
        aspect
        for aspect, held in planned.held.items()
        if (aspect in shown and shown[aspect] is None) or (held.level is Level.KERNEL and not shown.get(aspect))
    ]
    if missing:
        raise SandboxError(
            f"The kernel does not show what should hold {', '.join(missing)}, so the program was not started.",
            remedies=("Report this: the sandbox was set up and something undid a part of it.",),
        )
    held = {aspect: replace(held, evidence=shown.get(aspect) or "") for aspect, held in planned.held.items()}
    return replace(planned, held=held)


def _planned(policy: SandboxPolicy, means: Means) -> Mapping[Aspect, Held]:
    limits = policy.limits
    proc = "private /proc" if means.profile is Profile.FULL else "no /proc"
    return {
        Aspect.ISOLATION: _kernel("own namespaces, no rights", "namespaces, no capabilities, no_new_privs"),
        Aspect.FILES: _kernel(
            f"only {' and '.join((*_kept_roots(policy), '/tmp'))} writable",  # noqa: S108 - inside
            "mount namespace, read-only mounts",
        ),
        Aspect.NETWORK: _network_plan(policy, means),
        Aspect.PROCESS_TREE: _kernel("no process outlives the server", f"pid namespace, {proc}"),
        Aspect.SYSTEM_CALLS: _kernel("only harmless system calls", "seccomp filter"),
        Aspect.ENVIRONMENT: _kernel("only the server's own variables", "environment made anew"),
        Aspect.PROCESSES: _kernel(f"{limits.processes}", "RLIMIT_NPROC in its own user namespace"),
        Aspect.OPEN_FILES: _kernel(f"{limits.open_files} per process", "RLIMIT_NOFILE"),
        Aspect.FILE_SIZE: _kernel(f"{limits.file_mb} MiB per file", "RLIMIT_FSIZE"),
        Aspect.DISK: _disk(policy),
        Aspect.LIFETIME: _lifetime(limits.lifetime),
        **means.resources,
    }


def _kernel(requested: str, mechanism: str) -> Held:
    return Held(requested=requested, level=Level.KERNEL, mechanism=mechanism)


def _network_plan(policy: SandboxPolicy, means: Means) -> Held:
    if not policy.egress.allow:
        return _kernel("no network", "network namespace")
    if means.network is not None:
        return means.network
    return Held(requested=f"only {', '.join(policy.egress.allow)}", level=Level.SUPERVISED, mechanism=_RELAY)


def _kept_roots(policy: SandboxPolicy) -> tuple[str, ...]:
    return (WORK_ROOT,) if policy.cache is None else (WORK_ROOT, CACHE_ROOT)


def _disk(policy: SandboxPolicy) -> Held:
    limits = policy.limits
    kept = [root for root, path in ((WORK_ROOT, policy.work), (CACHE_ROOT, policy.cache)) if path is not None]
    own = [(WORK_ROOT, limits.work_mb)] if policy.work is None else []
    sizes = [*((root, limits.kept_mb) for root in kept), *own, ("/tmp", limits.tmp_mb)]  # noqa: S108 - inside
    requested = ", ".join(f"{size} MiB in {root}" for root, size in sizes)
    if not kept:
        return _kernel(requested, "sized tmpfs")
    return Held(requested=requested, level=Level.SUPERVISED, mechanism="kept directories measured, sized tmpfs")


def _lifetime(seconds: float | None) -> Held:
    if seconds is None:
        return Held(requested="no limit", level=Level.NONE)
    return Held(requested=f"{seconds:g} s", level=Level.SUPERVISED, mechanism="timer that kills the pid namespace")


def _warnings(policy: SandboxPolicy, means: Means) -> tuple[str, ...]:
    nested = (_NESTED,) if means.profile is Profile.NESTED else ()
    kept = (_KEPT,) if policy.work is not None or policy.cache is not None else ()
    watched = means.resources[Aspect.MEMORY].level is Level.SUPERVISED
    return (*nested, *((_WATCHED, *means.refused) if watched else ()), *kept)


def _isolation(scene: Scene) -> str | None:
    status, seen = scene.seen.status, scene.seen.namespaces
    apart = [kind for kind in seen if seen[kind] != scene.own.get(kind)]
    held = (
        set(seen) - set(apart) <= {"cgroup"}
        and {int(number) for number in status["Uid"].split()} == {scene.user}
        and all(int(status[name], 16) == 0 for name in _CAPABILITIES)
        and status["NoNewPrivs"] == "1"
        and scene.seen.descriptors == (0, 1, 2)
    )
    evidence = f"namespaces {' '.join(apart)}; uid {scene.user}; capabilities 0; NoNewPrivs 1; descriptors 0 1 2"
    return evidence if held else None


def _files(scene: Scene) -> str | None:
    writable = {mount.path for mount in scene.seen.mounts if "rw" in mount.options}
    trusted = all("nosuid" in mount.options for mount in scene.seen.mounts)
    allowed = _WRITABLE | _DEVICES | set(_kept_roots(scene.policy))
    if not trusted or not writable <= allowed or not writable >= set(_kept_roots(scene.policy)):
        return None
    return f"writable: {', '.join(sorted(writable - _DEVICES))}"


def _network(scene: Scene) -> str | None:
    if not set(scene.seen.interfaces) <= {"lo"}:
        return None
    if not scene.policy.egress.allow:
        return "interfaces: lo"
    opened = scene.means.network
    return None if opened is None or not opened.evidence else f"interfaces: lo; {opened.evidence}"


def _process_tree(scene: Scene) -> str | None:
    numbers = scene.seen.status["NSpid"].split()
    proc = [mount for mount in scene.seen.mounts if mount.path == "/proc"]
    if len(numbers) < 2 or bool(proc) is not (scene.means.profile is Profile.FULL):  # noqa: PLR2004 - outside and inside
        return None
    return f"pid {numbers[-2]} outside, {numbers[-1]} inside"


def _system_calls(scene: Scene) -> str | None:
    return "Seccomp 2" if scene.seen.status["Seccomp"] == "2" else None


def _environment(scene: Scene) -> str | None:
    names = scene.seen.variables
    if not set(names) <= {*environment(scene.env), "PWD", "OLDPWD", "SHLVL", "_"}:
        return None
    return " ".join(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")


def _memory(scene: Scene) -> str | None:
    limits = (
        _limit(scene, "Max data size", scene.policy.limits.memory_mb * MIB),
        _limit(scene, "Max stack size", STACK_KIB * 1024),
        _limit(scene, "Max locked memory", LOCKED_KIB * 1024),
        _limit(scene, "Max core file size", 0),
    )
    shown = [limit for limit in limits if limit is not None]
    whole = scene.means.resources[Aspect.MEMORY].evidence
    return "; ".join((whole, *shown)) if len(shown) == len(limits) and whole else None


def _cpu(scene: Scene) -> str | None:
    held = scene.means.resources[Aspect.CPU]
    return held.evidence if held.evidence or held.level is Level.NONE else None


def _limit(scene: Scene, name: str, most: int) -> str | None:
    value = scene.seen.limits.get(name)
    return f"{name.removeprefix('Max ')} {value}" if value is not None and value <= most else None


def _disk_evidence(scene: Scene) -> str | None:
    limits = scene.policy.limits
    sizes = {"/tmp": limits.tmp_mb * MIB, "/dev/shm": SHARED_MEMORY_BYTES}  # noqa: S108 - the private ones inside
    if scene.policy.work is None:
        sizes[WORK_ROOT] = limits.work_mb * MIB
    mounts = {mount.path: mount for mount in scene.seen.mounts}
    if not all(path in mounts and _sized(mounts[path], size) for path, size in sizes.items()):
        return None
    return ", ".join(f"{path} {size // 1024}k" for path, size in sizes.items())


def _sized(mount: Mount, size: int) -> bool:
    return mount.kind == "tmpfs" and f"size={size // 1024}k" in mount.system


_CHECKS: Mapping[Aspect, _Check] = {
    Aspect.ISOLATION: _isolation,
    Aspect.FILES: _files,
    Aspect.NETWORK: _network,
    Aspect.PROCESS_TREE: _process_tree,
    Aspect.SYSTEM_CALLS: _system_calls,
    Aspect.ENVIRONMENT: _environment,
    Aspect.MEMORY: _memory,
    Aspect.CPU: _cpu,
    Aspect.PROCESSES: lambda scene: _limit(scene, "Max processes", scene.policy.limits.processes),
    Aspect.OPEN_FILES: lambda scene: _limit(scene, "Max open files", scene.policy.limits.open_files),
    Aspect.FILE_SIZE: lambda scene: _limit(scene, "Max file size", scene.policy.limits.file_mb * MIB),
    Aspect.DISK: _disk_evidence,
}

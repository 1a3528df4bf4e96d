"""What the kernel shows is compared with the plan: one difference and nothing starts."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Held, Level
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.linux.argv import Profile
from vsm_mcp.sandbox.linux.evidence import Means, Scene, judge, predict
from vsm_mcp.sandbox.linux.observation import (
    Mount,
    Observation,
    observe,
    only_child,
    own_namespaces,
    read_interfaces,
    read_limits,
    read_mounts,
    read_status,
)
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy

KINDS = ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup")
MIB = 1 << 20
SEEN_BY_KERNEL = {
    aspect: Held(requested="half of it", level=Level.KERNEL, mechanism="a group", evidence="read back")
    for aspect in (Aspect.MEMORY, Aspect.CPU)
}
GROUPED = Means(profile=Profile.FULL, resources=SEEN_BY_KERNEL)
WATCHED = Means(
    profile=Profile.FULL,
    resources={aspect: replace(held, level=Level.SUPERVISED) for aspect, held in SEEN_BY_KERNEL.items()},
    refused=("There are no groups.",),
)
KEPT = SandboxPolicy(work=Path("/srv/x/work"))


def mount(path: str, options: str, kind: str = "ext4", *, system: str = "rw") -> Mount:
    return Mount(path=path, options=frozenset(options.split(",")), kind=kind, system=frozenset(system.split(",")))


MOUNTS = (
    mount("/", "ro,nosuid", "tmpfs"),
    mount("/usr", "ro,nosuid"),
    mount("/proc", "ro,nosuid", "proc"),
    mount("/dev/null", "rw,nosuid", "devtmpfs"),
    mount("/dev/shm", "rw,nosuid", "tmpfs", system="rw,size=1024k"),
    mount("/tmp", "rw,nosuid", "tmpfs", system="rw,size=65536k"),
    mount("/work", "rw,nosuid", "tmpfs", system="rw,size=131072k"),
)
WITHOUT_PROC = tuple(kept for kept in MOUNTS if kept.path != "/proc")
SEEN = Observation(
    status={
        **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000"),
        "Uid": "61184\t61184\t61184\t61184",
        "NoNewPrivs": "1",
        "NSpid": "4711\t2",
        "Seccomp": "2",
    },
    limits={
        "Max data size": 512 * MIB,
        "Max stack size": 8 * MIB,
        "Max locked memory": 65536,
        "Max core file size": 0,
        "Max processes": 64,
        "Max open files": 1024,
        "Max file size": 256 * MIB,
    },
    namespaces=dict.fromkeys(KINDS, 2),
    mounts=MOUNTS,
    interfaces=("lo",),
    descriptors=(0, 1, 2),
    variables=("HOME", "LANG", "PATH", "PWD", "TMPDIR", "TOKEN"),
)
SCENE = Scene(
    policy=SandboxPolicy(),
    means=GROUPED,
    env={"TOKEN": "x"},
    user=61184,
    seen=SEEN,
    own=dict.fromkeys(KINDS, 1),
)
Change = Callable[[Observation], Observation]


def status(**values: str) -> Change:
    return lambda seen: replace(seen, status={**seen.status, **values})


def shared(kind: str) -> Change:
    return lambda seen: replace(seen, namespaces={**seen.namespaces, kind: 1})


def limit(name: str, value: int | None) -> Change:
    return lambda seen: replace(seen, limits={**seen.limits, name: value})


def mounted(*mounts: Mount) -> Change:
    paths = {mount.path for mount in mounts}
    return lambda seen: replace(seen, mounts=(*(kept for kept in seen.mounts if kept.path not in paths), *mounts))


UNDONE: tuple[tuple[Aspect, Change], ...] = (
    (Aspect.ISOLATION, status(Uid="0\t0\t0\t0")),
    (Aspect.ISOLATION, status(Uid="61184\t0\t61184\t61184")),
    (Aspect.ISOLATION, status(CapEff="0000000000200000")),
    (Aspect.ISOLATION, status(CapBnd="000001ffffffffff")),
    (Aspect.ISOLATION, status(NoNewPrivs="0")),
    (Aspect.ISOLATION, lambda seen: replace(seen, descriptors=(0, 1, 2, 7))),
    *((Aspect.ISOLATION, shared(kind)) for kind in KINDS if kind != "cgroup"),
    (Aspect.FILES, mounted(mount("/usr", "rw,nosuid"))),
    (Aspect.FILES, mounted(mount("/srv", "rw,nosuid"))),
    (Aspect.FILES, mounted(mount("/usr", "ro"))),
    (Aspect.FILES, mounted(mount("/work", "ro,nosuid", "tmpfs", system="size=131072k"))),
    (Aspect.NETWORK, lambda seen: replace(seen, interfaces=("lo", "eth0"))),
    (Aspect.PROCESS_TREE, status(NSpid="4711")),
    (Aspect.PROCESS_TREE, lambda seen: replace(seen, mounts=WITHOUT_PROC)),
    (Aspect.SYSTEM_CALLS, status(Seccomp="0")),
    (Aspect.ENVIRONMENT, lambda seen: replace(seen, variables=(*seen.variables, "SECRET"))),
    (Aspect.MEMORY, limit("Max data size", None)),
    (Aspect.MEMORY, limit("Max data size", 513 * MIB)),
    (Aspect.MEMORY, limit("Max stack size", None)),
    (Aspect.MEMORY, limit("Max core file size", 1)),
    (Aspect.PROCESSES, limit("Max processes", None)),
    (Aspect.PROCESSES, limit("Max processes", 65)),
    (Aspect.OPEN_FILES, limit("Max open files", 1025)),
    (Aspect.FILE_SIZE, limit("Max file size", None)),
    (Aspect.DISK, mounted(mount("/tmp", "rw,nosuid", "tmpfs", system="rw"))),
    (Aspect.DISK, mounted(mount("/work", "rw,nosuid", "ext4", system="size=131072k"))),
)  # fmt: skip


def test_the_report_names_every_aspect_with_its_level_and_evidence() -> None:
    report = judge(replace(SCENE, policy=SandboxPolicy(limits=Limits(lifetime=9))))
    assert set(report.held) == set(Aspect)
    levels = {aspect: held.level for aspect, held in report.held.items()}
    assert levels.pop(Aspect.LIFETIME) is Level.SUPERVISED
    assert set(levels.values()) == {Level.KERNEL}
    for aspect, held in report.held.items():
        assert bool(held.evidence) is (held.level is Level.KERNEL), aspect
        assert held.mechanism, aspect
    assert report.held[Aspect.MEMORY].evidence.startswith("read back; data size 536870912")
    assert report.warnings == ()
    assert report.held[Aspect.LIFETIME].requested == "9 s"
    assert (report.confiner, report.profile) == ("bubblewrap", "full")


def test_kept_directories_are_supervised_and_the_report_says_so() -> None:
    seen = mounted(mount("/work", "rw,nosuid", "ext4"), mount("/cache", "rw,nosuid", "ext4"))(SEEN)
    policy = SandboxPolicy(work=Path("/srv/x/work"), cache=Path("/srv/x/cache"))
    report = judge(replace(SCENE, policy=policy, seen=seen))
    assert report.level(Aspect.DISK) is Level.SUPERVISED
    assert report.held[Aspect.DISK].requested == "1024 MiB in /work, 1024 MiB in /cache, 64 MiB in /tmp"
    assert any("Kept directories" in warning for warning in report.warnings)
    with pytest.raises(SandboxError, match="should hold files"):
        judge(replace(SCENE, policy=KEPT, seen=seen))
    with pytest.raises(SandboxError, match="should hold files"):
        judge(replace(SCENE, policy=policy, seen=mounted(mount("/work", "rw,nosuid", "ext4"))(SEEN)))


def test_what_is_watched_is_told_with_why_the_kernel_does_not_hold_it() -> None:
    report = judge(replace(SCENE, means=WATCHED))
    assert report.level(Aspect.MEMORY) is Level.SUPERVISED
    assert "watched" in report.warnings[0]
    assert report.warnings[1] == "There are no groups."
    with pytest.raises(SandboxError, match="memory held by the kernel") as caught:
        predict(SandboxPolicy(require={Aspect.MEMORY: Level.KERNEL}), WATCHED)
    assert "There are no groups." in caught.value.remedies


@pytest.mark.security
@pytest.mark.parametrize("aspect", [Aspect.MEMORY, Aspect.CPU])
@pytest.mark.parametrize("means", [GROUPED, WATCHED])
def test_a_limit_on_the_tree_that_was_not_read_back_refuses_the_start(aspect: Aspect, means: Means) -> None:
    resources = {**means.resources, aspect: replace(means.resources[aspect], evidence="")}
    with pytest.raises(SandboxError, match=f"should hold.*{aspect}"):
        judge(replace(SCENE, means=replace(means, resources=resources)))


def test_a_way_out_counts_only_when_it_was_really_opened() -> None:
    policy = SandboxPolicy(egress=Egress(allow=("example.com",)))
    plan = predict(policy, GROUPED).held[Aspect.NETWORK]
    assert (plan.level, plan.requested) == (Level.SUPERVISED, "only example.com:443")
    with pytest.raises(SandboxError, match="should hold network"):
        judge(replace(SCENE, policy=policy))
    opened = Held(requested="example.com", level=Level.SUPERVISED, mechanism="relay", evidence="network 7")
    found = judge(replace(SCENE, policy=policy, means=replace(GROUPED, network=opened))).held[Aspect.NETWORK]
    assert (found.level, found.evidence) == (Level.SUPERVISED, "interfaces: lo; network 7")
    seen = replace(SEEN, interfaces=("lo", "eth0"))
    with pytest.raises(SandboxError, match="should hold network"):
        judge(replace(SCENE, policy=policy, means=replace(GROUPED, network=opened), seen=seen))


def test_no_limit_on_cpu_is_no_lack() -> None:
    free = {**SEEN_BY_KERNEL, Aspect.CPU: Held(requested="no limit", level=Level.NONE)}
    policy = SandboxPolicy(limits=Limits(cpu_cores=None))
    assert judge(replace(SCENE, policy=policy, means=replace(GROUPED, resources=free))).level(Aspect.CPU) is Level.NONE


def test_nested_the_report_warns_and_no_proc_is_expected() -> None:
    seen = replace(SEEN, mounts=WITHOUT_PROC)
    report = judge(replace(SCENE, means=replace(GROUPED, profile=Profile.NESTED), seen=seen))
    assert report.profile == "nested"
    assert "container" in report.warnings[0]
    with pytest.raises(SandboxError, match="process tree"):
        judge(replace(SCENE, means=replace(GROUPED, profile=Profile.NESTED)))


@pytest.mark.security
@pytest.mark.parametrize(("aspect", "change"), UNDONE)
def test_one_thing_not_seen_refuses_the_start(aspect: Aspect, change: Change) -> None:
    with pytest.raises(SandboxError, match=f"should hold.*{aspect}") as caught:
        judge(replace(SCENE, seen=change(SEEN)))
    assert caught.value.remedies


def test_a_stricter_limit_than_asked_for_is_well() -> None:
    assert (
        "open files 512"
        in judge(replace(SCENE, seen=limit("Max open files", 512)(SEEN))).held[Aspect.OPEN_FILES].evidence
    )


def test_a_machine_without_cgroup_namespaces_is_well() -> None:
    namespaces = {kind: number for kind, number in SEEN.namespaces.items() if kind != "cgroup"}
    assert judge(replace(SCENE, seen=replace(SEEN, namespaces=namespaces))).level(Aspect.ISOLATION) is Level.KERNEL


def test_many_variables_are_not_all_listed() -> None:
    env = {f"V{number}": "x" for number in range(30)}
    scene = replace(SCENE, env=env, seen=replace(SEEN, variables=tuple(env)))
    assert judge(scene).held[Aspect.ENVIRONMENT].evidence.endswith(" ...")


@pytest.mark.parametrize(
    ("aspect", "level"),
    [(Aspect.CPU, Level.KERNEL), (Aspect.MEMORY, Level.KERNEL), (Aspect.LIFETIME, Level.SUPERVISED)],
)
def test_what_cannot_be_held_and_is_required_is_refused_by_plan(aspect: Aspect, level: Level) -> None:
    with pytest.raises(SandboxError, match=f"{aspect} held by the {level}") as caught:
        predict(SandboxPolicy(require={aspect: level}), WATCHED)
    assert caught.value.remedies


def test_a_kept_directory_cannot_be_required_to_be_limited_by_the_kernel() -> None:
    predict(SandboxPolicy(require={Aspect.DISK: Level.KERNEL}), GROUPED)
    with pytest.raises(SandboxError, match="disk"):
        predict(SandboxPolicy(work=Path("/srv/x/work"), require={Aspect.DISK: Level.KERNEL}), GROUPED)


def test_the_files_of_the_kernel_are_read_as_it_writes_them() -> None:
    assert read_status("Name:\tsh\nUid:\t1\t2\n") == {"Name": "sh", "Uid": "1\t2"}
    table = (
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max data size             1                    2                    bytes     \n"
        "Max nice priority         0                    0                    \n"
        "Max processes             unlimited            unlimited            processes \n"
    )
    assert read_limits(table) == {"Max data size": 2, "Max nice priority": 0, "Max processes": None}
    (found,) = read_mounts(r"65 42 0:40 / /a\040b ro,nosuid shared:1 master:2 - tmpfs tmpfs rw,size=4k")
    assert found == mount("/a b", "ro,nosuid", "tmpfs", system="rw,size=4k")
    assert read_interfaces("Inter-|   Receive\n face |bytes\n    lo:       0\n  eth0: 1\n") == ("lo", "eth0")


def test_a_process_can_be_observed_and_one_that_is_gone_cannot() -> None:
    seen = observe(os.getpid())
    assert seen.namespaces == own_namespaces()
    assert {"HOME", "PATH"} & set(seen.variables)
    with pytest.raises(SandboxError, match="cannot be read back"):
        observe((1 << 22) + 1)
    with pytest.raises(SandboxError, match="exactly one child"):
        only_child((1 << 22) + 1)

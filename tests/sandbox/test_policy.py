"""A policy that would show or give away what a server must not reach cannot be constructed."""

import os
import pwd
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vsm_mcp.errors import SandboxError
from vsm_mcp.model.enforcement import Aspect, Level
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy, refuse_path, refuse_work

PARTS = st.text(alphabet="abcdefgh123", min_size=1, max_size=8)
SECRETS = st.sampled_from([".ssh", ".aws", ".gnupg", ".netrc", ".npmrc", ".kube", "keyrings"])
HARMLESS = st.lists(PARTS, min_size=2, max_size=5).map(lambda parts: Path("/srv/data", *parts))


@pytest.mark.promise("A3", "A4", "B12", "B13", "B48", "B49", "D14")
def test_a_policy_without_words_is_the_strict_one() -> None:
    policy = SandboxPolicy()
    assert (policy.package, policy.work, policy.read_only, policy.run_as) == (None, None, (), None)
    assert policy.limits == Limits(memory_mb=512, processes=64, open_files=1024, file_mb=256, tmp_mb=64, work_mb=128)
    assert (policy.limits.cpu_cores, policy.limits.cpu_burst, policy.limits.kept_mb) == (0.5, 2.0, 1024)
    assert policy.limits.lifetime is None
    assert (policy.cache, policy.egress.allow, policy.subject) == (None, (), "")
    required = {
        Aspect.ISOLATION,
        Aspect.FILES,
        Aspect.NETWORK,
        Aspect.PROCESS_TREE,
        Aspect.SYSTEM_CALLS,
        Aspect.PROCESSES,
    }
    watched = dict.fromkeys((Aspect.MEMORY, Aspect.CPU, Aspect.DISK), Level.SUPERVISED)
    assert policy.require == {**dict.fromkeys(required, Level.KERNEL), **watched}


def test_what_is_required_follows_what_is_asked_for_unless_it_is_named() -> None:
    free = SandboxPolicy(limits=Limits(cpu_cores=None))
    assert Aspect.CPU not in free.require
    connected = SandboxPolicy(egress=Egress(allow=("example.com",)))
    assert connected.require[Aspect.NETWORK] is Level.SUPERVISED
    assert SandboxPolicy(limits=Limits(cpu_cores=None), require={Aspect.CPU: Level.KERNEL}).require == {
        Aspect.CPU: Level.KERNEL
    }


def test_a_cache_is_refused_like_a_kept_directory_and_beside_one(tmp_path: Path) -> None:
    work, cache = tmp_path / "work", tmp_path / "cache"
    assert SandboxPolicy(work=work, cache=cache).cache == cache
    for other in (work, work / "inner", tmp_path):
        with pytest.raises(SandboxError, match="two places"):
            SandboxPolicy(work=work, cache=other)
    with pytest.raises(SandboxError, match="must be read-only"):
        SandboxPolicy(package=cache / "package", cache=cache)
    with pytest.raises(SandboxError, match="holds programs"):
        SandboxPolicy(cache=Path("/usr/share/cache"))
    with pytest.raises(SandboxError, match="would hide"):
        SandboxPolicy(read_only=(Path("/cache/x"),))


@pytest.mark.parametrize(
    "limits",
    [
        {"memory_mb": 0},
        {"processes": 3},
        {"open_files": 1},
        {"file_mb": -1},
        {"lifetime": 0},
        {"cpu_cores": 0},
        {"cpu_cores": float("nan")},
        {"cpu_burst": -1},
        {"kept_mb": 0},
        {"lifetime": float("inf")},
        {"lifetime": 1e12},
        {"memory": 512},
    ],
)
def test_limits_that_mean_nothing_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(limits)


@pytest.mark.parametrize("user", [0, -1, (1 << 32) - 1])
def test_a_server_never_runs_as_root_or_as_nobody_at_all(user: int) -> None:
    with pytest.raises(ValidationError):
        SandboxPolicy(run_as=user)


@pytest.mark.security
@pytest.mark.parametrize(
    "path",
    [
        "/", "/home", "/root", "/tmp", "/var", "/var/lib", "/opt", "//", "/srv/../", "/etc", "/etc/ssl", "/proc",
        "/proc/1", "/sys/kernel", "/dev/shm", "/run/user/1000", "/var/run/docker.sock", "/boot", "/srv/x/../../etc",
        "/srv/user/.ssh", "/srv/user/.ssh/id", "/srv/user/.aws/credentials", "/srv/user/.config/gcloud/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["package", "work", "read_only"])
@pytest.mark.promise("E3", "E36", "E37", "E52")
def test_dangerous_paths_are_refused_in_every_role(path: str, role: str) -> None:
    with pytest.raises(SandboxError) as caught:
        SandboxPolicy.model_validate({role: (path,) if role == "read_only" else path})
    assert caught.value.remedies


@pytest.mark.parametrize("path", ["data", "./data", "../data"])
def test_relative_paths_are_refused(path: str) -> None:
    with pytest.raises(SandboxError, match="is not absolute"):
        refuse_path(Path(path))


def test_the_home_of_the_user_and_all_above_it_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "people" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for path in (home, home.parent, tmp_path):
        with pytest.raises(SandboxError, match="holds the files of others"):
            SandboxPolicy(read_only=(path,))
    SandboxPolicy(read_only=(home / "project",))


def test_the_home_in_the_user_database_is_refused_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = pwd.struct_passwd(("me", "x", 1000, 1000, "", str(tmp_path / "home"), "/bin/sh"))
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(pwd, "getpwuid", {os.getuid(): entry}.__getitem__)
    for home in ("home", "elsewhere"):
        with pytest.raises(SandboxError, match="holds the files of others"):
            SandboxPolicy(read_only=(tmp_path / home,))
    SandboxPolicy(read_only=(tmp_path / "other",))


def test_a_user_without_a_home_is_no_reason_to_allow_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME")
    with pytest.raises(SandboxError):
        refuse_path(Path("/"))
    refuse_path(Path("/srv/data/one"))


def user(name: str, home: Path | str) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", 1000, 1000, "", str(home), "/bin/sh"))


@pytest.mark.security
@pytest.mark.promise("E3", "E37")
@pytest.mark.parametrize("role", ["package", "work", "read_only"])
def test_the_homes_of_all_users_and_what_lies_above_them_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    service, linked = tmp_path / "services" / "alice", tmp_path / "linked"
    service.mkdir(parents=True)
    linked.symlink_to(service)
    everybody = [user("bob", linked), user("daemon", "/usr/sbin"), user("network", "/"), user("odd", "relative")]
    monkeypatch.setattr(pwd, "getpwall", lambda: everybody)
    for path in (service, service.parent, linked, Path("/home/nobody-yet"), Path("/home/x/../y")):
        with pytest.raises(SandboxError, match="holds the files of others"):
            SandboxPolicy.model_validate({role: (path,) if role == "read_only" else path})
    SandboxPolicy.model_validate({role: (service / "data",) if role == "read_only" else service / "data"})
    refuse_path(Path("/usr/sbin"))


@pytest.mark.security
@pytest.mark.promise("E3", "E37")
@pytest.mark.parametrize(
    "path",
    [
        "/var/log", "/var/log/journal", "/var/log/audit", "/var/lib/docker", "/var/lib/private", "/var/spool",
        "/var/backups", "/var/mail", "/var/cache", "/lost+found", "/var/lib/vsm_mcp",
    ],
)  # fmt: skip
def test_what_programs_keep_of_others_is_refused(path: str) -> None:
    for refuse in (refuse_path, refuse_work):
        with pytest.raises(SandboxError, match="of others"):
            refuse(Path(path))
    refuse_path(Path("/var/log/nginx"))


@pytest.mark.security
@pytest.mark.parametrize(
    "path",
    ["/var/log/journal/x", "/var/lib/docker/volumes/x", "/var/spool/cron", "/var/backups/x", "/var/mail/me"],
)
def test_nothing_in_what_programs_keep_of_others_is_shown(path: str) -> None:
    with pytest.raises(SandboxError, match="of others"):
        SandboxPolicy(read_only=(Path(path),))


def test_where_a_service_is_given_its_state_packages_are_shown_and_nothing_is_granted() -> None:
    state = Path("/var/lib/private/vsm")
    refuse_work(state / "work")
    policy = SandboxPolicy(package=state / "store" / "a", work=state / "work" / "a", cache=state / "cache" / "npm")
    assert policy.package
    with pytest.raises(SandboxError, match="of others"):
        SandboxPolicy(read_only=(state / "store" / "a",))


@pytest.mark.security
@pytest.mark.promise("E3")
@pytest.mark.parametrize("path", [".config", ".config/app/settings", ".bash_history", ".cache"])
def test_what_a_home_keeps_out_of_sight_is_not_shown(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for home in (tmp_path / "me", Path("/home/alice")):
        with pytest.raises(SandboxError, match="keeps out of sight"):
            SandboxPolicy(read_only=(home / path,))
    SandboxPolicy(package=tmp_path / "me" / path, read_only=(tmp_path / "me" / "project" / path,))


def test_where_programs_are_installed_in_a_home_can_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".local" / "bin").mkdir(parents=True)
    refuse_path(tmp_path / ".local")
    refuse_path(tmp_path / ".pyenv" / "versions" / "3.12.1")
    refuse_path(Path(sys.base_prefix))
    node = tmp_path / ".config" / "nvm" / "versions" / "node" / "v20.11.0"
    (node / "bin").mkdir(parents=True)
    refuse_path(node)
    (tmp_path / ".config" / "bin").mkdir()
    for path in (tmp_path / ".config", node.parent):
        with pytest.raises(SandboxError, match="keeps out of sight"):
            refuse_path(path)


@pytest.mark.security
@pytest.mark.promise("E3", "D14")
@pytest.mark.parametrize("name", [".ssh", ".netrc", ".npmrc", "id_rsa", "keyrings"])
def test_a_directory_that_holds_a_place_of_secrets_is_not_shown(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "data" / name
    inner.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for path in (tmp_path / "data", tmp_path / "link"):
        with pytest.raises(SandboxError, match=f"holds {name}, where secrets are kept"):
            refuse_path(path)
    assert SandboxPolicy(package=tmp_path / "data").package  # what a stranger's package holds is no secret of yours


def test_a_program_called_like_a_place_of_secrets_is_none(tmp_path: Path) -> None:
    (tmp_path / "gcloud").write_text("#!/bin/sh")
    refuse_path(tmp_path)


@pytest.mark.parametrize("path", ["/usr/lib/x", "/etc", "relative", "/srv/x/.ssh"])
def test_where_no_server_may_write_is_told_before_one_does(path: str) -> None:
    with pytest.raises(SandboxError):
        refuse_work(Path(path))
    refuse_work(Path("/srv/data/work"))


@pytest.mark.security
@pytest.mark.promise("E3", "E36")
def test_a_link_to_a_dangerous_place_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "innocent"
    link.symlink_to("/etc")
    with pytest.raises(SandboxError, match="belongs to the system itself"):
        SandboxPolicy(package=link)


@pytest.mark.parametrize("path", ["/usr", "/usr/local/work", "/bin", "/lib/x"])
def test_programs_may_be_read_and_never_written(path: str) -> None:
    SandboxPolicy(read_only=(Path(path),))
    with pytest.raises(SandboxError, match="holds programs"):
        SandboxPolicy(work=Path(path))


@pytest.mark.security
@given(base=HARMLESS, below=st.lists(PARTS, max_size=3))
@pytest.mark.promise("A50")
def test_what_is_writable_never_overlaps_what_is_read_only(base: Path, below: list[str]) -> None:
    inner = base.joinpath(*below)
    for work, other in ((base, inner), (inner, base)):
        with pytest.raises(SandboxError, match="must be read-only"):
            SandboxPolicy(work=work, package=other)
        with pytest.raises(SandboxError, match="must be read-only"):
            SandboxPolicy(work=work, read_only=(other,))


@pytest.mark.parametrize("path", ["/pkg", "/work", "/work/inside", "/pkg/site"])
def test_nothing_hides_the_sandboxs_own_directories(path: str) -> None:
    with pytest.raises(SandboxError, match="would hide"):
        SandboxPolicy(read_only=(Path(path),))


@pytest.mark.security
@given(base=HARMLESS, secret=SECRETS, below=st.lists(PARTS, max_size=2))
@pytest.mark.promise("A50")
def test_places_of_secrets_are_refused_wherever_they_are(base: Path, secret: str, below: list[str]) -> None:
    with pytest.raises(SandboxError, match="where secrets are kept"):
        refuse_path(base.joinpath(secret, *below))


@given(paths=st.lists(HARMLESS, min_size=1, max_size=4))
def test_harmless_paths_are_allowed(paths: list[Path]) -> None:
    policy = SandboxPolicy(read_only=tuple(paths))
    assert policy.read_only == tuple(paths)
    assert SandboxPolicy.model_validate_json(policy.model_dump_json()) == policy

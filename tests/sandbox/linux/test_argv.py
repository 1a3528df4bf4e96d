"""The words for bubblewrap, as a pure function."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from vsm_mcp.errors import SandboxError
from vsm_mcp.sandbox.linux.argv import SYNTHETIC, Descriptors, Host, Profile, Program, find_program, gate, options
from vsm_mcp.sandbox.policy import Limits, SandboxPolicy

HOST = Host(links=(("/bin", "usr/bin"),), directories=("/usr",), masked=("/proc/keys",))
DESCRIPTORS = Descriptors(seccomp=5, status=6, files=dict(zip(SYNTHETIC, (7, 8, 9), strict=True)), binary=10)
PYTHON = Program(path="/usr/bin/python3")


def words(policy: SandboxPolicy, profile: Profile = Profile.FULL, program: Program = PYTHON) -> tuple[str, ...]:
    return options(policy, HOST, DESCRIPTORS, profile=profile, program=program, env={"TOKEN": "x"})


def place(found: Sequence[str], *wanted: str) -> int:
    """Return where ``wanted`` stands in ``found``, as neighbours."""
    places = [at for at in range(len(found)) if tuple(found[at : at + len(wanted)]) == wanted]
    assert len(places) == 1, wanted
    return places[0]


def test_each_namespace_is_named_and_user_namespaces_end_there() -> None:
    found = words(SandboxPolicy())
    for kind in ("user", "pid", "net", "ipc", "uts"):
        place(found, f"--unshare-{kind}")
    for word in ("--disable-userns", "--assert-userns-disabled", "--die-with-parent", "--new-session", "--clearenv"):
        place(found, word)
    assert "--unshare-all" not in found
    place(found, "--cap-drop", "ALL")


def test_what_bubblewrap_leaves_writable_is_made_read_only_or_given_a_size() -> None:
    found = words(SandboxPolicy(limits=Limits(tmp_mb=3, work_mb=5)))
    assert place(found, "--proc", "/proc") < place(found, "--remount-ro", "/proc")
    assert place(found, "--dev", "/dev") < place(found, "--remount-ro", "/dev")
    assert place(found, "--ro-bind", "/dev/null", "/proc/keys") < place(found, "--remount-ro", "/proc")
    place(found, "--size", "1048576", "--perms", "1777", "--tmpfs", "/dev/shm")
    place(found, "--size", str(3 << 20), "--perms", "1777", "--tmpfs", "/tmp")
    last = place(found, "--remount-ro", "/")
    assert place(found, "--size", str(5 << 20), "--perms", "0700", "--tmpfs", "/work") < last
    mounts = [
        at for at, word in enumerate(found) if word in {"--ro-bind", "--bind", "--tmpfs", "--symlink", "--ro-bind-data"}
    ]
    assert max(mounts) < last


def test_a_kept_directory_and_a_package_are_bound() -> None:
    found = words(SandboxPolicy(work=Path("/srv/a/work"), package=Path("/srv/a/package"), read_only=(Path("/srv/b"),)))
    place(found, "--bind", "/srv/a/work", "/work")
    place(found, "--ro-bind", "/srv/a/package", "/pkg")
    place(found, "--ro-bind", "/srv/b", "/srv/b")
    assert found.count("--bind") == 1


def test_nested_in_a_container_there_is_no_proc_at_all() -> None:
    found = words(SandboxPolicy(), Profile.NESTED)
    assert not [word for word in found if word.startswith("/proc") or word in {"--proc", "--disable-userns"}]
    place(found, "--seccomp", "5")


def test_variables_are_options_and_the_base_is_always_there() -> None:
    found = words(SandboxPolicy())
    for name, value in (("HOME", "/work"), ("PATH", "/usr/bin:/bin"), ("TMPDIR", "/tmp"), ("TOKEN", "x")):
        assert place(found, "--setenv", name, value) > place(found, "--clearenv")


def test_the_prefix_of_an_interpreter_is_shown() -> None:
    found = words(SandboxPolicy(), program=Program(path="/opt/py/bin/python", shown=Path("/opt/py")))
    place(found, "--ro-bind", "/opt/py", "/opt/py")


@pytest.mark.parametrize("program", ["/usr/bin/python3", "/bin/sh", "/pkg/bin/run", "/work/run", "/srv/tools/run"])
def test_programs_that_are_visible_anyhow_are_named_as_they_are(program: str) -> None:
    policy = SandboxPolicy(read_only=(Path("/srv/tools"),))
    assert find_program(program, policy) == Program(path=program)


def test_a_link_to_a_system_program_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to("/usr/bin/env")
    assert find_program(str(link), SandboxPolicy()) == Program(path=str(Path("/usr/bin/env").resolve()))


def test_an_interpreter_elsewhere_is_shown_with_its_libraries_and_a_lone_program_alone(tmp_path: Path) -> None:
    for name in ("with/bin", "with/lib", "without/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("with", "without"):
        (tmp_path / name / "bin" / "python").touch()
    full, lone = tmp_path / "with/bin/python", tmp_path / "without/bin/python"
    assert find_program(str(full), SandboxPolicy()) == Program(path=str(full), shown=tmp_path / "with")
    assert find_program(str(lone), SandboxPolicy()) == Program(path=str(lone), shown=lone)


@pytest.mark.security
def test_the_home_is_not_shown_for_a_program_in_its_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("bin", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "tool").touch()
    with pytest.raises(SandboxError, match="holds the files of others"):
        find_program(str(tmp_path / "bin" / "tool"), SandboxPolicy())


@pytest.mark.security
@pytest.mark.parametrize("said", [b"", b"no\n", b"go", b"g\n", b"\n", b" \n"])
def test_the_gate_opens_at_its_word_only(said: bytes) -> None:
    words = (*gate(Limits(processes=4096)), "/bin/echo", "through")
    opened = subprocess.run(words, input=b"go\nrest", capture_output=True, check=False)
    assert opened.stdout == b"parked\nthrough\n"
    closed = subprocess.run(words, input=said, capture_output=True, check=False)
    assert closed.stdout == b"parked\n"


def test_the_gate_leaves_what_follows_its_word_to_the_program() -> None:
    done = subprocess.run(
        (*gate(Limits(processes=4096)), "/bin/cat"), input=b"go\n{}\n", capture_output=True, check=True
    )
    assert done.stdout == b"parked\n{}\n"


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", "/bin/dash"])
def test_the_gate_sets_every_limit_with_every_shell(shell: str) -> None:
    if not Path(shell).exists():
        pytest.skip(f"allowed: there is no {shell} here")
    _, flag, script, name = gate(Limits(memory_mb=300, processes=500, open_files=99, file_mb=7))
    words = (shell, "-o", "posix", flag, script, name) if shell.endswith("bash") else (shell, flag, script, name)
    done = subprocess.run((*words, "/bin/cat", "/proc/self/limits"), input=b"go\n", capture_output=True, check=True)
    found = {line[:25].strip(): line[25:].split()[:2] for line in done.stdout.decode().splitlines()[1:]}
    assert found["Max data size"] == ["314572800", "314572800"]
    assert found["Max stack size"] == ["8388608", "8388608"]
    assert found["Max core file size"] == ["0", "0"]
    assert found["Max processes"] == ["500", "500"]
    assert found["Max open files"] == ["99", "99"]
    assert found["Max locked memory"] == ["65536", "65536"]
    assert found["Max file size"] == ["7340032", "7340032"]

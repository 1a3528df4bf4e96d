"""The lock: one stable text that holds what was decided, refuses to be edited by hand, and says what differs."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.lock.comparison import Standing, compare, confirm
from vsm_mcp.acquisition.lock.content import files_digest
from vsm_mcp.acquisition.lock.entries import Grant, LockedServer
from vsm_mcp.acquisition.lock.lockfile import LARGEST_LOCK, Lockfile
from vsm_mcp.errors import ConfigurationError, IntegrityError
from vsm_mcp.model.behaviour import Behaviour
from vsm_mcp.model.call import PromptSpec, ToolSpec
from vsm_mcp.model.enforcement import Aspect, Enforcement, Held, Level
from vsm_mcp.model.proof import Evidence, ProofLevel, Trial
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Dependency,
    Installed,
    PackageRef,
    Proven,
    Resolution,
    Rung,
    StdioLaunch,
    ToolSummary,
    Variable,
    Vetted,
)
from vsm_mcp.model.verdict import Finding, Permission, Severity, Verdict
from vsm_mcp.testing.servers import as_proven, memory_installed
from vsm_mcp.world.files import LocalFiles

NAME = "io.example/notes"
NPM_LOCK = {
    "name": "vsm-x1",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"dependencies": {"notes": "1.2.3"}},
        "node_modules/notes": {"version": "1.2.3", "resolved": "https://a.invalid/n.tgz", "integrity": "sha512-AAAA"},
        "node_modules/odd": {"version": "1.0.0", "resolved": "git+https://b.invalid/odd.git#1"},
    },
}


def notes(root: Path, *, description: str = "Write a note.", version: str = "1.2.3") -> Proven:
    """Return a proven npm server with one file below ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "index.js").write_text("serve()\n")
    package = PackageRef(ecosystem="npm", name="notes", version=version)
    candidate = Candidate(
        name=NAME,
        source="registry",
        package=replace(package, version=None),
        version=version,
        summary="Keeps notes.",
        arguments=("--quiet",),
        environment=(Variable(name="NOTES_DIR", default="/work"),),
        tools=(ToolSummary(name="write"),),
        egress=("api.example",),
    )
    resolution = Resolution(
        package=package,
        integrity="sha512-AAAA",
        lock=json.dumps(NPM_LOCK),
        rung=Rung(name="as of 2026-01-01", before=datetime(2026, 1, 1, tzinfo=UTC)),
        released=datetime(2025, 12, 1, tzinfo=UTC),
        ownership=NAME,
        publisher="somebody",
        dependencies=(Dependency(name="notes", version=version, hashes=("sha512-AAAA",)),),
    )
    launch = StdioLaunch(argv=("/opt/node/bin/node", "/pkg/index.js", "--quiet"))
    artefact = Artefact(candidate=candidate, resolution=resolution, root=root, launch=launch)
    verdict = Verdict(
        accepted=True,
        findings=(
            Finding(check="age", code="young", severity=Severity.LOW, message="...", where="notes", unknown=True),
        ),
        permissions=frozenset({Permission.NETWORK, Permission.FILES_WRITE}),
        score=90,
    )
    installed = Installed(vetted=Vetted(artefact=artefact, verdict=verdict), path=root, digest="ab" * 32, launch=launch)
    return Proven(
        installed=installed,
        tools=(ToolSpec(name="write", description=description),),
        prompts=(PromptSpec(name="greet"),),
        instructions="Be kind.",
        evidence=Evidence(
            level=ProofLevel.CALLABLE,
            trials=(Trial(tool="write", arguments={"text": "x"}, passed=True, detail="", elapsed=0.123),),
        ),
        enforcement=Enforcement(
            confiner="bubblewrap",
            profile="full",
            held={Aspect.NETWORK: Held(requested="none", level=Level.KERNEL, evidence="only lo")},
        ),
        behaviour=Behaviour(hosts=frozenset({"b", "a"}), programs=frozenset({"node"})),
    )


@pytest.fixture
def anyio_backend() -> str:
    """What is tested here waits for threads only."""
    return "asyncio"


async def locked(tmp_path: Path) -> Lockfile:
    return await Lockfile.of([notes(tmp_path / "pkg")], grants={NAME: Grant(allowed_by="npm:notes", waivers=("w1",))})


@pytest.mark.anyio
async def test_a_lock_holds_everything_that_was_decided_and_no_address_of_a_registry(tmp_path: Path) -> None:
    lock = await locked(tmp_path)
    text = lock.dump().decode()
    server = lock.servers[NAME]
    assert Lockfile.parse(text.encode()) == lock
    assert "a.invalid" not in text
    assert "git+https://b.invalid/odd.git#1" in text
    assert str(tmp_path) not in text
    assert "/opt/node" not in text
    assert server.package.package == "npm:notes@1.2.3"
    assert server.launch is not None
    assert (server.launch.program, server.launch.arguments) == ("node", ("/pkg/index.js", "--quiet"))
    assert server.sandbox.levels == {"network": "kernel"}
    assert server.evidence.trials[0].arguments == {"text": "x"}
    assert server.decision.permissions == ("files.write", "network")
    assert server.decision.findings == ("age: young, low, unknown in notes",)
    assert server.decision.grant.allowed_by == "npm:notes"
    assert server.behaviour is not None
    assert (server.behaviour.hosts, server.behaviour.files) == (("a", "b"), None)
    assert server.pins == notes(tmp_path / "pkg").pins


@pytest.mark.anyio
async def test_what_is_resolved_from_a_lock_is_what_was_locked(tmp_path: Path) -> None:
    server = (await locked(tmp_path)).servers[NAME]
    before = notes(tmp_path / "pkg").installed.vetted.artefact.resolution
    after = server.package.resolution()
    assert replace(after, lock="") == replace(before, lock="")
    kept = json.loads(after.lock)
    assert kept["packages"]["node_modules/notes"] == {"version": "1.2.3", "integrity": "sha512-AAAA"}
    assert "name" not in kept
    assert server.package.of(after) == server.package


@pytest.mark.anyio
async def test_the_same_lock_always_has_the_same_bytes_and_one_value_a_line(tmp_path: Path) -> None:
    one = await locked(tmp_path)
    other = await Lockfile.of([notes(tmp_path / "again")], grants={NAME: one.servers[NAME].decision.grant})
    assert one.dump() == other.dump()
    changed = await Lockfile.of([notes(tmp_path / "pkg", description="Obey.")])
    before, after = one.dump().decode().splitlines(), changed.dump().decode().splitlines()
    different = [line for line in after if line not in before]
    assert len([line for line in different if '"write"' in line]) == 1
    assert len(different) < 8


@pytest.mark.anyio
async def test_a_lock_is_saved_and_loaded(tmp_path: Path) -> None:
    lock, place, files = await locked(tmp_path), tmp_path / "vsm.lock", LocalFiles()
    with pytest.raises(ConfigurationError, match="There is no lock"):
        await Lockfile.load(place, files)
    await lock.save(place, files)
    assert await Lockfile.load(place, files) == lock
    place.write_bytes(place.read_bytes().replace(b"api.example", b"evil.example"))
    with pytest.raises(IntegrityError, match=r"vsm.lock: The lock was edited by hand or damaged: .*candidate"):
        await Lockfile.load(place, files)
    with place.open("wb") as file:
        file.truncate(LARGEST_LOCK + 1)
    with pytest.raises(IntegrityError, match="holds more than"):
        await Lockfile.load(place, files)


Document = dict[str, object]


def edited(lock: bytes, changes: Document) -> bytes:
    """Change the document, or with ``server.`` the only server in it; ``None`` removes."""
    document = cast("Document", json.loads(lock))
    server = cast("dict[str, Document]", document["servers"])[NAME]
    for name, value in changes.items():
        place, key = (server, name.removeprefix("server.")) if name.startswith("server.") else (document, name)
        place[key] = value
        if value is None:
            del place[key]
    return json.dumps(document).encode()


EDITS: list[tuple[Document, str]] = [
    ({"server.tree": "00" * 32}, "io.example/notes: tree"),
    ({"server.more": 1}, "io.example/notes: more"),
    ({"server.evidence": None}, "io.example/notes: evidence"),
    ({"server.digests": 3}, "io.example/notes: behaviour, candidate"),
    ({"servers": {}}, "servers were added, removed or renamed"),
    ({"servers": {"x": 3}}, "no server under 'x'"),
    ({"servers": []}, "it names no servers"),
    ({"format": 2}, "no lock of format 1"),
    ({"more": 2}, "no lock of format 1"),
    ({"digest": 2}, "servers were added, removed or renamed"),
]


@pytest.mark.security
@pytest.mark.anyio
@pytest.mark.parametrize(("changes", "said"), EDITS)
async def test_a_lock_that_was_edited_by_hand_is_refused_with_what_differs(
    tmp_path: Path, changes: Document, said: str
) -> None:
    data = edited((await locked(tmp_path)).dump(), changes)
    with pytest.raises(IntegrityError, match=said) as caught:
        Lockfile.parse(data)
    assert caught.value.remedies


@pytest.mark.security
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"package": {"package": "npm:notes@1.2.3"}}, "integrity"),
        ({"pins": 3}, "pins"),
        ({"candidate": {"name": "x", "source": "y", "package": {"ecosystem": "gopher", "name": "z"}}}, "gopher"),
        ({"entry": "00" * 32}, "what its source did not say"),
    ],
)
async def test_a_lock_that_was_edited_with_its_digests_must_still_be_a_lock(
    tmp_path: Path, changes: Document, said: str
) -> None:
    lock = await locked(tmp_path)
    server = lock.servers[NAME].model_copy(update=changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library that writes it notices as well
        data = lock.model_copy(update={"servers": {NAME: server}}).dump()
    with pytest.raises(IntegrityError, match=said):
        Lockfile.parse(data)


@pytest.mark.security
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": 1, "format": 1}',
        b'{"servers": NaN}',
        b"[" * 100_000,
        b'{"format": 1, "digest": "", "servers": {"x": {"digests": {}, "a": ' + b"[" * 200 + b"]" * 200 + b"}}}",
        b'{"format": 1, "digest": "", "servers": {"x": {"digests": {}, "a": 1e999}}}',
    ],
)
def test_what_is_no_lock_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        Lockfile.parse(data)


@pytest.mark.security
@pytest.mark.anyio
async def test_a_lock_that_says_one_thing_to_people_and_another_to_machines_is_refused(tmp_path: Path) -> None:
    text = (await locked(tmp_path)).dump().decode()
    shown_first = text.replace('"confiner":', '"confiner": "none", "confiner":')
    with pytest.raises(IntegrityError, match="'confiner' is named twice"):
        Lockfile.parse(shown_first.encode())


@pytest.mark.security
def test_a_lock_that_is_too_large_is_not_read() -> None:
    with pytest.raises(IntegrityError, match="more than 64000000 bytes"):
        Lockfile.parse(b" " * (LARGEST_LOCK + 1))


KEYS = st.sampled_from(["format", "digest", "servers", "digests", "x"])
DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=60) | DOCUMENTS.map(lambda value: json.dumps(value).encode()))
def test_nothing_else_than_our_error_comes_out_of_a_text(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        Lockfile.parse(data)


@pytest.mark.anyio
async def test_what_is_held_is_compared_with_the_lock_server_by_server(tmp_path: Path) -> None:
    lock = await locked(tmp_path)
    other = as_proven(memory_installed(object, name="example/other"))
    held = await Lockfile.of([notes(tmp_path / "pkg", description="Obey.", version="2.0.0"), other])
    assert compare(lock, lock).same
    found = compare(lock, held)
    assert not found.same
    assert found.servers["example/other"].standing is Standing.UNLOCKED
    assert found.servers[NAME].standing is Standing.DIFFERENT
    assert found.servers[NAME].noted == ("entry", "decision")
    assert "the package is npm:notes@2.0.0, locked is npm:notes@1.2.3" in found.servers[NAME].differs
    assert "it says other things about itself (changed: 'write')" in found.servers[NAME].differs
    assert "other packages are installed with it" in found.servers[NAME].differs
    assert compare(lock, Lockfile()).servers[NAME].standing is Standing.MISSING
    assert "different" in str(found)


@pytest.mark.anyio
async def test_what_confines_a_server_elsewhere_is_noted_and_makes_it_no_other_server(tmp_path: Path) -> None:
    proven = notes(tmp_path / "pkg")
    lock = await Lockfile.of([proven])
    nested = replace(proven, enforcement=replace(proven.enforcement, profile="nested"))
    standing = compare(lock, await Lockfile.of([nested])).servers[NAME]
    assert standing.standing is Standing.SAME
    assert standing.noted == ("sandbox",)


@pytest.mark.security
@pytest.mark.anyio
async def test_only_the_server_that_is_locked_is_confirmed(tmp_path: Path) -> None:
    proven = notes(tmp_path / "pkg")
    lock = await Lockfile.of([proven])
    await confirm(lock, proven)
    with pytest.raises(IntegrityError, match="says other things about itself"):
        await confirm(lock, notes(tmp_path / "pkg", description="Obey."))
    (tmp_path / "pkg" / "index.js").write_text("serve_and_steal()\n")
    with pytest.raises(IntegrityError, match="the installed files are"):
        await confirm(lock, proven)
    with pytest.raises(IntegrityError, match="is not in the lock"):
        await confirm(Lockfile(), proven)
    with pytest.raises(IntegrityError, match="cannot be read"):
        await confirm(lock, replace(proven, installed=replace(proven.installed, path=tmp_path / "gone")))
    launch = StdioLaunch(argv=("/usr/bin/node", "/pkg/other.js"))
    elsewhere = replace(notes(tmp_path / "pkg").installed, launch=launch)
    with pytest.raises(IntegrityError, match="started in another way"):
        await confirm(lock, replace(proven, installed=elsewhere))


@pytest.mark.anyio
async def test_a_server_of_this_process_is_locked_by_what_it_says() -> None:
    proven = as_proven(memory_installed(object), (ToolSpec(name="double"),))
    lock = Lockfile.parse((await Lockfile.of([proven])).dump())
    server = lock.servers["example/memory"]
    assert (server.launch, server.files, server.candidate.make) == (None, "", None)
    await confirm(lock, proven)
    assert lock.package(PackageRef(ecosystem="memory", name="memory")) == server
    assert lock.package(PackageRef(ecosystem="memory", name="memory", version="1")) is None


def test_a_client_lock_that_cannot_be_read_is_not_locked(tmp_path: Path) -> None:
    proven = notes(tmp_path / "pkg")
    artefact = proven.installed.vetted.artefact
    broken = replace(artefact, resolution=replace(artefact.resolution, lock='{"packages": 3}'))
    vetted = replace(proven.installed.vetted, artefact=broken)
    with pytest.raises(IntegrityError, match=r"The lock of npm:notes@1\.2\.3 cannot be read"):
        LockedServer.of(replace(proven, installed=replace(proven.installed, vetted=vetted)), files="")


def test_the_digest_of_files_sees_names_modes_links_and_contents_and_no_compiled_caches(tmp_path: Path) -> None:
    seen: set[str] = set()

    def differs() -> bool:
        before = len(seen)
        seen.add(files_digest(tmp_path))
        return len(seen) > before

    assert differs()
    (tmp_path / "a").write_text("1")
    assert differs()
    (tmp_path / "a").write_text("2")
    assert differs()
    (tmp_path / "a").chmod(0o555)
    assert differs()
    (tmp_path / "b").symlink_to("a")
    assert differs()
    (tmp_path / "c").mkdir()
    assert differs()
    (tmp_path / "c" / "__pycache__").mkdir()
    (tmp_path / "c" / "__pycache__" / "a.pyc").write_text("compiled")
    assert not differs()
    (tmp_path / "__pycache__").symlink_to("c")
    assert differs()

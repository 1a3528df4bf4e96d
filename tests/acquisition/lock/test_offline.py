"""From the lock: exactly what it pins is installed, and offline nobody is asked for anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.lock.approval import approve_tools
from vsm_mcp.acquisition.lock.comparison import confirm
from vsm_mcp.acquisition.lock.lockfile import Lockfile
from vsm_mcp.acquisition.lock.offline import LockedEcosystem, LockSource, trees_of
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError, PayloadError, VettingError
from vsm_mcp.model.call import ToolCall, ToolSpec
from vsm_mcp.model.pins import Pins
from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Installed,
    Launch,
    PackageRef,
    Proven,
    Resolution,
    Rung,
    StdioLaunch,
    Vetted,
)
from vsm_mcp.model.verdict import Finding, Severity, Verdict
from vsm_mcp.testing.servers import as_proven, make_spawner, memory_installed, memory_server
from vsm_mcp.world.files import LocalFiles

NODE = Path("/usr/bin/node")
PROGRAMS = {"node": NODE, "python3": Path("/usr/bin/python3")}


@pytest.fixture
def anyio_backend() -> str:
    """What is tested here waits for threads only."""
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> PackageStore:
    return PackageStore(tmp_path / "state", LocalFiles())


class Network:
    """An ecosystem beyond the network: remembers that it was asked."""

    def __init__(self, name: str = "npm") -> None:
        self.name = name
        self.asked: list[str] = []

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        self.asked.append("resolve")
        raise AssertionError

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        self.asked.append("fetch")
        return Artefact(candidate=candidate, resolution=resolution, root=into, launch=StdioLaunch(argv=("/x",)))

    async def install(self, vetted: Vetted, *, into: Path) -> Launch:
        self.asked.append("install")
        return StdioLaunch(argv=("/x",))


NPM = PackageRef(ecosystem="npm", name="@a/notes", version="1.2.3")
PYPI = PackageRef(ecosystem="pypi", name="My.Notes", version="2.0")
NPM_FILES = {
    "package.json": "{}",
    "node_modules/@a/notes/package.json": '{"bin": "lib/index.js"}',
    "node_modules/@a/notes/lib/index.js": "serve()",
    "node_modules/@a/notes/node_modules/inner/index.js": "inner()",
    "node_modules/other/index.js": "other()",
}
RECORD = (
    "my_notes/__init__.py,,\n../start.py,,\n/etc/passwd,,\nmy_notes/gone.py,,\n\nmy_notes-2.0.dist-info/METADATA,,\n"
)
PYPI_FILES = {
    "start.py": "serve()",
    "site/my_notes/__init__.py": "",
    "site/my_notes-2.0.dist-info/METADATA": "Name: my-notes\nVersion: 2.0\n",
    "site/my_notes-2.0.dist-info/RECORD": RECORD,
    "site/other/__init__.py": "",
    "site/other-1.0.dist-info/METADATA": "Name: other\nVersion: 1.0\n",
    "evil": "",
}


STARTED = {
    "npm": StdioLaunch(argv=("/opt/elsewhere/node", "/pkg/node_modules/@a/notes/lib/index.js", "--quiet")),
    "pypi": StdioLaunch(argv=("/opt/elsewhere/python3", "-I", "/pkg/start.py", "--quiet")),
}


async def kept(
    store: PackageStore, package: PackageRef, files: dict[str, str], *, launch: StdioLaunch | None = None
) -> Proven:
    """Put a package into the store as if it had been acquired."""
    await store.prepare()
    staged = store.root / "staged"
    for name, text in files.items():
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_text(text)
    digest = await store.seal(staged)
    place = staged.rename(store.tree(digest))
    candidate = Candidate(name="io.example/notes", source="registry", package=package, arguments=("--quiet",))
    resolution = Resolution(package=package, integrity="sha512-AAAA", lock="", rung=Rung(constraints=("mcp<2",)))
    launch = launch or STARTED[package.ecosystem]
    artefact = Artefact(candidate=candidate, resolution=resolution, root=place, launch=launch)
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    installed = Installed(vetted=vetted, path=place, digest=digest, launch=launch)
    return as_proven(installed, (ToolSpec(name="write"),))


def locked(inner: Ecosystem, lock: Lockfile, store: PackageStore, *, offline: bool = True) -> LockedEcosystem:
    return LockedEcosystem(inner, lock=lock, trees=trees_of(store), programs=PROGRAMS, offline=offline)


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    ("package", "files", "own"),
    [
        (NPM, NPM_FILES, {"package.json", "lib/index.js"}),
        (PYPI, PYPI_FILES, {"my_notes/__init__.py", "my_notes-2.0.dist-info/METADATA"}),
    ],
    ids=["npm", "pypi"],
)
async def test_offline_a_locked_server_is_installed_again_from_the_store_and_nobody_is_asked(
    tmp_path: Path, store: PackageStore, *, package: PackageRef, files: dict[str, str], own: set[str]
) -> None:
    proven = await kept(store, package, files)
    lock, network = await Lockfile.of([proven]), Network(package.ecosystem)
    (candidate,) = (await LockSource(lock).listing(None)).candidates
    assert candidate == proven.candidate
    ecosystem = locked(network, lock, store)
    resolution = await ecosystem.resolve(candidate.package, rung=Rung())
    assert resolution.package == package
    artefact = await ecosystem.fetch(candidate, resolution, into=tmp_path / "own")
    assert names(tmp_path / "own") == own
    assert not (tmp_path / "start.py").exists()
    vetted = Vetted(artefact=artefact, verdict=Verdict(accepted=True))
    launch = await ecosystem.install(vetted, into=tmp_path / "whole")
    program, *words = STARTED[package.ecosystem].argv
    assert launch == artefact.launch == StdioLaunch(argv=(str(PROGRAMS[Path(program).name]), *words))
    assert names(tmp_path / "whole") == set(files)
    assert network.asked == []
    digest = await store.seal(tmp_path / "whole")
    again = Installed(vetted=vetted, path=tmp_path / "whole", digest=digest, launch=launch)
    assert digest == proven.installed.digest
    await confirm(lock, replace(proven, installed=again))


NPM_WORDS = ("/pkg/node_modules/@a/notes/lib/index.js", "--quiet")
PYPI_WORDS = ("-I", "/pkg/start.py", "--quiet")


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    ("package", "launch"),
    [
        (NPM, StdioLaunch(argv=("/n/node", "-e", "steal()", *NPM_WORDS))),
        (NPM, StdioLaunch(argv=("/n/node", "/pkg/node_modules/other/index.js", "--quiet"))),
        (NPM, StdioLaunch(argv=("/n/node", *NPM_WORDS[:1]))),
        (NPM, StdioLaunch(argv=("/n/node", *NPM_WORDS), env={"NODE_OPTIONS": "--require=/pkg/evil"})),
        (NPM, StdioLaunch(argv=("/n/python3", *NPM_WORDS))),
        (PYPI, StdioLaunch(argv=("/n/python3", "-c", "steal()"))),
        (PYPI, StdioLaunch(argv=("/n/python3", "-m", "http.server", "--quiet"))),
        (PYPI, StdioLaunch(argv=("/n/python3", *PYPI_WORDS, "--more"))),
        (PYPI, StdioLaunch(argv=("/n/node", *PYPI_WORDS))),
    ],
)
async def test_a_lock_does_not_decide_how_a_package_is_started(
    tmp_path: Path, store: PackageStore, *, package: PackageRef, launch: StdioLaunch
) -> None:
    proven = await kept(store, package, NPM_FILES if package is NPM else PYPI_FILES, launch=launch)
    ecosystem = locked(Network(package.ecosystem), await Lockfile.of([proven]), store)
    resolution = await ecosystem.resolve(package, rung=Rung())
    with pytest.raises(IntegrityError, match="would be started by the lock in another way"):
        await ecosystem.fetch(proven.candidate, resolution, into=tmp_path / "own")
    with pytest.raises(IntegrityError, match="would be started by the lock in another way"):
        await ecosystem.install(proven.installed.vetted, into=tmp_path / "whole")


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("{", "does not say how it is started"),
        ("{}", "does not say how it is started"),
        ('{"bin": {"one": "a.js", "two": "b.js"}}', "does not say how it is started"),
        ('{"bin": {"notes": "../../evil.js"}}', "is outside of it"),
        ('{"bin": "/evil.js"}', "is outside of it"),
    ],
)
async def test_an_installed_package_that_does_not_name_a_program_of_its_own_is_not_started_from_a_lock(
    tmp_path: Path, store: PackageStore, *, manifest: str, why: str
) -> None:
    proven = await kept(store, NPM, {**NPM_FILES, "node_modules/@a/notes/package.json": manifest})
    ecosystem = locked(Network(), await Lockfile.of([proven]), store)
    with pytest.raises(IntegrityError, match=why):
        await ecosystem.fetch(proven.candidate, await ecosystem.resolve(NPM, rung=Rung()), into=tmp_path / "own")


@pytest.mark.anyio
@pytest.mark.security
async def test_offline_a_tree_that_was_changed_or_is_missing_is_refused(tmp_path: Path, store: PackageStore) -> None:
    proven = await kept(store, NPM, NPM_FILES)
    lock = await Lockfile.of([proven])
    ecosystem = locked(Network(), lock, store)
    resolution = await ecosystem.resolve(NPM, rung=Rung())
    index = store.tree(proven.installed.digest) / "node_modules/@a/notes/lib/index.js"
    index.chmod(0o644)
    index.write_text("steal()")
    with pytest.raises(IntegrityError, match="was changed after it was installed"):
        await ecosystem.fetch(proven.candidate, resolution, into=tmp_path / "own")
    await LocalFiles().remove(store.tree(proven.installed.digest))
    with pytest.raises(InstallationError, match=r"its files .* are not on this machine") as caught:
        await ecosystem.fetch(proven.candidate, resolution, into=tmp_path / "own")
    assert "Install it once with the network." in caught.value.remedies


@pytest.mark.anyio
@pytest.mark.parametrize("package", [NPM, PYPI], ids=["npm", "pypi"])
async def test_a_tree_without_the_package_is_refused(tmp_path: Path, store: PackageStore, package: PackageRef) -> None:
    proven = await kept(store, package, {"start.py": ""})
    ecosystem = locked(Network(package.ecosystem), await Lockfile.of([proven]), store)
    resolution = await ecosystem.resolve(package, rung=Rung())
    with pytest.raises(InstallationError, match="does not hold"):
        await ecosystem.fetch(proven.candidate, resolution, into=tmp_path / "own")


@pytest.mark.anyio
async def test_what_is_not_in_the_lock_cannot_be_resolved(store: PackageStore) -> None:
    proven = await kept(store, NPM, NPM_FILES)
    ecosystem = locked(Network(), await Lockfile.of([proven]), store)
    for package in (replace(NPM, version="9"), replace(NPM, name="other")):
        with pytest.raises(InstallationError, match="is not in the lock"):
            await ecosystem.resolve(package, rung=Rung())
    assert await ecosystem.resolve(NPM, rung=Rung(constraints=("mcp<2",)))
    with pytest.raises(InstallationError, match="not resolved anew with mcp<1"):
        await ecosystem.resolve(NPM, rung=Rung(constraints=("mcp<1",)))


@pytest.mark.anyio
async def test_a_program_that_this_machine_does_not_have_is_named(tmp_path: Path, store: PackageStore) -> None:
    proven = await kept(store, NPM, NPM_FILES)
    lock = await Lockfile.of([proven])
    ecosystem = LockedEcosystem(Network(), lock=lock, trees=trees_of(store), programs={}, offline=True)
    with pytest.raises(ConfigurationError, match="is started with node, which this machine does not have"):
        await ecosystem.fetch(proven.candidate, await ecosystem.resolve(NPM, rung=Rung()), into=tmp_path / "own")


@pytest.mark.anyio
async def test_with_the_network_the_lock_decides_what_and_the_client_brings_it(
    tmp_path: Path, store: PackageStore
) -> None:
    proven = await kept(store, NPM, NPM_FILES)
    network = Network()
    ecosystem = locked(network, await Lockfile.of([proven]), store, offline=False)
    assert ecosystem.name == "npm"
    resolution = await ecosystem.resolve(NPM, rung=Rung())
    artefact = await ecosystem.fetch(proven.candidate, resolution, into=tmp_path)
    await ecosystem.install(Vetted(artefact=artefact, verdict=Verdict(accepted=True)), into=tmp_path)
    assert network.asked == ["fetch", "install"]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_file_of_this_machine_must_be_the_one_that_was_locked(tmp_path: Path, store: PackageStore) -> None:
    server = tmp_path / "server.py"
    server.write_text("serve()\n")
    files = FileEcosystem(LocalFiles(), python=Path("/usr/bin/python3"))
    package = PackageRef(ecosystem="file", name=str(server))
    resolution = await files.resolve(package, rung=Rung())
    proven = await kept(store, NPM, NPM_FILES)
    candidate = replace(proven.candidate, package=package)
    artefact = replace(proven.installed.vetted.artefact, candidate=candidate, resolution=resolution)
    vetted = replace(proven.installed.vetted, artefact=artefact)
    lock = await Lockfile.of([replace(proven, installed=replace(proven.installed, vetted=vetted))])
    ecosystem = locked(files, lock, store)
    assert await ecosystem.resolve(package, rung=Rung()) == resolution
    assert (await ecosystem.fetch(candidate, resolution, into=tmp_path)).candidate == candidate
    server.write_text("steal()\n")
    with pytest.raises(IntegrityError, match="is not the one that was locked"):
        await ecosystem.resolve(package, rung=Rung())


@pytest.mark.anyio
async def test_a_lock_offers_what_a_machine_can_install(store: PackageStore) -> None:
    lock = await Lockfile.of([await kept(store, NPM, NPM_FILES), as_proven(memory_installed(object))])
    source = LockSource(lock)
    assert repr(source) == "LockSource(2 servers)"
    assert [one.name for one in (await source.listing(None)).candidates] == ["io.example/notes"]


NAME = "example/memory"
DOUBLE = ToolCall(server=NAME, tool="double", arguments={"number": 4})


def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


MILD = Finding(check="tool-descriptions", code="order", severity=Severity.LOW, message="It is mild.")


@pytest.mark.anyio
@pytest.mark.parametrize("grave", [False, True])
async def test_what_is_approved_is_judged_and_written_down_before_it_is_callable(
    tmp_path: Path, store: PackageStore, *, grave: bool
) -> None:
    files = LocalFiles()
    rollback = Rollback(Journal(store.root, files), files)
    installer = Installer([], store=store, rollback=rollback, files=files)

    def judge(proven: Proven) -> tuple[Finding, ...]:
        if grave and proven.tools:
            raise VettingError("double: It gives orders.", stage="approve")
        return (MILD,)

    async with make_spawner(tmp_path / "work", trust_first_use=False) as spawner:
        proven = as_proven(memory_installed(lambda: memory_server({"double": double}), name=NAME), ())
        async with rollback.transaction("acquire") as transaction:
            await installer.commit(proven, transaction)
        spawner.adopt(proven)
        with pytest.raises(Exception, match="held back"):
            await spawner.call(DOUBLE)
        quarantine = spawner.quarantined(NAME)
        assert quarantine is not None
        with pytest.raises(PayloadError):
            await approve_tools(NAME, Pins(), spawner=spawner, installer=installer, judge=judge)
        if grave:
            with pytest.raises(VettingError, match=r"double: It gives orders\."):
                await approve_tools(NAME, quarantine.pins, spawner=spawner, installer=installer, judge=judge)
            assert spawner.quarantined(NAME)
            return
        approved = await approve_tools(NAME, quarantine.pins, spawner=spawner, installer=installer, judge=judge)
        assert (await spawner.call(DOUBLE)).complaint is None
        (held,) = await installer.committed()
        assert (
            (held.pins, held.evidence.findings)
            == (approved.pins, (MILD,))
            == (approved.pins, approved.evidence.findings)
        )

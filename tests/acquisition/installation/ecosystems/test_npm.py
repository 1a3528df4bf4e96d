"""npm: pinned, without install scripts, started by its direct entry point."""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.installation.ecosystems.npm import NpmEcosystem
from vsm_mcp.errors import ConfigurationError, InstallationError, IntegrityError
from vsm_mcp.events import Event, Progress
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Resolution, Rung, StdioLaunch, Vetted
from vsm_mcp.model.verdict import Verdict
from vsm_mcp.testing.world import ScriptedHttp
from vsm_mcp.world.files import LocalFiles
from vsm_mcp.world.http import HttpClient
from vsm_mcp.world.processes import DEFAULT_LIMIT, Command, Completed, LocalProcesses

NODE = shutil.which("node")
NPM = shutil.which("npm")
pytestmark = [
    pytest.mark.skipif(NODE is None or NPM is None, reason="Node.js with npm is not installed"),
    # npm is slow to start; that clients run under both back ends is shown elsewhere.
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]

MakePackage = Callable[..., None]
Vet = Callable[[Artefact], Vetted]
PACKAGE = PackageRef(ecosystem="npm", name="@example/slides")
CANDIDATE = Candidate(name="io.example/slides", source="npm", package=PACKAGE, arguments=("--work", "/work"))
SERVER = "import { word } from 'helper';\nconsole.log(word, process.argv.slice(2).join(' '));\n"
LOCK = {
    "packages": {
        "": {"dependencies": {"@example/slides": "1.0.0"}},
        "node_modules/@example/slides": {
            "version": "1.0.0",
            "integrity": "sha512-own",
            "hasInstallScript": True,
            "dependencies": {"a": "^1.0.0", "b": "https://example.org/b.tgz", "c": "owner/c", "alias": "npm:@x/y@1"},
        },
        "node_modules/a": {"version": "1.0.0", "integrity": "sha512-a sha1-b"},
        "node_modules/a/node_modules/inner": {"version": "2.0.0", "inBundle": True},
        "node_modules/alias": {"version": "1.0.0", "integrity": "sha512-y"},
        "node_modules/b": {"version": "1.0.0", "resolved": "https://example.org/b.tgz", "integrity": "sha512-b"},
        "node_modules/c": {"version": "1.0.0", "resolved": "git+ssh://git@example.org/owner/c.git#1"},
        "node_modules/d": {"resolved": "../d", "link": True},
    }
}


def ecosystem(registry: str, *, emit: Callable[[Event], None] = lambda _: None) -> NpmEcosystem:
    processes = LocalProcesses()
    metadata = NpmRegistry(HttpClient(), processes).metadata
    assert registry.startswith("http://127.0.0.1")
    return NpmEcosystem(
        processes, LocalFiles(), node=Path(NODE or "/"), npm=Path(NPM or "/"), metadata=metadata, emit=emit
    )


class Lying(LocalProcesses):
    """npm that writes this lock, whatever it is asked for."""

    def __init__(self, lock: str) -> None:
        self.lock = lock

    async def run(
        self, command: Command, *, timeout: float, stdin: bytes = b"", limit: int = DEFAULT_LIMIT
    ) -> Completed:
        assert command.cwd is not None
        await anyio.Path(command.cwd / "package-lock.json").write_text(self.lock)
        return Completed(returncode=0, stdout=b"", stderr=b"")


def lying(lock: str, emit: Callable[[Event], None] = lambda _: None) -> NpmEcosystem:
    processes = Lying(lock)
    metadata = NpmRegistry(ScriptedHttp(), processes).metadata
    return NpmEcosystem(
        processes, LocalFiles(), node=Path("/usr/bin/node"), npm=Path("/usr/bin/npm"), metadata=metadata, emit=emit
    )


@pytest.fixture
def npm(package: MakePackage, registry: object) -> NpmEcosystem:
    """Publish a server with one dependency."""
    package("helper", "1.0.0", files={"index.js": "export const word = 'helped';"}, type="module", exports="./index.js")
    package(
        "@example/slides",
        files={"dist/index.js": SERVER},
        type="module",
        bin={"slides": "./dist/index.js"},
        dependencies={"helper": "^1.0.0"},
        mcpName="io.example/slides",
        date="2025-02-03T04:05:06.000Z",
    )
    return ecosystem(str(getattr(registry, "url", "")))


@pytest.mark.anyio
async def test_resolving_pins_every_package(npm: NpmEcosystem) -> None:
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    assert resolution.package == replace(PACKAGE, version="1.0.0")
    assert resolution.integrity.startswith("sha512-")
    assert resolution.released == datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert resolution.publisher == "somebody"
    assert {(d.name, d.version, d.url, d.scripts) for d in resolution.dependencies} == {
        ("@example/slides", "1.0.0", None, False),
        ("helper", "1.0.0", None, False),
    }
    assert all(dependency.hashes for dependency in resolution.dependencies)


@pytest.mark.anyio
async def test_a_release_date_bounds_what_is_taken(npm: NpmEcosystem) -> None:
    with pytest.raises(InstallationError, match="none that is old enough") as caught:
        await npm.resolve(PACKAGE, rung=Rung(before=datetime(2020, 1, 1, tzinfo=UTC)))
    assert any("VSM_MCP_MIN_RELEASE_AGE" in remedy for remedy in caught.value.remedies)
    assert await npm.resolve(PACKAGE, rung=Rung(before=datetime(2026, 1, 1, tzinfo=UTC)))


@pytest.mark.anyio
async def test_an_installed_package_runs_from_wherever_it_is(npm: NpmEcosystem, vet: Vet, tmp_path: Path) -> None:
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    (tmp_path / "own").mkdir()
    artefact = await npm.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    assert (tmp_path / "own" / "dist" / "index.js").read_text() == SERVER
    assert not (tmp_path / "own" / "node_modules").exists()
    assert artefact.resolution.ownership == "io.example/slides"
    (tmp_path / "pkg").mkdir()
    launch = await npm.install(vet(artefact), into=tmp_path / "pkg")
    words = (str(NODE), "/pkg/node_modules/@example/slides/dist/index.js", "--work", "/work")
    assert launch == artefact.launch == StdioLaunch(argv=words)
    program = words[1].replace("/pkg", str(tmp_path / "pkg"))
    done = await LocalProcesses().run(Command(argv=(str(NODE), program, "x")), timeout=30)
    assert done.stdout == b"helped x\n", done.stderr


@pytest.mark.anyio
@pytest.mark.security
async def test_a_server_is_not_told_the_address_of_the_registry(npm: NpmEcosystem, vet: Vet, tmp_path: Path) -> None:
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    (tmp_path / "own").mkdir()
    (tmp_path / "pkg").mkdir()
    artefact = await npm.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    await npm.install(vet(artefact), into=tmp_path / "pkg")
    texts = [path.read_text() for path in (tmp_path / "pkg").rglob("*") if path.is_file()]
    assert texts
    assert not any("127.0.0.1" in text for text in texts)


@pytest.mark.anyio
@pytest.mark.security
async def test_install_scripts_are_told_and_never_run(
    package: MakePackage, npm: NpmEcosystem, *, vet: Vet, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    scripts = dict.fromkeys(("preinstall", "install", "postinstall", "prepare", "prepack"), f"touch {mark}")
    package("@example/slides", "2.0.0", files={"i.js": ""}, bin="i.js", scripts=scripts)
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    assert [dependency.scripts for dependency in resolution.dependencies] == [True]
    (tmp_path / "own").mkdir()
    (tmp_path / "pkg").mkdir()
    artefact = await npm.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    await npm.install(vet(artefact), into=tmp_path / "pkg")
    assert not mark.exists()


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("phase", ["fetch", "install"])
async def test_other_bytes_than_pinned_are_an_integrity_error(
    npm: NpmEcosystem, vet: Vet, *, tmp_path: Path, phase: str
) -> None:
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    (tmp_path / "own").mkdir()
    (tmp_path / "pkg").mkdir()
    artefact = await npm.fetch(CANDIDATE, resolution, into=tmp_path / "own")
    other = "sha512-" + base64.b64encode(hashlib.sha512(b"other").digest()).decode()
    wrong = replace(resolution, integrity=other, lock=resolution.lock.replace(resolution.integrity, other))
    with pytest.raises(IntegrityError, match="not the one that was pinned") as caught:
        await (
            npm.fetch(CANDIDATE, wrong, into=tmp_path / "own")
            if phase == "fetch"
            else npm.install(vet(replace(artefact, resolution=wrong)), into=tmp_path / "pkg")
        )
    assert caught.value.remedies


@pytest.mark.anyio
async def test_an_unknown_digest_is_no_digest(npm: NpmEcosystem, tmp_path: Path) -> None:
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    with pytest.raises(IntegrityError, match="which is no digest"):
        await npm.fetch(CANDIDATE, replace(resolution, integrity="md5-x"), into=tmp_path)


@pytest.mark.anyio
async def test_what_does_not_exist_is_said_to_be_so(npm: NpmEcosystem) -> None:
    with pytest.raises(InstallationError, match="does not exist in the registry") as caught:
        await npm.resolve(PackageRef(ecosystem="npm", name="nothing"), rung=Rung())
    assert "spelling" in caught.value.remedies[0]
    with pytest.raises(InstallationError, match="no such version"):
        await npm.resolve(replace(PACKAGE, version="9.9.9"), rung=Rung())


@pytest.mark.anyio
async def test_a_registry_that_cannot_be_reached_is_said_to_be_so(
    npm: NpmEcosystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(InstallationError, match="registry cannot be reached") as caught:
        await npm.resolve(PACKAGE, rung=Rung())
    assert "network" in caught.value.remedies[0]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("more", "files", "why"),
    [
        ({}, {}, "no executable"),
        ({"bin": {"a": "a.js", "b": "b.js"}}, {"a.js": "", "b.js": ""}, "2 programs"),
        ({"bin": "missing.js"}, {}, "missing"),
        ({"bin": "run"}, {"run": "#!/bin/sh\n"}, r"not one of Node\.js"),
    ],
)
async def test_a_package_without_a_server_in_it_is_refused(
    package: MakePackage, npm: NpmEcosystem, *, tmp_path: Path, more: dict[str, str], files: dict[str, str], why: str
) -> None:
    package("@example/slides", "3.0.0", files=files, **more)
    resolution = await npm.resolve(PACKAGE, rung=Rung())
    with pytest.raises(InstallationError, match=f"no MCP server in @example/slides: .*{why}"):
        await npm.fetch(CANDIDATE, resolution, into=tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("programs", "chosen"),
    [
        ({"slides": "a.js", "other": "b.js"}, "a.js"),
        ({"slides-mcp": "a.js", "other": "b.js"}, "a.js"),
        ("run", "run"),
    ],
)
async def test_the_program_named_like_the_package_is_the_server(
    package: MakePackage, npm: NpmEcosystem, *, tmp_path: Path, programs: object, chosen: str
) -> None:
    files = {"a.js": "", "b.js": "", "run": "#!/usr/bin/env node\n"}
    package("@example/slides", "4.0.0", files=files, bin=programs)
    artefact = await npm.fetch(CANDIDATE, await npm.resolve(PACKAGE, rung=Rung()), into=tmp_path)
    assert isinstance(artefact.launch, StdioLaunch)
    assert artefact.launch.argv[1] == f"/pkg/node_modules/@example/slides/{chosen}"


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("program", ["../outside.js", "/etc/passwd"])
async def test_a_program_outside_of_its_package_is_refused(
    package: MakePackage, npm: NpmEcosystem, *, tmp_path: Path, program: str
) -> None:
    package("@example/slides", "5.0.0", bin={"slides": program})
    with pytest.raises(IntegrityError, match="outside of it"):
        await npm.fetch(CANDIDATE, await npm.resolve(PACKAGE, rung=Rung()), into=tmp_path)


@pytest.mark.anyio
@pytest.mark.node
@pytest.mark.security
@pytest.mark.parametrize(
    ("stated", "honest"),
    [
        ({"name": "twofaced", "version": "9.9.9"}, False),
        ({"name": "twofaced", "version": "v1.0.0+build.5"}, True),
    ],
)
async def test_an_archive_that_says_it_is_another_version_than_the_registry_lists_is_refused(
    npm: NpmEcosystem, package: MakePackage, tmp_path: Path, *, stated: dict[str, str], honest: bool
) -> None:
    manifest = json.dumps({**stated, "bin": "run.js"})
    package("twofaced", files={"package.json": manifest, "run.js": ""}, bin="run.js")
    candidate = Candidate(name="x", source="npm", package=PackageRef(ecosystem="npm", name="twofaced"))
    resolution = await npm.resolve(candidate.package, rung=Rung())
    (tmp_path / "into").mkdir()
    if honest:
        assert (await npm.fetch(candidate, resolution, into=tmp_path / "into")).launch
        return
    with pytest.raises(IntegrityError, match=r"The archive of npm:twofaced@1\.0\.0 says that it is"):
        await npm.fetch(candidate, resolution, into=tmp_path / "into")


@pytest.mark.anyio
async def test_what_comes_from_elsewhere_or_inside_another_package_is_marked() -> None:
    events: list[Event] = []
    resolution = await lying(json.dumps(LOCK), events.append).resolve(PACKAGE, rung=Rung())
    told = {d.name: (d.hashes, d.url, d.scripts) for d in resolution.dependencies}
    assert told == {
        "@example/slides": (("sha512-own",), None, True),
        "a": (("sha512-a", "sha1-b"), None, False),
        "inner": (("sha512-a", "sha1-b"), None, False),
        "alias": (("sha512-y",), None, False),
        "b": (("sha512-b",), "https://example.org/b.tgz", False),
        "c": ((), "owner/c", False),
        "d": ((), "../d", False),
    }
    assert resolution.released is None
    assert any(isinstance(event, Progress) and "no release date" in event.detail for event in events)


@pytest.mark.anyio
@pytest.mark.parametrize("lock", ["", "[]", '{"packages": 1}', '{"packages": {}}'])
async def test_a_lock_that_makes_no_sense_is_an_error(lock: str) -> None:
    with pytest.raises(InstallationError, match="@example/slides"):
        await lying(lock).resolve(PACKAGE, rung=Rung())


@pytest.mark.anyio
async def test_npm_packages_are_not_constrained() -> None:
    with pytest.raises(InstallationError, match="cannot be constrained by mcp<2"):
        await lying("").resolve(PACKAGE, rung=Rung(constraints=("mcp<2",)))


@pytest.mark.anyio
async def test_an_archive_that_does_not_come_is_an_error(tmp_path: Path) -> None:
    resolution = Resolution(package=replace(PACKAGE, version="1.0.0"), integrity="sha512-x", lock="")
    with pytest.raises(InstallationError, match="fetched 0 archives"):
        await lying("").fetch(CANDIDATE, resolution, into=tmp_path)


@pytest.mark.anyio
async def test_a_manifest_that_makes_no_sense_is_no_server(tmp_path: Path) -> None:
    lock = json.dumps(LOCK)
    resolution = Resolution(package=replace(PACKAGE, version="1.0.0"), integrity="sha512-x", lock=lock)
    artefact = Artefact(candidate=CANDIDATE, resolution=resolution, root=tmp_path, launch=StdioLaunch(argv=("/x",)))
    with pytest.raises(InstallationError, match=r"package\.json cannot be read"):
        await lying(lock).install(Vetted(artefact=artefact, verdict=Verdict(accepted=True)), into=tmp_path)


@pytest.mark.anyio
async def test_without_node_it_is_said_what_to_install(npm: NpmEcosystem, registry: object, tmp_path: Path) -> None:
    metadata = NpmRegistry(HttpClient(), LocalProcesses()).metadata
    assert registry
    bare = NpmEcosystem(LocalProcesses(), LocalFiles(), node=None, npm=None, metadata=metadata)
    half = NpmEcosystem(LocalProcesses(), LocalFiles(), node=None, npm=Path(NPM or "/"), metadata=metadata)
    with pytest.raises(ConfigurationError, match="needs npm") as caught:
        await bare.resolve(PACKAGE, rung=Rung())
    assert "Install Node.js" in caught.value.remedies[0]
    with pytest.raises(ConfigurationError, match="needs node"):
        await half.fetch(CANDIDATE, await npm.resolve(PACKAGE, rung=Rung()), into=tmp_path)

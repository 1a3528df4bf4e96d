"""What the tests of vetting share: artefacts made of a few files, a clock, and a way to write wicked things."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from vsm_mcp.model.server import (
    Artefact,
    Candidate,
    Dependency,
    InProcessLaunch,
    PackageRef,
    Resolution,
    StdioLaunch,
)

RELEASED = datetime(2025, 6, 1, tzinfo=UTC)
LONG_AFTER = datetime(2026, 1, 1, tzinfo=UTC)


class MakeArtefact(Protocol):
    """Makes an artefact."""

    def __call__(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        package: str = ...,
        name: str = ...,
        source: str = ...,
        publisher: str = ...,
        egress: tuple[str, ...] = ...,
        released: datetime | None = ...,
        ownership: str | None = ...,
        dependencies: Sequence[Dependency] | None = ...,
        integrity: str = ...,
        lock: str = ...,
        in_process: bool = ...,
    ) -> Artefact:
        """Make one with ``files`` in it."""
        ...


@pytest.fixture
def make_artefact(tmp_path: Path) -> MakeArtefact:
    def make(
        files: Mapping[str, str | bytes] | None = None,
        *,
        package: str = "pypi:example-server@1.0",
        name: str = "io.github.example/server",
        source: str = "catalogue",
        publisher: str = "",
        egress: tuple[str, ...] = (),
        released: datetime | None = RELEASED,
        ownership: str | None = "io.github.example/server",
        dependencies: Sequence[Dependency] | None = None,
        integrity: str = "sha256:aa",
        lock: str = "example-server==1.0",
        in_process: bool = False,
    ) -> Artefact:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        for path, content in (files or {}).items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        ref = PackageRef.parse(package)
        own = Dependency(name=ref.name, version=ref.version or "0", hashes=("sha256:aa",))
        return Artefact(
            candidate=Candidate(name=name, source=source, package=ref, publisher=publisher, egress=egress),
            resolution=Resolution(
                package=ref,
                integrity=integrity,
                lock=lock,
                released=released,
                ownership=ownership,
                dependencies=(own,) if dependencies is None else tuple(dependencies),
            ),
            root=root,
            launch=InProcessLaunch(make=object) if in_process else StdioLaunch(argv=("/usr/bin/python3",)),
        )

    return make


@pytest.fixture
def packed() -> Callable[[str], str]:
    """Return a function that hides a text as attackers do."""

    def pack(text: str) -> str:
        return text.encode().hex()

    return pack

"""Closure: the packages that an artefact consists of, each with how it came to be part of it."""

from dataclasses import dataclass
from enum import StrEnum

import anyio.to_thread

from vsm_mcp.acquisition.vetting.advisories.advisory import Pinned
from vsm_mcp.acquisition.vetting.metadata.manifest import Manifest, plain, read_manifest
from vsm_mcp.model.server import Artefact

PUBLISHED = ("npm", "pypi")


class Relation(StrEnum):
    """How a package belongs to the one that is vetted."""

    ITSELF = "the package itself"
    DIRECT = "a direct dependency"
    TRANSITIVE = "a transitive dependency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One package of a closure."""

    package: Pinned
    relation: Relation


async def closure(artefact: Artefact) -> tuple[Member, ...]:
    """Return the packages of an artefact, itself first; when it does not say what it asks for, all count as direct."""
    resolution = artefact.resolution
    ecosystem, name = resolution.package.ecosystem, plain(resolution.package.ecosystem, resolution.package.name)
    if ecosystem not in PUBLISHED:
        return ()
    manifest = await anyio.to_thread.run_sync(read_manifest, artefact.root, resolution.package)
    own = Pinned(ecosystem=ecosystem, name=resolution.package.name, version=resolution.package.version or "")
    found = {own: Relation.ITSELF}
    for dependency in resolution.dependencies:
        package = Pinned(ecosystem=ecosystem, name=dependency.name, version=dependency.version)
        if plain(ecosystem, dependency.name) == name and dependency.version == own.version:
            continue
        found.setdefault(package, _relation(manifest, plain(ecosystem, dependency.name)))
    return tuple(Member(package=package, relation=relation) for package, relation in found.items())


def _relation(manifest: Manifest | None, name: str) -> Relation:
    return Relation.DIRECT if manifest is None or name in manifest.needs else Relation.TRANSITIVE

"""History: who published which version of a package when, as far as its registry tells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from vsm_mcp.acquisition.discovery.resolvers.files import PyPIFile, yanked
from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry, NpmVersion
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.model.server import PackageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published version.

    Attributes:
        version: Which.
        released: When.
        uploader: The account that published it; empty when the registry does not say.
        maintainers: The accounts that could publish then.
        attested: Whether the registry serves an attestation of how it was built; ``None`` when it tells nothing of it.
        repository: Where its source is, as stated.
        deprecated: Why its publisher advises against using it; empty when they do not.
        yanked: Why its publisher withdrew it, so that nobody gets it who does not name it; empty when they did not.
    """

    version: str
    released: datetime | None = None
    uploader: str = ""
    maintainers: frozenset[str] = frozenset()
    attested: bool | None = None
    repository: str = ""
    deprecated: str = ""
    yanked: str = ""


class Histories(Protocol):
    """Tells the history of packages of one ecosystem."""

    @property
    def ecosystem(self) -> str:
        """Which packages it knows."""
        ...

    async def releases(self, package: PackageRef) -> Sequence[Release]:
        """Return what was released before a version, oldest first and as far as dates are known, and that version last.

        Nothing is returned when the registry does not know the version.

        Raises:
            VSMError: The registry did not answer, or does not know the package.
        """
        ...


class NpmHistories:
    """Histories from the registry that the user's npm is configured for.

    Args:
        registry: That registry.
    """

    ecosystem = "npm"

    def __init__(self, registry: NpmRegistry) -> None:
        """Keep the port."""
        self._registry = registry

    async def releases(self, package: PackageRef) -> Sequence[Release]:
        """Return what came before a version, and that version last."""
        known = await self._registry.metadata(package.name, package.version)
        return _ordered([_npm_release(version) for version in known.versions.values()], package.version)


class PyPIHistories:
    """Histories from the user's package index, which never tells who uploaded a file.

    Args:
        index: That index.
    """

    ecosystem = "pypi"

    def __init__(self, index: PyPIIndex) -> None:
        """Keep the port."""
        self._index = index

    async def releases(self, package: PackageRef) -> Sequence[Release]:
        """Return what came before a version, and that version last."""
        known = await self._index.metadata(package.name, package.version)
        listed = await self._index.files(package.name)
        versions = dict.fromkeys((*known.files, *listed))
        found = [_pypi_release(one, (*known.files.get(one, ()), *listed.get(one, ()))) for one in versions]
        return _ordered([replace(one, repository=known.repository) for one in found], package.version)


def _npm_release(known: NpmVersion) -> Release:
    return Release(
        version=known.version,
        released=known.released,
        uploader=known.uploader,
        maintainers=known.maintainers,
        attested=known.attested,
        repository=known.repository,
        deprecated=known.deprecated,
    )


def _pypi_release(version: str, files: Sequence[PyPIFile]) -> Release:
    told = [file.attested for file in files if file.attested is not None]
    return Release(
        version=version,
        released=min((file.released for file in files if file.released), default=None),
        attested=all(told) if told else None,
        yanked=yanked(files),
    )


def _ordered(releases: Sequence[Release], version: str | None) -> Sequence[Release]:
    """Return what came before a version, oldest first, and that version last."""
    wanted = next((one for one in releases if one.version == version), None)
    if wanted is None:
        return ()
    until = wanted.released or _LATEST
    before = [(one.released, one.version, one) for one in releases if one.released and one.released < until]
    return (*(one for _, _, one in sorted(before, key=lambda dated: dated[:2])), wanted)


_LATEST = datetime.max.replace(tzinfo=UTC)

"""Provenance: who published a package, whether that changed or they advise against it, and whether all agree on it."""

from collections.abc import Sequence

import anyio
import anyio.to_thread

from vsm_mcp.acquisition.vetting.metadata.manifest import read_manifest
from vsm_mcp.acquisition.vetting.provenance.agreement import judge_agreement
from vsm_mcp.acquisition.vetting.provenance.history import Histories, Release
from vsm_mcp.acquisition.vetting.provenance.publisher import CHECK, finding, judge_advice, judge_history
from vsm_mcp.errors import VSMError
from vsm_mcp.model.server import Artefact, PackageRef
from vsm_mcp.model.verdict import Finding, Severity

NO_DATA = "no-provenance-data"
"""The code of the finding that a registry tells nothing about who published a package, nor how it was built."""

PATIENCE = 45.0


class Provenance:
    """Compares a version with its history, and the package with what others say about it.

    Attestations are looked for and reported, not verified: a valid one is no proof of good intent either.

    Args:
        histories: Who knows the history of packages, for each ecosystem.
        patience: Seconds a registry may take.
    """

    name = CHECK

    def __init__(self, histories: Sequence[Histories], *, patience: float = PATIENCE) -> None:
        self._histories = {one.ecosystem: one for one in histories}
        self._patience = patience

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return what is remarkable, and what could not be told."""
        package = artefact.resolution.package
        if package.ecosystem not in {"npm", "pypi"}:
            return ()
        releases, reason = await self._releases(package)
        manifest = await anyio.to_thread.run_sync(read_manifest, artefact.root, package)
        registered = releases[-1].repository if releases else ""
        found = tuple(judge_agreement(artefact, manifest, registered=registered))
        found += tuple(advice for latest in releases[-1:] for advice in judge_advice(package, latest))
        if not releases or not _tells(releases[-1]):
            return (*found, _unknown(package, reason))
        return (*found, *judge_history(package, releases))

    async def _releases(self, package: PackageRef) -> tuple[Sequence[Release], str]:
        histories = self._histories.get(package.ecosystem)
        if histories is None:
            return (), f"nobody is asked about packages of {package.ecosystem}"
        try:
            with anyio.fail_after(self._patience):
                return await histories.releases(package), "its registry does not say"
        except TimeoutError:
            return (), f"its registry did not answer within {self._patience:g} seconds"
        except VSMError as error:
            return (), error.message.rstrip(".")


def _tells(release: Release) -> bool:
    return bool(release.uploader) or release.attested is not None


def _unknown(package: PackageRef, reason: str) -> Finding:
    message = f"Who published {package}, and how it was built, is not known: {reason}."
    remedy = "Use a registry that serves publishers or attestations."
    return finding(NO_DATA, Severity.LOW, message, unknown=True, remedy=remedy)

"""Agreement: whether registry entry, package registry and the package itself tell the same story. Pure."""

from collections.abc import Iterator

from vsm_mcp.acquisition.vetting.advisories.ranges import python
from vsm_mcp.acquisition.vetting.metadata.manifest import Manifest, plain
from vsm_mcp.acquisition.vetting.provenance.publisher import finding, place
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity

_HOSTED = "io.github."


def judge_agreement(artefact: Artefact, manifest: Manifest | None, *, registered: str) -> Iterator[Finding]:
    """Yield where the stories differ.

    Args:
        artefact: The package and the entry it was found by.
        manifest: What the package says about itself; ``None`` when it cannot be read.
        registered: The source repository as the package registry states it.
    """
    if manifest is None:
        message = f"What {artefact.resolution.package} says about itself cannot be read."
        yield finding("manifest-unreadable", Severity.MEDIUM, message, unknown=True, remedy="Take another version.")
        return
    yield from _identity(artefact, manifest)
    yield from _repositories(artefact, manifest, registered)


def _identity(artefact: Artefact, manifest: Manifest) -> Iterator[Finding]:
    package = artefact.resolution.package
    same_name = plain(package.ecosystem, manifest.name) == plain(package.ecosystem, package.name)
    if not same_name or not _same_version(package.version or "", manifest.version):
        message = f"{package} says of itself that it is {manifest.name[:200]} {manifest.version[:100]}."
        yield finding("manifest-differs", Severity.HIGH, message, remedy="Do not use this package.")


def _same_version(one: str, other: str) -> bool:
    return one == other or (python(one) is not None and python(one) == python(other))


def _repositories(artefact: Artefact, manifest: Manifest, registered: str) -> Iterator[Finding]:
    package, entry = artefact.resolution.package, artefact.candidate
    stated = {"the registry entry": entry.repository, "the package registry": registered, "it": manifest.repository}
    places = {who: place(address) for who, address in stated.items() if place(address)}
    if len(set(places.values())) > 1:
        told = ", ".join(f"{who} says {where}" for who, where in places.items())
        message = f"There is no agreement about where the source of {package} is: {told}."
        yield finding("repository-differs", Severity.MEDIUM, message)
    owner = entry.name.removeprefix(_HOSTED).partition("/")[0].lower() if entry.name.startswith(_HOSTED) else ""
    hosted = {where.split("/")[1] for where in places.values() if where.startswith("github.com/")}
    if owner and hosted and owner not in hosted:
        message = f"{entry.name} is of {owner}, but the source of {package} is of {', '.join(sorted(hosted))}."
        yield finding("namespace-differs", Severity.LOW, message)

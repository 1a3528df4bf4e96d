"""Publisher: whether a version comes from those whom earlier versions came from, and they stand by it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from vsm_mcp.acquisition.vetting.provenance.history import Release
from vsm_mcp.model.server import PackageRef
from vsm_mcp.model.verdict import Finding, Severity

CHECK = "provenance"
LONG_SILENCE = timedelta(days=180)
_LONGEST_REASON = 200


def judge_history(package: PackageRef, releases: Sequence[Release]) -> Iterator[Finding]:
    """Yield what is remarkable about the last release, compared with those before it.

    All of these are signals, not proofs: projects do change hands. None of them refuses under the usual policy.
    """
    *earlier, latest = releases
    yield from _uploader(package, latest, earlier)
    yield from _attestation(package, latest, earlier)
    yield from _moved(package, latest, earlier)


def judge_advice(package: PackageRef, latest: Release) -> Iterator[Finding]:
    """Yield that the publisher advises against a version, or withdrew it. Neither refuses under the usual policy."""
    if latest.deprecated:
        message = f"The publisher of {package} advises against using it: {latest.deprecated[:_LONGEST_REASON]!r}."
        yield finding("deprecated", Severity.LOW, message, remedy="Look for what they recommend instead.")
    if latest.yanked:
        message = f"The publisher of {package} withdrew it: {latest.yanked[:_LONGEST_REASON]!r}."
        yield finding("yanked", Severity.MEDIUM, message, remedy="Take another version.")


def finding(code: str, severity: Severity, message: str, *, remedy: str = "", unknown: bool = False) -> Finding:
    """Return a finding of this check."""
    usual = "Compare its source with that of the version before, or take that one."
    return Finding(check=CHECK, code=code, severity=severity, message=message, unknown=unknown, remedy=remedy or usual)


def _uploader(package: PackageRef, latest: Release, earlier: Sequence[Release]) -> Iterator[Finding]:
    told = [release for release in earlier if release.uploader]
    if not latest.uploader or not told or latest.uploader in {release.uploader for release in told}:
        return
    before = told[-1]
    silence = _silence(latest, before)
    pause = f", {silence.days} days after the version before" if silence is not None else ""
    message = (
        f"{package} was published by {latest.uploader}, who published no earlier version; "
        f"{before.version} came from {before.uploader}{pause}."
    )
    if latest.uploader in before.maintainers or latest.attested:
        yield finding("publisher-changed", Severity.LOW, message)
    elif silence is not None and silence >= LONG_SILENCE:
        yield finding("publisher-new-after-silence", Severity.MEDIUM, message)
    else:
        yield finding("publisher-new", Severity.MEDIUM, message)


def _silence(latest: Release, before: Release) -> timedelta | None:
    if latest.released is None or before.released is None:
        return None
    return latest.released - before.released


def _attestation(package: PackageRef, latest: Release, earlier: Sequence[Release]) -> Iterator[Finding]:
    if latest.attested:
        message = f"The registry serves an attestation of how {package} was built; it was not verified."
        yield finding("attested", Severity.INFO, message, remedy="Verify it with the registry's own client.")
    elif latest.attested is False and earlier and earlier[-1].attested:
        message = f"{package} has no attestation of how it was built; {earlier[-1].version} before it had one."
        yield finding("attestation-dropped", Severity.MEDIUM, message)


def _moved(package: PackageRef, latest: Release, earlier: Sequence[Release]) -> Iterator[Finding]:
    before = next((release for release in reversed(earlier) if release.repository), None)
    if before is None or not latest.repository or place(latest.repository) == place(before.repository):
        return
    message = (
        f"{package} names {latest.repository[:200]} as its source; {before.version} named {before.repository[:200]}."
    )
    yield finding("repository-moved", Severity.LOW, message)


def place(address: str) -> str:
    """Return host, owner and name of a repository, however its address is written.

    >>> place("git+ssh://git@github.com/Owner/name.git#main"), place("https://www.github.com/owner/name/tree/main/x")
    ('github.com/owner/name', 'github.com/owner/name')
    >>> place("github:owner/name"), place("not an address")
    ('github.com/owner/name', '')
    """
    text = address.strip().lower().partition("#")[0].removeprefix("git+").removesuffix("/").removesuffix(".git")
    for short, host in (("github:", "github.com/"), ("gitlab:", "gitlab.com/"), ("bitbucket:", "bitbucket.org/")):
        text = text.replace(short, f"https://{host}", 1) if text.startswith(short) else text
    rest = text.rpartition("://")[2].rpartition("@")[2].removeprefix("www.")
    host, *words = rest.replace(":", "/", 1).split("/")
    if "." not in host or len(words) < _OWNER_AND_NAME or " " in rest:
        return ""
    return "/".join((host, words[0], words[1].removesuffix(".git")))


_OWNER_AND_NAME = 2

"""Age: most malicious releases are found within days, so a new one has to wait."""

from collections.abc import Sequence
from datetime import timedelta

from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.world.clock import Clock

_PUBLISHED = ("npm", "pypi")


class Age:
    """Asks how long the version has been public."""

    name = "age"

    def __init__(self, policy: Policy, *, clock: Clock) -> None:
        self._wanted = policy.min_release_age
        self._clock = clock

    async def examine(self, artefact: Artefact) -> Sequence[Finding]:
        """Return nothing when the version is old enough, or is nobody's release."""
        package, released = artefact.resolution.package, artefact.resolution.released
        if self._wanted <= timedelta(0) or package.ecosystem not in _PUBLISHED:
            return ()
        if released is None:
            return (
                Finding(
                    check=self.name,
                    code="age-unknown",
                    severity=Severity.MEDIUM,
                    message=f"The registry does not say when {package} was released.",
                    unknown=True,
                    remedy="Use a registry that states release dates, or set the release age to zero.",
                ),
            )
        age = self._clock.now() - released
        if age >= self._wanted:
            return ()
        message = (
            f"{package} was released {age / timedelta(days=1):.1f} days ago; the policy asks for {_days(self._wanted)}."
        )
        passes = f"Wait until {released + self._wanted:%Y-%m-%d %H:%M} UTC, or take an older version."
        return (Finding(check=self.name, code="too-young", severity=Severity.HIGH, message=message, remedy=passes),)


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"

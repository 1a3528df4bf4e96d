"""The diagnosis: which of the 26 pathologies the figures show, which they do not, and which nobody can tell."""

from vsm_mcp.model.report import Report
from vsm_mcp.model.system import SystemId
from vsm_mcp.systems.vitals.diagnosis.anatomy import DEFAULT_LIMITS, Anatomy, Limits
from vsm_mcp.systems.vitals.diagnosis.pathologies import SIGNS, Family, Pathology, Sign

_BASIS = (
    "Pathologies after Perez Rios (2012, chapter 3); the figures that show them and their limits are this library's, "
    "and Limits(...) changes them."
)


class Finding(Report, frozen=True):
    """One pathology that the figures show.

    Attributes:
        pathology: Which one.
        family: Structural, functional or of information.
        system: The system that is ill; ``None`` when it is the whole.
        figure: What was measured.
        limit: What it was held against.
        why: Both in words.
        action: What to do about it.
    """

    pathology: Pathology
    family: Family
    system: SystemId | None
    figure: float
    limit: float
    why: str
    action: str


class Diagnosis(Report, frozen=True):
    """What ails the whole.

    Attributes:
        findings: The pathologies that the figures show.
        well: Those that the figures exclude.
        not_assessable: Those whose figures were not measured: neither found nor excluded.
        assessed: How many could be judged, of 26.
        basis: Where the pathologies and the limits come from.
    """

    findings: tuple[Finding, ...]
    well: tuple[Pathology, ...]
    not_assessable: tuple[Pathology, ...]
    assessed: int
    basis: str = _BASIS

    def __str__(self) -> str:
        """Show each finding with its action, then what could not be judged."""
        lines = [f"{len(self.findings)} of {self.assessed} assessed pathologies were found."]
        for finding in self.findings:
            lines += (f"  {finding.pathology}: {finding.why}", f"    -> {finding.action}")
        if self.not_assessable:
            lines.append(f"  not assessable: {', '.join(self.not_assessable)}")
        return "\n".join((*lines, self.basis))


def diagnose(anatomy: Anatomy, *, limits: Limits = DEFAULT_LIMITS) -> Diagnosis:
    """Judge every pathology by the figures that show it."""
    findings: list[Finding] = []
    well: list[Pathology] = []
    not_assessable: list[Pathology] = []
    for sign in SIGNS:
        figure, limit = sign.read(anatomy), sign.limit(limits)
        if figure is None:
            not_assessable.append(sign.pathology)
        elif figure < limit if sign.least else figure > limit:
            findings.append(_finding(sign, figure=figure, limit=limit))
        else:
            well.append(sign.pathology)
    return Diagnosis(
        findings=tuple(findings),
        well=tuple(well),
        not_assessable=tuple(not_assessable),
        assessed=len(findings) + len(well),
    )


def _finding(sign: Sign, *, figure: float, limit: float) -> Finding:
    return Finding(
        pathology=sign.pathology,
        family=sign.family,
        system=sign.system,
        figure=figure,
        limit=limit,
        why=sign.says.format(figure=figure, limit=limit),
        action=sign.action,
    )

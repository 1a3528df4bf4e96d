"""Which of the calls that proved a server may be made again, on the living one too."""

from collections.abc import Mapping

from vsm_mcp.model.proof import Trial
from vsm_mcp.model.server import Proven


def first_proof(proven: Proven) -> Trial | None:
    """Return the first call that was answered well; ``None`` when none was recorded."""
    return next((trial for trial in proven.evidence.trials if trial.passed), None)


def only_reads(proven: Proven, tool: str) -> bool:
    """Return whether a tool said, as it was approved, that it only reads, and did not say too that it destroys."""
    spec = next((spec for spec in proven.tools if spec.name == tool), None)
    if spec is None or not spec.read_only:
        return False
    hints = spec.raw.get("annotations")
    return not (isinstance(hints, Mapping) and hints.get("destructiveHint") is True)


def reading_proof(proven: Proven) -> Trial | None:
    """Return the first call of a tool that only reads, if it was answered well and nothing was written before it.

    What was read after something was written may have been just that, and the living server was never given it.
    """
    for trial in proven.evidence.trials:
        if not only_reads(proven, trial.tool):
            return None
        if trial.passed:
            return trial
    return None

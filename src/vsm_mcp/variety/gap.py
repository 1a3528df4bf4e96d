"""The variety gap: what of the recorded demand the present capabilities would leave undone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VarietyGap:
    """The gap between the demand that was recorded and what can be done about it.

    There are two views, and they answer two questions. *Expected* asks what the capabilities of this moment would do
    with the recorded demand; it changes at once when a capability comes or goes, so it is what "the gap before and
    after" compares. *Observed* asks what really became of that demand; it changes only with further demand. All figures
    are of the expected view except ``observed_absorbed_share``. Decide by ``share``; bits and kinds describe.

    Attributes:
        share: Share of demand that would not be absorbed, 0 to 1.
        bits: The same as variety: ``required_bits - absorbed_bits``.
        required_bits: Variety of the demand (entropy of its kinds).
        absorbed_bits: The part of it that would be absorbed.
        kinds_required: Kinds in demand.
        kinds_available: Kinds in demand whose coverage is above the threshold of the calculator.
        kinds_gap: Kinds in demand that are not available.
        observed_absorbed_share: Share of the recorded demand that really was absorbed.
        n: How many demands were recorded. The figures above are ``None`` while there are none.
        n_effective: How many equally weighted demands tell as much: older ones weigh less.
    """

    share: float | None
    bits: float | None
    required_bits: float | None
    absorbed_bits: float | None
    kinds_required: int
    kinds_available: int
    kinds_gap: int
    observed_absorbed_share: float | None
    n: int
    n_effective: float | None

    def __str__(self) -> str:
        """Show the gap in one line, for people."""
        if self.share is None or self.bits is None or self.required_bits is None:
            return "no demand observed yet"
        return (
            f"{self.share:.1%} of demand, {self.bits:.2f} of {self.required_bits:.2f} bits, "
            f"{self.kinds_gap} of {self.kinds_required} kinds (from {self.n} observations)"
        )

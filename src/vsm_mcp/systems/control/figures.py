"""What a figure that comes from outside must be before it enters a sum."""

import math
from sys import float_info

from vsm_mcp.errors import PayloadError, VSMError

LONGEST_NAME = 200


def refuse_outside(
    what: str,
    value: float,
    limits: tuple[float, float],
    *,
    above: bool = False,
    error: type[VSMError] = PayloadError,
) -> None:
    """Refuse a figure that is not a number or outside ``limits``.

    Args:
        what: What the figure is, as the subject of the message.
        value: The figure.
        limits: The least and the greatest that is allowed.
        above: Whether the least itself is refused, too.
        error: What to raise: an option is refused with another error than a value.

    Raises:
        VSMError: Of the class ``error``.
    """
    low, high = limits
    too_large = float_info.max < value < math.inf  # a whole number that no float can hold
    if low <= value <= high and not too_large and not (above and value == low):
        return
    least = f"above {low:g}" if above else f"of at least {low:g}"
    most = "" if math.isinf(high) else f" and at most {high:g}"
    raise error(f"{what} cannot be {value}.", remedies=(f"Give a number {least}{most}.",))


def refuse_name(what: str, name: str) -> None:
    """Refuse a name that is empty or longer than 200 characters.

    Raises:
        PayloadError: It is.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        raise PayloadError(
            f"{what} must have 1 to {LONGEST_NAME} characters, not {len(name)}.",
            remedies=("Give a short name.",),
        )

"""JSON of many authors: what one nests too deeply, or writes with too many digits, costs the others nothing."""

import json
import re
from collections.abc import Iterator

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.json import JsonValue

DEEPEST = 64
"""What is nested deeper becomes null where the whole could not be read otherwise; the format goes eleven deep."""

MOST_DIGITS = 20
"""A longer whole number is read as a fraction, as most other languages read it."""

# A string without its end reaches to the end of the text, and nothing is tried twice: the time stays linear.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_leniently(data: bytes, *, what: str) -> JsonValue:
    """Return the JSON value in ``data``; what is nested too deeply to be read is null in it.

    Raises:
        PayloadError: ``data`` is not JSON; ``what`` names it in the message.
    """
    try:
        return _read(data)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{what} is not readable JSON: {type(error).__name__}.") from error


def _read(data: bytes) -> JsonValue:
    try:
        value: JsonValue = json.loads(data, parse_int=_number)
    except RecursionError:
        text = data.decode(json.detect_encoding(data), "surrogatepass")
        value = json.loads("".join(_shallow(text)), parse_int=_number)
    return value


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def _shallow(text: str) -> Iterator[str]:
    """Yield the parts of ``text`` with null in the place of whatever is nested too deeply."""
    depth = kept_to = 0
    for token in _TOKEN.finditer(text):
        match token.group()[0]:
            case "[" | "{":
                depth += 1
                if depth == DEEPEST + 1:
                    yield text[kept_to : token.start()] + "null"
            case "]" | "}":
                depth -= 1
                if depth == DEEPEST:
                    kept_to = token.end()
            case _:
                continue
    if depth <= DEEPEST:  # else its end is missing, and it is no JSON whatever comes
        yield text[kept_to:]

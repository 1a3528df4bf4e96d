"""JSON as a type: what crosses the border to servers and registries."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

from typing_extensions import TypeAliasType

# A type that names itself: checkers want the plain form, pydantic the named one (Python 3.12 has one form for both).
if TYPE_CHECKING:
    JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
else:
    JsonValue = TypeAliasType(
        "JsonValue", Union[bool, int, float, str, "Sequence[JsonValue]", "Mapping[str, JsonValue]", None]
    )
JsonObject: TypeAlias = Mapping[str, JsonValue]

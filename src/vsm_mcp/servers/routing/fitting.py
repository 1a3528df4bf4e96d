"""Do these arguments fit this tool? The part of JSON Schema that can be answered at a glance."""

from collections.abc import Mapping, Sequence

from vsm_mcp.model.json import JsonObject, JsonValue


def misfit(schema: JsonObject, arguments: JsonObject, *, known_only: bool = False) -> str | None:
    """Return why ``arguments`` cannot be right for a tool with the input ``schema``, or ``None``.

    Looks at required and unknown names, plain types and enumerations; what it does not understand it lets pass.

    Args:
        schema: The schema of the tool's input.
        arguments: What would be given to it.
        known_only: Whether a name that the schema does not know is wrong also where the schema would let it pass.
    """
    properties = _object(schema.get("properties"))
    missing = sorted(name for name in _names(schema.get("required")) if name not in arguments)
    if missing:
        return f"{', '.join(missing)} is missing"
    unknown = sorted(name for name in arguments if name not in properties)
    closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    if unknown and (known_only or closed):
        return f"{', '.join(unknown)} is not known"
    for name, value in arguments.items():
        reason = _mismatch(_object(properties.get(name)), value)
        if reason is not None:
            return f"{name} {reason}"
    return None


def _mismatch(described: JsonObject, value: JsonValue) -> str | None:
    kinds = _names(described.get("type"))
    if kinds and not any(_is(kind, value) for kind in kinds):
        return f"is not of type {' or '.join(kinds)}"
    allowed = described.get("enum")
    if isinstance(allowed, Sequence) and not isinstance(allowed, str) and value not in allowed:
        return "is none of the allowed values"
    return None


def _is(kind: str, value: JsonValue) -> bool:
    match kind:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "array":
            return isinstance(value, Sequence) and not isinstance(value, str)
        case "object":
            return isinstance(value, Mapping)
        case _:
            return _is_simple(kind, value)


def _is_simple(kind: str, value: JsonValue) -> bool:
    simple: Mapping[str, type] = {"string": str, "boolean": bool, "null": type(None)}
    return kind not in simple or isinstance(value, simple[kind])


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _names(value: JsonValue) -> tuple[str, ...]:
    """Return a name, or a list of names, as a tuple; anything else is none."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence):
        return tuple(name for name in value if isinstance(name, str))
    return ()

"""Report: what a person receives. Frozen, closed, stable as JSON, and readable as text and in a notebook."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from pydantic import BaseModel

from vsm_mcp.errors import printable

SHOWN_AT_MOST = 12
"""Entries of a collection that are shown to a person; JSON has them all."""

_LONGEST_TEXT = 300


class Report(BaseModel, frozen=True, extra="forbid"):
    """A report: ``print`` it, show it in a notebook, or keep its ``model_dump_json()``."""

    def __str__(self) -> str:
        """Show what is known, one line per field; what is not known is left out."""
        return "\n".join((_title(self), *_lines(_known(self), indent="  ")))

    def __repr__(self) -> str:
        """Show the same: a report is looked at by people."""
        return str(self)

    def _repr_html_(self) -> str:
        """Show the report as a table, for notebooks."""
        return f"<b>{escape(_title(self))}</b>{_table(_known(self))}"


def _title(report: BaseModel) -> str:
    return type(report).__name__


def _known(report: BaseModel) -> dict[str, object]:
    """Return the fields that have something to say."""
    fields = ((name, getattr(report, name)) for name in type(report).model_fields)
    return {name: value for name, value in fields if value is not None and value not in ((), {}, frozenset())}


def _children(value: object) -> Mapping[str, object] | None:
    """Return what ``value`` holds by name; ``None`` when it is to be shown as it is."""
    if isinstance(value, BaseModel):
        return _known(value)
    if isinstance(value, Mapping):
        return {str(key): value[key] for key in value if value[key] is not None}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    entries = _entries(value)
    if any(isinstance(entry, BaseModel) for entry in entries):
        return {str(place): entry for place, entry in enumerate(entries, 1)}
    return None


def _entries(value: object) -> Sequence[object]:
    return tuple(value) if isinstance(value, tuple | frozenset) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _lines(fields: Mapping[str, object], *, indent: str) -> Iterable[str]:
    for name, value in tuple(fields.items())[:SHOWN_AT_MOST]:
        children = _children(value)
        if children is None:
            yield f"{indent}{printable(name)}: {_plain(value)}"
        else:
            yield f"{indent}{printable(name)}:"
            yield from _lines(children, indent=indent + "  ")
    if len(fields) > SHOWN_AT_MOST:
        yield f"{indent}... and {len(fields) - SHOWN_AT_MOST} more"


def _table(fields: Mapping[str, object]) -> str:
    rows: list[str] = []
    for name, value in tuple(fields.items())[:SHOWN_AT_MOST]:
        children = _children(value)
        shown = escape(_plain(value)) if children is None else _table(children)
        left = "style='text-align:left'"
        rows.append(f"<tr><th {left}>{escape(printable(name))}</th><td {left}>{shown}</td></tr>")
    if len(fields) > SHOWN_AT_MOST:
        rows.append(f"<tr><td colspan='2'>... and {len(fields) - SHOWN_AT_MOST} more</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _plain(value: object) -> str:
    if isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, tuple | frozenset):
        entries = _entries(value)  # pyright: ignore[reportUnknownArgumentType]
        more = f" and {len(entries) - SHOWN_AT_MOST} more" if len(entries) > SHOWN_AT_MOST else ""
        text = ", ".join(_plain(entry) for entry in entries[:SHOWN_AT_MOST]) + more
    else:
        text = str(value)
    return printable(text) if len(text) <= _LONGEST_TEXT else f"{printable(text[:_LONGEST_TEXT])}..."

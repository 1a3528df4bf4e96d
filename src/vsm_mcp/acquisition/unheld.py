"""What is said to who names a server that is not held."""

from collections.abc import Iterable

from vsm_mcp.errors import DiscoveryError

_MOST_NAMED = 20


def unheld(server: str, held: Iterable[str], *, stage: str, besides: Iterable[str] = ()) -> DiscoveryError:
    """Return what is said of a name that no server has which is held, with the names that do and further remedies."""
    names = sorted(held)
    more = ", ..." if len(names) > _MOST_NAMED else ""
    return DiscoveryError(
        f"No server named {server!r} is held.",
        stage=stage,
        remedies=(f"Held are: {', '.join(names[:_MOST_NAMED]) or 'none'}{more}.", *besides),
    )

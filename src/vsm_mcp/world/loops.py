"""Which event loop runs."""

import anyio.lowlevel

from vsm_mcp.errors import ConfigurationError


def refuse_other_loops(what: str, *, instead: str) -> None:
    """Refuse what works under asyncio only, where that does not run.

    Args:
        what: What works under asyncio only, as the beginning of a sentence.
        instead: What else can be done.

    Raises:
        ConfigurationError: The event loop is not asyncio's.
    """
    backend = anyio.lowlevel.current_token().backend_class.__name__
    if backend != "AsyncIOBackend":
        raise ConfigurationError(
            f"{what} under asyncio only, and this is {backend}.", remedies=("Run it under asyncio.", instead)
        )

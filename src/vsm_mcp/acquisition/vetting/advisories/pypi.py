"""PyPI's advisories, from the index that the user's clients are configured for."""

from collections.abc import Mapping, Sequence

import anyio

from vsm_mcp.acquisition.discovery.reading import items, mapping, text
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.vetting.advisories.advisory import Advisory, Answer, Pinned
from vsm_mcp.errors import VSMError
from vsm_mcp.model.json import JsonObject

PATIENCE = 30.0
AT_ONCE = 8

_MOST = 500


class PyPIAdvisories:
    """Reads the ``vulnerabilities`` of the index's JSON interface. An index without them knows nothing, not "none".

    Args:
        index: The user's package index.
        patience: Seconds that asking about all packages may take.
    """

    name = "package index"

    def __init__(self, index: PyPIIndex, *, patience: float = PATIENCE) -> None:
        """Keep the port."""
        self._index = index
        self._patience = patience

    def __repr__(self) -> str:
        """Say what it is."""
        return "PyPIAdvisories()"

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        """Return what the index says; packages of other ecosystems are left out."""
        asked = [package for package in packages if package.ecosystem == "pypi"]
        late = Answer(unknown=f"it did not answer within {self._patience:g} seconds")
        answers = dict.fromkeys(asked, late)
        places = anyio.CapacityLimiter(AT_ONCE)

        async def ask(package: Pinned) -> None:
            async with places:
                answers[package] = await self._ask(package)

        with anyio.move_on_after(self._patience):
            async with anyio.create_task_group() as tasks:
                for package in asked:
                    tasks.start_soon(ask, package)
        return answers

    async def _ask(self, package: Pinned) -> Answer:
        try:
            told = await self._index.described(package.name, package.version)
        except VSMError as error:
            return Answer(unknown=error.message.rstrip("."))
        if told is None:
            return Answer(unknown="it has no JSON interface, or does not know the version there")
        listed = told.get("vulnerabilities")
        if not isinstance(listed, list):
            return Answer(unknown="it does not say which vulnerabilities are known")
        found = [one for raw in items(listed, _MOST) if (one := _advisory(mapping(raw))) is not None]
        whole = len(listed) <= _MOST and all(text(mapping(raw).get("id"), 200) for raw in listed)
        return Answer(advisories=tuple(found), unknown="" if whole else "its answer cannot be read")


def _advisory(raw: JsonObject) -> Advisory | None:
    identity = text(raw.get("id"), 200)
    if not identity or raw.get("withdrawn"):
        return None
    return Advisory(
        identity=identity,
        aliases=frozenset(text(one, 200) for one in items(raw.get("aliases"), _MOST)),
        summary=text(raw.get("summary"), 300) or text(raw.get("details"), 300),
        fixed=tuple(text(one, 100) for one in items(raw.get("fixed_in"), _MOST)),
    )

"""uv as a client: confined with its own configuration and way out, or with all rights of this user."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from vsm_mcp.acquisition.discovery.resolvers.files import PyPIFile
from vsm_mcp.acquisition.discovery.resolvers.settings import PyPIIndexes
from vsm_mcp.acquisition.installation.ecosystems.clients.benches import Workplace
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.uv_settings import give_uv
from vsm_mcp.acquisition.installation.ecosystems.clients.runner import Runner
from vsm_mcp.errors import ConfigurationError, DiscoveryError, LinkError, PayloadError
from vsm_mcp.model.server import PackageRef
from vsm_mcp.sandbox.linux.argv import find_program
from vsm_mcp.sandbox.policy import SandboxPolicy

Listed = Callable[[str], Awaitable[Mapping[str, tuple[PyPIFile, ...]]]]
"""What the indexes list of a project: its files, by version."""

MOST_KNOWN = 64
_CHOOSES = ("UV_INDEX_STRATEGY", "UV_INDEX", "UV_EXTRA_INDEX_URL")
_BEST = "unsafe-best-match"


class UvClient:
    """Runs ``uv pip``.

    Args:
        client: Runs programs.
        uv: The program.
        python: The interpreter that servers run under.
        indexes: Tells where packages come from.
        listed: Tells where the files of a project are; without it only the hosts of indexes can be reached.
    """

    def __init__(
        self,
        client: Runner,
        *,
        uv: Path,
        python: Path,
        indexes: Callable[[], Awaitable[PyPIIndexes]],
        listed: Listed | None,
    ) -> None:
        """Keep the parts; nothing is asked yet."""
        self._client = client
        self._uv = uv
        self._python = python
        self._indexes = indexes
        self._listed = listed
        self._known: dict[str, tuple[str, ...]] = {}

    def workplace(self, into: Path | None = None) -> AbstractAsyncContextManager[Workplace]:
        """Make the directory of one run, for what goes ``into`` a directory in the end.

        Raises:
            ConfigurationError: It cannot be made.
        """
        return self._client.workplace(into)

    async def run(self, verb: str, words: Sequence[str], place: Workplace, *, package: PackageRef, doing: str) -> None:
        """Run ``uv pip verb`` in ``place``.

        Args:
            verb: ``"compile"`` or ``"install"``.
            words: Its words, with the places as it calls them.
            place: Its directory.
            package: What it is about.
            doing: For people.

        Raises:
            IntegrityError: Bytes differ from what was pinned.
            InstallationError: It failed.
            ConfigurationError: The user's configuration cannot be read.
        """
        indexes = await self._indexes()
        # In a file, not among the words, which other users can read: addresses may hold credentials.
        lines = [f"--index-url {indexes.default}", *(f"--extra-index-url {extra}" for extra in indexes.extra)]
        await place.put(place.home / "indexes.txt", "\n".join((*lines, "")).encode())
        ends = ["-r", f"{place.shown}/indexes.txt"] if verb == "install" else [f"{place.shown}/indexes.txt"]
        middle = ["pip", verb, "--quiet", "--only-binary", ":all:"]
        if not self._client.confined:
            argv = [str(self._uv), *middle, "--python", str(self._python), *self._strategy(indexes), *words, *ends]
            defaults = {"SSL_CERT_FILE": indexes.cafile} if indexes.cafile else {}
            await self._client.run(argv, cwd=place.home, subject=str(package), doing=doing, defaults=defaults)
            return
        interpreter = find_program(str(self._python), SandboxPolicy())
        given = await give_uv(
            indexes,
            await self._addresses(package.name),
            uv=await self._client.reach(self._uv),
            interpreter=interpreter,
            cached=self._client.keeps,
        )
        argv = [*given.words, *middle, "--python", interpreter.path, *self._strategy(indexes), *words, *ends]
        await self._client.run(argv, cwd=place.home, subject=str(package), doing=doing, given=given)

    def _strategy(self, indexes: PyPIIndexes) -> list[str]:
        """Read pip's extra indexes as one, as pip does; what is taken is pinned by its digest.

        Those that uv itself was told of it reads in its own way: who is first has the last word.
        """
        theirs = indexes.main_last or indexes.options.strategy or self._client.knows(*_CHOOSES)
        return ["--index-strategy", _BEST] if indexes.extra and not theirs else []

    async def _addresses(self, name: str) -> tuple[str, ...]:
        """Return where the project's files are; when no index tells, the hosts of the indexes must do."""
        if self._listed is None:
            return ()
        if name not in self._known:
            try:
                files = await self._listed(name)
            except (LinkError, DiscoveryError, PayloadError, ConfigurationError):
                return ()  # uv asks the same indexes, and says what is wrong with them
            if len(self._known) >= MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[name] = tuple(dict.fromkeys(file.url for some in files.values() for file in some if file.url))
        return self._known[name]

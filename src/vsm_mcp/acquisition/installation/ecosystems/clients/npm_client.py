"""npm as a client: confined with its own configuration and way out, or with all rights of this user."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio

from vsm_mcp.acquisition.installation.ecosystems.clients.benches import Workplace
from vsm_mcp.acquisition.installation.ecosystems.clients.configuration.npm_settings import (
    NpmConfiguration,
    ask_npm,
    give_npm,
)
from vsm_mcp.acquisition.installation.ecosystems.clients.runner import Runner
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.world.processes import Processes

QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
_SCRIPTS = (".js", ".cjs", ".mjs")


class NpmClient:
    """Runs npm.

    Args:
        client: Runs programs.
        processes: Asks npm for its configuration.
        node: The program that npm itself runs under, if there is one.
        npm: The program, if there is one.
    """

    def __init__(self, client: Runner, processes: Processes, *, node: Path | None, npm: Path | None) -> None:
        """Keep the parts; nothing is asked yet."""
        self._client = client
        self._processes = processes
        self._node = node
        self._npm = npm
        self._configuration: NpmConfiguration | None = None
        self._asking = anyio.Lock()

    @property
    def confined(self) -> bool:
        """Whether it runs in a sandbox."""
        return self._client.confined

    def workplace(self, into: Path | None = None) -> AbstractAsyncContextManager[Workplace]:
        """Make the directory of one run, for what goes ``into`` a directory in the end.

        Raises:
            ConfigurationError: It cannot be made.
        """
        return self._client.workplace(into)

    async def run(
        self, words: Sequence[str], place: Workplace, *, files: Iterable[str], subject: str, doing: str
    ) -> None:
        """Run npm in ``place``.

        Args:
            words: Its words, with the places as it calls them.
            place: Its directory.
            files: Addresses of files, as the registry told them.
            subject: What it is about.
            doing: For people.

        Raises:
            IntegrityError: Bytes differ from what was pinned.
            InstallationError: It failed.
            ConfigurationError: There is no Node.js here, or npm's configuration cannot be read.
        """
        if self._npm is None:
            raise missing("npm", subject)
        if not self._client.confined:
            await self._client.run([str(self._npm), *QUIET, *words], cwd=place.home, subject=subject, doing=doing)
            return
        program = await anyio.to_thread.run_sync(_programs, self._node, self._npm, subject)
        given = await give_npm(await self._settings(self._npm), files, program=program, cached=self._client.keeps)
        argv = [*given.words, *QUIET, *words]
        await self._client.run(argv, cwd=place.home, subject=subject, doing=doing, given=given)

    async def _settings(self, npm: Path) -> NpmConfiguration:
        async with self._asking:
            if self._configuration is None:
                self._configuration = await ask_npm(self._processes, npm)
            return self._configuration


def missing(program: str, subject: str) -> ConfigurationError:
    """Return the error for a program that is not on this machine."""
    return ConfigurationError(
        f"{subject} needs {program}, which was not found on this machine.",
        remedies=("Install Node.js 20 or later with npm.",),
    )


def _programs(node: Path | None, npm: Path, subject: str) -> tuple[Path, Path]:
    """Return the words that start npm: itself a program of Node.js, whose first line would look for that in vain."""
    if node is None:
        raise missing("node", subject)
    real = npm.resolve()
    if real.suffix not in _SCRIPTS:
        raise ConfigurationError(
            f"{npm} is not npm itself but starts it in a way that cannot be confined.",
            remedies=("Put the directory of npm itself first on PATH.", "Install Node.js 20 or later with npm."),
        )
    return node.resolve(), real

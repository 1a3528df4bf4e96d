"""A list of one's own, a directory and a private registry as sources: what is found, and who is silent."""

import csv
import json
import tempfile
from datetime import timedelta
from pathlib import Path

import anyio

from vsm_mcp import MCPDiscovery, PackageRef
from vsm_mcp.abc import Listing
from vsm_mcp.acquisition.discovery.sources.files import FileSource
from vsm_mcp.acquisition.discovery.sources.registry import McpRegistrySource
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.server import Candidate
from vsm_mcp.world.clock import SystemClock
from vsm_mcp.world.http import HttpClient
from vsm_mcp.world.secrets import ReferencedSecrets

ENTRY = {
    "name": "org.example/zones",
    "description": "Converts moments between time zones.",
    "packages": [{"registryType": "npm", "identifier": "zones-server", "version": "1.4.0"}],
}


class TeamList:
    """The servers that a team keeps in a table: a source is a name, a time for which it is fresh, and a method."""

    name = "team"
    fresh_for = timedelta(minutes=10)

    def __init__(self, path: Path) -> None:
        """Keep the path of the table."""
        self._path = path

    async def listing(self, known: Listing | None, /) -> Listing:
        """Return all servers of the table; ``known`` itself says that nothing changed."""
        try:
            table = await anyio.Path(self._path).read_text()
        except OSError as error:
            raise ConfigurationError(f"The table of the team cannot be read: {error}.") from error
        if known is not None and known.mark == table:
            return known
        rows = csv.DictReader(table.splitlines())
        return Listing(candidates=tuple(self._candidate(row) for row in rows), mark=table)

    def _candidate(self, row: dict[str, str]) -> Candidate:
        package = PackageRef.parse(row["package"])  # refuses what could not be a package
        return Candidate(name=row["name"], source=self.name, package=package, summary=row["summary"])


def prepare(folder: Path) -> tuple[Path, Path]:
    """Make a table and a directory of descriptions."""
    table, mirror = folder / "team.csv", folder / "mirror"
    table.write_text("name,package,summary\nteam-clock,pypi:team-clock,Tells the time in every time zone.\n")
    mirror.mkdir()
    (mirror / "zones.json").write_text(json.dumps(ENTRY))
    return table, mirror


async def main() -> None:
    """Search in all three."""
    private = McpRegistrySource(
        "https://mcp.example",
        HttpClient(),
        SystemClock(),
        headers={"Authorization": "env:EXAMPLE_REGISTRY_TOKEN"},
        secrets=ReferencedSecrets(),
    )
    with tempfile.TemporaryDirectory() as folder:
        table, mirror = prepare(Path(folder))
        result = await MCPDiscovery((TeamList(table), FileSource(mirror), private)).find("convert time zones")
    print(result)
    for source in result.sources:
        print(source)


if __name__ == "__main__":
    anyio.run(main)

"""The resolvers against the registries that this machine's own clients are configured for."""

import pytest

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.errors import DiscoveryError, LinkError
from vsm_mcp.testing.world import ScriptedHttp
from vsm_mcp.world.http import HttpClient, Reply
from vsm_mcp.world.processes import LocalProcesses

pytestmark = [pytest.mark.anyio, pytest.mark.live]

MEMORY = "@modelcontextprotocol/server-memory"


@pytest.mark.node
async def test_a_real_npm_package_is_resolved() -> None:
    package = await NpmRegistry(HttpClient(), LocalProcesses()).metadata(MEMORY)
    latest = package.version()
    assert latest.integrity.startswith("sha512-")
    assert latest.ownership == "io.github.modelcontextprotocol/server-memory"
    assert (latest.released is not None, latest.has_install_script, bool(latest.bin)) == (True, False, True)


@pytest.mark.node
async def test_npm_itself_is_asked_where_http_is_refused() -> None:
    refusing = ScriptedHttp({"http*": Reply(status=401)})
    latest = (await NpmRegistry(refusing, LocalProcesses()).metadata(MEMORY)).version()
    assert latest.integrity.startswith("sha512-")
    assert latest.released is not None


async def test_a_real_pypi_project_is_resolved() -> None:
    project = await PyPIIndex(HttpClient(), LocalProcesses()).metadata("mcp-server-time")
    assert project.ownership == "io.github.modelcontextprotocol/server-time"
    assert (project.has_wheel(), project.released() is not None, len(project.of()[0].sha256)) == (True, True, 64)


@pytest.mark.node
async def test_what_does_not_exist_is_told_from_what_cannot_be_reached() -> None:
    npm, pypi = NpmRegistry(HttpClient(), LocalProcesses()), PyPIIndex(HttpClient(), LocalProcesses())
    with pytest.raises(DiscoveryError):
        await npm.metadata("@modelcontextprotocol/no-such-server-at-all")
    with pytest.raises(DiscoveryError):
        await pypi.metadata("mcp-server-time-no-such-project")
    with pytest.raises(LinkError):
        await PyPIIndex(ScriptedHttp(), LocalProcesses()).metadata("mcp-server-time-no-such-project")

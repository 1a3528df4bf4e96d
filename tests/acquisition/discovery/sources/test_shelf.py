"""The shelf offers the host's own servers by name, and each name once."""

from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.authorization import AuthorizationCode
from vsm_mcp.model.launch import HttpLaunch, TcpLaunch
from vsm_mcp.model.server import ToolSummary, Variable

pytestmark = pytest.mark.anyio


def make() -> object:
    return object()


async def test_an_in_process_server_is_a_memory_package_that_can_be_made() -> None:
    shelf = Shelf()
    offered = shelf.offer("text", make, summary="Counts words.", tools=[ToolSummary(name="count")])
    assert (await shelf.listing(None)).candidates == (offered,)
    assert (str(offered.package), offered.source, offered.make) == ("memory:text", "shelf", make)
    assert (len(shelf), repr(shelf)) == (1, "Shelf(text)")


async def test_a_server_file_is_named_by_its_file_and_found_by_its_absolute_path(tmp_path: Path) -> None:
    place = tmp_path / "my slides.py"
    place.write_text("")
    shelf = Shelf()
    offered = shelf.offer_file(place, arguments=["--x"], environment=[Variable(name="KEY")])
    assert (offered.name, offered.package.ecosystem, offered.package.name) == ("my-slides", "file", str(place))
    assert (offered.arguments, offered.environment) == (("--x",), (Variable(name="KEY"),))
    assert shelf.offer_file(str(place), name="other").name == "other"
    assert await shelf.listing(None) is await shelf.listing(None)


def test_names_are_taken_once_and_files_must_exist(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.offer("text", make)
    with pytest.raises(ConfigurationError, match="already offers"):
        shelf.offer("text", make)
    with pytest.raises(ConfigurationError, match="no server file"):
        shelf.offer_file(tmp_path)
    with pytest.raises(PayloadError):
        shelf.offer("../x", make)


def test_private_addresses_are_for_hosts_that_the_program_itself_wrote_down_as_private() -> None:
    shelf = Shelf()
    terms = AuthorizationCode(issuer="https://login.corp.example")
    shelf.connect("open", HttpLaunch(url="https://a.example/mcp", authorization=terms))
    assert not shelf.private
    shelf.connect("here", TcpLaunch(host="127.0.0.1", port=7))
    shelf.connect("ours", HttpLaunch(url="https://B.corp.example/mcp", authorization=terms), private=True)
    assert shelf.private == {"127.0.0.1", "b.corp.example", "login.corp.example"}

"""Servers described in files: every shape a registry has, nothing outside the directory."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.acquisition.discovery.sources import files
from vsm_mcp.acquisition.discovery.sources.files import FileSource, FoundFile, look, read_found
from vsm_mcp.errors import ConfigurationError, PayloadError
from vsm_mcp.model.json import JsonObject, JsonValue

pytestmark = pytest.mark.anyio


def server(name: str, ecosystem: str = "npm") -> JsonObject:
    package: JsonValue = {"registryType": ecosystem, "identifier": name, "version": "1.0.0"}
    return {
        "name": f"org.test/{name}",
        "description": f"Does {name}.",
        "packages": [package],
        "repository": {"url": f"https://code.test/{name}"},
    }


def put(path: Path, value: JsonValue) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


async def names(source: FileSource) -> list[str]:
    return [one.package.name for one in (await source.listing(None)).candidates]


SHAPES: dict[str, Callable[[list[JsonObject]], JsonValue]] = {
    "a page": lambda servers: {"servers": [{"server": one} for one in servers], "metadata": {"count": len(servers)}},
    "a page of bare entries": lambda servers: {"servers": servers},
    "a list": lambda servers: servers,
    "a list of wrapped entries": lambda servers: [{"server": one, "_meta": {}} for one in servers],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.promise("C14")
async def test_a_file_has_the_shape_of_a_registry(shape: str, tmp_path: Path) -> None:
    path = put(tmp_path / "dump.json", SHAPES[shape]([server("clock"), server("files", "pypi"), server("x", "oci")]))
    source = FileSource(path)
    listing = await source.listing(None)
    assert [str(one.package) for one in listing.candidates] == ["npm:clock@1.0.0", "pypi:files@1.0.0"]
    assert [one.repository for one in listing.descriptions] == ["https://code.test/x"]
    assert {one.source for one in listing.candidates} == {"files:dump.json"}


async def test_a_directory_may_hold_an_entry_per_file_and_folders(tmp_path: Path) -> None:
    put(tmp_path / "b.json", server("b"))
    put(tmp_path / "deep" / "er" / "server.json", {"server": server("a")})
    put(tmp_path / "pages" / "1.json", [server("c")])
    put(tmp_path / "notes.txt", server("no"))
    put(tmp_path / ".git" / "x.json", server("no"))
    assert await names(FileSource(tmp_path)) == ["b", "a", "c"]
    found = await MCPDiscovery((FileSource(tmp_path),)).find("does c")
    assert found.ranked[0].candidate.name == "org.test/c"


async def test_it_is_read_again_only_when_a_file_was_added_changed_or_removed(tmp_path: Path) -> None:
    source = FileSource(tmp_path, name="mirror")
    assert (source.name, repr(source)) == ("mirror", f"FileSource({str(tmp_path)!r})")
    one = put(tmp_path / "a.json", server("a"))
    known = await source.listing(None)
    assert await source.listing(known) is known
    assert await FileSource(tmp_path).listing(known) is known
    put(tmp_path / "b.json", server("b"))
    second = await source.listing(known)
    assert len(second.candidates) == 2
    put(one, server("c"))
    os.utime(one, ns=(5, 5))
    third = await source.listing(second)
    assert [one.package.name for one in third.candidates] == ["c", "b"]
    one.unlink()
    assert [one.package.name for one in (await source.listing(third)).candidates] == ["b"]


async def test_an_empty_directory_lists_nothing(tmp_path: Path) -> None:
    listing = await FileSource(tmp_path).listing(None)
    assert (listing.candidates, listing.omitted) == ((), 0)


async def test_of_an_outdated_and_a_newer_entry_the_newer_one_counts(tmp_path: Path) -> None:
    official = "io.modelcontextprotocol.registry/official"
    old: JsonObject = {**server("clock"), "version": "0.1"}
    put(tmp_path / "a.json", {"server": server("clock"), "_meta": {official: {"isLatest": True}}})
    put(tmp_path / "b.json", {"server": old, "_meta": {official: {"isLatest": False}}})
    put(tmp_path / "c.json", {"server": server("gone"), "_meta": {official: {"status": "deleted"}}})
    assert await names(FileSource(tmp_path)) == ["clock"]


@pytest.mark.security
async def test_bad_files_and_entries_are_counted_and_do_not_spoil_the_others(tmp_path: Path) -> None:
    put(tmp_path / "good.json", server("good"))
    put(tmp_path / "mixed.json", [server("also"), None, {"name": "no slash"}])
    (tmp_path / "torn.json").write_bytes(b'{"name": "org.test/x"')
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    put(tmp_path / "other.json", {"hello": "world"})
    listing = await FileSource(tmp_path).listing(None)
    assert ([one.package.name for one in listing.candidates], listing.omitted) == (["good", "also"], 5)


@pytest.mark.security
async def test_links_are_followed_within_the_directory_and_never_out_of_it(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    put(tmp_path / "secret.json", server("secret"))
    put(tmp_path / "outside" / "x.json", server("outside"))
    put(mirror / "..data" / "clock.json", server("clock"))
    (mirror / "clock.json").symlink_to("..data/clock.json")
    (mirror / "secret.json").symlink_to("../secret.json")
    (mirror / "folder").symlink_to("../outside")
    (mirror / "loop.json").symlink_to("loop.json")
    (mirror / "broken.json").symlink_to("nowhere.json")
    os.mkfifo(mirror / "pipe.json")
    (mirror / "dir.json").mkdir()
    (mirror / "self").symlink_to(".")
    assert await names(FileSource(mirror)) == ["clock"]
    assert len(look(mirror, lambda name: name.endswith(".json"))) == 1
    linked = tmp_path / "link"
    linked.symlink_to(mirror)
    assert await names(FileSource(linked)) == ["clock"]


async def test_what_is_not_there_or_describes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        await FileSource(tmp_path / "missing").listing(None)
    put(tmp_path / "a.json", {"hello": "world"})
    with pytest.raises(PayloadError, match="describes a server"):
        await FileSource(tmp_path).listing(None)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(PayloadError, match=r"describes a server: a\.json is not readable JSON"):
        await FileSource(tmp_path / "a.json").listing(None)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await FileSource(loop).listing(None)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(PayloadError):
        await FileSource(pipe).listing(None)


@pytest.mark.security
@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (("MOST_FILES", 2), "more than 2 files"),
        (("MOST_BYTES", 100), "more than 100 bytes"),
        (("MOST_ENTRIES", 2), "more than 2 servers"),
        (("MOST_TOOLS_IN_ALL", 2), "more than .* tools in all"),
    ],
)
async def test_a_directory_is_bounded(bound: tuple[str, int], said: str, tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / f"{number}.json", {**server(f"s{number}"), "tools": ["do"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, *bound)
        with pytest.raises(PayloadError, match=said):
            await FileSource(tmp_path).listing(None)


@pytest.mark.security
async def test_a_file_that_is_too_large_or_too_deep_down_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "small.json", server("small"))
    put(tmp_path / "large.json", [server("large")] * 100)
    put(tmp_path.joinpath(*"123456789") / "deep.json", server("deep"))
    monkeypatch.setattr(files, "LARGEST_FILE", 1000)
    listing = await FileSource(tmp_path).listing(None)
    assert ([one.package.name for one in listing.candidates], listing.omitted) == (["small"], 1)


def test_a_file_that_goes_away_or_becomes_a_link_in_between_is_an_error(tmp_path: Path) -> None:
    path = put(tmp_path / "a.json", server("a"))
    (found,) = look(path, lambda _: True)
    assert found == FoundFile(name="a.json", path=path, size=path.stat().st_size, changed=path.stat().st_mtime_ns)
    path.rename(tmp_path / "b.json")
    with pytest.raises(ConfigurationError, match="No such file"):
        read_found(found, 1000)
    path.symlink_to("b.json")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_found(found, 1000)


async def test_a_listing_of_something_else_is_not_taken_for_its_own(tmp_path: Path) -> None:
    put(tmp_path / "a.json", server("a"))
    assert len((await FileSource(tmp_path).listing(Listing(mark="other"))).candidates) == 1


async def test_a_listing_of_another_directory_is_not_taken_for_its_own(tmp_path: Path) -> None:
    for name in ("one", "other"):
        path = put(tmp_path / name / "mcp" / "s.json", server(f"{name:5}".replace(" ", "s")))
        os.utime(path, ns=(1, 1))
    one, other = (FileSource(tmp_path / name / "mcp") for name in ("one", "other"))
    assert one.name == other.name
    assert one.identity != other.identity
    known = await one.listing(None)
    assert await one.listing(known) is known
    assert [found.name for found in (await other.listing(known)).candidates] == ["org.test/other"]


async def test_a_name_that_is_not_of_the_form_of_registries_is_said_to_be_none(tmp_path: Path) -> None:
    put(tmp_path / "a.json", {**server("clock"), "name": "clock"})
    with pytest.raises(PayloadError, match="describes a server: the name 'clock' is not of the form OWNER/NAME"):
        await FileSource(tmp_path).listing(None)


@pytest.mark.security
async def test_the_name_of_a_bad_file_is_shown_without_what_cannot_be_seen(tmp_path: Path) -> None:
    for name in ("\x1b[31m.json", os.fsdecode(b"\xff.json")):
        (tmp_path / name).write_text("{")
        with pytest.raises(PayloadError, match="is not readable JSON") as error:
            await FileSource(tmp_path).listing(None)
        assert error.value.message.isprintable()
        (tmp_path / name).unlink()

"""What an unpacked wheel says about itself: its server, its claims; and what it must not say."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems.entry import choose, normalised
from vsm_mcp.acquisition.installation.ecosystems.wheel import read_wheel
from vsm_mcp.errors import InstallationError, IntegrityError
from vsm_mcp.model.server import PackageRef

PACKAGE = PackageRef(ecosystem="pypi", name="Slides.MCP", version="1.0")


def unpack(
    site: Path, entries: str | bytes | None, *, metadata: str = "\n", files: Mapping[str, str] | None = None
) -> Path:
    info = site / "slides_mcp-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: slides-mcp\nVersion: 1.0.0\n{metadata}")
    if entries is not None:
        (info / "entry_points.txt").write_bytes(entries if isinstance(entries, bytes) else entries.encode())
    for name, text in (files or {}).items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    return site


@pytest.mark.parametrize(
    ("scripts", "start"),
    [
        ("only = a.b:main", "'a.b'"),
        ("other = x:y\nslides-mcp = a:main", "'a'"),
        ("other = x:y\nslides_mcp = a:main", "'a'"),
        ("other = x:y\nmy-mcp-server = a:main", "'a'"),
        ("only = a:App.run [extra]", "'App.run'"),
    ],
)
def test_the_only_program_or_the_one_named_like_the_package_is_the_server(
    tmp_path: Path, scripts: str, start: str
) -> None:
    site = unpack(tmp_path, f"[console_scripts]\n{scripts}\n\n[other]\na = b\n")
    assert start in read_wheel(site, PACKAGE).program


def test_a_package_that_can_be_run_as_a_module_is_a_server(tmp_path: Path) -> None:
    site = unpack(tmp_path, None, files={"slides_mcp/__main__.py": ""})
    assert "run_module('slides_mcp'" in read_wheel(site, PACKAGE).program


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (None, "no executable"),
        ("[gui_scripts]\na = b:c\n", "no executable"),
        ("[console_scripts]\na = b:c\nd = e:f\n", "2 programs"),
        ("[console_scripts]\na = b\n", "not MODULE:FUNCTION"),
        ("[console_scripts]\na = os:system; import evil\n", "not MODULE:FUNCTION"),
        ("[console_scripts]\na = b:c'); evil('\n", "not MODULE:FUNCTION"),
    ],
)
def test_a_package_without_a_server_is_refused(tmp_path: Path, entries: str | None, why: str) -> None:
    with pytest.raises(InstallationError, match=f"no MCP server in Slides.MCP: .*{why}") as caught:
        read_wheel(unpack(tmp_path, entries), PACKAGE)
    assert caught.value.remedies


@pytest.mark.security
def test_a_program_name_cannot_break_out_of_the_start_program(tmp_path: Path) -> None:
    name = "x\"');import evil"
    program = read_wheel(unpack(tmp_path, f"[console_scripts]\n{name} = a:b\n"), PACKAGE).program
    compile(program, "start.py", "exec")
    assert repr(name) in program


@pytest.mark.parametrize("entries", [b"\xff", b"no section\n", b"[console_scripts\n"])
def test_entry_points_that_make_no_sense_are_an_error(tmp_path: Path, entries: bytes) -> None:
    with pytest.raises(InstallationError, match="cannot be read"):
        read_wheel(unpack(tmp_path, entries), PACKAGE)


def test_a_wheel_without_metadata_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "other-1.0.dist-info").mkdir()
    with pytest.raises(InstallationError, match="holds no metadata"):
        read_wheel(tmp_path, PACKAGE)


@pytest.mark.parametrize(
    ("metadata", "ownership", "publisher"),
    [
        ("\nText\nmcp-name: io.example/slides\n", "io.example/slides", ""),
        (
            "Description: <!-- mcp-name: io.example/a -->\nAuthor: UNKNOWN\nAuthor-email: a@b\n\n",
            "io.example/a",
            "a@b",
        ),
        ("Author: Ada\nMaintainer: Bob\n\n", None, "Ada"),
        ("", None, ""),
    ],
)
def test_its_claims_are_read(tmp_path: Path, metadata: str, *, ownership: str | None, publisher: str) -> None:
    facts = read_wheel(unpack(tmp_path, "[console_scripts]\na = b:c\n", metadata=metadata), PACKAGE)
    assert (facts.ownership, facts.publisher) == (ownership, publisher)


@pytest.mark.security
@pytest.mark.parametrize(
    "metadata",
    ["Name: slides-mcp\nVersion: 1.1\n", "Name: other\nVersion: 1.0\n", "Name: slides-mcp\nVersion: ?\n", ""],
)
def test_a_wheel_that_says_it_is_another_package_or_version_is_refused(tmp_path: Path, metadata: str) -> None:
    site = unpack(tmp_path, "[console_scripts]\na = b:c\n")
    (site / "slides_mcp-1.0.dist-info" / "METADATA").write_text(metadata)
    with pytest.raises(IntegrityError, match=r"The archive of pypi:Slides\.MCP@1\.0 says that it is"):
        read_wheel(site, PACKAGE)


def test_an_odd_version_is_itself(tmp_path: Path) -> None:
    site = unpack(tmp_path, "[console_scripts]\na = b:c\n")
    (site / "slides_mcp-1.0.dist-info" / "METADATA").write_text("Name: slides-mcp\nVersion: odd\n")
    assert read_wheel(site, PackageRef(ecosystem="pypi", name="slides-mcp", version="odd")).program
    assert read_wheel(site, PackageRef(ecosystem="pypi", name="slides-mcp")).program


def test_names_are_compared_without_case_and_kind_of_separator() -> None:
    assert normalised("My_Server..MCP") == "my-server-mcp"
    assert choose(["a", "My-Server"], "@scope/my_server") == "My-Server"

"""The manifest: what a package says about itself, whatever it looks like."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.metadata import manifest
from vsm_mcp.acquisition.vetting.metadata.manifest import Manifest, read_manifest
from vsm_mcp.model.server import PackageRef

NODE = PackageRef(ecosystem="npm", name="a", version="1.0.0")
PYTHON = PackageRef(ecosystem="pypi", name="Some.Thing", version="1.0")
METADATA = """\
Metadata-Version: 2.4
Name: some-thing
Version: 1.0
Project-URL: Documentation, https://docs.test
Project-URL: Source, https://code.test/o/some-thing
Requires-Dist: anyio>=4
Requires-Dist: Typing_Extensions; python_version < "3.11"
Requires-Dist: ---

Project-URL: Source, https://code.test/elsewhere
"""


def tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def test_a_package_json_is_read(tmp_path: Path) -> None:
    text = '{"name": "a", "version": "1.0.0", "repository": {"url": "git+https://code.test/o/a.git"},'
    text += '"dependencies": {"b": "^1"}, "optionalDependencies": {"c": "*"}, "peerDependencies": {"d": "1"},'
    text += '"devDependencies": {"e": "1"}}'
    found = read_manifest(tree(tmp_path, {"package.json": text}), NODE)
    wanted = Manifest(
        name="a", version="1.0.0", repository="git+https://code.test/o/a.git", needs=frozenset({"b", "c", "d"})
    )
    assert found == wanted
    short = read_manifest(tree(tmp_path, {"package.json": '{"repository": "github:o/a"}'}), NODE)
    assert short is not None
    assert short.repository == "github:o/a"


def test_the_metadata_of_a_wheel_is_read(tmp_path: Path) -> None:
    files = {"other-1.dist-info/METADATA": "Name: other\n", "some_thing-1.0.dist-info/METADATA": METADATA}
    found = read_manifest(tree(tmp_path, files), PYTHON)
    assert found == Manifest(
        name="some-thing",
        version="1.0",
        repository="https://code.test/o/some-thing",
        needs=frozenset({"anyio", "typing-extensions"}),
    )


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, b"\xff\xfe"])
def test_a_package_json_that_cannot_be_read_is_none(tmp_path: Path, *, content: str | bytes) -> None:
    assert read_manifest(tree(tmp_path, {"package.json": content}), NODE) is None


@pytest.mark.security
def test_links_pipes_and_giants_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tree(tmp_path / "outside", {"secret.json": '{"name": "a"}'}) / "secret.json"
    package = tree(tmp_path / "package", {"x": ""})
    assert read_manifest(package, NODE) is None
    (package / "package.json").symlink_to(secret)
    assert read_manifest(package, NODE) is None
    (package / "package.json").unlink()
    os.mkfifo(package / "package.json")
    assert read_manifest(package, NODE) is None
    monkeypatch.setattr(manifest, "LARGEST_MANIFEST", 10)
    (package / "package.json").unlink()
    assert read_manifest(tree(package, {"package.json": '{"name": "much too long"}'}), NODE) is None
    assert read_manifest(package, PYTHON) is None


@given(st.binary(max_size=300))
def test_no_metadata_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.mktemp("wheel")
    read_manifest(tree(root, {"some_thing-1.0.dist-info/METADATA": b"Requires-Dist: " + data}), PYTHON)
    read_manifest(tree(root, {"package.json": data}), NODE)

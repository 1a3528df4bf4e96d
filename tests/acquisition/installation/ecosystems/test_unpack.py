"""Archives of strangers: nothing leaves its directory, nothing is special, nothing is endless."""

import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation import tree
from vsm_mcp.acquisition.installation.ecosystems import unpack
from vsm_mcp.errors import InstallationError, IntegrityError


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


class Zeros(io.RawIOBase):
    """As many zeros as anybody wants to read."""

    def read(self, size: int = -1) -> bytes:
        return bytes(size)


def archive(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    path = tmp_path / "x.tgz"
    with tarfile.open(path, "w:gz") as file:
        for info in members:
            file.addfile(info, io.BytesIO(b"data") if info.isreg() else None)
    return path


def test_the_outer_directory_is_left_out_whatever_its_name(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    members = [member("pkg", kind=tarfile.DIRTYPE), member("pkg/a/b.js"), member("./other/c.js"), member("lone")]
    members += [member("pkg/empty", kind=tarfile.DIRTYPE), member("pkg/empty/d.js", mode=0o777)]
    unpack.unpack_tarball(archive(tmp_path, *members), into)
    assert (into / "empty" / "d.js").stat().st_mode & 0o777 == 0o755
    assert sorted(str(p.relative_to(into)) for p in into.rglob("*") if p.is_file()) == ["a/b.js", "c.js", "empty/d.js"]


@pytest.mark.security
@pytest.mark.parametrize(
    "evil",
    [
        member("package/../../outside"),
        member("package/link", kind=tarfile.SYMTYPE, link="/etc"),
        member("package/link", kind=tarfile.SYMTYPE, link="inside"),
        member("package/link", kind=tarfile.LNKTYPE, link="/etc/passwd"),
        member("package/pipe", kind=tarfile.FIFOTYPE),
        member("package/device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda info: f"{info.name}-{info.linkname}",
)
def test_what_leads_out_or_is_special_is_refused(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    into = tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    with pytest.raises(IntegrityError):
        unpack.unpack_tarball(archive(tmp_path, evil), into)
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".tgz"]
    assert all(path.is_relative_to(into) for path in found)
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.security
@pytest.mark.promise("A51")
@pytest.mark.parametrize(
    ("names", "finding"),
    [
        (["/etc/passwd"], "leads out of it"),
        (["package//etc/passwd"], "leads out of it"),
        (["../package/x"], "leads out of it"),
        (["package/a/../../../x"], "leads out of it"),
        (["package\\..\\x/y"], "leads out of it"),
        (["package/a\x1b[2J"], "cannot be shown"),
        (["package/index.js", "package/INDEX.js"], "differs from index.js only in case or Unicode"),
        (["package/Lib/a.js", "package/lib/b.js"], "differs from Lib only in case or Unicode"),
        (["package/caf\u00e9.js", "package/cafe\u0301.js"], "only in case or Unicode"),
        (["package/\ufb01le.js", "package/file.js"], "only in case or Unicode"),
        (["package/stra\u00dfe", "package/STRASSE"], "only in case or Unicode"),
        (["package/a.js", "other/a.js"], "'a.js' is there twice"),
        (["package/a", "package/a/b"], "'a' is there twice"),
    ],
)
def test_paths_that_mislead_are_refused_by_name(tmp_path: Path, names: list[str], finding: str) -> None:
    into = tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    with pytest.raises(IntegrityError, match=re.escape(finding)) as caught:
        unpack.unpack_tarball(archive(tmp_path, *map(member, names)), into)
    assert caught.value.remedies
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".tgz"]
    assert all(path.is_relative_to(into) for path in found)


@pytest.mark.security
def test_a_small_archive_that_stands_for_very_much_is_refused_while_it_is_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("package/zeros")
    info.size = 60_000_000
    path = tmp_path / "x.tgz"
    with tarfile.open(path, "w:gz") as file:
        file.addfile(info, Zeros())
    assert path.stat().st_size < 100_000
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(InstallationError, match="which no package of its size should"):
        unpack.unpack_tarball(path, into)


@pytest.mark.security
def test_a_header_that_is_endless_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("./PaxHeaders/x")
    header.type, header.size = tarfile.XHDTYPE, 8_000_000_000
    (tmp_path / "x.tgz").write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(100_000)))
    with pytest.raises(IntegrityError, match=r"says that it is 8\d+ bytes long"):
        unpack.unpack_tarball(tmp_path / "x.tgz", tmp_path)


@pytest.mark.security
def test_a_hundred_thousand_files_are_refused(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    path = archive(tmp_path, *(member(str(number), kind=tarfile.DIRTYPE) for number in range(100_000)))
    with pytest.raises(InstallationError, match="more than 20000 files"):
        unpack.unpack_tarball(path, into)


@pytest.mark.security
@pytest.mark.security
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_directories_that_are_nested_too_deep_are_refused_before_they_are_made(tmp_path: Path, kind: bytes) -> None:
    into = tmp_path / "into"
    into.mkdir()
    fine = "/".join(["package", *["d"] * (tree.DEEPEST - 1)])
    unpack.unpack_tarball(archive(tmp_path, member(fine, kind=kind)), into)
    for depth in (tree.DEEPEST, 300, 1_700):
        deep = "/".join(["package", *["e"] * depth])
        with pytest.raises(IntegrityError, match="nests directories deeper than 100 levels") as caught:
            unpack.unpack_tarball(archive(tmp_path, member(deep, kind=kind)), into)
        assert len(caught.value.message) < 300
    assert [path.name for path in into.iterdir()] == ["d"]


def test_set_user_id_bits_do_not_survive(tmp_path: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    unpack.unpack_tarball(archive(tmp_path, member("package/run", mode=0o6777)), into)
    assert (into / "run").stat().st_mode & 0o6022 == 0


def test_too_much_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, member("package/a"), member("package/b"))
    into = tmp_path / "into"
    into.mkdir()
    monkeypatch.setattr(unpack, "MOST_FILES", 1)
    with pytest.raises(InstallationError, match="more than 1 files"):
        unpack.unpack_tarball(path, into)
    monkeypatch.setattr(unpack, "MOST_FILES", 10)
    monkeypatch.setattr(unpack, "LARGEST", 3)
    with pytest.raises(InstallationError, match="3 bytes"):
        unpack.unpack_tarball(path, into)
    assert [p.name for p in into.iterdir()] == ["a"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00\x00"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(IntegrityError, match="could not be unpacked"):
        unpack.unpack_tarball(tmp_path / "x.tgz", tmp_path)


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, *(member(f"package/{number}") for number in range(500)))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(IntegrityError):
        unpack.unpack_tarball(path, tmp_path)

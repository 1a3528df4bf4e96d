"""Archives of strangers: nothing leaves its directory, nothing is special, nothing is endless."""

import io
import tarfile
from pathlib import Path

import pytest

from vsm_mcp.acquisition.installation.ecosystems import unpack
from vsm_mcp.errors import InstallationError, IntegrityError


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


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
    unpack.unpack_tarball(archive(tmp_path, *members), into)
    assert sorted(str(p.relative_to(into)) for p in into.rglob("*") if p.is_file()) == ["a/b.js", "c.js"]


@pytest.mark.security
@pytest.mark.parametrize(
    "evil",
    [
        member("package/../../outside"),
        member("package//etc/outside"),
        member("package/link", kind=tarfile.SYMTYPE, link="/etc"),
        member("package/link", kind=tarfile.SYMTYPE, link="inside"),
        member("package/link", kind=tarfile.LNKTYPE, link="/etc/passwd"),
        member("package/pipe", kind=tarfile.FIFOTYPE),
        member("package/device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda info: f"{info.name}-{info.linkname}",
)
def test_what_leads_out_or_is_special_is_refused_or_kept_inside(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    into = tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    try:
        unpack.unpack_tarball(archive(tmp_path, evil), into)
    except IntegrityError:
        pass
    else:
        assert evil.name == "package//etc/outside"  # an absolute path loses its root: it lands inside
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".tgz"]
    assert all(path.is_relative_to(into) for path in found)
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.security
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

"""The file audit: permissions and kinds of files that no package needs."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from vsm_mcp.acquisition.vetting.code.files import FileAudit
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Severity

pytestmark = pytest.mark.anyio

Make = Callable[..., Artefact]


async def codes(artefact: Artefact) -> list[tuple[str, Severity]]:
    return [(found.code, found.severity) for found in await FileAudit().examine(artefact)]


async def test_ordinary_files_are_fine(make_artefact: Make) -> None:
    artefact = make_artefact({"a/b.py": "", "c.js": ""})
    (artefact.root / "inner").symlink_to("a/b.py")
    assert await codes(artefact) == []


@pytest.mark.promise("A15")
@pytest.mark.parametrize("mode", [0o777, 0o666, 0o602])
async def test_files_that_anybody_may_change_are_found(make_artefact: Make, mode: int) -> None:
    artefact = make_artefact({"a.py": ""})
    (artefact.root / "a.py").chmod(mode)
    (found,) = await FileAudit().examine(artefact)
    assert (found.code, found.severity) == ("world-writable", Severity.MEDIUM)
    assert found.message == f"Anybody may change a.py (mode {mode:o})."


@pytest.mark.promise("A15")
async def test_directories_that_anybody_may_change_are_found_unless_they_are_sticky(make_artefact: Make) -> None:
    artefact = make_artefact({"a/b.py": "", "c/d.py": ""})
    (artefact.root / "a").chmod(0o777)
    (artefact.root / "c").chmod(0o1777)
    assert await codes(artefact) == [("world-writable", Severity.MEDIUM)]


@pytest.mark.promise("A15")
@pytest.mark.parametrize("mode", [0o4755, 0o2755])
async def test_files_that_run_as_their_owner_are_found(make_artefact: Make, mode: int) -> None:
    artefact = make_artefact({"a": ""})
    (artefact.root / "a").chmod(mode)
    assert await codes(artefact) == [("runs-as-owner", Severity.HIGH)]


async def test_a_directory_that_hands_on_its_group_is_fine(make_artefact: Make) -> None:
    artefact = make_artefact({"a/b": ""})
    (artefact.root / "a").chmod(0o2755)
    assert await codes(artefact) == []


@pytest.mark.security
@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "a/../../.."])
async def test_links_that_lead_out_are_found(make_artefact: Make, target: str) -> None:
    artefact = make_artefact({"a/b": ""})
    (artefact.root / "link").symlink_to(target)
    assert await codes(artefact) == [("link-leads-out", Severity.HIGH)]


async def test_pipes_and_sockets_are_found(make_artefact: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = make_artefact()
    os.mkfifo(artefact.root / "pipe", 0o600)
    monkeypatch.chdir(artefact.root)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        Path("socket").chmod(0o600)
        assert await codes(artefact) == [("special-file", Severity.HIGH), ("special-file", Severity.HIGH)]


async def test_too_many_entries_are_unknown(make_artefact: Make) -> None:
    artefact = make_artefact({f"{n}": "" for n in range(5)})
    (found,) = await FileAudit(most_entries=4).examine(artefact)
    assert (found.code, found.unknown) == ("too-many-files", True)


async def test_a_package_that_is_no_directory_is_an_error(make_artefact: Make) -> None:
    artefact = make_artefact()
    artefact.root.rmdir()
    artefact.root.write_text("")
    with pytest.raises(NotADirectoryError):
        await FileAudit().examine(artefact)


async def test_a_package_that_is_not_there_is_an_error(make_artefact: Make) -> None:
    artefact = make_artefact()
    artefact.root.rmdir()
    with pytest.raises(OSError, match="root"):
        await FileAudit().examine(artefact)


async def test_servers_of_the_hosts_own_process_have_no_files(make_artefact: Make) -> None:
    assert await FileAudit().examine(make_artefact(in_process=True)) == ()

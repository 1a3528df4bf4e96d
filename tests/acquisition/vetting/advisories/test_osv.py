"""The OSV database: read from archives and directories, without any network, and distrusted."""

import json
import os
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.vetting.advisories.advisory import Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.osv import archive, database, index
from vsm_mcp.acquisition.vetting.advisories.osv.database import OsvDatabase
from vsm_mcp.acquisition.vetting.advisories.osv.record import Outline, advisory, outline
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.verdict import Severity

pytestmark = pytest.mark.anyio

POSTMARK = Pinned(ecosystem="npm", name="postmark", version="1.0.16")
FLASK = Pinned(ecosystem="pypi", name="Flask_Thing", version="1.0")
SINCE = [{"introduced": "1.0.16"}]


async def ask(path: Path, package: Pinned = POSTMARK) -> Answer:
    return (await OsvDatabase(path).about([package]))[package]


@pytest.mark.promise("A14")
async def test_a_malicious_version_is_known_and_the_versions_before_are_not(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path]
) -> None:
    database = make_database(make_record("MAL-2025-1", events=SINCE, summary="Sends mail elsewhere"))
    answer = await ask(database)
    (found,) = answer.advisories
    assert (found.identity, found.malicious, found.certain, answer.unknown) == ("MAL-2025-1", True, True, "")
    assert answer.as_of == datetime(2025, 12, 20, tzinfo=UTC)
    before = Pinned(ecosystem="npm", name="postmark", version="1.0.15")
    assert await ask(database, before) == Answer(as_of=answer.as_of)


async def test_everything_a_record_says_is_read(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path]
) -> None:
    record = make_record(
        "GHSA-aaaa-bbbb-cccc",
        "pypi:flask-thing",
        events=[{"introduced": "0"}, {"fixed": "1.1"}],
        kind="ECOSYSTEM",
        aliases=["CVE-2025-1", 5],
        details="Reads files",
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
        database_specific={"severity": "MODERATE", "cwe_ids": ["CWE-22"]},
    )
    (found,) = (await ask(make_database(record), FLASK)).advisories
    assert (found.severity, found.fixed, found.summary) == (Severity.HIGH, ("1.1",), "Reads files")
    assert found.names == {"GHSA-aaaa-bbbb-cccc", "CVE-2025-1"}
    assert (found.weaknesses, found.malicious) == ({"CWE-22"}, False)


async def test_an_advisory_that_was_taken_back_says_nothing(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path]
) -> None:
    record = make_record("GHSA-1", events=SINCE, withdrawn="2025-01-01T00:00:00Z")
    assert (await ask(make_database(record))).advisories == ()
    assert advisory(record, POSTMARK) is None


async def test_an_ecosystem_that_the_database_never_names_is_unknown(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path]
) -> None:
    answer = await ask(make_database(make_record("GHSA-1", events=SINCE)), FLASK)
    assert answer.unknown == "the database has no records of pypi"


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"id": "X"}', b'{"affected": []}', b"[" * 100_000])
async def test_what_cannot_be_read_makes_the_answer_incomplete_and_hides_nothing(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path], *, broken: bytes
) -> None:
    answer = await ask(make_database(broken, make_record("GHSA-1", events=SINCE)))
    assert [found.identity for found in answer.advisories] == ["GHSA-1"]
    assert answer.unknown == "1 record(s) of the database could not be read"


async def test_a_record_that_is_too_large_is_not_read(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST_RECORD", 400)
    bomb = make_record("GHSA-2", events=SINCE, details="0" * 10_000)
    answer = await ask(make_database(bomb, make_record("GHSA-1", events=SINCE)))
    assert ([found.identity for found in answer.advisories], bool(answer.unknown)) == (["GHSA-1"], True)


async def test_an_archive_with_a_broken_entry_is_incomplete(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path]
) -> None:
    database = make_database(make_record("GHSA-1", events=SINCE), make_record("GHSA-2", events=SINCE))
    data = bytearray(database.read_bytes())
    data[data.index(b"GHSA-2")] = 0x00
    database.write_bytes(bytes(data))
    answer = await ask(database)
    assert ([found.identity for found in answer.advisories], bool(answer.unknown)) == (["GHSA-1"], True)


async def test_a_directory_of_records_and_archives_is_read_as_one(
    tmp_path: Path, make_record: Callable[..., JsonObject], make_database: Callable[..., Path]
) -> None:
    (tmp_path / "npm").mkdir()
    make_database(make_record("GHSA-1", events=SINCE), name="npm/all.zip")
    (tmp_path / "loose.json").write_text(json.dumps(make_record("GHSA-2", events=SINCE)))
    (tmp_path / "readme.txt").write_text("no record")
    with zipfile.ZipFile(tmp_path / "npm" / "all.zip", "a") as archive:
        archive.mkdir("folder")
        archive.writestr("notes.txt", "no record")
    answer = await ask(tmp_path)
    assert {found.identity for found in answer.advisories} == {"GHSA-1", "GHSA-2"}
    assert answer.unknown == ""


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the records that were read for an index."""
    read: list[str] = []

    def remembering(told: JsonObject) -> Outline | None:
        read.append(str(told["id"]))
        return outline(told)

    monkeypatch.setattr(index, "outline", remembering)
    return read


async def test_files_are_read_again_only_when_they_change(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path], reading: list[str]
) -> None:
    path = make_database(make_record("GHSA-1", events=SINCE))
    database = OsvDatabase(path)
    for _ in range(2):
        assert len((await database.about([POSTMARK]))[POSTMARK].advisories) == 1
    make_database(make_record("GHSA-2", events=SINCE), make_record("GHSA-3", events=SINCE))
    os.utime(path, (1, 1))
    assert len((await database.about([POSTMARK]))[POSTMARK].advisories) == 2
    assert reading == ["GHSA-1", "GHSA-2", "GHSA-3"]


async def test_an_index_is_kept_for_the_next_process(
    tmp_path: Path,
    *,
    make_record: Callable[..., JsonObject],
    make_database: Callable[..., Path],
    reading: list[str],
) -> None:
    path, cache = make_database(make_record("GHSA-1", events=SINCE)), tmp_path / "cache" / "of mine"
    first = (await OsvDatabase(path, cache=cache).about([POSTMARK]))[POSTMARK]
    await OsvDatabase(path, cache=cache).prepare()
    again = (await OsvDatabase(path, cache=cache).about([POSTMARK]))[POSTMARK]
    assert (first == again, reading) == (True, ["GHSA-1"])
    (kept,) = cache.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("{}")
    assert (await OsvDatabase(path, cache=cache).about([POSTMARK]))[POSTMARK] == first
    make_database(make_record("GHSA-2", events=SINCE))
    assert len((await OsvDatabase(path, cache=cache).about([POSTMARK]))[POSTMARK].advisories) == 1
    assert reading == ["GHSA-1", "GHSA-1", "GHSA-2"]


async def test_an_index_that_is_not_ours_or_cannot_be_kept_is_made_again(
    tmp_path: Path,
    *,
    make_record: Callable[..., JsonObject],
    make_database: Callable[..., Path],
    reading: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, cache = make_database(make_record("GHSA-1", events=SINCE)), tmp_path / "cache"
    await OsvDatabase(path, cache=cache).prepare()
    (kept,) = cache.iterdir()
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    await OsvDatabase(path, cache=cache).prepare()
    with monkeypatch.context() as patched:
        patched.setattr("os.geteuid", lambda: 4711)
        await OsvDatabase(path, cache=cache).prepare()
    assert len(reading) == 3
    await OsvDatabase(path, cache=path).prepare()
    monkeypatch.setattr(Path, "replace", kept.__class__.rmdir)
    with pytest.raises(TypeError):
        await OsvDatabase(path, cache=tmp_path / "other").prepare()
    assert [*(tmp_path / "other").iterdir()] == []


async def test_a_record_that_goes_away_between_finding_and_reading_is_unread(
    tmp_path: Path, make_record: Callable[..., JsonObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "one.json"
    place.write_text(json.dumps(make_record("GHSA-1", events=SINCE)))
    other = make_record("GHSA-9", "npm:other", events=SINCE)

    def gone(told: JsonObject) -> object:
        place.unlink()
        return outline(told)

    monkeypatch.setattr(index, "outline", gone)
    answer = await ask(tmp_path)
    assert (answer.advisories, answer.unknown) == ((), "1 record(s) of the database could not be read")
    assert advisory(other, POSTMARK) is None


async def test_more_records_than_are_looked_at_are_unread(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_PER_PACKAGE", 1)
    answer = await ask(make_database(*(make_record(f"GHSA-{n}", events=SINCE) for n in range(3))))
    assert (len(answer.advisories), answer.unknown) == (1, "2 record(s) of the database could not be read")


async def test_what_is_no_database_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    false = tmp_path / "all.zip"
    false.write_bytes(b"no archive")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (false, empty, tmp_path / "missing"):
        with pytest.raises(ConfigurationError, match=r"cannot be read: .*\.\n"):
            await OsvDatabase(path).about([POSTMARK])
    monkeypatch.setattr(archive, "MOST_RECORDS", 1)
    for number in range(3):
        (empty / f"{number}.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="more than 1 entries"):
        await OsvDatabase(empty).about([POSTMARK])


async def test_an_archive_of_too_many_records_is_refused(
    make_record: Callable[..., JsonObject], make_database: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "MOST_RECORDS", 1)
    database = make_database(*(make_record(f"GHSA-{n}", events=SINCE) for n in range(3)))
    with pytest.raises(ConfigurationError, match="more than 1 records"):
        await ask(database)
    assert repr(OsvDatabase(database)).startswith("OsvDatabase(/")


JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("id", "affected", "aliases", "severity", "database_specific", "modified", "withdrawn", "summary")
PARTS = ("package", "ranges", "versions", "severity", "ecosystem_specific")


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON),
    st.lists(st.dictionaries(st.sampled_from(PARTS), JSON), max_size=3),
)
def test_no_record_breaks_the_reading(told: dict[str, JsonValue], affected: list[dict[str, JsonValue]]) -> None:
    ours: JsonValue = [{**one, "package": {"ecosystem": "npm", "name": "postmark"}} for one in affected]
    for record in (told, {**told, "id": "X", "affected": ours}):
        outline(record)
        advisory(record, POSTMARK)


def test_packages_of_other_ecosystems_in_a_record_are_passed_over() -> None:
    def affected(ecosystem: str, name: str) -> JsonObject:
        return {"package": {"ecosystem": ecosystem, "name": name}, "versions": ["1.0.0"]}

    found = outline({"id": "X-1", "affected": [affected("crates.io", "a"), affected("npm", ""), affected("npm", "b")]})
    assert found is not None
    assert len(found.packages) == 1
    assert "b" in str(found.packages)

"""What the tests of advisories share: records of the OSV format, and databases made of them."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from vsm_mcp.model.json import JsonObject, JsonValue


class MakeRecord(Protocol):
    """Makes a record."""

    def __call__(
        self,
        identity: str,
        package: str = ...,
        *,
        events: Sequence[Mapping[str, str]] = ...,
        versions: Sequence[str] = ...,
        kind: str = ...,
        **more: JsonValue,
    ) -> JsonObject:
        """Make one about a package."""
        ...


@pytest.fixture
def make_record() -> MakeRecord:
    def make(
        identity: str,
        package: str = "npm:postmark",
        *,
        events: Sequence[Mapping[str, str]] = (),
        versions: Sequence[str] = (),
        kind: str = "SEMVER",
        **more: JsonValue,
    ) -> JsonObject:
        ecosystem, _, name = package.partition(":")
        affected: JsonValue = {
            "package": {"ecosystem": {"pypi": "PyPI"}.get(ecosystem, ecosystem), "name": name},
            "ranges": [{"type": kind, "events": list(events)}] if events else [],
            "versions": list(versions),
        }
        return {"id": identity, "modified": "2025-12-20T00:00:00Z", "affected": [affected], **more}

    return make


@pytest.fixture
def make_database(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes records into an archive, as databases are published."""

    def make(*records: JsonValue | bytes, name: str = "all.zip") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for number, record in enumerate(records):
                data = record if isinstance(record, bytes) else json.dumps(record).encode()
                archive.writestr(f"{number}.json", data)
        return path

    return make

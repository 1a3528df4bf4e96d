"""The catalogue's source: reads its file when first asked, and says what to do when that is damaged."""

from pathlib import Path

import pytest

from vsm_mcp.acquisition.discovery.sources import catalogue
from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.errors import ConfigurationError

pytestmark = pytest.mark.anyio


async def test_every_entry_is_a_candidate_that_can_be_installed() -> None:
    source = CatalogueSource()
    found = (await source.listing(None)).candidates
    assert len(found) == len(source.catalogue.servers) >= 40
    assert all(one.source == "catalogue" and one.package.ecosystem in {"npm", "pypi"} for one in found)
    assert await source.listing(None) is await source.listing(None)
    assert repr(source) == "CatalogueSource()"


@pytest.mark.parametrize("content", [None, "{}", "not json", '{"generated": "", "servers": [], "more": 1}'])
async def test_a_missing_or_damaged_file_is_a_configuration_error(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files(_: str) -> Path:
        return tmp_path

    monkeypatch.setattr(catalogue, "files", files)
    if content is not None:
        (tmp_path / catalogue.FILE_NAME).write_text(content)
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        await CatalogueSource().listing(None)
    assert "Install vsm_mcp again." in str(caught.value)

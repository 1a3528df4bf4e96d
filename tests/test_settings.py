"""Every option in one place, from arguments and from the environment; a typo is never passed over."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from vsm_mcp.errors import ConfigurationError
from vsm_mcp.settings import Confinement, Settings
from vsm_mcp.systems.autonomy import Autonomy


def test_by_default_nothing_may_be_installed_and_a_human_is_asked() -> None:
    settings = Settings()
    assert settings.allow == ()
    assert settings.autonomy is Autonomy.APPROVE
    assert settings.sandbox is Confinement.BUBBLEWRAP
    assert settings.min_release_age == timedelta(days=7)


def test_options_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_AUTONOMY", "auto")
    monkeypatch.setenv("VSM_MCP_ALLOW", '["pypi:mcp-server-time"]')
    monkeypatch.setenv("VSM_MCP_LIMITS__MEMORY_MB", "1024")
    settings = Settings()
    assert settings.autonomy is Autonomy.AUTO
    assert settings.allow == ("pypi:mcp-server-time",)
    assert settings.limits.memory_mb == 1024


def test_a_misspelt_variable_is_an_error_that_names_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_AUTONOMIE", "auto")
    with pytest.raises(ConfigurationError, match="VSM_MCP_AUTONOMY"):
        Settings()


def test_a_misspelt_option_is_an_error() -> None:
    with pytest.raises(ValidationError, match="alow"):
        Settings.model_validate({"alow": ()})


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(state=Path("here")).state == tmp_path / "here"
    assert Settings(state=Path("here")).work == tmp_path / "here" / "work"

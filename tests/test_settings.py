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


@pytest.mark.promise("B8", "B10", "A78")
def test_the_names_of_the_deployment_guide_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MAX_CONCURRENT_INSTALLS", "3")
    monkeypatch.setenv("VSM_HTTP_TIMEOUT_MS", "2500")
    settings = Settings()
    assert settings.installs_at_once == 3
    assert settings.discovery_timeout == pytest.approx(2.5)
    assert Settings(installs_at_once=7).installs_at_once == 7


def test_a_documented_name_with_a_value_that_makes_no_sense_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MAX_CONCURRENT_INSTALLS", "many")
    with pytest.raises(ConfigurationError, match="whole number"):
        Settings()


@pytest.mark.promise("B5", "B6", "A75", "A76", "B11")
@pytest.mark.parametrize("variable", ["VSM_SECURITY_ENABLED", "VSM_SANDBOX_ENABLED"])
def test_security_has_no_switch(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "true")
    assert Settings().sandbox is Confinement.BUBBLEWRAP
    monkeypatch.setenv(variable, "false")
    with pytest.raises(ConfigurationError, match="no such switch"):
        Settings()


@pytest.mark.promise("A81", "B18", "B32")
def test_in_production_less_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_ALLOW", '["pypi:mcp-server-time"]')
    settings = Settings.production(most_servers=4)
    policy = settings.policy()
    assert policy.allow == ("pypi:mcp-server-time",)
    assert policy.most_servers == 4
    assert policy.min_score == 80
    assert policy.require_ownership
    assert policy.min_release_age == timedelta(days=14)
    assert settings.limits == Settings().limits


def test_in_production_servers_are_confined() -> None:
    with pytest.raises(ConfigurationError, match="confined"):
        Settings.production(sandbox=Confinement.NONE)


def test_a_value_that_makes_no_sense_is_an_error_that_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_MOST_SERVERS", "a-few")
    with pytest.raises(ConfigurationError, match="VSM_MCP_MOST_SERVERS") as info:
        Settings.from_environment()
    assert "a-few" not in str(info.value)


def test_a_list_that_is_not_json_is_an_error_that_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_ALLOW", "pypi:mcp-server-time")
    with pytest.raises(ConfigurationError, match="allow"):
        Settings.from_environment()

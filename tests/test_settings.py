"""Every option in one place, from arguments and from the environment; a typo is never passed over."""

import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from vsm_mcp.acquisition.vetting.policy import Grant, Policy
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.server import Artefact, Candidate, PackageRef, Resolution, StdioLaunch
from vsm_mcp.settings.settings import Confinement, Settings, alone
from vsm_mcp.system.viable import ViableSystem
from vsm_mcp.systems.autonomy import Autonomy


def test_by_default_nothing_may_be_installed_and_a_human_is_asked() -> None:
    settings = Settings()
    assert settings.allow == ()
    assert settings.autonomy is Autonomy.APPROVE
    assert settings.sandbox is Confinement.BUBBLEWRAP
    assert settings.min_release_age == timedelta(days=7)


@pytest.mark.promise("B61")
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


@pytest.mark.promise("E52")
def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(state=Path("here")).state == tmp_path / "here"
    assert Settings(state=Path("here")).work == tmp_path / "here" / "work"


@pytest.mark.promise("A78", "B8", "B10", "B33")
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


@pytest.mark.promise("C49", "C51", "C52", "C60")
def test_name_log_level_servers_and_telemetry_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Settings()
    assert (usual.node_id, usual.log_level, usual.servers, usual.telemetry) == (None, None, True, True)
    monkeypatch.setenv("VSM_MCP_NODE_ID", "vsm-1@host.example")
    monkeypatch.setenv("VSM_MCP_LOG_LEVEL", "Warn")
    monkeypatch.setenv("VSM_MCP_ENABLED", "false")
    monkeypatch.setenv("VSM_MCP_TELEMETRY", "false")
    settings = Settings()
    assert (settings.node_id, settings.log_level) == ("vsm-1@host.example", "warning")
    assert (settings.servers, settings.telemetry) == (False, False)
    assert settings.reach is Autonomy.OBSERVE
    assert Settings(servers=True).reach is usual.autonomy


@pytest.mark.promise("C50", "C55", "C56", "C57")
def test_the_broker_and_the_shared_key_come_from_the_environment_and_are_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = Settings()
    assert (usual.amqp_enabled, usual.amqp_url, usual.amqp_pool_size, usual.shared_key) == (False, None, 10, None)
    monkeypatch.setenv("VSM_MCP_AMQP_ENABLED", "true")
    with pytest.raises(ConfigurationError, match="not said where the broker is"):
        Settings()
    monkeypatch.setenv("VSM_MCP_AMQP_URL", "amqps://clerk:correct-horse@broker.example/vhost")
    monkeypatch.setenv("VSM_MCP_AMQP_POOL_SIZE", "3")
    monkeypatch.setenv("VSM_MCP_SHARED_KEY", "battery-staple-battery-staple")
    settings = Settings()
    assert settings.amqp_enabled
    assert settings.amqp_pool_size == 3
    assert settings.amqp_url is not None
    assert settings.amqp_url.get_secret_value().endswith("@broker.example/vhost")
    assert settings.shared_key is not None
    assert settings.shared_key.get_secret_value() == "battery-staple-battery-staple"
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "horse" not in shown
        assert "staple" not in shown


@pytest.mark.promise("C50")
def test_a_key_that_is_refused_is_shown_nowhere_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_SHARED_KEY", "too short")
    with pytest.raises(ConfigurationError, match="SHARED_KEY") as refused:
        Settings.from_environment()
    assert "too short" not in "".join(traceback.format_exception(refused.value))
    monkeypatch.delenv("VSM_MCP_SHARED_KEY")
    for short in ("too short", SecretStr("too short")):
        with pytest.raises(ValidationError, match="shared_key") as wrong:
            Settings.model_validate({"shared_key": short})
        assert "too short" not in str(wrong.value)


@pytest.mark.parametrize("level", ["debug", "INFO", "warn", "warning", " Error "])
def test_a_level_may_be_written_in_any_case(level: str) -> None:
    assert Settings.model_validate({"log_level": level}).log_level in {"debug", "info", "warning", "error"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("log_level", "loud"),
        ("log_level", 10),
        ("node_id", ""),
        ("node_id", "a b"),
        ("node_id", "a\n"),
        ("node_id", "x" * 65),
    ],
)
def test_a_name_or_level_that_makes_no_sense_is_refused(name: str, wrong: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: wrong})


def test_a_switch_that_says_neither_yes_nor_no_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_ENABLED", "perhaps")
    with pytest.raises(ConfigurationError, match="VSM_MCP_ENABLED must be true or false"):
        Settings()


@pytest.mark.promise("B5", "B6", "A75", "A76", "B11", "C58")
@pytest.mark.parametrize("variable", ["VSM_SECURITY_ENABLED", "VSM_SANDBOX_ENABLED"])
def test_security_has_no_switch(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "true")
    assert Settings().sandbox is Confinement.BUBBLEWRAP
    monkeypatch.setenv(variable, "false")
    with pytest.raises(ConfigurationError, match="no such switch"):
        Settings()


@pytest.mark.promise("D47")
def test_the_switch_of_the_old_plan_is_no_setting_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Settings()
    monkeypatch.setenv("MCP_SECURITY_ENABLED", "false")
    assert Settings() == usual
    monkeypatch.setenv("VSM_MCP_SECURITY_ENABLED", "false")
    with pytest.raises(ConfigurationError, match="no setting VSM_MCP_SECURITY_ENABLED"):
        Settings()


@pytest.mark.promise("A81", "B18", "B30", "B31", "B32", "C58")
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


@pytest.mark.promise("B9")
def test_how_long_answers_of_registries_are_used_has_its_documented_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().registry_kept_for == timedelta(hours=1)
    monkeypatch.setenv("VSM_CACHE_TTL_SECONDS", "300")
    assert Settings().registry_kept_for == timedelta(minutes=5)
    monkeypatch.setenv("VSM_CACHE_TTL_SECONDS", "99999999")
    with pytest.raises(ConfigurationError, match="REGISTRY_KEPT_FOR"):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("registry.test",), "Number 1 of the registries cannot be used: .* http or https"),
        (("https://a.test", "https://u:p@b.test"), "Number 2 .* a user or a password"),
        (("https://a.test", "https://A.test//"), "https://a.test and https://a.test are the same"),
        (("https://a.test", "http://a.test"), "are the same"),
    ],
)
def test_registries_are_addresses_and_each_is_there_once(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Settings(registries=given)
    assert Settings(registries=("https://A.test/x/", "https://a.test")).registries == (
        "https://a.test/x",
        "https://a.test",
    )


@pytest.mark.security
def test_headers_belong_to_a_registry_however_its_address_is_written() -> None:
    headers = {"Authorization": "env:TOKEN"}
    settings = Settings(registries=("https://a.test/",), registry_headers={"https://a.test//": headers})
    assert settings.registry_headers == {settings.registries[0]: headers}
    for wrong, said in (
        ({"https://b.test": headers}, "There are headers for https://b.test, which is none of the registries"),
        ({"https://a.test": headers, "https://a.test/": headers}, "headers for https://a.test twice"),
        ({"https://a.test": {"Authorization": "Bearer x"}}, "Number 1 of the registry_headers cannot be used"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            Settings(registries=("https://a.test",), registry_headers=wrong)


def test_what_registries_answered_is_kept_for_a_second_at_least() -> None:
    with pytest.raises(ValidationError, match="registry_kept_for"):
        Settings(registry_kept_for=timedelta(0))


@pytest.mark.promise("B7", "D48")
@pytest.mark.parametrize(("value", "expected"), [("true", "state/audit"), ("1", "state/audit"), ("false", None)])
def test_the_documented_name_for_audit_logging_means_a_log_among_the_records(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, value: str, expected: str | None
) -> None:
    monkeypatch.setenv("VSM_AUDIT_LOGGING", value)
    audit = Settings(state=tmp_path / "state").audit
    assert audit == (None if expected is None else tmp_path / expected)
    assert Settings(audit=tmp_path / "mine").audit == tmp_path / "mine"
    monkeypatch.setenv("VSM_AUDIT_LOGGING", "perhaps")
    with pytest.raises(ConfigurationError, match="perhaps"):
        Settings()


@pytest.mark.promise("A81")
def test_a_policy_for_production_goes_with_settings_for_production() -> None:
    policy = Policy.production(allow=("npm:@example/*",))
    assert (policy.min_release_age, policy.require_ownership, policy.min_score) == (timedelta(days=14), True, 80)
    ViableSystem(Settings.production(), policy=policy)
    stricter = Policy.production(min_release_age=timedelta(days=30), min_score=90)
    assert alone(stricter, Settings.production()) is stricter


@pytest.mark.parametrize(
    "less", [Policy(), Policy.production(min_score=None), Policy.production(min_release_age=timedelta(days=1))]
)
def test_settings_for_production_are_not_undone_by_a_policy_that_asks_for_less(less: Policy) -> None:
    with pytest.raises(ConfigurationError, match="asks for less") as caught:
        alone(less, Settings.production())
    assert "Policy.production" in caught.value.remedies[0]


def test_what_is_let_in_is_said_once() -> None:
    with pytest.raises(ConfigurationError, match=r"said twice.*allow, min_score"):
        alone(Policy.production(), Settings.production(min_score=70, allow=("npm:example",)))


def artefact(package: str, *, server: str = "io.example/server", publisher: str = "") -> Artefact:
    ref = PackageRef.parse(package)
    return Artefact(
        candidate=Candidate(name=server, source="registry", package=PackageRef(ecosystem=ref.ecosystem, name=ref.name)),
        resolution=Resolution(package=ref, integrity="sha256:00", lock="", publisher=publisher),
        root=Path("/nowhere"),
        launch=StdioLaunch(argv=("/usr/bin/true",)),
    )


@pytest.mark.security
def test_a_secret_is_given_to_the_servers_that_its_pattern_names_and_to_no_other() -> None:
    settings = Settings(
        secrets={
            "npm:@example/server@1.*": {"TOKEN": "env:FIRST"},
            "npm:@example/*": {"TOKEN": "env:SECOND", "OTHER": "file:/run/other"},
        }
    )
    assert settings.references(artefact("npm:@example/server@1.2.0")) == {
        "TOKEN": "env:FIRST",
        "OTHER": "file:/run/other",
    }
    newer = settings.references(artefact("npm:@example/server@2.0.0"))
    assert newer == {"TOKEN": "env:SECOND", "OTHER": "file:/run/other"}
    assert settings.references(artefact("npm:@evil/server@1.0.0")) == {}


@pytest.mark.security
@pytest.mark.promise("B19", "E4")
def test_who_takes_the_name_of_a_server_or_of_another_ecosystems_package_does_not_get_its_secrets() -> None:
    settings = Settings(secrets={"npm:@owner/server": {"TOKEN": "env:MINE"}})
    assert settings.references(artefact("npm:@owner/server@1.0.0", server="any/name")) == {"TOKEN": "env:MINE"}
    for package in ("npm:evil@1.0.0", "pypi:owner-server@1"):
        assert settings.references(artefact(package, server="@owner/server")) == {}


@pytest.mark.security
def test_a_secret_that_is_bound_to_no_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="bound to no server") as caught:
        Settings.model_validate({"secrets": {"GITHUB_TOKEN": "env:GH"}})
    assert "{'npm:NAME': {'GITHUB_TOKEN': 'env:GITHUB_TOKEN'}}" in caught.value.remedies[0]
    monkeypatch.setenv("VSM_MCP_SECRETS", '{"GITHUB_TOKEN": "env:GH"}')
    with pytest.raises(ConfigurationError, match="bound to no server"):
        Settings.from_environment()
    monkeypatch.setenv("VSM_MCP_SECRETS", '{"npm:x": {"GITHUB_TOKEN": "env:GH"}}')
    assert Settings.from_environment().references(artefact("npm:x@1.0.0")) == {"GITHUB_TOKEN": "env:GH"}


@pytest.mark.security
@pytest.mark.parametrize(
    "pattern",
    [
        "publisher:Example", "source:catalogue", "version:1.*", "pipy:x", "npm:x & tool:y", "*", "?*", "npm:*",
        "pypi:*", "npm:@*/*", "io.github.owner/server", "io.github.owner/*", "[a-z]*", "npm:[a-z]*", "* & version:1.*",
    ],
)  # fmt: skip
def test_a_secret_is_not_bound_to_what_somebody_claims_nor_to_nearly_everybody(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="by their package") as caught:
        Settings(secrets={pattern: {"TOKEN": "env:TOKEN"}})
    assert "secrets={'npm:NAME': {'VARIABLE': 'env:VARIABLE'}}" in caught.value.remedies[0]


def test_secrets_that_are_no_mapping_are_an_error() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"secrets": ["env:TOKEN"]})


@pytest.mark.security
@pytest.mark.promise("E52")
@pytest.mark.parametrize(
    "workspace",
    ["", "store", "servers", "generations", "work/inner", "..", "/", "/etc", "/tmp", "/usr/lib/x", "/proc/x"],
)
def test_servers_do_not_write_where_the_store_is_nor_where_the_system_is(tmp_path: Path, workspace: str) -> None:
    state = tmp_path / "state"
    with pytest.raises(ConfigurationError, match=r"workspace.*(overlaps|may not enter)") as caught:
        Settings(state=state, workspace=state / workspace)
    assert f"{state}/work" in caught.value.remedies[0]


@pytest.mark.security
@pytest.mark.parametrize("state", ["/etc", "/usr", "/proc/x", "/srv/x/.ssh"])
def test_the_usual_place_is_not_where_the_system_is_either(state: str) -> None:
    with pytest.raises(ConfigurationError, match=f"The workspace cannot be {state}/work") as caught:
        Settings(state=Path(state))
    assert "Settings(state=...)" in caught.value.remedies[0]


def test_servers_may_write_at_the_usual_place_or_at_one_of_their_own(tmp_path: Path) -> None:
    state, apart = tmp_path / "state", tmp_path / "apart"
    assert Settings(state=state, workspace=state / "work").work == Settings(state=state).work
    assert Settings(state=state, workspace=apart).work == apart


@pytest.mark.security
def test_a_link_to_the_store_is_no_workspace(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "apart").symlink_to(state)
    with pytest.raises(ConfigurationError, match="overlaps"):
        Settings(state=state, workspace=tmp_path / "apart")


@pytest.mark.security
@pytest.mark.parametrize("name", ["lock", "advisories", "python"])
def test_what_is_trusted_does_not_lie_where_servers_write(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"The setting {name} is .* where servers write"):
        Settings.model_validate({"state": tmp_path, name: tmp_path / "work" / "server-1" / "x"})
    assert Settings.model_validate({"state": tmp_path, name: tmp_path / "x"})


@pytest.mark.security
@pytest.mark.promise("D15", "D18")
@pytest.mark.parametrize("place", ["state", "state/store/x", "", "apart", "apart/server-1", "link"])
def test_no_server_is_granted_the_records_or_what_other_servers_write(tmp_path: Path, place: str) -> None:
    settings = Settings(state=tmp_path / "state", workspace=tmp_path / "apart")
    (tmp_path / "link").symlink_to(tmp_path / "state")
    policy = Policy(grants=(Grant(servers="npm:x", read_only=(tmp_path / place,)),))
    with pytest.raises(ConfigurationError, match="A grant lets servers read"):
        ViableSystem(settings, policy=policy)
    harmless = Policy(grants=(Grant(servers="npm:x", read_only=(tmp_path / "data",)),))
    assert alone(harmless, settings) is harmless


SECONDS = (
    "discovery_timeout", "discovery_cache_ttl", "match_cache_ttl", "install_timeout", "start_timeout", "call_timeout",
    "variety_check_interval", "coordination_timeout", "decision_timeout",
)  # fmt: skip
WHOLE = (
    "run_as", "most_servers", "acquisitions_per_day", "store_mb", "package_mb", "package_files", "installs_at_once",
    "max_concurrent_operations", "recursion_depth", "discovery_cache_size", "match_cache_size", "registry_tries",
    "variety_cache_size", "max_concurrent_sandboxes", "http_connections", "largest_request", "largest_answer",
)  # fmt: skip
SPANS = ("min_release_age", "registry_kept_for", "retry_failed_after")
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))
SENSELESS = [
    ("amqp_pool_size", 0),
    *((name, wrong) for name in (*SECONDS, *WHOLE) for wrong in (-1, 0, 1 << 33, *NO_NUMBERS)),
    *((name, wrong) for name in ("variety_half_life",) for wrong in (-1, 0, 1e13, *NO_NUMBERS)),
    *((name, wrong) for name in ("variety_objective", "variety_threshold") for wrong in (-1, 2, *NO_NUMBERS)),
    *((name, wrong) for name in SPANS for wrong in (timedelta(microseconds=-1), timedelta(days=-1000), timedelta.max)),
    ("min_score", -1),
    ("min_score", 101),
]


@pytest.mark.security
@pytest.mark.parametrize(("name", "wrong"), SENSELESS)
def test_a_number_that_makes_no_sense_is_refused(name: str, wrong: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: wrong})
    if name in Policy.model_fields:
        with pytest.raises(ValidationError, match=name):
            Policy.model_validate({name: wrong})


def test_every_number_of_the_settings_has_bounds() -> None:
    numbers = {
        name
        for name, field in Settings.model_fields.items()
        if str(field.annotation).count("int")
        or "float" in str(field.annotation)
        or "timedelta" in str(field.annotation)
    }
    assert numbers == {name for name, _ in SENSELESS}


@given(st.text(alphabet="*?@/[]!-_.:&", max_size=12), st.sampled_from(["npm:", "pypi:", "file:", "memory:", ""]))
def test_no_pattern_without_a_letter_gets_a_secret(pattern: str, kind: str) -> None:
    with pytest.raises(ConfigurationError):
        Settings(secrets={f"{kind}{pattern}": {"TOKEN": "env:TOKEN"}})

"""Settings: every option in one place, read from arguments and from VSM_MCP_* variables."""

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, TypeAdapter, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from vsm_mcp.acquisition.discovery.sources.fetching import TRIES
from vsm_mcp.acquisition.discovery.sources.registry import KEPT_FOR
from vsm_mcp.acquisition.vetting.patterns import Subject, allows
from vsm_mcp.acquisition.vetting.policy import LONGEST_AGE, MOST_ACQUISITIONS, MOST_SERVERS, PRODUCTION, Policy
from vsm_mcp.errors import ConfigurationError
from vsm_mcp.model.server import Artefact
from vsm_mcp.nerves.wire import SHORTEST_KEY
from vsm_mcp.sandbox.policy import Limits
from vsm_mcp.servers.links.connections import DEFAULT_CONNECTIONS
from vsm_mcp.servers.links.wire.wire import LARGEST_REQUEST, LARGEST_RESPONSE
from vsm_mcp.settings.environment import (
    AS_JSON,
    PREFIX,
    documented_variables,
    refuse_switching_off,
    refuse_unknown_variables,
    wants_audit,
    wrong,
)
from vsm_mcp.settings.refusals import bound, refuse_among_work, refuse_own_places, refuse_workspace
from vsm_mcp.settings.registries import distinct, with_registries
from vsm_mcp.systems.autonomy import Autonomy
from vsm_mcp.variety.alarm import Thresholds

POLICY_FIELDS = (
    "allow",
    "block",
    "egress",
    "min_release_age",
    "require_ownership",
    "min_score",
    "most_servers",
    "acquisitions_per_day",
)
"""The settings that are a part of the policy; a ``Policy`` of the host's own takes their place."""

HYSTERESIS = 0.05
_SYSTEM_STATE = Path("/var/lib/vsm_mcp")
_Seconds = Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)]
_Mib = Annotated[int, Field(ge=1, le=1 << 30)]
_BY_SERVER = TypeAdapter(Mapping[str, object])


class Confinement(StrEnum):
    """How servers are confined. There is no switch that turns confinement off by accident: ``none`` must be written."""

    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


class Engine(StrEnum):
    """What speaks with servers over processes."""

    SDK = "sdk"
    LEAN = "lean"


def default_state() -> Path:
    """Return where packages and records live by default.

    Under root the servers run as another user, who must be able to reach their own files; so not below root's home.
    """
    return _SYSTEM_STATE if os.geteuid() == 0 else Path(platformdirs.user_data_dir("vsm_mcp"))


class Settings(BaseSettings):
    """All options. Each may also be given as ``VSM_MCP_<NAME>`` in the environment (lists and mappings as JSON).

    Attributes:
        state: Where packages, records and the journal live.
        workspace: Where servers' own writable directories live; by default ``work`` inside ``state``, and otherwise
            apart from it.
        autonomy: How far the system may go by itself.
        allow: Globs over ``ecosystem:name``, server names, ``publisher:...`` or ``source:...``; empty allows nothing.
        block: Globs of the same form; a match always refuses.
        egress: Hosts that servers may be let talk to when they declare them; empty means that none has a network.
        min_release_age: Packages and dependencies younger than this are not used.
        require_ownership: Refuse packages that do not carry the mark of the server they claim to be.
        min_score: Refuse packages whose vetting score is below; ``None`` leaves it to the severity of findings.
        secrets: For servers, by a pattern of their package, the variables that they are given, each by reference:
            ``{"npm:@scope/server": {"GITHUB_TOKEN": "env:GH_READ_ONLY"}}``. No other server gets them.
        lock: A lock file: servers are installed exactly as it pins them, and others not at all. Written by
            `ViableSystem.save_lock`; while there is none at this place, nothing is pinned.
        offline: Ask no registry for anything: what the lock pins is taken from the packages that are here already.
        advisories: An OSV database of known vulnerabilities (zip archive or directory), asked besides the registries.
        registries: Base addresses of MCP registries (API v0.1).
        registry_headers: For registries, by their address, headers of every request, each by reference:
            ``{"https://registry.example": {"Authorization": "env:REGISTRY_TOKEN"}}``.
        catalogues: Files or directories that describe servers as a registry does; they are read offline, too.
        registry_kept_for: How long what a registry answered is used before it is asked again.
        registry_tries: How often a registry is asked for the same page while there is no answer, or one that may pass
            (429, 5xx), before it counts as failed.
        sandbox: How servers are confined.
        run_as: User number that servers run under when this process is root; by default an unused one is chosen.
        limits: What one server may use.
        most_servers: How many servers may be held at once.
        acquisitions_per_day: How many may be acquired within 24 hours.
        store_mb: How large the state directory may grow.
        package_mb: How large one installed package may be, with all that it brings along.
        package_files: How many files it may have.
        installs_at_once: How many packages are installed at the same time.
        discovery_timeout: Seconds a search waits for a source.
        semantic: Servers are compared by meaning, too, not by words alone; needs the extra ``semantic``.
        discovery_cache_ttl: Seconds for which the same words get the same answer, unless a source says something new.
        discovery_cache_size: How many answers are kept for that.
        match_cache_ttl: Seconds for which it is remembered which tools do an operation; less when servers come or go.
        match_cache_size: For how many kinds of operations.
        variety_cache_size: How many kinds of demand are counted one by one; the others are counted together.
        install_timeout: Seconds a package client may take.
        start_timeout: Seconds a server may take until it lists its tools.
        call_timeout: Seconds a call may take without a sign of progress, unless it or its deadline says otherwise.
        largest_request: Bytes that the arguments of a call may have; ``PayloadOptions`` may say less.
        largest_answer: Bytes that an answer may have, likewise.
        retry_failed_after: How long a need that could not be met is not tried again.
        variety_check_interval: Seconds between two cycles of `ViableSystem.regulate`.
        variety_half_life: Demands after which one weighs half; less where demand is little and changes fast.
        variety_objective: Share of demand that is to be absorbed in the long run; burn rates are counted from it.
        variety_threshold: Absorbed share of demand below which there is an alarm; it is clear again 0.05 above.
        recursion_depth: How many levels of systems there may be, this one included.
        max_concurrent_operations: Operations that may be under way at once; further ones wait.
        coordination_timeout: Seconds that an operation waits for a place, or for what others hold.
        decision_timeout: Seconds that a strategy may think about a decision.
        audit: A directory of its own where every call, installation and start is recorded (``VSM_AUDIT_LOGGING=true``
            means ``audit`` inside ``state``); without it the newest records are kept in memory only.
        engine: What speaks with servers: the MCP SDK, complete and typed, or the lean one, for throughput.
        servers: Whether MCP servers are used at all (``VSM_MCP_ENABLED``). Without them nothing is acquired, what is
            held stays where it is and is not started, and work is done by the host's own units.
        max_concurrent_sandboxes: How many confined processes there may be at once: servers, trials and package clients
            together; a further one waits ``coordination_timeout``. A server counts as long as it runs, called or not:
            so there are places for pools of ``most_servers`` servers, not only for what is tried at the moment.
        http_connections: How many connections there may be to one server that is reached over HTTP; one of them may be
            taken by what the server announces.
        node_id: The name of this host in metrics, log records, and the names of calls in the audit log; by default it
            has none, as the name of a machine may say more than is wanted.
        log_level: What the logger ``vsm_mcp`` lets pass while the system lives; by default warnings, unless the host
            gave that logger a level.
        telemetry: Whether events become log records and response times are kept. It sends nothing anywhere.
        amqp_enabled: Whether the system tells others what happens, and hears what they tell, over the broker at
            ``amqp_url``; needs the extra ``amqp``.
        amqp_url: Where the broker is: ``amqps://user:password@host/vhost``. Never shown.
        amqp_pool_size: How many messages may wait for the broker's word at once.
        shared_key: What only the systems of one organisation know; with it, what they tell each other is sealed, and
            what others say on the bus is refused. At least 16 characters; never shown.
        python: The interpreter for PyPI servers; by default this one if servers can reach it, else the system's.

    Raises:
        ConfigurationError: There is a ``VSM_MCP_*`` variable that is no setting, a secret is bound to no package, a
            registry cannot be asked, or servers could write where they must not.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_nested_delimiter="__", hide_input_in_errors=True
    )

    state: Path = Field(default_factory=default_state)
    workspace: Path | None = None
    autonomy: Autonomy = Autonomy.APPROVE
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    min_release_age: timedelta = Field(default=timedelta(days=7), ge=timedelta(0), le=LONGEST_AGE)
    require_ownership: bool = False
    min_score: int | None = Field(default=None, ge=0, le=100)
    secrets: Mapping[str, Mapping[str, str]] = Field(default_factory=dict[str, Mapping[str, str]])
    lock: Path | None = None
    offline: bool = False
    advisories: Path | None = None
    registries: tuple[str, ...] = ("https://registry.modelcontextprotocol.io",)
    registry_headers: Mapping[str, Mapping[str, str]] = Field(default_factory=dict[str, Mapping[str, str]])
    catalogues: tuple[Path, ...] = ()
    registry_kept_for: timedelta = Field(default=KEPT_FOR, ge=timedelta(seconds=1), le=timedelta(days=30))
    registry_tries: int = Field(default=TRIES, ge=1, le=10)
    sandbox: Confinement = Confinement.BUBBLEWRAP
    run_as: int | None = Field(default=None, gt=0, lt=(1 << 32) - 1)
    limits: Limits = Field(default_factory=Limits)
    most_servers: int = Field(default=16, ge=1, le=MOST_SERVERS)
    acquisitions_per_day: int = Field(default=20, ge=1, le=MOST_ACQUISITIONS)
    store_mb: _Mib = 10_000
    package_mb: _Mib = 1_000
    package_files: int = Field(default=50_000, ge=1, le=10_000_000)
    installs_at_once: int = Field(default=5, ge=1, le=100)
    discovery_timeout: _Seconds = 15.0
    semantic: bool = False
    discovery_cache_ttl: _Seconds = 300.0
    discovery_cache_size: int = Field(default=500, ge=1, le=1_000_000)
    match_cache_ttl: _Seconds = 600.0
    match_cache_size: int = Field(default=2000, ge=1, le=1_000_000)
    variety_cache_size: int = Field(default=1000, ge=1, le=1_000_000)
    install_timeout: _Seconds = 300.0
    start_timeout: _Seconds = 30.0
    call_timeout: _Seconds = 60.0
    largest_request: int = Field(default=LARGEST_REQUEST, ge=1 << 10, le=1 << 26)
    largest_answer: int = Field(default=LARGEST_RESPONSE, ge=1 << 16, le=1 << 30)
    retry_failed_after: timedelta = Field(default=timedelta(minutes=10), ge=timedelta(0), le=LONGEST_AGE)
    variety_check_interval: _Seconds = 60.0
    variety_half_life: float = Field(default=1000.0, ge=1, le=1e12, allow_inf_nan=False)
    variety_objective: float = Field(default=0.95, gt=0, lt=1)
    variety_threshold: float = Field(default=0.8, ge=0, le=1)
    recursion_depth: int = Field(default=3, ge=1, le=10)
    max_concurrent_operations: int = Field(default=1000, ge=1, le=1_000_000)
    coordination_timeout: _Seconds = 5.0
    decision_timeout: _Seconds = 10.0
    audit: Path | None = None
    engine: Engine = Engine.SDK
    servers: bool = True
    max_concurrent_sandboxes: int = Field(default=256, ge=1, le=10_000)
    http_connections: int = Field(default=DEFAULT_CONNECTIONS, ge=2, le=1_000)
    node_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    telemetry: bool = True
    amqp_enabled: bool = False
    amqp_url: SecretStr | None = None
    amqp_pool_size: int = Field(default=10, ge=1, le=1_000)
    shared_key: SecretStr | None = Field(default=None, min_length=SHORTEST_KEY)
    python: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _known_variables(cls, values: Mapping[str, object]) -> Mapping[str, object]:
        refuse_unknown_variables(cls.model_fields)
        refuse_switching_off()
        known = {**documented_variables(), **values}
        if wants_audit() and known.get("audit") is None:
            known["audit"] = Path(str(known.get("state") or default_state())) / "audit"
        return known

    @field_validator("secrets", mode="before")
    @classmethod
    def _secrets_name_their_servers(cls, value: object) -> object:
        return bound(_BY_SERVER.validate_python(value))

    @field_validator("registries", mode="after")
    @classmethod
    def _registries_are_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return distinct(value)

    @field_validator("registry_headers", mode="after")
    @classmethod
    def _headers_have_registries(
        cls, value: Mapping[str, Mapping[str, str]], info: ValidationInfo
    ) -> Mapping[str, Mapping[str, str]]:
        return with_registries(value, info.data.get("registries", ()))

    @field_validator("autonomy", mode="before")
    @classmethod
    def _autonomy_by_name(cls, value: object) -> object:
        if isinstance(value, str) and value.upper() in Autonomy.__members__:
            return Autonomy[value.upper()]
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _level_in_any_case(cls, value: object) -> object:
        level = value.strip().lower() if isinstance(value, str) else value
        return "warning" if level == "warn" else level

    @field_validator("state", "workspace", "python", "lock", "advisories", "audit", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @model_validator(mode="after")
    def _servers_write_apart(self) -> Self:
        """Refuse places where servers could write what is not theirs."""
        refuse_workspace(self.work, self.state)
        trusted = {"lock": self.lock, "advisories": self.advisories, "audit": self.audit, "python": self.python}
        refuse_among_work(trusted, self.work)
        return self

    @model_validator(mode="after")
    def _a_broker_has_a_place(self) -> Self:
        if self.amqp_enabled and self.amqp_url is None:
            raise ConfigurationError(
                "AMQP is enabled, and it is not said where the broker is.",
                remedies=(f"Set amqp_url, or {PREFIX}AMQP_URL.",),
            )
        return self

    @property
    def reach(self) -> Autonomy:
        """How far the system goes by itself: as ``autonomy`` says, and nowhere without servers."""
        return self.autonomy if self.servers else Autonomy.OBSERVE

    @property
    def thresholds(self) -> Thresholds:
        """When the absorbed share is critical, on alert, and clear again."""
        alert = self.variety_threshold
        usual = Thresholds()
        return Thresholds(critical=min(usual.critical, alert), alert=alert, clear=min(alert + HYSTERESIS, 1.0))

    @classmethod
    def from_environment(cls) -> Self:
        """Return the settings that the environment gives.

        Raises:
            ConfigurationError: A variable has a value that makes no sense; the message names it.
        """
        try:
            return cls()
        except ValidationError as error:
            raise wrong(error) from None  # what was given may be a secret
        except SettingsError as error:  # a list or mapping that is not JSON; it names the setting, not the value
            raise ConfigurationError(
                f"The environment gives settings that make no sense: {error}.", remedies=(AS_JSON,)
            ) from error

    @classmethod
    def production(cls, **options: object) -> Self:
        """Return settings that trust less: a longer cool-down, a mark of ownership and a score of 80 are required.

        Args:
            options: What is set besides, and instead.

        Raises:
            ConfigurationError: Nothing confines servers, or there is an option that is no setting.
        """
        given = cls.from_environment().model_dump(exclude_unset=True)
        settings = cls.model_validate({**PRODUCTION, **given, **options})
        if settings.sandbox is Confinement.NONE:
            raise ConfigurationError(
                "In production servers must be confined.", remedies=("Set sandbox=Confinement.BUBBLEWRAP.",)
            )
        return settings

    def policy(self) -> Policy:
        """Return what these settings let in."""
        return Policy(**{name: getattr(self, name) for name in POLICY_FIELDS})

    def references(self, artefact: Artefact) -> Mapping[str, str]:
        """Return, for each variable that a server is given, the reference to its value; the first pattern counts."""
        subject = Subject.of(artefact.candidate, artefact.resolution)
        found: dict[str, str] = {}
        for pattern, variables in self.secrets.items():
            if allows((pattern,), subject) is not None:
                found = {**variables, **found}
        return found

    @property
    def work(self) -> Path:
        """Where servers' writable directories live."""
        return self.workspace or self.state / "work"


def alone(policy: Policy, settings: Settings) -> Policy:
    """Return ``policy``, unless the settings say something about what is let in as well.

    What `Settings.production` asks for is no second word when the policy asks for as much, as `Policy.production` does.

    Raises:
        ConfigurationError: They do, the policy asks for less than production does, or it grants files that the settings
            say are the system's own; the message names what.
    """
    refuse_own_places(policy, (settings.state, settings.work))
    said = sorted(settings.model_fields_set.intersection(POLICY_FIELDS))
    strict = {name for name in PRODUCTION if getattr(settings, name) == PRODUCTION[name]}
    lax = [name for name in said if name in strict and not _as_strict(policy, name)]
    if lax:
        raise ConfigurationError(
            f"The settings are those for production, and the policy asks for less: {', '.join(lax)}.",
            remedies=("Make the policy with Policy.production(...).", "Leave production to the policy alone."),
        )
    twice = [name for name in said if name not in strict]
    if twice:
        raise ConfigurationError(
            f"What is let in is said twice: by the policy, and by the settings {', '.join(twice)}.",
            remedies=("Say it in the policy, and leave these settings out (also in the environment).",),
        )
    return policy


def _as_strict(policy: Policy, name: str) -> bool:
    strict = Policy.production()
    match name:
        case "min_release_age":
            return policy.min_release_age >= strict.min_release_age
        case "require_ownership":
            return policy.require_ownership
        case _:
            return (policy.min_score or 0) >= (strict.min_score or 0)

"""Door 1, use: a viable system for your agent, with safe acquisition of MCP servers.

The names are loaded when they are first touched, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
    from vsm_mcp.acquisition.discovery.matching import CapabilityMatcher, KnownTool, Match
    from vsm_mcp.acquisition.discovery.rediscovery import Rediscovery
    from vsm_mcp.acquisition.discovery.result import (
        Covering,
        DiscoveryResult,
        RankedServer,
        ServerCover,
        SourceReport,
        SourceState,
    )
    from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
    from vsm_mcp.acquisition.installation.generations.generations import Generation
    from vsm_mcp.acquisition.installation.generations.reversal import RollbackPlan
    from vsm_mcp.acquisition.installation.installer import Installer
    from vsm_mcp.acquisition.installation.rollback import Rollback
    from vsm_mcp.acquisition.lock.comparison import LockComparison
    from vsm_mcp.acquisition.lock.lockfile import Lockfile
    from vsm_mcp.acquisition.proving.report import TrialReport
    from vsm_mcp.acquisition.report import AcquisitionPlan, AcquisitionReport, PlannedServer
    from vsm_mcp.acquisition.upgrading.upgrade import UpgradeStep, UpgradeVerdict
    from vsm_mcp.acquisition.vetting.advisories.recheck import AdvisoryStanding, Rechecked, RecheckReport
    from vsm_mcp.acquisition.vetting.lists import PackageValidator
    from vsm_mcp.acquisition.vetting.policy import Grant, Policy, Waiver
    from vsm_mcp.clearance import Clearance, Go
    from vsm_mcp.codemode.limits import CodeLimits
    from vsm_mcp.codemode.result import CodeResult
    from vsm_mcp.codemode.runtimes import Runtimes
    from vsm_mcp.diagnostics import GapDiagnosis, PerformanceReport
    from vsm_mcp.errors import VSMError
    from vsm_mcp.guard.agents import AgentOptions, AgentRule
    from vsm_mcp.guard.anomaly import AnomalyOptions
    from vsm_mcp.guard.audit_log import AuditOptions
    from vsm_mcp.guard.auditing.record import AuditQuery
    from vsm_mcp.guard.breaker import BreakerOptions
    from vsm_mcp.guard.deadline import DeadlineOptions
    from vsm_mcp.guard.guards import Guards
    from vsm_mcp.guard.payloads import PayloadOptions
    from vsm_mcp.guard.rates import RateLimit, RateOptions
    from vsm_mcp.guard.redaction import RedactionOptions
    from vsm_mcp.guard.schemas import SchemaOptions
    from vsm_mcp.guard.zones import Declassify, ZoneOptions
    from vsm_mcp.metrics import Metrics
    from vsm_mcp.model.authorization import AuthorizationCode, ClientCredentials
    from vsm_mcp.model.call import ToolResult
    from vsm_mcp.model.enforcement import Aspect, Enforcement, Level
    from vsm_mcp.model.launch import HttpLaunch, TcpLaunch, WebSocketLaunch
    from vsm_mcp.model.offer import OfferedTool
    from vsm_mcp.model.operation import Operation, Outcome
    from vsm_mcp.model.proof import Probe
    from vsm_mcp.model.server import PackageRef, ToolSummary, Variable
    from vsm_mcp.model.verdict import Permission, Severity
    from vsm_mcp.nerves.bus import MemoryBus
    from vsm_mcp.nerves.message import Message, Nerve
    from vsm_mcp.nerves.nervous_system import NervesCount, NervousSystem
    from vsm_mcp.preflight import PreflightReport
    from vsm_mcp.sandbox.egress.rules import Egress
    from vsm_mcp.sandbox.policy import Limits, SandboxPolicy
    from vsm_mcp.sandbox.sandbox import Sandbox
    from vsm_mcp.sandbox.selftest.report import IsolationReport, SelfTestReport
    from vsm_mcp.security_report import SecurityReport
    from vsm_mcp.servers.links.link import Consent
    from vsm_mcp.servers.pinned import Quarantine
    from vsm_mcp.servers.routing.router import CapabilityRouter
    from vsm_mcp.servers.supervision.health import ServerHealth
    from vsm_mcp.servers.supervision.spawner import DynamicSpawner
    from vsm_mcp.servers.supervision.supervision import Group, RestartType, Supervision
    from vsm_mcp.settings.settings import Confinement, Settings
    from vsm_mcp.status import ConnectionTest, SystemStatus
    from vsm_mcp.system.batches import BatchItem, BatchOutcome
    from vsm_mcp.system.viable import ViableSystem
    from vsm_mcp.systems.autonomy import Autonomy
    from vsm_mcp.systems.charter import Charter
    from vsm_mcp.systems.control.bargain import ResourceRequest
    from vsm_mcp.systems.control.cyberfilter import Cyberfilter
    from vsm_mcp.systems.intelligence.scan import ScanReport
    from vsm_mcp.systems.operations.unit import OperationalUnit, UnitProof
    from vsm_mcp.systems.operations.unit_policy import UnitPolicy
    from vsm_mcp.systems.policy.context import DecisionContext, Option
    from vsm_mcp.systems.policy.decision import Decision
    from vsm_mcp.systems.policy.identity import Identity
    from vsm_mcp.systems.policy.pressure import PolicyDecision, PressureContext
    from vsm_mcp.systems.policy.rules import Bound, PolicySet, Rule
    from vsm_mcp.systems.policy.utility import Preferences
    from vsm_mcp.systems.policy.venture import Venture
    from vsm_mcp.systems.policy.weighing.circumstances import Priors
    from vsm_mcp.systems.regulation import CycleReport, Regulation
    from vsm_mcp.systems.system1 import System1
    from vsm_mcp.systems.system2 import System2
    from vsm_mcp.systems.system3 import System3
    from vsm_mcp.systems.system4 import System4
    from vsm_mcp.systems.system5 import System5
    from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel
    from vsm_mcp.systems.vitals.diagnosis.diagnosis import Diagnosis
    from vsm_mcp.systems.vitals.principles import Principles
    from vsm_mcp.variety.analysis import VarietyAnalysis
    from vsm_mcp.variety.ashby.information import Joint
    from vsm_mcp.variety.ashby.regulation import RegulationTable
    from vsm_mcp.variety.calculator import VarietyCalculator
    from vsm_mcp.variety.engineering import Amplifier, Attenuator, VarietyEngineering
    from vsm_mcp.variety.gap import VarietyGap
    from vsm_mcp.variety.statistics.channels import ChannelMeter
    from vsm_mcp.vet_package import VetReport, vet
    from vsm_mcp.world.browser import Browser
    from vsm_mcp.world.tokens import FileTokens
    from vsm_mcp.world.world import World

_NAMES = {
    "acquisition.discovery.discovery": ("MCPDiscovery",),
    "acquisition.discovery.matching": ("CapabilityMatcher", "KnownTool", "Match"),
    "acquisition.discovery.rediscovery": ("Rediscovery",),
    "acquisition.discovery.result": (
        "Covering",
        "DiscoveryResult",
        "RankedServer",
        "ServerCover",
        "SourceReport",
        "SourceState",
    ),
    "acquisition.discovery.sources.shelf": ("Shelf",),
    "acquisition.installation.generations.generations": ("Generation",),
    "acquisition.installation.generations.reversal": ("RollbackPlan",),
    "acquisition.installation.installer": ("Installer",),
    "acquisition.installation.rollback": ("Rollback",),
    "acquisition.lock.comparison": ("LockComparison",),
    "acquisition.lock.lockfile": ("Lockfile",),
    "acquisition.proving.report": ("TrialReport",),
    "acquisition.report": ("AcquisitionPlan", "AcquisitionReport", "PlannedServer"),
    "acquisition.upgrading.upgrade": ("UpgradeStep", "UpgradeVerdict"),
    "acquisition.vetting.advisories.recheck": ("AdvisoryStanding", "RecheckReport", "Rechecked"),
    "acquisition.vetting.lists": ("PackageValidator",),
    "acquisition.vetting.policy": ("Grant", "Policy", "Waiver"),
    "clearance": ("Clearance", "Go"),
    "codemode.limits": ("CodeLimits",),
    "codemode.result": ("CodeResult",),
    "codemode.runtimes": ("Runtimes",),
    "diagnostics": ("GapDiagnosis", "PerformanceReport"),
    "errors": ("VSMError",),
    "guard.agents": ("AgentOptions", "AgentRule"),
    "guard.anomaly": ("AnomalyOptions",),
    "guard.audit_log": ("AuditOptions",),
    "guard.auditing.record": ("AuditQuery",),
    "guard.breaker": ("BreakerOptions",),
    "guard.deadline": ("DeadlineOptions",),
    "guard.guards": ("Guards",),
    "guard.payloads": ("PayloadOptions",),
    "guard.rates": ("RateLimit", "RateOptions"),
    "guard.redaction": ("RedactionOptions",),
    "guard.schemas": ("SchemaOptions",),
    "guard.zones": ("Declassify", "ZoneOptions"),
    "metrics": ("Metrics",),
    "model.authorization": ("AuthorizationCode", "ClientCredentials"),
    "model.call": ("ToolResult",),
    "model.enforcement": ("Aspect", "Enforcement", "Level"),
    "model.launch": ("HttpLaunch", "TcpLaunch", "WebSocketLaunch"),
    "model.offer": ("OfferedTool",),
    "model.operation": ("Operation", "Outcome"),
    "model.proof": ("Probe",),
    "model.server": ("PackageRef", "ToolSummary", "Variable"),
    "model.verdict": ("Permission", "Severity"),
    "nerves.bus": ("MemoryBus",),
    "nerves.message": ("Message", "Nerve"),
    "nerves.nervous_system": ("NervesCount", "NervousSystem"),
    "preflight": ("PreflightReport",),
    "sandbox.egress.rules": ("Egress",),
    "sandbox.policy": ("Limits", "SandboxPolicy"),
    "sandbox.sandbox": ("Sandbox",),
    "sandbox.selftest.report": ("IsolationReport", "SelfTestReport"),
    "security_report": ("SecurityReport",),
    "servers.links.link": ("Consent",),
    "servers.pinned": ("Quarantine",),
    "servers.routing.router": ("CapabilityRouter",),
    "servers.supervision.health": ("ServerHealth",),
    "servers.supervision.spawner": ("DynamicSpawner",),
    "servers.supervision.supervision": ("Group", "RestartType", "Supervision"),
    "settings.settings": ("Confinement", "Settings"),
    "status": ("ConnectionTest", "SystemStatus"),
    "system.batches": ("BatchItem", "BatchOutcome"),
    "system.viable": ("ViableSystem",),
    "systems.autonomy": ("Autonomy",),
    "systems.charter": ("Charter",),
    "systems.control.bargain": ("ResourceRequest",),
    "systems.control.cyberfilter": ("Cyberfilter",),
    "systems.intelligence.scan": ("ScanReport",),
    "systems.operations.unit": ("OperationalUnit", "UnitProof"),
    "systems.operations.unit_policy": ("UnitPolicy",),
    "systems.policy.context": ("DecisionContext", "Option"),
    "systems.policy.decision": ("Decision",),
    "systems.policy.identity": ("Identity",),
    "systems.policy.pressure": ("PolicyDecision", "PressureContext"),
    "systems.policy.rules": ("Bound", "PolicySet", "Rule"),
    "systems.policy.utility": ("Preferences",),
    "systems.policy.venture": ("Venture",),
    "systems.policy.weighing.circumstances": ("Priors",),
    "systems.regulation": ("CycleReport", "Regulation"),
    "systems.system1": ("System1",),
    "systems.system2": ("System2",),
    "systems.system3": ("System3",),
    "systems.system4": ("System4",),
    "systems.system5": ("System5",),
    "systems.vitals.algedonic": ("AlgedonicChannel",),
    "systems.vitals.diagnosis.diagnosis": ("Diagnosis",),
    "systems.vitals.principles": ("Principles",),
    "variety.analysis": ("VarietyAnalysis",),
    "variety.ashby.information": ("Joint",),
    "variety.ashby.regulation": ("RegulationTable",),
    "variety.calculator": ("VarietyCalculator",),
    "variety.engineering": ("Amplifier", "Attenuator", "VarietyEngineering"),
    "variety.gap": ("VarietyGap",),
    "variety.statistics.channels": ("ChannelMeter",),
    "vet_package": ("VetReport", "vet"),
    "world.browser": ("Browser",),
    "world.tokens": ("FileTokens",),
    "world.world": ("World",),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [
    "AcquisitionPlan",
    "AcquisitionReport",
    "AdvisoryStanding",
    "AgentOptions",
    "AgentRule",
    "AlgedonicChannel",
    "Amplifier",
    "AnomalyOptions",
    "Aspect",
    "Attenuator",
    "AuditOptions",
    "AuditQuery",
    "AuthorizationCode",
    "Autonomy",
    "BatchItem",
    "BatchOutcome",
    "Bound",
    "BreakerOptions",
    "Browser",
    "CapabilityMatcher",
    "CapabilityRouter",
    "ChannelMeter",
    "Charter",
    "Clearance",
    "ClientCredentials",
    "CodeLimits",
    "CodeResult",
    "Confinement",
    "ConnectionTest",
    "Consent",
    "Covering",
    "Cyberfilter",
    "CycleReport",
    "DeadlineOptions",
    "Decision",
    "DecisionContext",
    "Declassify",
    "Diagnosis",
    "DiscoveryResult",
    "DynamicSpawner",
    "Egress",
    "Enforcement",
    "FileTokens",
    "GapDiagnosis",
    "Generation",
    "Go",
    "Grant",
    "Group",
    "Guards",
    "HttpLaunch",
    "Identity",
    "Installer",
    "IsolationReport",
    "Joint",
    "KnownTool",
    "Level",
    "Limits",
    "LockComparison",
    "Lockfile",
    "MCPDiscovery",
    "Match",
    "MemoryBus",
    "Message",
    "Metrics",
    "Nerve",
    "NervesCount",
    "NervousSystem",
    "OfferedTool",
    "Operation",
    "OperationalUnit",
    "Option",
    "Outcome",
    "PackageRef",
    "PackageValidator",
    "PayloadOptions",
    "PerformanceReport",
    "Permission",
    "PlannedServer",
    "Policy",
    "PolicyDecision",
    "PolicySet",
    "Preferences",
    "PreflightReport",
    "PressureContext",
    "Principles",
    "Priors",
    "Probe",
    "Quarantine",
    "RankedServer",
    "RateLimit",
    "RateOptions",
    "RecheckReport",
    "Rechecked",
    "RedactionOptions",
    "Rediscovery",
    "Regulation",
    "RegulationTable",
    "ResourceRequest",
    "RestartType",
    "Rollback",
    "RollbackPlan",
    "Rule",
    "Runtimes",
    "Sandbox",
    "SandboxPolicy",
    "ScanReport",
    "SchemaOptions",
    "SecurityReport",
    "SelfTestReport",
    "ServerCover",
    "ServerHealth",
    "Settings",
    "Severity",
    "Shelf",
    "SourceReport",
    "SourceState",
    "Supervision",
    "System1",
    "System2",
    "System3",
    "System4",
    "System5",
    "SystemStatus",
    "TcpLaunch",
    "ToolResult",
    "ToolSummary",
    "TrialReport",
    "UnitPolicy",
    "UnitProof",
    "UpgradeStep",
    "UpgradeVerdict",
    "VSMError",
    "Variable",
    "VarietyAnalysis",
    "VarietyCalculator",
    "VarietyEngineering",
    "VarietyGap",
    "Venture",
    "VetReport",
    "ViableSystem",
    "Waiver",
    "WebSocketLaunch",
    "World",
    "ZoneOptions",
    "vet",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]

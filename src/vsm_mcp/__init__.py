"""Door 1, use: a viable system for your agent, with safe acquisition of MCP servers.

The names are loaded when they are first touched, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery as MCPDiscovery
    from vsm_mcp.acquisition.discovery.matching import CapabilityMatcher as CapabilityMatcher
    from vsm_mcp.acquisition.discovery.matching import KnownTool as KnownTool
    from vsm_mcp.acquisition.discovery.matching import Match as Match
    from vsm_mcp.acquisition.discovery.result import Covering as Covering
    from vsm_mcp.acquisition.discovery.result import DiscoveryResult as DiscoveryResult
    from vsm_mcp.acquisition.discovery.result import RankedServer as RankedServer
    from vsm_mcp.acquisition.discovery.result import ServerCover as ServerCover
    from vsm_mcp.acquisition.discovery.result import SourceReport as SourceReport
    from vsm_mcp.acquisition.discovery.result import SourceState as SourceState
    from vsm_mcp.acquisition.discovery.sources.shelf import Shelf as Shelf
    from vsm_mcp.acquisition.installation.generations.generations import Generation as Generation
    from vsm_mcp.acquisition.installation.generations.reversal import RollbackPlan as RollbackPlan
    from vsm_mcp.acquisition.installation.installer import Installer as Installer
    from vsm_mcp.acquisition.installation.rollback import Rollback as Rollback
    from vsm_mcp.acquisition.lock.comparison import LockComparison as LockComparison
    from vsm_mcp.acquisition.lock.lockfile import Lockfile as Lockfile
    from vsm_mcp.acquisition.proving.report import TrialReport as TrialReport
    from vsm_mcp.acquisition.report import AcquisitionPlan as AcquisitionPlan
    from vsm_mcp.acquisition.report import AcquisitionReport as AcquisitionReport
    from vsm_mcp.acquisition.report import PlannedServer as PlannedServer
    from vsm_mcp.acquisition.upgrading.upgrade import UpgradeStep as UpgradeStep
    from vsm_mcp.acquisition.upgrading.upgrade import UpgradeVerdict as UpgradeVerdict
    from vsm_mcp.acquisition.vetting.advisories.recheck import AdvisoryStanding as AdvisoryStanding
    from vsm_mcp.acquisition.vetting.advisories.recheck import Rechecked as Rechecked
    from vsm_mcp.acquisition.vetting.advisories.recheck import RecheckReport as RecheckReport
    from vsm_mcp.acquisition.vetting.lists import PackageValidator as PackageValidator
    from vsm_mcp.acquisition.vetting.policy import Grant as Grant
    from vsm_mcp.acquisition.vetting.policy import Policy as Policy
    from vsm_mcp.acquisition.vetting.policy import Waiver as Waiver
    from vsm_mcp.clearance import Clearance as Clearance
    from vsm_mcp.clearance import Go as Go
    from vsm_mcp.codemode.limits import CodeLimits as CodeLimits
    from vsm_mcp.codemode.result import CodeResult as CodeResult
    from vsm_mcp.codemode.runtimes import Runtimes as Runtimes
    from vsm_mcp.diagnostics import GapDiagnosis as GapDiagnosis
    from vsm_mcp.diagnostics import PerformanceReport as PerformanceReport
    from vsm_mcp.errors import VSMError as VSMError
    from vsm_mcp.guard.agents import AgentOptions as AgentOptions
    from vsm_mcp.guard.agents import AgentRule as AgentRule
    from vsm_mcp.guard.anomaly import AnomalyOptions as AnomalyOptions
    from vsm_mcp.guard.audit_log import AuditOptions as AuditOptions
    from vsm_mcp.guard.auditing.record import AuditQuery as AuditQuery
    from vsm_mcp.guard.breaker import BreakerOptions as BreakerOptions
    from vsm_mcp.guard.deadline import DeadlineOptions as DeadlineOptions
    from vsm_mcp.guard.guards import Guards as Guards
    from vsm_mcp.guard.payloads import PayloadOptions as PayloadOptions
    from vsm_mcp.guard.rates import RateLimit as RateLimit
    from vsm_mcp.guard.rates import RateOptions as RateOptions
    from vsm_mcp.guard.redaction import RedactionOptions as RedactionOptions
    from vsm_mcp.guard.schemas import SchemaOptions as SchemaOptions
    from vsm_mcp.guard.zones import Declassify as Declassify
    from vsm_mcp.guard.zones import ZoneOptions as ZoneOptions
    from vsm_mcp.model.call import ToolResult as ToolResult
    from vsm_mcp.model.enforcement import Aspect as Aspect
    from vsm_mcp.model.enforcement import Enforcement as Enforcement
    from vsm_mcp.model.enforcement import Level as Level
    from vsm_mcp.model.launch import HttpLaunch as HttpLaunch
    from vsm_mcp.model.launch import TcpLaunch as TcpLaunch
    from vsm_mcp.model.launch import WebSocketLaunch as WebSocketLaunch
    from vsm_mcp.model.offer import OfferedTool as OfferedTool
    from vsm_mcp.model.operation import Operation as Operation
    from vsm_mcp.model.operation import Outcome as Outcome
    from vsm_mcp.model.proof import Probe as Probe
    from vsm_mcp.model.server import PackageRef as PackageRef
    from vsm_mcp.model.server import ToolSummary as ToolSummary
    from vsm_mcp.model.server import Variable as Variable
    from vsm_mcp.model.verdict import Permission as Permission
    from vsm_mcp.model.verdict import Severity as Severity
    from vsm_mcp.preflight import PreflightReport as PreflightReport
    from vsm_mcp.sandbox.egress.rules import Egress as Egress
    from vsm_mcp.sandbox.policy import Limits as Limits
    from vsm_mcp.sandbox.policy import SandboxPolicy as SandboxPolicy
    from vsm_mcp.sandbox.sandbox import Sandbox as Sandbox
    from vsm_mcp.sandbox.selftest.report import IsolationReport as IsolationReport
    from vsm_mcp.sandbox.selftest.report import SelfTestReport as SelfTestReport
    from vsm_mcp.security_report import SecurityReport as SecurityReport
    from vsm_mcp.servers.pinned import Quarantine as Quarantine
    from vsm_mcp.servers.routing.router import CapabilityRouter as CapabilityRouter
    from vsm_mcp.servers.supervision.health import ServerHealth as ServerHealth
    from vsm_mcp.servers.supervision.spawner import DynamicSpawner as DynamicSpawner
    from vsm_mcp.servers.supervision.supervision import Group as Group
    from vsm_mcp.servers.supervision.supervision import RestartType as RestartType
    from vsm_mcp.servers.supervision.supervision import Supervision as Supervision
    from vsm_mcp.settings.settings import Confinement as Confinement
    from vsm_mcp.settings.settings import Settings as Settings
    from vsm_mcp.status import ConnectionTest as ConnectionTest
    from vsm_mcp.status import SystemStatus as SystemStatus
    from vsm_mcp.system.batches import BatchItem as BatchItem
    from vsm_mcp.system.batches import BatchOutcome as BatchOutcome
    from vsm_mcp.system.viable import ViableSystem as ViableSystem
    from vsm_mcp.systems.autonomy import Autonomy as Autonomy
    from vsm_mcp.systems.charter import Charter as Charter
    from vsm_mcp.systems.control.bargain import ResourceRequest as ResourceRequest
    from vsm_mcp.systems.control.cyberfilter import Cyberfilter as Cyberfilter
    from vsm_mcp.systems.intelligence.scan import ScanReport as ScanReport
    from vsm_mcp.systems.operations.unit import OperationalUnit as OperationalUnit
    from vsm_mcp.systems.operations.unit import UnitProof as UnitProof
    from vsm_mcp.systems.operations.unit_policy import UnitPolicy as UnitPolicy
    from vsm_mcp.systems.policy.context import DecisionContext as DecisionContext
    from vsm_mcp.systems.policy.context import Option as Option
    from vsm_mcp.systems.policy.decision import Decision as Decision
    from vsm_mcp.systems.policy.identity import Identity as Identity
    from vsm_mcp.systems.policy.pressure import PolicyDecision as PolicyDecision
    from vsm_mcp.systems.policy.pressure import PressureContext as PressureContext
    from vsm_mcp.systems.policy.rules import Bound as Bound
    from vsm_mcp.systems.policy.rules import PolicySet as PolicySet
    from vsm_mcp.systems.policy.rules import Rule as Rule
    from vsm_mcp.systems.policy.utility import Preferences as Preferences
    from vsm_mcp.systems.policy.venture import Venture as Venture
    from vsm_mcp.systems.policy.weighing.circumstances import Priors as Priors
    from vsm_mcp.systems.regulation import CycleReport as CycleReport
    from vsm_mcp.systems.regulation import Regulation as Regulation
    from vsm_mcp.systems.system1 import System1 as System1
    from vsm_mcp.systems.system2 import System2 as System2
    from vsm_mcp.systems.system3 import System3 as System3
    from vsm_mcp.systems.system4 import System4 as System4
    from vsm_mcp.systems.system5 import System5 as System5
    from vsm_mcp.systems.vitals.algedonic import AlgedonicChannel as AlgedonicChannel
    from vsm_mcp.systems.vitals.diagnosis.diagnosis import Diagnosis as Diagnosis
    from vsm_mcp.systems.vitals.principles import Principles as Principles
    from vsm_mcp.variety.analysis import VarietyAnalysis as VarietyAnalysis
    from vsm_mcp.variety.ashby.information import Joint as Joint
    from vsm_mcp.variety.ashby.regulation import RegulationTable as RegulationTable
    from vsm_mcp.variety.calculator import VarietyCalculator as VarietyCalculator
    from vsm_mcp.variety.engineering import Amplifier as Amplifier
    from vsm_mcp.variety.engineering import Attenuator as Attenuator
    from vsm_mcp.variety.engineering import VarietyEngineering as VarietyEngineering
    from vsm_mcp.variety.gap import VarietyGap as VarietyGap
    from vsm_mcp.variety.statistics.channels import ChannelMeter as ChannelMeter
    from vsm_mcp.vet_package import VetReport as VetReport
    from vsm_mcp.vet_package import vet as vet
    from vsm_mcp.world.world import World as World

_NAMES = {
    "acquisition.discovery.discovery": ("MCPDiscovery",),
    "acquisition.discovery.matching": ("CapabilityMatcher", "KnownTool", "Match"),
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
    "model.call": ("ToolResult",),
    "model.enforcement": ("Aspect", "Enforcement", "Level"),
    "model.launch": ("HttpLaunch", "TcpLaunch", "WebSocketLaunch"),
    "model.offer": ("OfferedTool",),
    "model.operation": ("Operation", "Outcome"),
    "model.proof": ("Probe",),
    "model.server": ("PackageRef", "ToolSummary", "Variable"),
    "model.verdict": ("Permission", "Severity"),
    "preflight": ("PreflightReport",),
    "sandbox.egress.rules": ("Egress",),
    "sandbox.policy": ("Limits", "SandboxPolicy"),
    "sandbox.sandbox": ("Sandbox",),
    "sandbox.selftest.report": ("IsolationReport", "SelfTestReport"),
    "security_report": ("SecurityReport",),
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
    "Autonomy",
    "BatchItem",
    "BatchOutcome",
    "Bound",
    "BreakerOptions",
    "CapabilityMatcher",
    "CapabilityRouter",
    "ChannelMeter",
    "Charter",
    "Clearance",
    "CodeLimits",
    "CodeResult",
    "Confinement",
    "ConnectionTest",
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

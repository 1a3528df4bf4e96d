"""Door 1, use: a viable system for your agent, with safe acquisition of MCP servers.

The names are loaded when they are first touched, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery as MCPDiscovery
    from vsm_mcp.acquisition.discovery.result import DiscoveryResult as DiscoveryResult
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

_HOMES = {
    "AcquisitionPlan": "acquisition.report",
    "AcquisitionReport": "acquisition.report",
    "AdvisoryStanding": "acquisition.vetting.advisories.recheck",
    "AgentOptions": "guard.agents",
    "AgentRule": "guard.agents",
    "AlgedonicChannel": "systems.vitals.algedonic",
    "Amplifier": "variety.engineering",
    "AnomalyOptions": "guard.anomaly",
    "Aspect": "model.enforcement",
    "Attenuator": "variety.engineering",
    "AuditOptions": "guard.audit_log",
    "AuditQuery": "guard.auditing.record",
    "Autonomy": "systems.autonomy",
    "Bound": "systems.policy.rules",
    "BreakerOptions": "guard.breaker",
    "CapabilityRouter": "servers.routing.router",
    "ChannelMeter": "variety.statistics.channels",
    "Charter": "systems.charter",
    "Clearance": "clearance",
    "CodeLimits": "codemode.limits",
    "CodeResult": "codemode.result",
    "Confinement": "settings.settings",
    "ConnectionTest": "status",
    "Cyberfilter": "systems.control.cyberfilter",
    "CycleReport": "systems.regulation",
    "DeadlineOptions": "guard.deadline",
    "Decision": "systems.policy.decision",
    "DecisionContext": "systems.policy.context",
    "Declassify": "guard.zones",
    "Diagnosis": "systems.vitals.diagnosis.diagnosis",
    "DiscoveryResult": "acquisition.discovery.result",
    "DynamicSpawner": "servers.supervision.spawner",
    "Egress": "sandbox.egress.rules",
    "Enforcement": "model.enforcement",
    "GapDiagnosis": "diagnostics",
    "Generation": "acquisition.installation.generations.generations",
    "Go": "clearance",
    "Grant": "acquisition.vetting.policy",
    "Group": "servers.supervision.supervision",
    "Guards": "guard.guards",
    "HttpLaunch": "model.launch",
    "Identity": "systems.policy.identity",
    "Installer": "acquisition.installation.installer",
    "IsolationReport": "sandbox.selftest.report",
    "Joint": "variety.ashby.information",
    "Level": "model.enforcement",
    "Limits": "sandbox.policy",
    "LockComparison": "acquisition.lock.comparison",
    "Lockfile": "acquisition.lock.lockfile",
    "MCPDiscovery": "acquisition.discovery.discovery",
    "OfferedTool": "model.offer",
    "Operation": "model.operation",
    "OperationalUnit": "systems.operations.unit",
    "Option": "systems.policy.context",
    "Outcome": "model.operation",
    "PackageRef": "model.server",
    "PackageValidator": "acquisition.vetting.lists",
    "PayloadOptions": "guard.payloads",
    "PerformanceReport": "diagnostics",
    "Permission": "model.verdict",
    "PlannedServer": "acquisition.report",
    "Policy": "acquisition.vetting.policy",
    "PolicyDecision": "systems.policy.pressure",
    "PolicySet": "systems.policy.rules",
    "Preferences": "systems.policy.utility",
    "PreflightReport": "preflight",
    "PressureContext": "systems.policy.pressure",
    "Principles": "systems.vitals.principles",
    "Priors": "systems.policy.weighing.circumstances",
    "Probe": "model.proof",
    "Quarantine": "servers.pinned",
    "RateLimit": "guard.rates",
    "RateOptions": "guard.rates",
    "RecheckReport": "acquisition.vetting.advisories.recheck",
    "Rechecked": "acquisition.vetting.advisories.recheck",
    "RedactionOptions": "guard.redaction",
    "Regulation": "systems.regulation",
    "RegulationTable": "variety.ashby.regulation",
    "ResourceRequest": "systems.control.bargain",
    "RestartType": "servers.supervision.supervision",
    "Rollback": "acquisition.installation.rollback",
    "RollbackPlan": "acquisition.installation.generations.reversal",
    "Rule": "systems.policy.rules",
    "Runtimes": "codemode.runtimes",
    "Sandbox": "sandbox.sandbox",
    "SandboxPolicy": "sandbox.policy",
    "ScanReport": "systems.intelligence.scan",
    "SchemaOptions": "guard.schemas",
    "SecurityReport": "security_report",
    "SelfTestReport": "sandbox.selftest.report",
    "ServerHealth": "servers.supervision.health",
    "Settings": "settings.settings",
    "Severity": "model.verdict",
    "Shelf": "acquisition.discovery.sources.shelf",
    "Supervision": "servers.supervision.supervision",
    "System1": "systems.system1",
    "System2": "systems.system2",
    "System3": "systems.system3",
    "System4": "systems.system4",
    "System5": "systems.system5",
    "SystemStatus": "status",
    "TcpLaunch": "model.launch",
    "ToolResult": "model.call",
    "ToolSummary": "model.server",
    "TrialReport": "acquisition.proving.report",
    "UnitPolicy": "systems.operations.unit_policy",
    "UnitProof": "systems.operations.unit",
    "UpgradeStep": "acquisition.upgrading.upgrade",
    "UpgradeVerdict": "acquisition.upgrading.upgrade",
    "VSMError": "errors",
    "Variable": "model.server",
    "VarietyAnalysis": "variety.analysis",
    "VarietyCalculator": "variety.calculator",
    "VarietyEngineering": "variety.engineering",
    "VarietyGap": "variety.gap",
    "Venture": "systems.policy.venture",
    "VetReport": "vet_package",
    "ViableSystem": "system.viable",
    "Waiver": "acquisition.vetting.policy",
    "WebSocketLaunch": "model.launch",
    "World": "world.world",
    "ZoneOptions": "guard.zones",
    "vet": "vet_package",
}

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
    "Bound",
    "BreakerOptions",
    "CapabilityRouter",
    "ChannelMeter",
    "Charter",
    "Clearance",
    "CodeLimits",
    "CodeResult",
    "Confinement",
    "ConnectionTest",
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
    "Level",
    "Limits",
    "LockComparison",
    "Lockfile",
    "MCPDiscovery",
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
    "ServerHealth",
    "Settings",
    "Severity",
    "Shelf",
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

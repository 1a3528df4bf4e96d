"""Door 1, use: a viable system for your agent, with safe acquisition of MCP servers.

The names are loaded when they are first touched, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery as MCPDiscovery
    from vsm_mcp.acquisition.discovery.shelf import Shelf as Shelf
    from vsm_mcp.acquisition.installation.installer import Installer as Installer
    from vsm_mcp.acquisition.installation.rollback import Rollback as Rollback
    from vsm_mcp.acquisition.report import AcquisitionPlan as AcquisitionPlan
    from vsm_mcp.acquisition.report import AcquisitionReport as AcquisitionReport
    from vsm_mcp.errors import VSMError as VSMError
    from vsm_mcp.model.call import ToolResult as ToolResult
    from vsm_mcp.model.operation import Operation as Operation
    from vsm_mcp.model.operation import Outcome as Outcome
    from vsm_mcp.model.proof import Probe as Probe
    from vsm_mcp.model.server import PackageRef as PackageRef
    from vsm_mcp.sandbox.policy import Limits as Limits
    from vsm_mcp.sandbox.policy import SandboxPolicy as SandboxPolicy
    from vsm_mcp.sandbox.sandbox import Sandbox as Sandbox
    from vsm_mcp.servers.router import CapabilityRouter as CapabilityRouter
    from vsm_mcp.servers.spawner import DynamicSpawner as DynamicSpawner
    from vsm_mcp.settings import Settings as Settings
    from vsm_mcp.status import SystemStatus as SystemStatus
    from vsm_mcp.system import ViableSystem as ViableSystem
    from vsm_mcp.systems.autonomy import Autonomy as Autonomy
    from vsm_mcp.systems.system1 import System1 as System1
    from vsm_mcp.systems.system2 import System2 as System2
    from vsm_mcp.systems.system3 import System3 as System3
    from vsm_mcp.systems.system4 import System4 as System4
    from vsm_mcp.systems.system5 import System5 as System5
    from vsm_mcp.variety.analysis import VarietyAnalysis as VarietyAnalysis
    from vsm_mcp.variety.calculator import VarietyCalculator as VarietyCalculator
    from vsm_mcp.variety.gap import VarietyGap as VarietyGap
    from vsm_mcp.world.world import World as World

_HOMES = {
    "AcquisitionPlan": "acquisition.report",
    "AcquisitionReport": "acquisition.report",
    "Autonomy": "systems.autonomy",
    "CapabilityRouter": "servers.router",
    "DynamicSpawner": "servers.spawner",
    "Installer": "acquisition.installation.installer",
    "Limits": "sandbox.policy",
    "MCPDiscovery": "acquisition.discovery.discovery",
    "Operation": "model.operation",
    "Outcome": "model.operation",
    "PackageRef": "model.server",
    "Probe": "model.proof",
    "Rollback": "acquisition.installation.rollback",
    "Sandbox": "sandbox.sandbox",
    "SandboxPolicy": "sandbox.policy",
    "Settings": "settings",
    "Shelf": "acquisition.discovery.shelf",
    "System1": "systems.system1",
    "System2": "systems.system2",
    "System3": "systems.system3",
    "System4": "systems.system4",
    "System5": "systems.system5",
    "SystemStatus": "status",
    "ToolResult": "model.call",
    "VSMError": "errors",
    "VarietyAnalysis": "variety.analysis",
    "VarietyCalculator": "variety.calculator",
    "VarietyGap": "variety.gap",
    "ViableSystem": "system",
    "World": "world.world",
}

__all__ = [
    "AcquisitionPlan",
    "AcquisitionReport",
    "Autonomy",
    "CapabilityRouter",
    "DynamicSpawner",
    "Installer",
    "Limits",
    "MCPDiscovery",
    "Operation",
    "Outcome",
    "PackageRef",
    "Probe",
    "Rollback",
    "Sandbox",
    "SandboxPolicy",
    "Settings",
    "Shelf",
    "System1",
    "System2",
    "System3",
    "System4",
    "System5",
    "SystemStatus",
    "ToolResult",
    "VSMError",
    "VarietyAnalysis",
    "VarietyCalculator",
    "VarietyGap",
    "ViableSystem",
    "World",
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

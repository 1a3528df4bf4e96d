"""Door 2, extend: every protocol you may implement."""

from vsm_mcp.acquisition.discovery.semantic.embedding import Embedder, QueryEmbedder
from vsm_mcp.acquisition.discovery.source import AT_ONCE, Description, Listing, Source
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.vetting.advisories.advisory import Advisories
from vsm_mcp.acquisition.vetting.check import Check
from vsm_mcp.acquisition.vetting.provenance.history import Histories
from vsm_mcp.events import EventSink
from vsm_mcp.model.call import Caller
from vsm_mcp.model.offer import Toolbox
from vsm_mcp.model.server import Candidate
from vsm_mcp.nerves.bus import Bus
from vsm_mcp.sandbox.resources.controller import ResourceController
from vsm_mcp.sandbox.sandbox import Confined, Confiner
from vsm_mcp.servers.links.link import Connector, Link
from vsm_mcp.systems.operations.recursion import Recursive
from vsm_mcp.systems.operations.unit import Performer
from vsm_mcp.systems.policy.context import DecisionStrategy
from vsm_mcp.systems.system3 import Inspector
from vsm_mcp.systems.system5 import Approver
from vsm_mcp.world.clock import Clock
from vsm_mcp.world.files import Files
from vsm_mcp.world.http import Http
from vsm_mcp.world.processes import Process, Processes
from vsm_mcp.world.secrets import Secrets
from vsm_mcp.world.tokens import Tokens

__all__ = [
    "AT_ONCE",
    "Advisories",
    "Approver",
    "Bus",
    "Caller",
    "Candidate",
    "Check",
    "Clock",
    "Confined",
    "Confiner",
    "Connector",
    "DecisionStrategy",
    "Description",
    "Ecosystem",
    "Embedder",
    "EventSink",
    "Files",
    "Histories",
    "Http",
    "Inspector",
    "Link",
    "Listing",
    "Performer",
    "Process",
    "Processes",
    "QueryEmbedder",
    "Recursive",
    "ResourceController",
    "Secrets",
    "Source",
    "Tokens",
    "Toolbox",
]

"""World: the single value through which all outside effects are injected."""

from dataclasses import dataclass, field
from random import Random, SystemRandom

from vsm_mcp.world.clock import Clock, SystemClock
from vsm_mcp.world.files import Files, LocalFiles
from vsm_mcp.world.http import Http, HttpClient
from vsm_mcp.world.processes import LocalProcesses, Processes
from vsm_mcp.world.secrets import ReferencedSecrets, Secrets
from vsm_mcp.world.tokens import MemoryTokens, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports to the outside. Only wiring takes it apart; each part receives just what it uses."""

    clock: Clock = field(default_factory=SystemClock)
    http: Http = field(default_factory=HttpClient)
    processes: Processes = field(default_factory=LocalProcesses)
    files: Files = field(default_factory=LocalFiles)
    secrets: Secrets = field(default_factory=ReferencedSecrets)
    tokens: Tokens = field(default_factory=MemoryTokens)
    random: Random = field(default_factory=SystemRandom)

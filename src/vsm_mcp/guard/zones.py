"""Zones of trust (Z3n): what was read in a zone does not leave it downwards, unless a rule declassifies it.

Every server, tool and agent is in a zone. Four are there from the start, from the lowest to the highest: untrusted,
restricted, trusted, core. What a tool answers carries the label of the tool's zone, and an agent holds the labels of
all that it has read. The rule is that of Bell and LaPadula, with the high-water mark of an agent rising by itself:

======================================  =====================================================================
what is asked                           what happens
======================================  =====================================================================
data of a zone to the same zone         passes
data of a zone to a higher zone         passes: labels flow up freely
data of a zone to a lower zone          refused, unless a rule of ``declassify`` names both zones and the call
data between zones without an order     refused in both directions, unless there is such a rule
reading from any zone                   passes, if what the agent holds may go there with the request; from then
                                        on the agent holds that zone's label
======================================  =====================================================================

An agent takes a label when the call is sent, not when the result comes: progress, errors and cancelled calls tell
something, too. What keeps harmful instructions in the data of a low zone from having an effect in a higher one is not
this guard but the permissions of the agent: here data flow up.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from vsm_mcp.errors import ConfigurationError, ZoneError
from vsm_mcp.events import CallRefused, EventSink, ignore
from vsm_mcp.guard.rules.targets import MOST_RULES, Answers, Glob, Target, Targets, compiled
from vsm_mcp.model.call import Caller, ToolCall, ToolResult

ZONES = ("untrusted", "restricted", "trusted", "core")
MOST_ZONES = 60

_Zone = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_./-]{0,59}$")]
_Zones = Annotated[tuple[_Zone, ...], Field(max_length=MOST_ZONES)]


class Declassify(BaseModel, frozen=True, extra="forbid"):
    """A human's word that data of one zone may go to another all the same.

    Attributes:
        source: The zone whose data it is about; no other.
        to: The zone of the servers that they may go to; no other.
        targets: The tools that they may be given to: globs ``SERVER:TOOL``.
        agents: The agents that may do so: a glob.
    """

    source: _Zone
    to: _Zone
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=MOST_RULES)]
    agents: Glob = "*"


class ZoneOptions(BaseModel, frozen=True, extra="forbid"):
    """Which zones there are, who is in which, and what may go down.

    Attributes:
        zones: The zones, from the lowest to the highest.
        above: For hierarchies that are no single line: for each zone those directly below it, which come before it in
            ``zones``. A zone that is not named here has none below. ``None`` for a single line.
        servers: The zone of tools, by globs ``SERVER:TOOL`` or ``SERVER``; the first that names a tool counts.
        agents: The zone of what agents know from the start, by globs; the first that names an agent counts.
        unlisted: The zone of what no glob names; by default the lowest, which is given nothing of the others.
        declassify: What may go down.
        most_agents: How many agents are kept account of. Of as many more it is known only that they called something:
            the label of such a one is everything, until `reset`. Beyond those, that is the label of all others.
    """

    zones: Annotated[_Zones, Field(min_length=1)] = ZONES
    above: Mapping[_Zone, _Zones] | None = None
    servers: Annotated[Mapping[Target, _Zone], Field(max_length=MOST_RULES)] = Field(default_factory=dict[str, str])
    agents: Annotated[Mapping[Glob, _Zone], Field(max_length=MOST_RULES)] = Field(default_factory=dict[str, str])
    unlisted: _Zone | None = None
    declassify: Annotated[tuple[Declassify, ...], Field(max_length=MOST_RULES)] = ()
    most_agents: int = Field(default=10_000, ge=1, le=10_000_000)

    @model_validator(mode="after")
    def _zones_exist(self) -> Self:
        if len(set(self.zones)) != len(self.zones):
            raise ValueError("A zone is listed twice.")
        used = {*self.servers.values(), *self.agents.values(), self.unlisted or self.zones[0]}
        used |= {zone for rule in self.declassify for zone in (rule.source, rule.to)}
        used |= set(self.above or ())
        if unknown := sorted(used - set(self.zones)):
            raise ValueError(f"{', '.join(unknown)}: no such zone; there are {', '.join(self.zones)}.")
        for zone, below in (self.above or {}).items():
            before = self.zones[: self.zones.index(zone)]
            if wrong := sorted(set(below) - set(before)):
                raise ValueError(f"{', '.join(wrong)} cannot be below {zone}: list the lower zone first, in zones.")
        return self


class TrustZones:
    """Lets a call pass when everything that its agent has read may go where it goes.

    Args:
        caller: Makes the calls that pass.
        options: The zones.
        emit: Hears of calls that do not pass.
    """

    def __init__(self, caller: Caller, options: ZoneOptions, *, emit: EventSink = ignore) -> None:
        """Begin with agents that have read nothing."""
        self._caller = caller
        self._emit = emit
        self._zones = options.zones
        self._most = options.most_agents
        self._map = _ZoneMap(options)
        self._ways = Answers(self._map.way)
        self._read: dict[str, int] = {}
        self._beyond: set[str] = set()
        self._flooded = False

    def __repr__(self) -> str:
        """Show how many zones there are and how many agents hold labels."""
        return f"TrustZones({self._caller!r}, zones={len(self._zones)}, agents={len(self._read)})"

    def zone(self, server: str, tool: str) -> str:
        """Return the zone of a tool."""
        return self._map.zone_of(server, tool)

    def labels(self, agent: str) -> tuple[str, ...]:
        """Return the zones whose data an agent holds, lowest first."""
        held = self._held(agent)
        return tuple(zone for place, zone in enumerate(self._zones) if held >> place & 1)

    def objection(self, agent: str, server: str, tool: str) -> str | None:
        """Return why an agent may not call a tool with what it holds now; ``None`` when it may."""
        stuck = self._held(agent) & ~self._ways[agent, server, tool][1]
        return None if not stuck else self._why(stuck, server, tool)

    def share(self, *, giver: str, taker: str) -> None:
        """Take note that one agent told another something: the other now holds the same labels, besides its own."""
        self._take(taker, self._held(giver))

    def take(self, agent: str, zone: str) -> None:
        """Take note that an agent was given data of a zone in some other way than by a call.

        Raises:
            ConfigurationError: There is no such zone.
        """
        if zone not in self._zones:
            raise ConfigurationError(
                f"There is no zone {zone!r}.", remedies=(f"Name one of {', '.join(self._zones)}.",)
            )
        self._take(agent, 1 << self._zones.index(zone))

    def reset(self, agent: str) -> None:
        """Forget what an agent has read. Only who has emptied its context, and its memory, may say so."""
        self._read.pop(agent, None)
        self._beyond.discard(agent)
        if self._flooded and len(self._read) < self._most:
            self._read[agent] = self._map.start(agent)

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Make a call, unless data would flow down; the agent then holds the label of where it went.

        Raises:
            ZoneError: The agent holds data that may not go to the zone of this tool.
        """
        self.check(call)
        return await self._caller.call(call)

    def check(self, call: ToolCall, /) -> None:
        """Let the agent hold the label of where a call goes, which is then sent.

        Raises:
            ZoneError: The agent holds data that may not go to the zone of this tool.
        """
        agent = call.agent
        label, passing = self._ways[agent, call.server, call.tool]
        read = self._read.get(agent)
        held = self._held(agent) if read is None else read
        if held & ~passing:
            raise self._refusal(call, held & ~passing)
        if held & label != label or (read is None and held == self._map.everything):
            self._take(agent, label)

    def _held(self, agent: str) -> int:
        """Return the labels of an agent: of what it read, and knew from the start; all of them when none is known."""
        read = self._read.get(agent)
        if read is not None:
            return read
        return self._map.start(agent) if self._has_room(agent) else self._map.everything

    def _take(self, agent: str, labels: int) -> None:
        held = self._held(agent) | labels
        if agent in self._read or self._has_room(agent):
            self._read[agent] = held
        elif agent in self._beyond or len(self._beyond) < self._most:
            self._beyond.add(agent)  # room that is made later must not make it one that has read nothing
        else:
            self._flooded = True

    def _has_room(self, agent: str) -> bool:
        return not self._flooded and len(self._read) < self._most and agent not in self._beyond

    def _refusal(self, call: ToolCall, stuck: int) -> ZoneError:
        reason = self._why(stuck, call.server, call.tool)
        self._emit(CallRefused(server=call.server, tool=call.tool, agent=call.agent, reason=reason, guard="zones"))
        return ZoneError(
            f"{call.agent} may not call {call.tool!r} of {call.server}: {reason}",
            remedies=(
                "Do this in an agent that has not read them.",
                "Declassify them by a rule for this tool, if they may go there.",
            ),
        )

    def _why(self, stuck: int, server: str, tool: str) -> str:
        zones = " and ".join(zone for place, zone in enumerate(self._zones) if stuck >> place & 1)
        return f"it holds data of {zones}, which may not go to {self._map.zone_of(server, tool)}."


class _ZoneMap:
    """What is fixed about the zones, as sets of bits: bit n stands for zone n."""

    def __init__(self, options: ZoneOptions) -> None:
        self._zones = options.zones
        self._number = {zone: place for place, zone in enumerate(options.zones)}
        self._unlisted = options.unlisted or options.zones[0]
        self._into = self._flows(options.above)
        self._servers = tuple((Targets((pattern,)), zone) for pattern, zone in options.servers.items())
        self._agents = tuple((compiled(pattern), zone) for pattern, zone in options.agents.items())
        self._declassify = tuple((rule, compiled(rule.agents), Targets(rule.targets)) for rule in options.declassify)
        self._starts = Answers(self._start)
        self.everything = (1 << len(options.zones)) - 1

    def zone_of(self, server: str, tool: str) -> str:
        """Return the zone of a tool."""
        return next((zone for targets, zone in self._servers if targets.match(server, tool)), self._unlisted)

    def start(self, agent: str) -> int:
        """Return the label of what an agent knows from the start."""
        return self._starts[agent, "", ""]

    def way(self, agent: str, server: str, tool: str) -> tuple[int, int]:
        """Return the label that comes back from a tool, and all labels that may go to it."""
        zone = self.zone_of(server, tool)
        passing = self._into[zone]
        for rule, agents, targets in self._declassify:
            if rule.to == zone and agents.match(agent) and targets.match(server, tool):
                passing |= self._bit(rule.source)
        return self._bit(zone), passing

    def _flows(self, above: Mapping[str, tuple[str, ...]] | None) -> Mapping[str, int]:
        """Return for each zone the zones whose data may go there: itself and all below."""
        into: dict[str, int] = {}
        for place, zone in enumerate(self._zones):
            below = self._zones[max(0, place - 1) : place] if above is None else above.get(zone, ())
            into[zone] = self._bit(zone)
            for lower in below:
                into[zone] |= into[lower]
        return into

    def _start(self, agent: str, _server: str, _tool: str) -> int:
        return self._bit(next((zone for glob, zone in self._agents if glob.match(agent)), self._unlisted))

    def _bit(self, zone: str) -> int:
        return 1 << self._number[zone]

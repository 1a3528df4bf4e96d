"""Clearance: may an automation go ahead? Answered before it spends anything, without a start and without a network."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import anyio

from vsm_mcp.errors import CapabilityMissingError, ConfigurationError, IntegrityError
from vsm_mcp.model.operation import Operation
from vsm_mcp.model.report import Report, printable
from vsm_mcp.model.server import Proven, StdioLaunch
from vsm_mcp.servers.launcher import References, how_to_give
from vsm_mcp.servers.routing.router import Route
from vsm_mcp.servers.supervision.spawner import ServerStatus
from vsm_mcp.wiring.parts import Parts
from vsm_mcp.world.secrets import Secrets

MOST_NEEDS = 1000


class Go(IntEnum):
    """Whether to go ahead; the number is the exit code for a script, the worst of all needs counts most."""

    GO = 0
    RETRY = 10
    OPERATOR = 11
    UNKNOWN = 12


class Cleared(Report, frozen=True):
    """One need of an automation.

    Attributes:
        need: As it was asked for.
        go: ``GO``; ``RETRY`` when it may work later by itself; ``OPERATOR`` when a human must act; ``UNKNOWN`` when
            nothing that is held does it.
        reason: Why.
        remedy: What to do.
        server: Who would do it, and with which ``tool``.
    """

    need: str
    go: Go
    reason: str
    remedy: str = ""
    server: str = ""
    tool: str = ""


class Clearance(Report, frozen=True):
    """Whether everything that an automation needs is there."""

    needs: tuple[Cleared, ...]

    @property
    def go(self) -> Go:
        """The worst of all; ``UNKNOWN`` when nothing was asked for."""
        return max((cleared.go for cleared in self.needs), default=Go.UNKNOWN)

    @property
    def exit_code(self) -> int:
        """0 go, 10 try again later, 11 a human must act, 12 unknown."""
        return int(self.go)

    def __str__(self) -> str:
        """Show one line per need, with the remedy below."""
        lines: list[str] = []
        for cleared in self.needs:
            lines.append(f"{cleared.go.name.lower():>8}  {printable(cleared.need)}: {printable(cleared.reason)}")
            lines += [f"          -> {printable(cleared.remedy)}"] if cleared.remedy else []
        return "\n".join((*lines, f"{self.go.name.lower()} (exit code {self.exit_code})"))


class Gate:
    """Clears needs by what is recorded: the store, the policy, the pins, the given secrets and what is running.

    Args:
        parts: The living system.
        secrets: Resolves references.
        references: Says which variables a server is given, by reference.
    """

    def __init__(self, parts: Parts, secrets: Secrets, references: References) -> None:
        """Keep what is asked."""
        self._parts = parts
        self._secrets = secrets
        self._references = references

    async def clear(self, needs: Sequence[str]) -> Clearance:
        """Clear every need.

        Args:
            needs: Tools by name (``server.tool``, or as the router names them), or phrases such as ``"read a file"``.

        Raises:
            ConfigurationError: There are more than a thousand.
        """
        if len(needs) > MOST_NEEDS:
            raise ConfigurationError(f"{len(needs)} needs are more than {MOST_NEEDS}.", remedies=("Ask in parts.",))
        return Clearance(needs=tuple([await self._clear(need) for need in needs]))

    async def _clear(self, need: str) -> Cleared:
        held = {proven.candidate.name: proven for proven in await self._parts.installer.committed()}
        server, tool = self._find(need, held)
        if server not in held:
            remedy = "Acquire it: await vsm.acquire_capability(...)."
            return Cleared(need=need, go=Go.UNKNOWN, reason="nothing that is held does it", remedy=remedy)
        go, reason, remedy = await self._judge(held[server], tool)
        return Cleared(need=need, go=go, reason=reason, remedy=remedy, server=server, tool=tool)

    def _find(self, need: str, held: Mapping[str, Proven]) -> tuple[str, str]:
        """Return server and tool that would serve a need; two empty words when there are none."""
        named = [*_named(need, held)]
        for name, tool in named:
            if tool in {spec.name for spec in held[name].tools}:
                return name, tool
        if named:
            return named[0]
        router = self._parts.router
        try:
            return router.resolve(need)
        except CapabilityMissingError:
            pass
        operation, named = Operation(needs=need), Operation(needs=need, tool=need)
        if router.can(operation):
            best: Route | None = router.route(operation)[0]
        else:
            best = router.disabled_for(named) or router.disabled_for(operation)
        return ("", "") if best is None else (best.server, best.tool)

    async def _judge(self, proven: Proven, tool: str) -> tuple[Go, str, str]:
        name = proven.candidate.name
        if tool not in {spec.name for spec in proven.tools}:
            return Go.UNKNOWN, f"{name} has no tool {tool!r}", "Look at its tools: vsm.status()."
        refused = self._parts.permissions.judge(proven, tool)
        if refused is not None:
            return Go.OPERATOR, f"the policy forbids it: {refused}", "Change the policy, or do without."
        distrust, remedy = await self._distrust(proven)
        if distrust:
            return Go.OPERATOR, distrust, remedy
        missing = await self._missing(proven)
        if missing:
            remedy = how_to_give(proven.candidate.package, missing[0])
            return Go.OPERATOR, f"{name} requires {', '.join(missing)}, which is not given", remedy
        return self._state(name, tool)

    def _state(self, name: str, tool: str) -> tuple[Go, str, str]:
        quarantine = self._parts.spawner.quarantined(name)
        if quarantine is not None and tool in {*quarantine.added, *quarantine.changed, *quarantine.removed}:
            remedy = "Look at vsm.quarantined(...), then approve it with vsm.approve_tools(...) or release the server."
            return Go.OPERATOR, f"{tool!r} is not what was approved", remedy
        state = self._parts.spawner.states().get(name)
        if state is None:
            return Go.OPERATOR, f"{name} is in the store and was not adopted", "Enter the system again and listen."
        if state.status is ServerStatus.DISABLED:
            return Go.OPERATOR, f"{name} is disabled", f"Enable it: await vsm.enable_server({name!r})."
        if state.status in {ServerStatus.RESTING, ServerStatus.FAILED}:
            return Go.RETRY, f"{name} is {state.status}: {state.last_error or 'unknown why'}", "Try again later."
        return Go.GO, f"{name} was proven and is unchanged", ""

    async def _distrust(self, proven: Proven) -> tuple[str, str]:
        """Return why a server is not what it should be, and what to do; two empty words when it is."""
        damage = await self._damage(proven)
        if damage is not None:
            return damage, "Release the server and acquire it again."
        unpinned = None if self._parts.lock is None else await self._parts.lock.objection(proven)
        if unpinned is not None:
            return unpinned.rstrip("."), "Release it and acquire what is locked, or lock what is held: vsm.save_lock()."
        known = self._parts.recheck.objection(proven)
        if known is not None:
            return known.rstrip("."), "Upgrade or release it: vsm.upgrade(), vsm.release_capability(...)."
        return "", ""

    async def _damage(self, proven: Proven) -> str | None:
        try:
            await self._parts.installer.verify(proven)
        except IntegrityError as error:
            return error.message
        match proven.installed.launch:
            case StdioLaunch(argv=(program, *_)) if program.startswith("/") and not await anyio.Path(program).exists():
                return f"{Path(program).name} is no longer at {program}"
            case _:
                return None

    async def _missing(self, proven: Proven) -> list[str]:
        missing: list[str] = []
        references = self._references(proven.installed.vetted.artefact)
        for variable in proven.candidate.environment:
            if not variable.required or variable.default is not None:
                continue
            reference = references.get(variable.name)
            if reference is None or await self._secrets.get(reference) is None:
                missing.append(variable.name)
        return missing


def _named(need: str, held: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the servers that a need names, with what it says beyond: those by their whole names come first."""
    names = tuple(held)
    for prefixes in ({name: f"{name}." for name in names}, {name: f"{name.rpartition('/')[2]}." for name in names}):
        yield from ((name, need.removeprefix(start)) for name, start in prefixes.items() if need.startswith(start))

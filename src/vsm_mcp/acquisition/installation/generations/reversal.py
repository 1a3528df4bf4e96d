"""Reversal: what going back to an earlier generation would mean, and going back, all of it or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from vsm_mcp.acquisition.installation.budget import measure
from vsm_mcp.acquisition.installation.generations.change import Change
from vsm_mcp.acquisition.installation.generations.generations import ChangeKind, Generation, HeldServer
from vsm_mcp.acquisition.installation.generations.holdings import Holdings
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import Record
from vsm_mcp.errors import ConfigurationError, IntegrityError
from vsm_mcp.model.report import Report
from vsm_mcp.servers.workspace import Workspace

OpenCalls = Callable[[], Mapping[str, int]]
"""Returns, per server, how many calls are under way now."""


class ServerChange(Report, frozen=True):
    """What going back changes about one server.

    Attributes:
        server: Its name.
        now: The package that is held now; ``None`` when it would come back.
        then: The package that would be held; ``None`` when it would go.
        tools_gained: Tools that would be there again.
        tools_lost: Tools that would be gone.
    """

    server: str
    now: str | None
    then: str | None
    tools_gained: tuple[str, ...] = ()
    tools_lost: tuple[str, ...] = ()


class DataAtRisk(Report, frozen=True):
    """What a server that would go, or would be another version, has written.

    Attributes:
        server: Its name.
        path: Its writable directory, which stays where it is.
        files: How many entries it has.
        size: How many bytes it takes.
    """

    server: str
    path: str
    files: int
    size: int


class RollbackPlan(Report, frozen=True):
    """What going back would mean. Making it had no effects.

    Attributes:
        target: The generation to go back to.
        current: The generation now; ``None`` when it cannot be read.
        gone: Servers that would go.
        back: Servers that would come back.
        changed: Servers that would be another version, or the same with other needs or tools.
        unserved: What only servers that would go are used for.
        open_calls: Calls under way to servers that would go or change.
        data_at_risk: What those servers have written: it stays, and an older version may not understand it.
        obstacles: Why it is not possible; empty when it is.
    """

    target: int
    current: int | None
    gone: tuple[ServerChange, ...] = ()
    back: tuple[ServerChange, ...] = ()
    changed: tuple[ServerChange, ...] = ()
    unserved: tuple[str, ...] = ()
    open_calls: Mapping[str, int] = {}
    data_at_risk: tuple[DataAtRisk, ...] = ()
    obstacles: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.obstacles


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What was done, and what is left to do for those who hold servers.

    Attributes:
        plan: What it meant.
        generation: The new generation, which holds what the target held.
        adopt: Records of the servers that came back or changed.
        release: The names of the servers that went.
    """

    plan: RollbackPlan
    generation: Generation
    adopt: tuple[Record, ...]
    release: tuple[str, ...]


def _none() -> Mapping[str, int]:
    return {}


class Reversal:
    """Goes back to generations that are kept.

    Args:
        holdings: What is held.
        rollback: Runs the transaction.
        workspace: Where servers write.
        open_calls: Tells which servers are being called.
    """

    def __init__(
        self, holdings: Holdings, rollback: Rollback, *, workspace: Workspace, open_calls: OpenCalls = _none
    ) -> None:
        """Keep the parts."""
        self._holdings = holdings
        self._rollback = rollback
        self._workspace = workspace
        self._open_calls = open_calls

    def __repr__(self) -> str:
        """Show of what."""
        return f"Reversal({self._holdings!r})"

    async def plan(self, target: int) -> RollbackPlan:
        """Say what going back to the generation ``target`` would mean; every byte that would be used is checked.

        Raises:
            IntegrityError: It is not kept, or cannot be read.
        """
        wanted = await self._holdings.generations.find(target)
        now, number = await self._now()
        then = {held.server: held for held in wanted.servers}
        names = sorted(now.keys() | then.keys())
        changes = [_change(name, now.get(name), then.get(name)) for name in names if now.get(name) != then.get(name)]
        going = {change.server for change in changes if change.now is not None}
        return RollbackPlan(
            target=target,
            current=number,
            gone=tuple(change for change in changes if change.then is None),
            back=tuple(change for change in changes if change.now is None),
            changed=tuple(change for change in changes if change.now is not None and change.then is not None),
            unserved=_unserved(now, then),
            open_calls={name: calls for name, calls in self._open_calls().items() if calls and name in going},
            data_at_risk=tuple([risk for name in sorted(going) for risk in await self._risk(name)]),
            obstacles=tuple([problem for held in wanted.servers for problem in await self._obstacles(held)]),
        )

    async def rollback_to(self, target: int | RollbackPlan) -> RolledBack:
        """Hold exactly what an earlier generation held, in one transaction.

        Args:
            target: The generation, or a plan: then only while nothing has changed since it was made.

        Raises:
            IntegrityError: The generation is not kept, or something of it is missing or was changed.
            InstallationError: Something changed since the plan was made.
            RollbackError: It is committed and could not be finished now; ``recover`` will do it.
        """
        plan = await self.plan(target if isinstance(target, int) else target.target)
        if plan.obstacles:
            raise IntegrityError(
                f"Generation {plan.target} cannot be held again: {' '.join(plan.obstacles)}",
                stage="rollback",
                remedies=("Choose another generation.", "Find out who may write to the state directory."),
            )
        wanted = await self._holdings.generations.find(plan.target)
        records = [await self._holdings.store.read_kept(held.record) for held in wanted.servers]
        gone = await self._gone(wanted)
        change = Change(
            kind=ChangeKind.ROLLBACK,
            reason=f"back to generation {plan.target}",
            put=tuple(records),
            drop=gone,
            since=plan.current if isinstance(target, int) else target.current,
        )
        async with self._rollback.transaction(change.reason) as transaction:
            made = await self._holdings.commit(transaction, change)
        moved = {one.server for one in (*plan.back, *plan.changed)}
        adopt = tuple(record for record in records if record.name in moved)
        return RolledBack(plan=plan, generation=made, adopt=adopt, release=gone)

    async def _gone(self, wanted: Generation) -> tuple[str, ...]:
        """Return what is held and was not, servers with a damaged record included."""
        names = {held.server for held in wanted.servers}
        held = {record.name for record in await self._holdings.records()}
        damaged = {one.server for one in await self._holdings.broken() if one.server is not None}
        return tuple(sorted((held | damaged) - names))

    async def _now(self) -> tuple[Mapping[str, HeldServer], int | None]:
        """Return what counts as held now: damaged records do not, so they would come back."""
        try:
            current = await self._holdings.generations.current()
        except IntegrityError:  # it is gone back from; nothing of it counts
            return {}, (await self._holdings.generations.numbers())[-1]
        good = {record.name for record in await self._holdings.records()}
        servers = () if current is None else current.servers
        return {held.server: held for held in servers if held.server in good}, current.number if current else None

    async def _risk(self, server: str) -> Sequence[DataAtRisk]:
        path = self._workspace.directory(server)
        try:
            used = await anyio.to_thread.run_sync(measure, path)
        except OSError as error:
            raise ConfigurationError(
                f"What {server} wrote to {path} cannot be measured: {error.strerror}.",
                remedies=("Give this user the right to read it.",),
            ) from error
        return (DataAtRisk(server=server, path=str(path), files=used.files, size=used.size),) if used.files else ()

    async def _obstacles(self, held: HeldServer) -> Sequence[str]:
        try:
            await self._holdings.store.read_kept(held.record)
            await self._holdings.store.verify(held.tree, full=True)
        except IntegrityError as error:
            return (f"{held.server}: {error.message}",)
        return ()


def _change(server: str, now: HeldServer | None, then: HeldServer | None) -> ServerChange:
    before = now.tools if now else ()
    after = then.tools if then else ()
    return ServerChange(
        server=server,
        now=now.package if now else None,
        then=then.package if then else None,
        tools_gained=tuple(tool for tool in after if tool not in before),
        tools_lost=tuple(tool for tool in before if tool not in after),
    )


def _unserved(now: Mapping[str, HeldServer], then: Mapping[str, HeldServer]) -> tuple[str, ...]:
    before = {need: None for held in now.values() for need in held.needs}
    after = {need for held in then.values() for need in held.needs}
    return tuple(need for need in before if need not in after)

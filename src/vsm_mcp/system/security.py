"""What a security reviewer asks a living system."""

from collections.abc import Sequence
from typing import overload

import anyio

from vsm_mcp.acquisition.proving.report import TrialReport
from vsm_mcp.acquisition.unheld import unheld
from vsm_mcp.acquisition.vetting.advisories.recheck import RecheckReport
from vsm_mcp.clearance import Clearance, Gate
from vsm_mcp.errors import VSMError
from vsm_mcp.model.proof import Probe
from vsm_mcp.preflight import Preflight, PreflightReport
from vsm_mcp.sandbox.selftest.report import IsolationReport, SelfTestReport
from vsm_mcp.security_report import SecurityReport, security_report
from vsm_mcp.servers.disabled import refusal
from vsm_mcp.servers.pinned import Quarantine
from vsm_mcp.servers.workspace import LARGEST_FILE
from vsm_mcp.status import ConnectionTest
from vsm_mcp.system.entered import Entered
from vsm_mcp.systems.system5 import Approver
from vsm_mcp.wiring.machine import choose_python


class Security(Entered):
    """Everything that examines, and lasts no longer than the examination."""

    async def test_connection(self, server: str) -> ConnectionTest:
        """Start a throw-away instance of a held server and list its tools. Never raises for the server's own fault.

        Raises:
            DiscoveryError: No server of this name is held.
            DisabledError: It is disabled.
            PolicyError: MCP servers are switched off.
        """
        parts = self.parts
        self._refuse_without_servers()
        held = {record.name: record.proven for record in await parts.installer.records()}
        if server not in held:
            raise unheld(server, held, stage="test", besides=("Try one that is not held with test_server.",))
        if parts.spawner.is_disabled(server):
            raise refusal(server)
        began = anyio.current_time()
        try:
            async with parts.spawner.trial(held[server].installed) as running:
                return ConnectionTest(server=server, ok=True, tools=len(running.tools), elapsed=running.elapsed)
        except VSMError as error:
            elapsed = anyio.current_time() - began
            return ConnectionTest(server=server, ok=False, tools=None, elapsed=elapsed, error=str(error))

    @overload
    async def preflight(self) -> PreflightReport: ...

    @overload
    async def preflight(self, needs: Sequence[str]) -> Clearance: ...

    async def preflight(self, needs: Sequence[str] | None = None) -> PreflightReport | Clearance:
        """Say what works on this machine; or, given needs, whether an automation that has them may go ahead.

        The second starts nothing and asks no network; its ``exit_code`` is 0 (go), 10 (try again later), 11 (a human
        must act) or 12 (unknown).

        Args:
            needs: Tools by name (``server.tool``), or phrases such as ``"read a file"``.

        Raises:
            ConfigurationError: Needs are asked for and the system is not entered, or there are more than a thousand.
        """
        if needs is None:
            return await Preflight(self.settings, world=self._world).run()
        return await Gate(self.parts, self._world.secrets, self.settings.references).clear(needs)

    async def security_report(self, *, full: bool = False) -> SecurityReport:
        """Say what is held, what confines it, what changed since it was let in, and what to look at.

        Args:
            full: Read every byte of every package again, instead of sizes and times.
        """
        return await security_report(self.parts, self.settings, full=full)

    async def recheck(self) -> RecheckReport:
        """Ask again what is publicly known against every server that is held, and all that it brings along.

        What became known since a server was let in is felt as pain, makes `preflight` say that a human must act, and is
        in the report; its ``exit_code`` is 0 (nothing), 11 (a human must act) or 12 (nobody could be asked).
        """
        return await self.parts.recheck.run()

    async def test_server(
        self, server: str, *, probe: Probe | Sequence[Probe] | None = None, approve: Approver | None = None
    ) -> TrialReport:
        """Fetch, vet, start and prove a server without keeping anything of it.

        This runs a stranger's code: vetted, within the policy and confined as any server of this system, and thrown
        away after.
        Calling it is an act of whoever wrote the call, so the level of autonomy, which is about what the system does by
        itself, does not stop it; not even at ``OBSERVE``. What must be asked first goes into ``approve``.

        Args:
            server: Its name, or a package such as ``npm:name@version``.
            probe: The calls it must answer well; by default read from the schemas of its tools.
            approve: Asked before it is installed for the trial; by default nobody.

        Returns:
            Everything that was seen, however far it came; what a server does is never raised.

        Raises:
            DiscoveryError: Nobody knows such a server.
            PolicyError: MCP servers are switched off.
        """
        self._refuse_without_servers()
        consent = None if approve is None else self.parts.system5.consent(approve)
        return await self.parts.acquisition.try_out(server, probe=probe, consent=consent)

    async def self_test(self) -> SelfTestReport:
        """Try to break out of the sandbox of this machine in every known way; takes some ten seconds.

        Raises:
            SandboxError: Nothing can be confined here, or no interpreter can be run.
        """
        sandbox = self.parts.sandbox
        return await sandbox.self_test(python=await choose_python(self.settings, sandbox), emit=self.events)

    async def test_network_isolation(self) -> IsolationReport:
        """Try every way from a sandbox to the network, after showing that each works outside.

        Raises:
            SandboxError: Nothing can be confined here, or no interpreter can be run.
        """
        sandbox = self.parts.sandbox
        python = await choose_python(self.settings, sandbox)
        return await sandbox.test_network_isolation(python=python, emit=self.events)

    async def approve_tools(self, server: str, quarantine: Quarantine) -> None:
        """Let be called what a server says now, exactly as it was looked at, and write that down.

        Args:
            server: The server.
            quarantine: What was looked at, from `quarantined`.

        Raises:
            CapabilityMissingError: No server of this name is held.
            PayloadError: The server says something else by now.
            VettingError: What it says now is not accepted.
            InstallationError: It could not be written down.
        """
        await self.parts.renewal.approve_tools(server, quarantine.pins)

    def quarantined(self, server: str) -> Quarantine | None:
        """Return what of a server is not what was approved, or ``None``; such tools are not callable.

        Raises:
            CapabilityMissingError: No server of this name is held.
        """
        return self.parts.spawner.quarantined(server)

    async def read_file(self, server: str, name: str, *, limit: int = LARGEST_FILE) -> bytes:
        """Read a file that a server wrote into its directory; a link on the way is refused.

        Args:
            server: Its name.
            name: The path below its directory.
            limit: Bytes that the file may have.

        Raises:
            PayloadError: There is no such regular file, or it is too large.
        """
        return await self.parts.workspace.read(server, name, limit=limit)

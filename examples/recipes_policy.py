"""Four published servers under one policy: what each is given, who may call what, and where its data may go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio

from vsm_mcp import Autonomy, Grant, Limits, Policy, Settings, Waiver
from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.acquisition.vetting.patterns import Subject, allows
from vsm_mcp.errors import RefusedError
from vsm_mcp.guard.agents import AgentOptions, AgentRule, Unlisted
from vsm_mcp.guard.audit_log import AuditOptions, AuditTrail
from vsm_mcp.guard.chain import GuardChain, Ports
from vsm_mcp.guard.guards import Guards
from vsm_mcp.guard.rates import Each, RateLimit, RateOptions
from vsm_mcp.guard.redaction import GivenSecrets
from vsm_mcp.guard.zones import Declassify, ZoneOptions
from vsm_mcp.model.call import ToolCall, ToolResult, ToolSpec
from vsm_mcp.model.server import PackageRef

SERENA = "serena-agent"
AUTOMEM = "io.github.verygoodplugins/mcp-automem"
HELP_SCOUT = "io.github.drewburchfield/help-scout-mcp"
WORDPRESS = "@automattic/mcp-wordpress-remote"

PACKAGES = {
    SERENA: "pypi:serena-agent",
    AUTOMEM: "npm:@verygoodplugins/mcp-automem",
    HELP_SCOUT: "npm:help-scout-mcp-server",
    WORDPRESS: "npm:@automattic/mcp-wordpress-remote",
}

SECRETS: Mapping[str, Mapping[str, str]] = {
    PACKAGES[AUTOMEM]: {"AUTOMEM_API_URL": "env:AUTOMEM_API_URL", "AUTOMEM_API_KEY": "env:AUTOMEM_API_KEY"},
    PACKAGES[HELP_SCOUT]: {
        "HELPSCOUT_APP_ID": "env:HELPSCOUT_APP_ID",
        "HELPSCOUT_APP_SECRET": "env:HELPSCOUT_APP_SECRET",
    },
    PACKAGES[WORDPRESS]: {
        "WP_API_URL": "env:WP_API_URL",
        "WP_API_USERNAME": "env:WP_API_USERNAME",
        "WP_API_PASSWORD": "env:WP_API_PASSWORD",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A finding that a person has read: its code, the digest of what it is about, and why it does no harm."""

    code: str
    digest: str
    why: str


READ = (
    Read(
        code="starts-downloaded-program",
        digest="sha256:01de7d8e7c3fa0866a711493c1047f8d1273ee01f7d4a21a2d90b714164cd6d0",
        why="Serena 1.0.0 would install a language server; it is given no network.",
    ),
    Read(
        code="hunts-credentials",
        digest="sha512-YIu0Am3yDHtxajDpa9R7uAMnonR7if7PfHwck0pe8XPfY43O+R9HlQdBVhi75gNNK++BDo9fUz2vl+Dvn4EFGA==",
        why="A table of file types in what WordPress remote 0.4.0 is bundled with.",
    ),
    Read(
        code="runs-decoded-command",
        digest="sha512-YIu0Am3yDHtxajDpa9R7uAMnonR7if7PfHwck0pe8XPfY43O+R9HlQdBVhi75gNNK++BDo9fUz2vl+Dvn4EFGA==",
        why="It opens a browser to sign in, and there is none in the sandbox.",
    ),
)


def policy(*, project: Path, until: datetime, site: str = "www.example.com", memory: str = "mem.example.com") -> Policy:
    """Return who is let in and what each is given.

    Args:
        project: The source code that Serena may read.
        until: When the findings must be read again.
        site: The host of the WordPress site.
        memory: The host of the AutoMem service; one in your own network has to be in ``private`` as well.
    """
    return Policy(
        allow=(
            f"{PACKAGES[SERENA]} & version:1.0.0",
            PACKAGES[AUTOMEM],
            PACKAGES[HELP_SCOUT],
            f"{PACKAGES[WORDPRESS]} & version:0.4.*",
        ),
        block=("tool:delete_memory", "tool:safe_delete_symbol"),
        grants=(
            Grant(servers=PACKAGES[SERENA], read_only=(project,), limits=Limits(memory_mb=1024)),
            Grant(servers=PACKAGES[AUTOMEM], egress=(memory,), kept=False),
            Grant(servers=PACKAGES[HELP_SCOUT], egress=("api.helpscout.net",), kept=False),
            Grant(servers=PACKAGES[WORDPRESS], egress=(site,), kept=False),
        ),
        waivers=tuple(Waiver(code=one.code, integrity=one.digest, expires=until, reason=one.why) for one in READ),
    )


def settings(state: Path) -> Settings:
    """Return the options: secrets by reference, and a person who is asked about each server."""
    return Settings(state=state, autonomy=Autonomy.APPROVE, secrets=SECRETS)


READING_CODE = ("list_dir", "find_*", "read_file", "search_for_pattern", "get_*", "list_memories", "read_memory")
READING_TICKETS = ("search*", "describe_*", "read_*", "list*", "get*")

AGENTS = AgentOptions(
    rules={
        "reviewer*": AgentRule(allow=tuple(f"{SERENA}:{tool}" for tool in READING_CODE)),
        "developer*": AgentRule(
            allow=(SERENA, f"{AUTOMEM}:store_memory", f"{AUTOMEM}:recall_memory"),
            deny=(f"{SERENA}:execute_shell_command",),
        ),
        "support*": AgentRule(
            allow=(*(f"{HELP_SCOUT}:{tool}" for tool in READING_TICKETS), f"{AUTOMEM}:recall_memory")
        ),
        "support-lead": AgentRule(allow=(f"{HELP_SCOUT}:write_*", f"{AUTOMEM}:store_memory")),
        "author*": AgentRule(
            allow=(f"{WORDPRESS}:mcp-adapter-discover-abilities", f"{WORDPRESS}:mcp-adapter-get-ability-info")
        ),
        "editor": AgentRule(allow=(WORDPRESS,)),
        "host": AgentRule(
            allow=(f"{SERENA}:activate_project", f"{SERENA}:execute_shell_command", f"{AUTOMEM}:check_database_health")
        ),
    },
    unlisted=Unlisted.DENY,
)

ZONES = ZoneOptions(
    servers={WORDPRESS: "untrusted", HELP_SCOUT: "restricted", AUTOMEM: "restricted", SERENA: "trusted"},
    declassify=(
        Declassify(source="trusted", to="restricted", targets=(f"{AUTOMEM}:store_memory",), agents="developer*"),
    ),
)

RATES = RateOptions(
    limits=(RateLimit(calls=5, per=60, target=f"{HELP_SCOUT}:write_*", each=(Each.AGENT,)), RateLimit())
)

GUARDS = Guards(agents=AGENTS, zones=ZONES, rates=RATES, audit=AuditOptions(fail_closed=True, arguments=False))


async def lacking(given: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return, by package, the variables that the catalogue says a server needs and that ``given`` does not name."""
    known = {str(one.package): one for one in (await CatalogueSource().listing(None)).candidates}
    return {
        package: tuple(
            one.name
            for one in known[package].environment
            if one.required and one.default is None and one.name not in given.get(package, {})
        )
        for package in PACKAGES.values()
    }


PASSWORD = "not a real one"  # noqa: S105 - what the demonstration gives to WordPress


class Servers:
    """Stands where the four servers stand; WordPress repeats the password that it was given."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        """Say that it was done."""
        return ToolResult(text=f"{call.tool} was called" + f" with {PASSWORD!r}" * (call.server == WORDPRESS))


def forbidden(rules: Policy, server: str, tool: str) -> str | None:
    """Return what the policy has against a tool; a living system asks its policy itself."""
    package = PackageRef.parse(PACKAGES[server])
    pattern = allows(rules.block, Subject(ecosystem=package.ecosystem, package=package.name, server=server, tool=tool))
    return None if pattern is None else f"the policy blocks {pattern!r}."


CALLS = (
    ToolCall(agent="reviewer-1", server=SERENA, tool="find_symbol"),
    ToolCall(agent="reviewer-1", server=SERENA, tool="replace_symbol_body"),
    ToolCall(agent="developer-1", server=SERENA, tool="replace_symbol_body"),
    ToolCall(agent="developer-1", server=SERENA, tool="execute_shell_command"),
    ToolCall(agent="developer-1", server=AUTOMEM, tool="store_memory"),
    ToolCall(agent="developer-1", server=AUTOMEM, tool="recall_memory"),
    ToolCall(agent="developer-1", server=AUTOMEM, tool="delete_memory"),
    ToolCall(agent="support-1", server=HELP_SCOUT, tool="read_help_scout"),
    ToolCall(agent="support-1", server=HELP_SCOUT, tool="write_help_scout"),
    ToolCall(agent="support-lead", server=HELP_SCOUT, tool="write_help_scout"),
    ToolCall(agent="support-1", server=WORDPRESS, tool="mcp-adapter-execute-ability"),
    ToolCall(agent="author-1", server=WORDPRESS, tool="mcp-adapter-execute-ability"),
    ToolCall(agent="editor", server=WORDPRESS, tool="mcp-adapter-execute-ability"),
    ToolCall(agent="somebody", server=WORDPRESS, tool="mcp-adapter-discover-abilities"),
)


def guarded(servers: Servers, rules: Policy) -> GuardChain:
    """Put the guards before the servers, as ``ViableSystem(..., guards=GUARDS)`` does."""
    secrets = GivenSecrets()
    secrets.give(WORDPRESS, (PASSWORD,))
    ports = Ports(
        objection=partial(forbidden, rules),
        lookup=lambda _, tool: ToolSpec(name=tool),
        digest_of=lambda _: None,
        secrets=secrets,
        trail=AuditTrail(GUARDS.audit),
    )
    return GuardChain(servers, GUARDS, ports)


async def main() -> None:
    """Show what each server lacks, and which calls pass."""
    for package, names in (await lacking({})).items():
        print(f"{package}:", f"needs {', '.join(names)}" if names else "needs no settings")
    print("named by reference:", "all" if not any((await lacking(SECRETS)).values()) else "not all")
    rules = policy(project=Path("/srv/project"), until=datetime(2027, 6, 1, tzinfo=UTC))
    print(len(rules.waivers), "findings waived until", rules.waivers[0].expires.date())
    chain = guarded(Servers(), rules)
    for call in CALLS:
        try:
            print(f"done: {call.agent}:", (await chain.call(call)).text)
        except RefusedError as error:
            print(f"{type(error).__name__}:", error.message)
    if chain.zones is not None:
        chain.zones.share(giver="support-1", taker="editor")
    try:
        await chain.call(ToolCall(agent="editor", server=WORDPRESS, tool="mcp-adapter-execute-ability"))
    except RefusedError as error:
        print(f"{type(error).__name__}:", error.message)


if __name__ == "__main__":
    anyio.run(main)

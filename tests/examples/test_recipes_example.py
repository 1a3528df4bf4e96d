"""The program of the recipes runs as a user runs it; what it names exists, and its zones hold in every order."""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from types import ModuleType

import pytest
from tests.loading import loaded

from vsm_mcp import ViableSystem
from vsm_mcp.acquisition.discovery.sources.catalogue import CatalogueSource
from vsm_mcp.acquisition.vetting.patterns import Subject, allows
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import ZoneError
from vsm_mcp.guard.agents import AgentPermissions
from vsm_mcp.guard.zones import TrustZones
from vsm_mcp.model.call import ToolCall, ToolResult
from vsm_mcp.model.server import Candidate, Readiness
from vsm_mcp.settings.settings import Confinement

EXAMPLE = Path(__file__).parents[2] / "examples" / "recipes_policy.py"
UNTIL = datetime(2027, 6, 1, tzinfo=UTC)


class Anything:
    """Answers every call."""

    async def call(self, call: ToolCall, /) -> ToolResult:
        return ToolResult(text=call.tool)


@pytest.fixture(scope="module")
def recipes() -> ModuleType:
    """The program of the page; importing it does nothing."""
    return loaded(EXAMPLE)


@pytest.fixture
async def known(recipes: ModuleType) -> dict[str, Candidate]:
    """What the catalogue says of the servers of the recipes, by package."""
    listed = {str(one.package): one for one in (await CatalogueSource().listing(None)).candidates}
    return {package: listed[package] for package in recipes.PACKAGES.values()}


def made(recipes: ModuleType, project: Path) -> Policy:
    rules: Policy = recipes.policy(project=project, until=UNTIL)
    return rules


@pytest.mark.promise("D40")
def test_each_agent_may_do_what_its_recipe_says_and_customers_data_do_not_reach_the_site() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, timeout=60, check=True)
    needs, calls = done.stdout.splitlines()[:6], done.stdout.splitlines()[6:]
    assert needs == [
        "pypi:serena-agent: needs no settings",
        "npm:@verygoodplugins/mcp-automem: needs AUTOMEM_API_URL",
        "npm:help-scout-mcp-server: needs HELPSCOUT_APP_ID, HELPSCOUT_APP_SECRET",
        "npm:@automattic/mcp-wordpress-remote: needs WP_API_URL, WP_API_USERNAME, WP_API_PASSWORD",
        "named by reference: all",
        "3 findings waived until 2027-06-01",
    ]
    assert [" ".join(line.split()[:2]).partition("Error:")[0] for line in calls] == [
        "done: reviewer-1:",
        "PermissionDenied",
        "done: developer-1:",
        "PermissionDenied",
        "done: developer-1:",
        "Zone",
        "PermissionDenied",
        "done: support-1:",
        "PermissionDenied",
        "done: support-lead:",
        "PermissionDenied",
        "PermissionDenied",
        "done: editor:",
        "PermissionDenied",
        "Zone",
    ]
    assert "'[hidden]'" in done.stdout
    assert "not a real one" not in done.stdout


@pytest.mark.anyio
async def test_the_catalogue_names_what_each_server_needs_before_anything_is_installed(
    recipes: ModuleType, known: dict[str, Candidate]
) -> None:
    for name, package in recipes.PACKAGES.items():
        server = known[package]
        required = {variable.name for variable in server.environment if variable.required}
        assert server.name == name
        assert server.readiness is (Readiness.NEEDS_CONFIGURATION if required else Readiness.PROVEN)
        assert required <= set(recipes.SECRETS.get(package, {}))
        declared = {variable.name for variable in server.environment}
        assert set(recipes.SECRETS.get(package, {})) <= declared


@pytest.mark.anyio
async def test_a_living_system_finds_each_server_by_what_is_wanted_and_tells_its_variables_offline(
    recipes: ModuleType, tmp_path: Path
) -> None:
    wanted = {
        "search the conversations of the help desk": recipes.HELP_SCOUT,
        "manage posts and pages of a WordPress site": recipes.WORDPRESS,
        "recall memories by meaning and importance": recipes.AUTOMEM,
        "rename a symbol in source code": recipes.SERENA,
    }
    settings = recipes.settings(tmp_path / "state").model_copy(update={"sandbox": Confinement.NONE})
    rules = made(recipes, tmp_path / "project")
    async with ViableSystem(settings, policy=rules, guards=recipes.GUARDS, sources=(CatalogueSource(),)) as vsm:
        for words, name in wanted.items():
            found = (await vsm.discover_servers(words, limit=3)).model_dump(mode="json")["ranked"]
            (server,) = [one["candidate"] for one in found if one["candidate"]["name"] == name]
            required = (await recipes.lacking({}))[recipes.PACKAGES[name]]
            assert set(required) <= set(server["environment"])
            assert server["readiness"] == ("needs-configuration" if required else "proven")


@pytest.mark.anyio
async def test_each_server_may_reach_what_it_declares_and_what_reads_code_reaches_nothing(
    recipes: ModuleType, known: dict[str, Candidate], tmp_path: Path
) -> None:
    rules = made(recipes, tmp_path)
    for package, server in known.items():
        granted = rules.grant_for(Subject.of(server))
        assert package in granted.servers
        hosts = {host.removesuffix(":443") for host in granted.way_out().allow}
        assert hosts <= set(server.egress) or server.egress == ("*",)
        assert bool(hosts) is bool(server.egress)
        assert bool(granted.read_only) is (server.name == recipes.SERENA)


def test_only_the_versions_that_were_read_are_let_in_and_what_was_waived_ends(
    recipes: ModuleType, tmp_path: Path
) -> None:
    rules = made(recipes, tmp_path)
    versions = {"1.0.0": True, "2.1.0": False}
    for version, let_in in versions.items():
        serena = Subject(ecosystem="pypi", package="serena-agent", version=version)
        assert (allows(rules.allow, serena) is not None) is let_in
    assert {waiver.expires for waiver in rules.waivers} == {UNTIL}
    assert all(waiver.reason for waiver in rules.waivers)
    assert not rules.egress


@pytest.mark.anyio
@pytest.mark.parametrize("order", list(permutations(("SERENA", "AUTOMEM", "HELP_SCOUT", "WORDPRESS"))), ids="-".join)
async def test_data_flow_up_only_in_whatever_order_the_servers_are_read(
    recipes: ModuleType, order: tuple[str, ...]
) -> None:
    ranks = {"WORDPRESS": 0, "HELP_SCOUT": 1, "AUTOMEM": 1, "SERENA": 2}
    zones = TrustZones(Anything(), recipes.ZONES)
    highest = 0
    for server in order:
        call = ToolCall(agent="anybody", server=getattr(recipes, server), tool="read_anything")
        if ranks[server] >= highest:
            await zones.call(call)
            highest = ranks[server]
        else:
            with pytest.raises(ZoneError, match="anybody"):
                await zones.call(call)


def test_nobody_but_the_host_runs_commands_and_nobody_who_reads_code_writes_it(recipes: ModuleType) -> None:
    agents = AgentPermissions(Anything(), recipes.AGENTS)
    names = ("reviewer-1", "developer-1", "support-1", "support-lead", "author-1", "editor", "somebody", "host")
    may_run = [one for one in names if agents.objection(one, recipes.SERENA, "execute_shell_command") is None]
    assert may_run == ["host"]
    writing = (
        "create_text_file",
        "replace_content",
        "replace_symbol_body",
        "write_memory",
        "delete_memory",
        "onboarding",
    )
    assert all(agents.objection("reviewer-1", recipes.SERENA, tool) for tool in writing)
    assert not any(agents.objection("developer-1", recipes.SERENA, tool) for tool in writing)
    writers = [one for one in names if agents.objection(one, recipes.HELP_SCOUT, "write_help_scout") is None]
    assert writers == ["support-lead"]

"""The recipes with the real packages, as far as they go without anybody's credentials."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from tests.loading import loaded

from vsm_mcp import Grant, Policy, Settings, ViableSystem
from vsm_mcp.errors import NeedsConfigurationError, PermissionDeniedError
from vsm_mcp.events import EgressDecided, Event
from vsm_mcp.model.enforcement import Level
from vsm_mcp.model.verdict import Severity
from vsm_mcp.systems.autonomy import Autonomy

pytestmark = [pytest.mark.live, pytest.mark.sandbox, pytest.mark.anyio]

EXAMPLE = Path(__file__).parents[2] / "examples" / "recipes_policy.py"
NOWHERE = "site.invalid"
"""A name that never exists (RFC 2606)."""


@pytest.fixture
def anyio_backend() -> str:
    """Real packages are installed once per test; both back ends are covered where nothing is installed."""
    return "asyncio"


@pytest.fixture
def recipes() -> ModuleType:
    """The program of the page."""
    return loaded(EXAMPLE)


@pytest.fixture
def place(recipes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A directory that confined servers can reach under another user; no variable of a recipe is set."""
    for variables in recipes.SECRETS.values():
        for reference in variables.values():
            monkeypatch.delenv(reference.removeprefix("env:"), raising=False)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        (Path(directory) / "project").mkdir(mode=0o755)
        yield Path(directory)


def settings(recipes: ModuleType, place: Path) -> Settings:
    """Return the settings of the recipes, without a person to ask and without registries of servers."""
    asked: Settings = recipes.settings(place / "state")
    return asked.model_copy(update={"autonomy": Autonomy.AUTO, "registries": ()})


def policy(recipes: ModuleType, place: Path, *, site: str = "www.example.com") -> Policy:
    """Return the policy of the recipes; what it waives is waived for today."""
    until = datetime.now(UTC) + timedelta(days=1)
    made: Policy = recipes.policy(project=place / "project", until=until, site=site)
    return made


def left(place: Path) -> list[Path]:
    """Return what is there of servers, installed or half installed. What they wrote for their users is kept."""
    return [path for name in ("store", "staging") for path in sorted((place / "state" / name).glob("*"))]


def is_alive(pid: int) -> bool:
    """Say whether there is such a process; one that only waits to be reaped is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.promise("D39")
async def test_serena_starts_confined_lists_its_tools_and_each_agent_may_do_what_the_recipe_says(
    recipes: ModuleType, place: Path
) -> None:
    (place / "project" / "beer.py").write_text("def viable() -> bool:\n    return True\n")
    wanted = f"{recipes.PACKAGES[recipes.SERENA]}@1.0.0"
    async with ViableSystem(settings(recipes, place), policy=policy(recipes, place), guards=recipes.GUARDS) as vsm:
        report = await vsm.acquire_capability("search source code", wanted)
        held = {one.aspect: one.level for one in report.enforcement.held}
        assert {"find_symbol", "replace_symbol_body", "execute_shell_command"} <= set(report.tools)
        assert (held["network"], held["files"]) == (Level.KERNEL, Level.KERNEL)
        bring = {"command": f"cp -r {place / 'project'}/. /work/"}
        await vsm.call_tool("activate_project", {"project": "/work"}, agent="host")
        await vsm.call_tool("execute_shell_command", bring, agent="host")
        for agent in ("reviewer-1", "developer-1"):
            found = await vsm.call_tool("search_for_pattern", {"substring_pattern": "viable"}, agent=agent)
            assert "beer.py" in found.text
        new = {"relative_path": "new.py", "content": "x = 1\n"}
        await vsm.call_tool("create_text_file", new, agent="developer-1")
        assert await vsm.read_file(report.server, "new.py") == b"x = 1\n"
        for agent, tool in (("reviewer-1", "create_text_file"), ("developer-1", "execute_shell_command")):
            with pytest.raises(PermissionDeniedError, match=agent):
                await vsm.call_tool(tool, new, agent=agent)
        pid = vsm.status().servers[0].pid
        assert pid is not None
        assert is_alive(pid)
        await vsm.release_capability(report.server)
        await vsm.prune()
    assert not (place / "project" / "new.py").exists()
    assert not is_alive(pid)
    assert not left(place)


@pytest.mark.node
@pytest.mark.promise("D41")
async def test_wordpress_starts_reaches_for_its_site_only_and_is_said_to_lack_settings_by_name(
    recipes: ModuleType, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, decided = recipes.PACKAGES[recipes.WORDPRESS], list[EgressDecided]()
    monkeypatch.setenv("WP_API_URL", f"https://{NOWHERE}/wp-json/mcp/mcp-adapter-default-server")
    monkeypatch.setenv("WP_API_USERNAME", "somebody")
    monkeypatch.setenv("WP_API_PASSWORD", "not a real one")

    def hear(event: Event, /) -> None:
        decided.extend([event] if isinstance(event, EgressDecided) else [])

    rules = policy(recipes, place, site=NOWHERE)
    async with ViableSystem(settings(recipes, place), policy=rules, guards=recipes.GUARDS, emit=hear) as vsm:
        with pytest.raises(NeedsConfigurationError, match="connection failed") as caught:
            await vsm.acquire_capability("manage a WordPress site", f"{package}@0.4.0")
        assert not vsm.status().servers
    assert caught.value.names == ("WP_API_URL", "WP_API_USERNAME", "WP_API_PASSWORD")
    assert all(package in remedy for remedy in caught.value.remedies)
    assert "not a real one" not in str(caught.value)
    assert {one.host for one in decided if one.subject == recipes.WORDPRESS} == {NOWHERE}
    assert not left(place)


@pytest.mark.node
@pytest.mark.parametrize(
    "server",
    [
        pytest.param("AUTOMEM", id="automem"),
        pytest.param("HELP_SCOUT", id="help scout"),
    ],
)
async def test_a_server_that_is_published_here_is_installed_and_found_to_lack_its_variables_by_name(
    recipes: ModuleType, place: Path, server: str
) -> None:
    package = recipes.PACKAGES[getattr(recipes, server)]
    if not published(package):
        pytest.skip(f"allowed: {package} is not on the registry that npm is configured for; there it is installed")
    # Nobody has read the findings of a version that is not known yet: only what is critical keeps it from the trial.
    let_in = Policy(allow=(package,), grants=(Grant(servers=package, kept=False),), refuse_at=Severity.CRITICAL)
    async with ViableSystem(settings(recipes, place), policy=let_in, guards=recipes.GUARDS) as vsm:
        with pytest.raises(NeedsConfigurationError) as caught:
            await vsm.acquire_capability("answer customers", package)
    assert set(caught.value.names) == set((await recipes.lacking({}))[package])
    assert not left(place)


def published(package: str) -> bool:
    """Ask npm as its user would whether there is such a package; a registry that is silent is no answer."""
    npm = shutil.which("npm")
    assert npm
    name = package.removeprefix("npm:")
    shown = subprocess.run([npm, "view", name, "name"], capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 0 or "E404" in shown.stderr, shown.stderr
    return shown.stdout.strip() == name

"""Whole families of servers are let in by patterns, from the environment as from code, and nobody else is."""

from pathlib import Path

import pytest

from vsm_mcp import Autonomy, Confinement, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.acquisition.vetting.lists import Lists
from vsm_mcp.errors import AcquisitionError
from vsm_mcp.model.server import Candidate, PackageRef
from vsm_mcp.testing.servers import memory_server

PATTERNS = '["npm:@modelcontextprotocol/*", "memory:text-*"]'


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@pytest.mark.anyio
@pytest.mark.promise("C106", "C139", "A59")
async def test_two_patterns_of_the_environment_let_in_whom_they_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSM_MCP_ALLOW", PATTERNS)
    shelf = Shelf()
    for name in ("text-tools", "texts", "other.text-tools"):
        shelf.offer(name, lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings(state=tmp_path, autonomy=Autonomy.AUTO, sandbox=Confinement.NONE)
    async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
        for name in ("texts", "other.text-tools"):
            with pytest.raises(AcquisitionError, match="matches none of the 2 pattern"):
                await vsm.acquire_capability("count words", name)
        assert (await vsm.acquire_capability("count words", "text-tools")).server == "text-tools"


@pytest.mark.promise("C106")
@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("npm:@modelcontextprotocol/server-memory", True),
        ("npm:@modelcontextprotocol-evil/server-memory", False),
        ("npm:@modelcontextprotoco1/server-memory", False),
        ("npm:modelcontextprotocol", False),
        ("pypi:mcp-server-git", True),
        ("pypi:evil-mcp-server-git", False),
        ("npm:mcp-server-git", False),
    ],
)
def test_a_scope_lets_in_its_own_and_nobody_who_only_looks_like_it(package: str, *, allowed: bool) -> None:
    policy = Policy(allow=("npm:@modelcontextprotocol/*", "pypi:mcp-server-*"))
    candidate = Candidate(name="io.example/server", source="registry", package=PackageRef.parse(package))
    refusing = policy.refusing(Lists(policy).screen(candidate))
    assert (not refusing) is allowed

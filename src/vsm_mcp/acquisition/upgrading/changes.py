"""Changes: what a newer version changes beside its tools, for who consents: permissions, packages, files and code."""

from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread

from vsm_mcp.acquisition.upgrading import comparison
from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan
from vsm_mcp.acquisition.vetting.code.difference import difference
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.pins import Drift, words_of_change
from vsm_mcp.model.server import Artefact, Resolution


async def of_package(old: Resolution, tree: Path, new: Artefact) -> Sequence[str]:
    """Return what changes in dependencies, files and code, one line each; nothing of it is run.

    Args:
        old: What is held.
        tree: Where it is installed, with all it needs.
        new: The newer version, unpacked.
    """
    name, ecosystem = old.package.name, old.package.ecosystem
    files = await anyio.to_thread.run_sync(comparison.code, tree, name, new.root)
    place, parts = await anyio.to_thread.run_sync(comparison.own, tree, name, new.root)
    reader = CodeScan(Policy())
    before = await reader.contents(place, ecosystem=ecosystem, parts=parts)
    after = await reader.contents(new.root, ecosystem=ecosystem)
    return (*comparison.dependencies(old, new.resolution), *files, *difference(before, after).lines)


def of_words(drift: Drift, old: Sequence[ToolSpec], new: Sequence[ToolSpec]) -> Sequence[str]:
    """Return what changes in what a server says about itself, one line each."""
    before, after = {tool.name: tool for tool in old}, {tool.name: tool for tool in new}
    return [
        *(f"+ tool {name}" for name in drift.added),
        *(f"- tool {name}" for name in drift.removed),
        *(f"~ tool {name}: {words_of_change(before[name], after[name])}" for name in drift.changed),
        *(f"~ prompt {name}" for name in drift.prompts),
        *(["~ instructions"] if drift.instructions else []),
    ]

"""What a registry answered is used for as long as the settings say, and not a moment longer."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp import Confinement, Settings, ViableSystem
from vsm_mcp.model.json import JsonValue
from vsm_mcp.testing.world import FakeClock, ScriptedHttp, fake_world
from vsm_mcp.world.http import Reply
from vsm_mcp.world.processes import LocalProcesses

BASE = "https://registry.example"
CLOCK: Mapping[str, JsonValue] = {
    "name": "io.example/clock",
    "description": "Tells the time in any zone.",
    "version": "1.0.0",
    "packages": [{"registryType": "npm", "identifier": "clock-server", "version": "1.0.0"}],
}


@pytest.mark.anyio
@pytest.mark.promise("B9", "B34")
async def test_a_registry_is_asked_again_after_the_ten_minutes_that_were_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSM_CACHE_TTL_SECONDS", "600")
    listed: JsonValue = {"servers": [{"server": dict(CLOCK)}], "metadata": {}}
    http, clock = ScriptedHttp({f"{BASE}/*": Reply(status=200, body=json.dumps(listed).encode())}), FakeClock()
    settings = Settings(state=tmp_path, registries=(BASE,), sandbox=Confinement.NONE)
    world = fake_world(http=http, clock=clock, processes=LocalProcesses())

    def asked() -> int:
        return sum(request.url.startswith(BASE) for request in http.requests)

    async with ViableSystem(settings, world=world) as vsm:
        for minutes, times in ((0, 1), (0, 1), (9, 1), (1, 2), (9, 2), (1, 3)):
            clock.advance(timedelta(minutes=minutes))
            found = await vsm.discover_servers("tell the time")
            assert "io.example/clock" in {ranked.candidate.name for ranked in found.ranked}
            with anyio.fail_after(5):
                while asked() < times:  # in the background
                    await vsm.discover_servers("tell the time")
            assert asked() == times

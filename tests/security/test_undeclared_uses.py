"""Who tolerates no undeclared use lets in no package that starts programs, runs text or opens connections."""

from pathlib import Path

import pytest

from vsm_mcp import Confinement, Permission, Policy, Settings, vet
from vsm_mcp.vet_package import Opinion

pytestmark = [pytest.mark.security, pytest.mark.anyio]

STRICT = Policy(allow=("file:*",), tolerated=frozenset())
USES = {
    "starts a program": ("import subprocess\nsubprocess.run(['ls'])\n", Permission.PROCESSES),
    "starts one by the shell": ("import os\nos.system('ls')\n", Permission.PROCESSES),
    "becomes another program": ("import os\nos.execv('/bin/ls', ['ls'])\n", Permission.PROCESSES),
    "runs what it is told": ("import sys\neval(sys.stdin.read())\n", Permission.DYNAMIC_CODE),
    "opens a connection": ("import socket\nsocket.create_connection(('a.example', 443))\n", Permission.NETWORK),
}


@pytest.fixture
def anyio_backend() -> str:
    """Files are read by threads on either back end."""
    return "asyncio"


@pytest.mark.promise("D16", "D20", "D23")
@pytest.mark.parametrize("use", USES)
async def test_a_use_that_is_not_tolerated_refuses_the_package(tmp_path: Path, use: str) -> None:
    source, permission = USES[use]
    program = tmp_path / "server.py"
    program.write_text(source)
    settings = Settings(state=tmp_path / "state", sandbox=Confinement.NONE)
    report = await vet(f"file:{program}", policy=STRICT, settings=settings)
    assert report.verdict is Opinion.REFUSED
    assert permission in report.permissions
    assert any(found.permission is permission and found.severity == "high" for found in report.findings)


async def test_a_package_that_uses_nothing_is_accepted_by_the_same_policy(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text("print('hello')\n")
    settings = Settings(state=tmp_path / "state", sandbox=Confinement.NONE)
    report = await vet(f"file:{program}", policy=STRICT, settings=settings)
    assert report.verdict is Opinion.ACCEPTED, report

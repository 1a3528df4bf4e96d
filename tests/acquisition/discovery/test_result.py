"""Results in words: whatever servers and sources are called, each takes its line and nothing that is not seen."""

import pytest

from vsm_mcp.acquisition.discovery.result import (
    Covering,
    DiscoveryResult,
    RankedServer,
    ServerCover,
    SourceReport,
    SourceState,
)
from vsm_mcp.model.server import Candidate, PackageRef

EVIL = "a\x1b[31m\nwithheld \u202ex\ud800"


@pytest.mark.security
def test_no_text_of_others_breaks_a_line_or_speaks_to_the_terminal() -> None:
    candidate = Candidate(name=EVIL, source=EVIL, package=PackageRef(ecosystem="npm", name="x"))
    server = RankedServer(candidate=candidate, score=1.0, why=(EVIL,))
    failed = SourceReport(name=EVIL, state=SourceState.FAILED, servers=0, error=EVIL)
    shown = str(DiscoveryResult(wanted=EVIL, ranked=(server,), sources=(failed,), withheld=(server,)))
    covered = str(ServerCover(chosen=(Covering(server=server, operations=(EVIL,)),), uncovered=(EVIL,)))
    assert len(shown.split("\n")) == 5
    assert len(covered.split("\n")) == 3
    for line in (*shown.split("\n"), *covered.split("\n"), str(failed)):
        assert line.isprintable()
        assert "a[31m withheld x" in line or not line.startswith(("withheld", "source", "uncovered"))

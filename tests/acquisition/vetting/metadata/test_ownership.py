"""Ownership: the package's mark and the server's name, letter by letter."""

from collections.abc import Callable

import pytest

from vsm_mcp.acquisition.vetting.metadata.ownership import Ownership
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.model.server import Artefact
from vsm_mcp.model.verdict import Severity

NAME = "io.github.example/server"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("mark", "name", "code", "severity"),
    [
        (None, NAME, "ownership-missing", Severity.LOW),
        ("", NAME, "ownership-missing", Severity.LOW),
        ("io.github.EXAMPLE/server", NAME, "ownership-case", Severity.MEDIUM),
        ("io.github.other/server", NAME, "ownership-differs", Severity.HIGH),
        (NAME, "example-server", "ownership-unverified", Severity.LOW),
        (NAME, "@example/server", "ownership-unverified", Severity.LOW),
    ],
)
async def test_a_mark_that_is_not_the_name_is_reported(
    make_artefact: Callable[..., Artefact], *, mark: str | None, name: str, code: str, severity: Severity
) -> None:
    artefact = make_artefact(ownership=mark, name=name)
    (mild,) = await Ownership(Policy()).examine(artefact)
    (strict,) = await Ownership(Policy(require_ownership=True)).examine(artefact)
    assert (mild.code, mild.severity) == (code, severity)
    assert (strict.code, strict.severity) == (code, Severity.HIGH)


@pytest.mark.anyio
async def test_a_mark_that_is_the_name_is_fine(make_artefact: Callable[..., Artefact]) -> None:
    assert await Ownership(Policy(require_ownership=True)).examine(make_artefact(ownership=NAME)) == ()


@pytest.mark.anyio
async def test_what_was_never_published_needs_no_mark(make_artefact: Callable[..., Artefact]) -> None:
    artefact = make_artefact(package="memory:example", ownership=None)
    assert await Ownership(Policy(require_ownership=True)).examine(artefact) == ()

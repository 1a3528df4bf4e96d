"""Well-known names: which names are easily taken for one, and which are not."""

import json
import string
from importlib.resources import files
from random import Random

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.acquisition.discovery.resolvers.npm import NpmRegistry
from vsm_mcp.acquisition.discovery.resolvers.pypi import PyPIIndex
from vsm_mcp.acquisition.vetting.provenance.well_known import Likeness, WellKnown, one_edit, well_known
from vsm_mcp.model.server import PackageRef
from vsm_mcp.world.http import HttpClient
from vsm_mcp.world.processes import LocalProcesses

SAMPLE = 12
SHIPPED: dict[str, list[str]] = json.loads(
    (files("vsm_mcp.acquisition.vetting.provenance") / "well_known.json").read_text()
)
MEMORY = "@modelcontextprotocol/server-memory"


def likeness(package: str) -> tuple[Likeness, str] | None:
    ecosystem, _, name = package.partition(":")
    found = well_known()[ecosystem].resemblance(name)
    return None if found is None else (found.kind, found.known)


@pytest.mark.security
@pytest.mark.promise("A14")
@pytest.mark.parametrize(
    ("name", "kind", "known"),
    [
        ("npm:expres", Likeness.ONE_LETTER, "express"),
        ("npm:expresss", Likeness.ONE_LETTER, "express"),
        ("npm:exprses", Likeness.ONE_LETTER, "express"),
        ("npm:axois", Likeness.ONE_LETTER, "axios"),
        ("npm:crossenv", None, ""),
        ("npm:body_parser", Likeness.LOOKALIKE, "body-parser"),
        ("npm:1odash", Likeness.LOOKALIKE, "lodash"),
        ("npm:modelcontextprotocol-server-memory", Likeness.SCOPE, MEMORY),
        ("npm:@modelcontextprotocols/server-memory", Likeness.SCOPE, "@modelcontextprotocol"),
        ("npm:@modelcontextprotoco1/anything", Likeness.SCOPE, "@modelcontextprotocol"),
        ("npm:@model/contextprotocol-server-memory", Likeness.LOOKALIKE, MEMORY),
        ("npm:lodash-js", Likeness.AFFIX, "lodash"),
        ("npm:mcp-express-server", Likeness.AFFIX, "express"),
        ("npm:fetch-node", Likeness.ORDER, "node-fetch"),
        ("pypi:reqeusts", Likeness.ONE_LETTER, "requests"),
        ("pypi:nurnpy", Likeness.LOOKALIKE, "numpy"),
        ("pypi:mcp_server_tlme", Likeness.ONE_LETTER, "mcp-server-time"),
        ("pypi:mcp-serverxtime", Likeness.ONE_LETTER, "mcp-server-time"),
        ("pypi:mcpservertime", Likeness.LOOKALIKE, "mcp-server-time"),
        ("pypi:python-requests", Likeness.AFFIX, "requests"),
        ("pypi:server-mcp-git", Likeness.ORDER, "mcp-server-git"),
    ],
)
def test_a_name_that_imitates_a_well_known_one_is_seen(*, name: str, kind: Likeness | None, known: str) -> None:
    assert likeness(name) == (None if kind is None else (kind, known))


@pytest.mark.parametrize(
    "name",
    [
        "npm:express",
        f"npm:{MEMORY}",
        "npm:@modelcontextprotocol/server-anything",
        "npm:@someone/express",
        "npm:preact",
        "npm:chess",
        "npm:mcp-veo",
        "npm:my-weather-station",
        "pypi:Mcp.Server_Time",
        "pypi:urllib4",
        "pypi:attr",
        "pypi:mcp-server-kit",
    ],
)
def test_an_honest_name_is_left_alone(name: str) -> None:
    assert likeness(name) is None


def test_a_list_may_be_asked_whether_it_holds_a_name() -> None:
    assert "Mcp.Server_Time" in well_known()["pypi"]
    assert "mcp-server-tlme" not in well_known()["pypi"]


def test_the_shipped_names_are_names_in_order_and_none_is_there_twice() -> None:
    for ecosystem, names in SHIPPED.items():
        assert names == sorted(set(names))
        assert all(PackageRef(ecosystem=ecosystem, name=name) for name in names)


LETTERS = st.text(string.ascii_lowercase, min_size=6, max_size=14)


@given(LETTERS, st.integers(0, 5), st.sampled_from(string.ascii_lowercase))
def test_every_single_edit_of_a_long_name_is_found(name: str, place: int, letter: str) -> None:
    known = WellKnown("npm", [name])
    swapped = name[:place] + name[place + 1 : place + 2] + name[place : place + 1] + name[place + 2 :]
    for other in (
        name[:place] + name[place + 1 :],
        name[:place] + letter + name[place:],
        name[:place] + letter + name[place + 1 :],
        swapped,
    ):
        if other != name:
            assert one_edit(name, other)
            assert one_edit(other, name)
            assert known.resemblance(other) is not None


@given(st.text(max_size=20), st.text(max_size=20))
def test_one_edit_is_the_same_in_both_directions_and_nothing_breaks_it(one: str, other: str) -> None:
    assert one_edit(one, other) is one_edit(other, one)
    assert not one_edit(one, one)
    WellKnown("npm", ["express", "@scope/name"]).resemblance(one)


@pytest.mark.live
@pytest.mark.node
def test_shipped_names_exist_in_the_registries() -> None:
    """A sample that the names themselves choose: another list, another sample."""
    chosen = {
        ecosystem: Random(",".join(names)).sample(names, SAMPLE)  # noqa: S311 - no secret
        for ecosystem, names in SHIPPED.items()
    }

    async def resolve() -> None:
        npm, pypi = NpmRegistry(HttpClient(), LocalProcesses()), PyPIIndex(HttpClient(), LocalProcesses())
        async with anyio.create_task_group() as tasks:
            for name in chosen["npm"]:
                tasks.start_soon(npm.metadata, name)
            for name in chosen["pypi"]:
                tasks.start_soon(pypi.metadata, name)

    anyio.run(resolve)

"""The lists: who is let in by name, and names that are never packages."""

import shutil
import subprocess
from collections.abc import Callable

import pytest

from vsm_mcp.acquisition.vetting.lists import NODE_MODULES, WELL_KNOWN, Lists, PackageValidator
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.errors import PayloadError, PolicyError
from vsm_mcp.model.server import Artefact, Candidate, PackageRef
from vsm_mcp.model.verdict import Severity

CANDIDATE = Candidate(
    name="io.github.example/server", source="registry", package=PackageRef.parse("npm:@example/server")
)


def codes(policy: Policy, candidate: Candidate = CANDIDATE) -> list[str]:
    return [finding.code for finding in Lists(policy).screen(candidate)]


@pytest.mark.promise("A7", "C139")
def test_an_empty_allow_list_lets_nobody_in() -> None:
    assert codes(Policy()) == ["not-allowed"]


@pytest.mark.promise("A7", "C139")
def test_who_is_on_the_allow_list_is_let_in() -> None:
    assert codes(Policy(allow=("npm:@example/*",))) == []


def test_the_block_list_wins() -> None:
    assert codes(Policy(allow=("*",), block=("npm:@Example/server",))) == ["blocked"]


def test_a_refusal_by_the_lists_cannot_be_waived() -> None:
    assert {finding.severity for finding in Lists(Policy()).screen(CANDIDATE)} == {Severity.CRITICAL}


@pytest.mark.anyio
async def test_the_word_of_the_registry_on_the_publisher_counts_more_than_that_of_the_source(
    make_artefact: Callable[..., Artefact],
) -> None:
    claimed = make_artefact(publisher="Claimed")
    assert await Lists(Policy(allow=("publisher:Claimed",))).examine(claimed) == ()


@pytest.mark.promise("B16", "B20")
@pytest.mark.parametrize("name", sorted(NODE_MODULES))
def test_modules_of_node_are_never_packages(name: str) -> None:
    verdict = PackageValidator(Policy(allow=("*",))).validate_package(name)
    assert not verdict
    assert [finding.code for finding in verdict.findings] == ["builtin-module"]


@pytest.mark.promise("A8", "A9", "A10", "A11", "B15", "B20")
@pytest.mark.parametrize(
    "name",
    [
        "express", "fastify", "@hapi/hapi", "axios", "node-fetch", "got", "lodash", "ramda", "underscore",
        "@anthropic-ai/sdk", "@modelcontextprotocol/sdk", "winston", "bunyan", "pino", "jest", "mocha", "chai",
        "typescript", "@babel/core", "webpack",
    ],
)  # fmt: skip
def test_well_known_packages_pass(name: str) -> None:
    assert PackageValidator().validate_package(name)
    PackageValidator().require(name)


def test_other_packages_do_not_pass_and_the_error_says_why() -> None:
    with pytest.raises(PolicyError, match=r"npm:left-pad.* does not match none of the 20 patterns|left-pad"):
        PackageValidator().require(PackageRef.parse("npm:left-pad@1.0.0"))


@pytest.mark.parametrize("name", ["json", "Subprocess"])
def test_modules_of_python_are_never_packages(name: str) -> None:
    assert not PackageValidator(Policy(allow=("*",))).validate_package(name, ecosystem="pypi")


def test_what_could_not_be_a_name_is_refused() -> None:
    with pytest.raises(PayloadError):
        PackageValidator().validate_package("../etc")


@pytest.mark.live
@pytest.mark.promise("A11")
@pytest.mark.parametrize("pattern", WELL_KNOWN)
def test_every_package_name_that_is_shipped_exists(pattern: str) -> None:
    npm = shutil.which("npm")
    assert npm
    name = pattern.removeprefix("npm:")
    shown = subprocess.run([npm, "view", name, "name"], capture_output=True, text=True, timeout=60, check=False)
    assert shown.stdout.strip() == name

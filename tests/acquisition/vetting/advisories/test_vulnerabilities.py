"""Vulnerabilities: what refuses, what is shown, and what nobody could tell."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import anyio
import pytest

from vsm_mcp.acquisition.vetting.advisories.advisory import Advisories, Advisory, Answer, Pinned
from vsm_mcp.acquisition.vetting.advisories.closure import Relation, closure
from vsm_mcp.acquisition.vetting.advisories.vulnerabilities import NO_DATA, OLD_DATA, Vulnerabilities
from vsm_mcp.acquisition.vetting.policy import Policy, Waiver
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import LinkError
from vsm_mcp.model.server import Artefact, Dependency
from vsm_mcp.model.verdict import Finding, Severity
from vsm_mcp.testing.world import START, FakeClock

pytestmark = pytest.mark.anyio

Make = Callable[..., Artefact]
OPEN = Policy(allow=("npm:*", "pypi:*"))
OWN = Dependency(name="example-server", version="1.0", hashes=("h",))
DIRECT = Dependency(name="Near_By", version="2", hashes=("h",))
FAR = Dependency(name="far", version="3", hashes=("h",))
METADATA = "Metadata-Version: 2.1\nName: example-server\nVersion: 1.0\nRequires-Dist: near.by (>=1); extra == 'x'\n"
FILES = {"example_server-1.0.dist-info/METADATA": METADATA}


class Source:
    """Answers from a table, the packages given by name."""

    def __init__(self, told: Mapping[str, Answer | Advisory], *, name: str = "source", whole: bool = True) -> None:
        self.name = name
        self._told = told
        self._whole = whole

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        await anyio.lowlevel.checkpoint()
        answers: dict[Pinned, Answer] = {}
        for package in packages:
            told = self._told.get(package.name, Answer() if self._whole else None)
            if told is not None:
                answers[package] = Answer(advisories=(told,)) if isinstance(told, Advisory) else told
        return answers


def advisory(
    severity: Severity | None, identity: str = "GHSA-1", *aliases: str, summary: str = "", certain: bool = True
) -> Advisory:
    return Advisory(
        identity=identity, aliases=frozenset(aliases), severity=severity, summary=summary, certain=certain, fixed=("9",)
    )


def artefact_of(make: Make) -> Artefact:
    return make(FILES, dependencies=[OWN, DIRECT, FAR])


async def found(make: Make, *sources: Advisories, policy: Policy = OPEN) -> list[Finding]:
    check = Vulnerabilities(policy, sources=sources, clock=FakeClock())
    return list(await check.examine(artefact_of(make)))


@pytest.mark.promise("A14")
@pytest.mark.parametrize(
    ("name", "severity", "judged"),
    [
        ("example-server", Severity.CRITICAL, Severity.HIGH),
        ("Near_By", Severity.HIGH, Severity.HIGH),
        ("Near_By", Severity.MEDIUM, Severity.MEDIUM),
        ("Near_By", None, Severity.HIGH),
        ("far", Severity.CRITICAL, Severity.HIGH),
        ("far", Severity.HIGH, Severity.MEDIUM),
        ("far", Severity.LOW, Severity.LOW),
        ("far", None, Severity.MEDIUM),
    ],
)
async def test_a_flaw_refuses_from_a_severity_on_direct_ones_sooner_than_transitive_ones(
    make_artefact: Make, *, name: str, severity: Severity | None, judged: Severity
) -> None:
    (one,) = await found(make_artefact, Source({name: advisory(severity)}))
    assert (one.code, one.severity, one.unknown) == ("GHSA-1", judged, False)


async def test_a_finding_says_which_package_how_it_comes_along_and_what_helps(make_artefact: Make) -> None:
    (one,) = await found(make_artefact, Source({"far": advisory(Severity.HIGH, summary="Reads any file.")}))
    assert one.message == (
        "pypi:far@3, a transitive dependency, is subject to GHSA-1 (rated high). Reads any file. Fixed in 9."
    )
    assert (one.where, one.remedy[:44]) == ("pypi:far@3", "Take a version that uses 9 or later, or acce")


@pytest.mark.security
@pytest.mark.promise("A14")
@pytest.mark.parametrize("known", [advisory(None, "MAL-2025-1"), advisory(Severity.LOW, "GHSA-1", "MAL-2025-1")])
async def test_what_was_made_to_do_harm_always_refuses_and_no_waiver_helps(
    make_artefact: Make, *, known: Advisory
) -> None:
    waivers = [Waiver(code=code, integrity="sha256:aa", expires=START + timedelta(days=9)) for code in known.names]
    policy = OPEN.model_copy(update={"waivers": tuple(waivers)})
    check = Vulnerabilities(policy, sources=[Source({"far": known})], clock=FakeClock())
    verdict = await Vetting([check], policy=policy, clock=FakeClock()).examine(artefact_of(make_artefact))
    assert (verdict.accepted, verdict.findings[0].severity) == (False, Severity.CRITICAL)
    assert "made to do harm" in verdict.findings[0].message


async def test_an_embedded_malice_is_recognised_by_its_weakness(make_artefact: Make) -> None:
    known = Advisory(identity="GHSA-2", severity=Severity.CRITICAL, weaknesses=frozenset({"CWE-506"}))
    (one,) = await found(make_artefact, Source({"far": known}))
    assert (one.severity, one.remedy[:14]) == (Severity.CRITICAL, "Do not use it;")


async def test_a_waiver_by_any_name_of_an_advisory_holds_until_it_expires(make_artefact: Make) -> None:
    waiver = Waiver(code="CVE-2025-1", integrity="sha256:aa", expires=START + timedelta(days=1), reason="not reached")
    policy = OPEN.model_copy(update={"waivers": (waiver,)})
    source = Source({"far": advisory(Severity.CRITICAL, "GHSA-1", "CVE-2025-1")})
    for days, accepted in ((0, True), (2, False)):
        clock = FakeClock(START + timedelta(days=days))
        vetting = Vetting([Vulnerabilities(policy, sources=[source], clock=clock)], policy=policy, clock=clock)
        verdict = await vetting.examine(artefact_of(make_artefact))
        assert (verdict.accepted, verdict.findings[0].code) == (accepted, "CVE-2025-1")


async def test_several_sources_that_speak_of_the_same_thing_count_once(make_artefact: Make) -> None:
    one = Source({"far": advisory(None, "CVE-2025-1", "PYSEC-1")}, name="one")
    two = Source({"far": advisory(Severity.LOW, "GHSA-1", "CVE-2025-1", certain=False)}, name="two")
    other = Source({"far": advisory(Severity.LOW, "GHSA-2")}, name="three")
    findings = await found(make_artefact, one, two, other)
    assert [(f.code, f.severity, f.unknown) for f in findings] == [
        ("GHSA-1", Severity.LOW, False),
        ("GHSA-2", Severity.LOW, False),
    ]


async def test_an_advisory_that_joins_two_others_makes_one_of_them(make_artefact: Make) -> None:
    three = [advisory(Severity.LOW, "A"), advisory(Severity.LOW, "B"), advisory(Severity.LOW, "C", "A", "B")]
    (one,) = await found(make_artefact, Source({"far": Answer(advisories=tuple(three))}))
    assert one.code == "A"


async def test_what_may_hold_is_unknown(make_artefact: Make) -> None:
    (one,) = await found(make_artefact, Source({"far": advisory(Severity.LOW, certain=False)}))
    assert (one.unknown, "could not be told" in one.message) == (True, True)


class Broken:
    """Cannot be asked."""

    name = "broken"

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        raise LinkError("Nobody there.")


class Silent:
    """Never answers."""

    name = "silent"

    async def about(self, packages: Sequence[Pinned]) -> Mapping[Pinned, Answer]:
        await anyio.sleep_forever()
        raise AssertionError


async def test_no_data_is_a_finding_and_never_fine(make_artefact: Make) -> None:
    (one,) = await found(make_artefact, Broken(), Source({}, whole=False))
    assert (one.code, one.unknown, one.severity) == (NO_DATA, True, Severity.LOW)
    assert one.message == (
        "Whether something is known against 3 of 3 package(s) (pypi:example-server@1.0, pypi:Near_By@2, pypi:far@3) "
        "is not known: broken: Nobody there."
    )
    (one,) = await found(make_artefact)
    assert one.message.endswith("is not known: no source of advisories is configured.")


async def test_a_source_that_never_answers_is_left_behind(make_artefact: Make) -> None:
    check = Vulnerabilities(OPEN, sources=[Silent()], clock=FakeClock(), patience=0.01)
    (one,) = await check.examine(artefact_of(make_artefact))
    assert one.message.endswith("silent: it did not answer within 0.01 seconds.")


async def test_one_source_that_knows_is_enough_and_what_an_incomplete_one_says_still_counts(
    make_artefact: Make,
) -> None:
    incomplete = Answer(advisories=(advisory(Severity.HIGH),), unknown="half of it is missing")
    assert await found(make_artefact, Broken(), Source({}, name="knows")) == []
    findings = await found(make_artefact, Source({"example-server": incomplete}))
    assert [one.code for one in findings] == ["GHSA-1", NO_DATA]
    assert "1 of 3" in findings[1].message


async def test_old_data_is_pointed_out(make_artefact: Make) -> None:
    month = Answer(as_of=START - timedelta(days=31))
    (one,) = await found(make_artefact, Source({"far": month, "Near_By": Answer(as_of=START - timedelta(days=40))}))
    assert (one.code, one.severity) == (OLD_DATA, Severity.LOW)
    assert one.message == "The advisories of source are 31 days old; the newest is of 2025-12-01."
    assert await found(make_artefact, Source({"far": Answer(as_of=START - timedelta(days=29))})) == []


async def test_a_package_that_does_not_say_what_it_asks_for_counts_everything_as_direct(make_artefact: Make) -> None:
    members = await closure(make_artefact({}, dependencies=[OWN, FAR]))
    assert [(str(member.package), member.relation) for member in members] == [
        ("pypi:example-server@1.0", Relation.ITSELF),
        ("pypi:far@3", Relation.DIRECT),
    ]


async def test_another_version_of_the_package_itself_is_asked_about_too(make_artefact: Make) -> None:
    older = Dependency(name="example-server", version="0.9", hashes=("h",))
    members = await closure(make_artefact({}, dependencies=[OWN, older]))
    assert [str(member.package) for member in members] == ["pypi:example-server@1.0", "pypi:example-server@0.9"]


async def test_local_servers_have_nothing_to_ask_about(make_artefact: Make) -> None:
    artefact = make_artefact(package="file:/srv/a.py")
    assert await Vulnerabilities(OPEN, sources=[], clock=FakeClock()).examine(artefact) == ()

"""One candidate or many: the first that proves itself is kept, what fails leaves nothing, a trial keeps nothing."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from vsm_mcp.acquisition.acquisition import Acquisition
from vsm_mcp.acquisition.attempt import WayIn
from vsm_mcp.acquisition.discovery.discovery import MCPDiscovery
from vsm_mcp.acquisition.discovery.source import Listing
from vsm_mcp.acquisition.discovery.sources.shelf import Shelf
from vsm_mcp.acquisition.installation.ecosystems.ecosystem import Ecosystem
from vsm_mcp.acquisition.installation.ecosystems.file import FileEcosystem
from vsm_mcp.acquisition.installation.ecosystems.memory import MemoryEcosystem
from vsm_mcp.acquisition.installation.installer import Installer
from vsm_mcp.acquisition.installation.journal import Journal
from vsm_mcp.acquisition.installation.rollback import Rollback
from vsm_mcp.acquisition.installation.store import PackageStore
from vsm_mcp.acquisition.report import Fate, PlannedServer
from vsm_mcp.acquisition.terms import Terms
from vsm_mcp.acquisition.verification import Verifier
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.vetting import Vetting
from vsm_mcp.errors import (
    AcquisitionError,
    InstallationError,
    IntegrityError,
    NeedsConfigurationError,
    PolicyError,
    RollbackError,
    UnconfiguredError,
    VerificationError,
    VettingError,
)
from vsm_mcp.model.proof import Probe
from vsm_mcp.model.server import Artefact, Candidate, Dependency, PackageRef, Proven, Resolution, Rung, Variable
from vsm_mcp.sandbox.egress.rules import Egress
from vsm_mcp.testing.servers import HOSTILE, make_spawner, memory_server
from vsm_mcp.testing.world import FakeClock
from vsm_mcp.world.files import LocalFiles


def echo(text: str) -> str:
    """Say it again."""
    return f"You said {text}"


def broken(text: str) -> str:
    """Fail."""
    return f"Error: {text} is too much"


def unset(text: str) -> str:
    """Want a key."""
    return f"Error: the environment variable DEMO_API_KEY is required{text[:0]}"


def vague(text: str) -> str:
    """Want a key, and not say which."""
    return f"Missing API key{text[:0]}"


async def agree(_: PlannedServer) -> None:
    """Consent to everything."""


async def refuse(plan: PlannedServer) -> None:
    """Consent to nothing."""
    raise PolicyError(f"{plan.name} was not approved.", remedies=("Approve it.",))


@dataclass(frozen=True, kw_only=True)
class Place:
    acquisition: Acquisition
    installer: Installer
    root: Path

    def traces(self) -> list[Path]:
        """What of a candidate is left on the disk."""
        parts = ("store", "staging", "servers", "manifests", "transactions")
        return [path for part in parts for path in (self.root / part).rglob("*")]


def shelf(**tools: Callable[..., object]) -> Shelf:
    offers = Shelf()
    for name, tool in tools.items():
        offers.offer(name, lambda tool=tool: memory_server({tool.__name__: tool}), summary="Says words again.")
    return offers


@asynccontextmanager
async def place(root: Path, offers: Shelf, *ecosystems: Ecosystem) -> AsyncGenerator[Place]:
    files = LocalFiles()
    rollback = Rollback(Journal(root, files), files)
    known = ecosystems or (MemoryEcosystem(), FileEcosystem(files, python=Path("/usr/bin/python3"), node=None))
    installer = Installer(known, store=PackageStore(root, files), rollback=rollback, files=files)
    policy = Policy(allow=("memory:*", "file:*"), min_release_age=timedelta(0))

    async with make_spawner(root / "work") as spawner:
        way = WayIn(
            vetting=Vetting((), policy=policy),
            installer=installer,
            rollback=rollback,
            spawner=spawner,
            verifier=Verifier(timeout=5.0),
            clock=FakeClock(),
            granted=lambda artefact: (
                Terms(egress=Egress(allow=("api.example.com",))) if artefact.candidate.name == "networked" else Terms()
            ),
        )
        yield Place(acquisition=Acquisition(discovery=MCPDiscovery((offers,)), way=way), installer=installer, root=root)


@pytest.mark.anyio
async def test_a_candidate_that_needs_settings_is_passed_over_and_told_with_what_it_lacks(tmp_path: Path) -> None:
    async with place(tmp_path, shelf(a=unset, b=echo)) as here:
        acquired = await here.acquisition.acquire("say words again", consent=agree)
    assert acquired.proven.candidate.name == "b"
    needing = next(record for record in acquired.report.candidates if record.name == "a")
    assert needing.fate is Fate.NEEDS_CONFIGURATION
    assert needing.missing == ("DEMO_API_KEY",)
    assert "env:DEMO_API_KEY" in needing.remedies[0]


@pytest.mark.anyio
async def test_when_the_best_lacks_only_settings_the_error_says_which_and_the_others_were_tried(tmp_path: Path) -> None:
    async with place(tmp_path, shelf(a=unset, b=broken)) as here:
        with pytest.raises(UnconfiguredError, match=r"a, which lacks DEMO_API_KEY") as refusal:
            await here.acquisition.acquire("say words again", consent=agree)
        assert not here.traces()
    assert (refusal.value.server, refusal.value.names) == ("a", ("DEMO_API_KEY",))
    assert "env:DEMO_API_KEY" in refusal.value.remedies[0]
    assert set(refusal.value.failures) == {"a", "b"}


@pytest.mark.anyio
async def test_when_the_best_is_broken_settings_of_another_are_a_remedy_only(tmp_path: Path) -> None:
    async with place(tmp_path, shelf(a=broken, b=unset)) as here:
        with pytest.raises(AcquisitionError, match="None of 2") as refusal:
            await here.acquisition.acquire("say words again", consent=agree)
    assert not isinstance(refusal.value, UnconfiguredError)
    assert any("env:DEMO_API_KEY" in remedy for remedy in refusal.value.remedies)


@pytest.mark.anyio
async def test_a_server_that_does_not_say_what_it_lacks_is_told_with_what_it_declares(tmp_path: Path) -> None:
    offers = Shelf()
    declared = (Variable(name="OTHER"), Variable(name="DEMO_TOKEN", secret=True))
    offers.offer_file(HOSTILE, name="keyed", arguments=("needs-credentials",), environment=declared)
    candidate = replace(Shelf().offer("vague", lambda: memory_server({"vague": vague})), environment=declared)
    async with place(tmp_path, offers) as here:
        report = await here.acquisition.try_out(candidate)
        assert (report.fate, report.missing) == (Fate.NEEDS_CONFIGURATION, ("DEMO_TOKEN",))
        with pytest.raises(NeedsConfigurationError) as refusal:
            await here.acquisition.acquire("words", consent=agree, server="keyed")
    assert refusal.value.names == ("DEMO_API_KEY",)


@pytest.mark.anyio
async def test_a_server_is_made_reachable_before_the_acquisition_ends_or_is_not_kept(tmp_path: Path) -> None:
    adopted: list[Proven] = []

    def unable(proven: Proven) -> None:
        raise VerificationError(f"{proven.candidate.name} cannot be routed.")

    offers = Shelf()
    offers.offer_file(HOSTILE, name="echoing", summary="Says words again.", arguments=("good",))
    async with place(tmp_path, offers) as here:
        with pytest.raises(VerificationError, match="cannot be routed"):
            await here.acquisition.acquire("say words again", consent=agree, server="echoing", adopt=unable)
        assert not await here.installer.committed()
        assert not list((here.root / "servers").iterdir())
        assert not list((here.root / "staging").iterdir())
        await here.acquisition.acquire("say words again", consent=agree, server="echoing", adopt=adopted.append)
        again = await here.acquisition.acquire("once more", consent=agree, server="echoing", adopt=adopted.append)
    assert [proven.candidate.name for proven in adopted] == ["echoing", "echoing"]
    assert again.proven.evidence.trials


@pytest.mark.anyio
@pytest.mark.promise("B43")
async def test_trying_out_does_everything_and_keeps_nothing(tmp_path: Path) -> None:
    offers = Shelf()
    offers.offer_file(HOSTILE, name="echoing", summary="Says words again.", arguments=("good",))
    probe = Probe(tool="echo", arguments={"text": "hello"}, accepts=lambda result: "hello" in result.text)
    async with place(tmp_path, offers) as here:
        report = await here.acquisition.try_out("echoing", probe=probe)
        assert not await here.installer.committed()
        assert not here.traces()
    assert report.works
    assert (report.reached, report.proof, report.reason) == ("verify", "satisfied", None)
    assert {"echo", "add", "pid"} <= set(report.tools)
    assert report.plan is not None
    assert report.plan.accepted
    assert report.enforcement is not None
    assert report.enforcement.confiner == "none"
    assert report.usage is not None
    assert report.start_seconds
    assert [step.stage for step in report.steps] == ["plan", "fetch", "vet", "consent", "stage", "start", "verify"]
    assert type(report).model_validate_json(report.model_dump_json()) == report


@pytest.mark.anyio
@pytest.mark.promise("B43", "A40")
@pytest.mark.parametrize(
    ("fault", "fate", "reached", "why"),
    [
        ("exit-at-once", Fate.FAILED, "start", "did not come up"),
        ("needs-credentials", Fate.NEEDS_CONFIGURATION, "start", "DEMO_API_KEY"),
        ("needs-credentials-in-call", Fate.NEEDS_CONFIGURATION, "verify", "DEMO_API_KEY"),
        ("poisoned", Fate.REFUSED, "verify", "not accepted"),
        ("lying", Fate.FAILED, "verify", "Unknown tool"),
    ],
)
async def test_trying_out_a_server_that_does_not_work_tells_how_far_it_came(
    tmp_path: Path, *, fault: str, fate: Fate, reached: str, why: str
) -> None:
    offers = Shelf()
    offers.offer_file(HOSTILE, name="hostile", summary="Says words again.", arguments=(fault,))
    async with place(tmp_path, offers) as here:
        report = await here.acquisition.try_out("hostile")
        assert not here.traces()
    assert not report.works
    assert (report.fate, report.reached) == (fate, reached)
    assert why in (report.reason or "")
    assert report.remedies
    assert (report.missing == ("DEMO_API_KEY",)) is (fate is Fate.NEEDS_CONFIGURATION)
    assert bool(report.findings) is (fault == "poisoned")


@pytest.mark.anyio
async def test_trying_out_asks_who_has_a_say(tmp_path: Path) -> None:
    async with place(tmp_path, shelf(a=echo)) as here:
        assert (await here.acquisition.try_out("a")).works
        report = await here.acquisition.try_out("a", consent=refuse)
        assert (report.fate, report.reached) == (Fate.REFUSED, "consent")
        unknown = Candidate(name="x", source="test", package=PackageRef(ecosystem="pypi", name="x"))
        screened = await here.acquisition.try_out(unknown)
    assert (screened.fate, screened.reached, screened.plan) == (Fate.REFUSED, "screen", None)


@pytest.mark.anyio
async def test_who_consents_sees_the_hosts_that_are_granted(tmp_path: Path) -> None:
    seen: list[PlannedServer] = []

    async def look(plan: PlannedServer) -> None:
        seen.append(plan)

    async with place(tmp_path, shelf(networked=echo)) as here:
        await here.acquisition.acquire("say words again", consent=look)
        plan = await here.acquisition.plan("say words again")
    assert seen[0].granted == plan.servers[0].granted == ("api.example.com:443",)
    assert "granted: api.example.com:443" in str(seen[0])


class Lying(MemoryEcosystem):
    """An ecosystem whose answers are changed on their way."""

    def __init__(
        self,
        *,
        resolved: Callable[[Resolution], Resolution] = lambda resolution: resolution,
        fetched: Callable[[Resolution], Resolution] = lambda resolution: resolution,
    ) -> None:
        self.resolved = resolved
        self.fetched = fetched

    async def resolve(self, package: PackageRef, *, rung: Rung) -> Resolution:
        return self.resolved(await super().resolve(package, rung=rung))

    async def fetch(self, candidate: Candidate, resolution: Resolution, *, into: Path) -> Artefact:
        return await super().fetch(candidate, self.fetched(resolution), into=into)


OTHER = PackageRef(ecosystem="memory", name="other", version="9")


@pytest.mark.anyio
@pytest.mark.promise("A40")
@pytest.mark.parametrize(
    ("ecosystem", "why", "stage"),
    [
        (Lying(resolved=lambda one: replace(one, package=OTHER)), "the registry answered with memory:other@9", "plan"),
        (Lying(fetched=lambda one: replace(one, integrity="sha256:00")), "changed between plan and fetch", "fetch"),
        (Lying(fetched=lambda one: replace(one, lock="other")), "changed between plan and fetch", "fetch"),
        (Lying(fetched=lambda one: replace(one, package=OTHER)), "changed between plan and fetch", "fetch"),
    ],
)
async def test_a_registry_that_changes_its_mind_is_refused_and_nothing_is_left(
    tmp_path: Path, *, ecosystem: Lying, why: str, stage: str
) -> None:
    async with place(tmp_path, shelf(a=echo), ecosystem) as here:
        with pytest.raises(IntegrityError, match=why):
            await here.acquisition.acquire("say words again", consent=agree, server="a")
        assert not here.traces()
        report = await here.acquisition.try_out("a")
        assert (report.fate, report.reached) == (Fate.REFUSED, stage)
        (planned,) = (await here.acquisition.plan("say words again", server="a")).servers
        assert (planned.accepted, why in planned.reasons[0]) == (False, True)
        with pytest.raises(AcquisitionError, match="None of 1") as refusal:
            await here.acquisition.acquire("say words again", consent=agree)
    assert why in refusal.value.failures["a"]


class Frail:
    """Makes servers of which the first ones die at their start."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths

    def make(self) -> object:
        self.deaths -= 1
        if self.deaths >= 0:
            raise RuntimeError("It is not what it was.")
        return memory_server({"echo": echo})


DATED = Lying(resolved=lambda one: replace(one, released=datetime(2025, 4, 25, tzinfo=UTC)))


@pytest.mark.anyio
@pytest.mark.parametrize("keep", [True, False])
async def test_a_server_that_dies_at_its_start_is_resolved_anew_and_consent_is_asked_once_per_plan(
    tmp_path: Path, *, keep: bool
) -> None:
    asked: list[str] = []

    async def ask(plan: PlannedServer) -> None:
        asked.append(plan.name)

    offers = Shelf()
    offers.offer("frail", Frail(1).make, summary="Says words again.")
    async with place(tmp_path, offers, DATED) as here:
        if keep:
            report = (await here.acquisition.acquire("say words again", consent=ask)).report
            assert report.rung == "as of its release on 2025-04-25"
        else:
            trial = await here.acquisition.try_out("frail", consent=ask)
            assert (trial.works, trial.steps[-1].rung) == (True, "as of its release on 2025-04-25")
            assert not here.traces()
    assert asked == ["frail"]


@pytest.mark.anyio
async def test_a_server_that_dies_on_every_rung_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    offers = Shelf()
    offers.offer("frail", Frail(9).make, summary="Says words again.")
    async with place(tmp_path, offers, DATED) as here:
        with pytest.raises(VerificationError, match="frail"):
            await here.acquisition.acquire("say words again", consent=agree, server="frail")
        assert not here.traces()


@pytest.mark.anyio
async def test_a_server_of_the_store_that_does_not_start_any_more_is_refused(tmp_path: Path) -> None:
    frail = Frail(0)
    offers = Shelf()
    offers.offer("frail", frail.make, summary="Says words again.")
    async with place(tmp_path, offers, DATED) as here:
        await here.acquisition.acquire("say words again", consent=agree)
        frail.deaths = 9
        with pytest.raises(VerificationError, match="frail"):
            await here.acquisition.acquire("say words again", consent=agree, server="frail")


@pytest.mark.anyio
async def test_a_server_that_the_policy_does_not_name_is_passed_over_without_a_look(tmp_path: Path) -> None:
    stranger = Candidate(
        name="stranger",
        source="test",
        package=PackageRef(ecosystem="pypi", name="stranger"),
        summary="Says words again.",
    )

    class Strangers(Shelf):
        """A shelf with somebody else's server on it."""

        async def listing(self, known: Listing | None, /) -> Listing:
            return Listing(candidates=(*(await super().listing(known)).candidates, stranger))

    offers = Strangers()
    async with place(tmp_path, offers) as here:
        plan = await here.acquisition.plan("say words again")
        assert [(server.name, server.accepted) for server in plan.servers] == [("stranger", False)]
        assert here.acquisition.refuses(stranger)
        with pytest.raises(AcquisitionError, match="None of 1"):
            await here.acquisition.acquire("say words again", consent=agree)
        offers.offer("a", lambda: memory_server({"echo": echo}), summary="Says words again.")
        report = (await here.acquisition.acquire("say words again", consent=agree)).report
    assert {record.name: record.fate for record in report.candidates} == {"a": Fate.TAKEN, "stranger": Fate.REFUSED}


@pytest.mark.anyio
async def test_a_package_that_cannot_be_resolved_is_planned_as_refused_with_the_reason(tmp_path: Path) -> None:
    def fail(resolution: Resolution) -> Resolution:
        raise InstallationError(f"{resolution.package} is not there.")

    async with place(tmp_path, shelf(a=echo), Lying(resolved=fail)) as here:
        plan = await here.acquisition.plan("say words again")
    assert plan.servers[0].reasons == ("memory:a is not there.",)


@pytest.mark.anyio
async def test_an_acquisition_that_is_cancelled_while_it_is_proven_leaves_nothing(tmp_path: Path) -> None:
    started = anyio.Event()

    async def endless(text: str) -> str:
        """Never answer."""
        started.set()
        await anyio.sleep_forever()
        return text

    async with place(tmp_path, shelf(a=endless)) as here, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: here.acquisition.try_out("a"))
        await started.wait()
        tasks.cancel_scope.cancel()
    assert not here.traces()


@pytest.mark.anyio
async def test_all_probes_of_a_list_must_hold_on_the_whole_way(tmp_path: Path) -> None:
    good = Probe(tool="echo", arguments={"text": "x"}, accepts=lambda result: "x" in result.text)
    bad: Sequence[Probe] = (good, Probe(tool="echo", arguments={"text": "x"}, accepts=lambda _: False))
    async with place(tmp_path, shelf(a=echo)) as here:
        acquired = await here.acquisition.acquire("say words again", consent=agree, probe=[good, good])
        assert len(acquired.report.trials) == 2
        with pytest.raises(VerificationError, match="not what was wanted"):
            await here.acquisition.acquire("say words again", consent=agree, server="a", probe=bad)


def later(**differs: object) -> Lying:
    """Answer to a repair with something else than at first."""

    def resolved(one: Resolution) -> Resolution:
        dated = replace(one, released=datetime(2025, 4, 25, tzinfo=UTC), package=replace(one.package, version="1.0.0"))
        return dated if one.rung.name == "as published" else replace(dated, **differs)  # type: ignore[arg-type]

    return Lying(resolved=resolved)


FIRST, SECOND = Dependency(name="fastmcp", version="1"), Dependency(name="fastmcp", version="2")


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("differs", [{"lock": "other"}, {"integrity": "sha256:00"}, {"dependencies": (FIRST, SECOND)}])
async def test_a_repair_that_would_install_something_else_is_asked_about_anew(
    tmp_path: Path, differs: dict[str, object]
) -> None:
    asked: list[PlannedServer] = []

    async def ask(plan: PlannedServer) -> None:
        asked.append(plan)
        if len(asked) == 2:
            raise PolicyError(f"{plan.name} was not approved.")

    offers = Shelf()
    offers.offer("frail", Frail(1).make, summary="Says words again.")
    async with place(tmp_path, offers, later(**differs)) as here:
        with pytest.raises(PolicyError):
            await here.acquisition.acquire("say words again", consent=ask, server="frail")
        assert not here.traces()
        assert not await here.installer.committed()
    assert [plan.package for plan in asked] == ["memory:frail@1.0.0"] * 2
    if "dependencies" in differs:
        assert asked[1].diff.splitlines() == ["+ fastmcp@1", "+ fastmcp@2"]


@pytest.mark.anyio
@pytest.mark.security
async def test_a_repair_is_of_the_version_that_was_consented_to_and_of_no_other(tmp_path: Path) -> None:
    asked: list[str] = []

    async def ask(plan: PlannedServer) -> None:
        asked.append(plan.package)

    offers = Shelf()
    offers.offer("frail", Frail(1).make, summary="Says words again.")
    newer = PackageRef(ecosystem="memory", name="frail", version="6.6.6")
    async with place(tmp_path, offers, later(package=newer)) as here:
        with pytest.raises(IntegrityError, match=r"frail@1.0.0, and the registry answered with memory:frail@6.6.6"):
            await here.acquisition.acquire("say words again", consent=ask, server="frail")
        assert not here.traces()
    assert asked == ["memory:frail@1.0.0"]


@pytest.mark.anyio
async def test_what_nobody_expected_of_one_candidate_does_not_keep_the_others_from_being_tried(tmp_path: Path) -> None:
    def odd(one: Resolution) -> Resolution:
        if one.package.name in {"a", "b"}:
            raise KeyError(one.package.name)
        return one

    async with place(tmp_path, shelf(a=echo, b=echo, c=echo), Lying(resolved=odd)) as here:
        plan = await here.acquisition.plan("say words again")
        assert {server.accepted for server in plan.servers} == {True, False}
        taken = (await here.acquisition.acquire("say words again", consent=agree)).report
        told = next(record for record in taken.candidates if record.name == "a")
        assert (told.fate, told.reason) == (Fate.FAILED, "An unexpected KeyError came up: 'a'.")
        with pytest.raises(KeyError):
            await here.acquisition.acquire("say words again", consent=agree, server="a")
    async with place(tmp_path / "other", shelf(a=echo, b=echo), Lying(resolved=odd)) as here:
        with pytest.raises(AcquisitionError, match="None of 2") as refusal:
            await here.acquisition.acquire("say words again", consent=agree)
        assert not here.traces()
    assert set(refusal.value.failures) == {"a", "b"}
    assert isinstance(refusal.value.__cause__, KeyError)
    assert refusal.value.__cause__.__notes__ == ["Another candidate failed with KeyError: 'b'"]


@pytest.mark.anyio
async def test_what_could_not_be_undone_is_told_at_once(tmp_path: Path) -> None:
    def stuck(one: Resolution) -> Resolution:
        raise RollbackError(f"{one.package} could not be undone.")

    async with place(tmp_path, shelf(a=echo, b=echo), Lying(resolved=stuck)) as here:
        with pytest.raises(RollbackError, match="memory:a could not be undone"):
            await here.acquisition.acquire("say words again", consent=agree)
        with pytest.raises(RollbackError):
            await here.acquisition.plan("say words again")


@pytest.mark.anyio
async def test_an_undo_that_failed_is_told_at_once_wherever_it_is_in_a_group(tmp_path: Path) -> None:
    def stuck(one: Resolution) -> Resolution:
        undone = ExceptionGroup("", [RollbackError(f"{one.package} could not be undone.")])
        raise ExceptionGroup("several", [KeyError("first"), undone])

    async with place(tmp_path, shelf(a=echo, b=echo), Lying(resolved=stuck)) as here:
        with pytest.raises(ExceptionGroup, match="several"):
            await here.acquisition.acquire("say words again", consent=agree)


class Versions(Shelf):
    """A shelf whose server "a" is offered in a version, and under a name, of its own each time."""

    version = "1"
    called = "a"

    async def listing(self, known: Listing | None, /) -> Listing:
        found = (await super().listing(known)).candidates
        return Listing(
            candidates=tuple(
                replace(one, name=self.called, package=replace(one.package, version=self.version))
                if one.name == "a"
                else one
                for one in found
            )
        )


def versions(*names: str) -> Versions:
    offers = Versions()
    for name in names:
        offers.offer(name, lambda: memory_server({"echo": echo}), summary="Says words again.")
    return offers


async def held_in(here: Place) -> list[str]:
    return [str(one.installed.vetted.artefact.resolution.package) for one in await here.installer.committed()]


@pytest.mark.anyio
@pytest.mark.security
async def test_another_version_of_what_is_held_comes_by_an_upgrade_and_not_by_an_acquisition(tmp_path: Path) -> None:
    offers = versions("a")
    async with place(tmp_path, offers) as here:
        await here.acquisition.acquire("say words again", consent=agree)
        offers.version = "2"
        with pytest.raises(VettingError, match=r"a is held already as memory:a@1, and this is memory:a@2\.") as refusal:
            await here.acquisition.acquire("say words once more", consent=agree, server="memory:a@2")
        assert await held_in(here) == ["memory:a@1"]
        offers.version = "1"
        await here.acquisition.acquire("say words once more", consent=agree, server="memory:a@1")
    assert any("upgrade(['a'])" in remedy for remedy in refusal.value.remedies)


@pytest.mark.anyio
@pytest.mark.security
@pytest.mark.parametrize("server", [None, "a"])
async def test_a_newer_version_in_the_lists_lets_nobody_else_in_for_what_the_held_one_can_do(
    tmp_path: Path, server: str | None
) -> None:
    offers = versions("a", "stranger")
    async with place(tmp_path, offers) as here:
        await here.acquisition.acquire("say words again", consent=agree, server="a")
        offers.version = "2"
        acquired = await here.acquisition.acquire("say words once more", consent=refuse, server=server)
        assert acquired.proven.candidate.name == "a"
        assert await held_in(here) == ["memory:a@1"]
        (record,) = await here.installer.records()
        assert record.needs == ("say words again", "say words once more")


@pytest.mark.anyio
@pytest.mark.security
async def test_a_package_that_is_held_does_not_come_again_under_another_name(tmp_path: Path) -> None:
    offers = versions("a")
    async with place(tmp_path, offers) as here:
        await here.acquisition.acquire("say words again", consent=agree)
        offers.version, offers.called = "2", "alias"
        with pytest.raises(VettingError, match="memory:a@2 is held already as a") as refusal:
            await here.acquisition.acquire("say words once more", consent=agree, server="alias")
        assert await held_in(here) == ["memory:a@1"]
    assert any("release_capability('a')" in remedy for remedy in refusal.value.remedies)

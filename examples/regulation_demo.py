"""A week of shifting demand, met by three systems that differ in one thing: which server they acquire next.

    python examples/regulation_demo.py                  a week, three policies side by side
    python examples/regulation_demo.py --plot week.png  the same, with a figure

The first system acquires what its System 4 proposes: the server that is expected to add the most to the share of demand
it absorbs, by measured demand, times the probability that acquiring it succeeds. The second acquires the most popular
server that it does not hold, the third any. All three meet the same demand over the same fleet, regulate at the same
moments, and may acquire one server at each of them. Servers, acquisitions and calls are real, in this process; only the
clock is scripted.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from random import Random

import anyio

from regulation_fleet import Fleet, Offering, ScriptedClock, make_demand, make_fleet
from vsm_mcp import Autonomy, Operation, Settings, ViableSystem, VSMError, World
from vsm_mcp.events import CapabilityReleased, Event
from vsm_mcp.settings.settings import Confinement
from vsm_mcp.systems.regulation import Regulation

DAY = timedelta(days=1)
BARS = "▁▂▃▄▅▆▇█"
Choose = Callable[[Sequence[Offering]], Offering]


class Policy(StrEnum):
    """What decides which server is acquired next."""

    GAIN = "measured gain"
    POPULAR = "most popular"
    RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much happens: operations and cycles of regulation are spread evenly over the days."""

    seed: int
    days: int
    operations_a_day: int
    cycles_a_day: int

    @property
    def cycles(self) -> int:
        """How many stretches of demand there are; between two of them the systems regulate."""
        return self.days * self.cycles_a_day

    @property
    def stretch(self) -> int:
        """How many operations there are in each."""
        return self.operations_a_day // self.cycles_a_day

    @property
    def operations(self) -> int:
        """How many operations there are in all."""
        return self.cycles * self.stretch


@dataclass(slots=True, kw_only=True)
class Course:
    """How one system fared.

    Attributes:
        policy: What it acquires by.
        stretch: How many operations there are between two cycles.
        lost: How many of them were not absorbed, for each stretch.
        held: How many servers it holds.
        failed: How many acquisitions failed.
        released: How many servers it let go.
    """

    policy: Policy
    stretch: int
    lost: list[int] = field(default_factory=list[int])
    held: int = 0
    failed: int = 0
    released: int = 0

    @property
    def share(self) -> float:
        """The share of all demand that was lost."""
        return sum(self.lost) / (len(self.lost) * self.stretch)

    def daily(self, cycles_a_day: int) -> list[float]:
        """Return the share of demand that was lost, day by day."""
        days = (self.lost[start : start + cycles_a_day] for start in range(0, len(self.lost), cycles_a_day))
        return [sum(day) / (len(day) * self.stretch) for day in days]

    def hear(self, event: Event, /) -> None:
        """Count what is let go."""
        self.released += isinstance(event, CapabilityReleased)


class Week:
    """One system through the week.

    Args:
        vsm: The system, entered.
        clock: Its clock.
        course: Gets how it fares.
        offerings: What there is to acquire.
        choose: Chooses among them; without it, System 4 does.
    """

    def __init__(
        self,
        vsm: ViableSystem,
        clock: ScriptedClock,
        course: Course,
        *,
        offerings: Sequence[Offering],
        choose: Choose | None,
    ) -> None:
        """Begin on Monday."""
        self._vsm = vsm
        self._clock = clock
        self._offerings = offerings
        self._choose = choose
        self._given_up: set[str] = set()
        self.course = course

    async def work(self, operations: Sequence[Operation], *, each: timedelta) -> None:
        """Do a stretch of work. What is missing is only recorded here: acquiring is left to the cycles."""
        lost = 0
        for operation in operations:
            self._clock.advance(each)
            try:
                await self._vsm.parts.system1.execute(operation)
            except VSMError:
                lost += 1
        self.course.lost.append(lost)

    async def regulate(self) -> None:
        """Run one cycle, in which one server may be acquired: by System 4, or by whoever chooses instead."""
        mine = self._choose is None
        report = await Regulation(self._vsm.parts.organs, budget=int(mine)).tick()
        if mine:
            self.course.failed += 1 - report.budget_left - len(report.acquired)
        else:
            await self._acquire()
        self.course.held = len(self._held())

    async def _acquire(self) -> None:
        known = self._held() | self._given_up
        others = [one for one in self._offerings if one.name not in known]
        if self._choose is None or not others:
            return
        chosen = self._choose(others)
        try:
            await self._vsm.acquire_capability(chosen.kinds[0], chosen.name)
        except VSMError:
            self._given_up.add(chosen.name)
            self.course.failed += 1

    def _held(self) -> set[str]:
        return {server.name for server in self._vsm.status().servers}


def main() -> int:
    """Run the comparison."""
    options = _parse()
    logging.getLogger("mcp").setLevel(logging.ERROR)  # tools that fail are part of the story, and are counted
    plans = [_plan(options.seed + run, days=options.days, quick=options.quick) for run in range(options.runs)]
    tell = partial(print, flush=True, file=sys.stderr if options.json else sys.stdout)
    try:
        results = [anyio.run(partial(compare, plan, tell=tell)) for plan in plans]
    except VSMError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps([as_json(plan, courses) for plan, courses in zip(plans, results, strict=True)]))
    if options.plot is not None:
        tell(draw(plans[-1], results[-1], options.plot))
    return 0


async def compare(plan: Plan, *, tell: Callable[[str], None]) -> list[Course]:
    """Lead one system per policy through the same week, side by side, and tell of it."""
    fleet = make_fleet(_chance(plan, "fleet"))
    demand = make_demand(fleet.kinds, _chance(plan, "demand"), count=plan.operations)
    tell(_setting(plan, fleet, demand))
    async with AsyncExitStack() as life:
        weeks = [await _enter(life, plan, fleet, policy=policy) for policy in Policy]
        for cycle in range(plan.cycles):
            operations = demand[cycle * plan.stretch : (cycle + 1) * plan.stretch]
            for week in weeks:
                if cycle:
                    await week.regulate()
                await week.work(operations, each=DAY / plan.operations_a_day)
            if (cycle + 1) % plan.cycles_a_day == 0:
                tell(_told(plan, [week.course for week in weeks]))
    courses = [week.course for week in weeks]
    tell("\n".join((*table(plan, courses), *chart(courses))))
    return courses


def table(plan: Plan, courses: Sequence[Course]) -> list[str]:
    """Return the figures, one line per policy."""
    days = "".join(f"{f'day {day + 1}':>7}" for day in range(plan.days))
    lines = ["", f"{'demand lost':<14}{'week':>7}{days}{'held':>6}{'failed':>8}{'released':>10}"]
    for course in courses:
        daily = "".join(f"{share:>7.1%}" for share in course.daily(plan.cycles_a_day))
        counts = f"{course.held:>6}{course.failed:>8}{course.released:>10}"
        lines.append(f"{course.policy:<14}{course.share:>7.1%}{daily}{counts}")
    return [*lines, "held: servers at the end; failed: acquisitions that failed; released: servers that were let go"]


def chart(courses: Sequence[Course]) -> list[str]:
    """Return one bar per stretch of demand and policy: the higher, the more was lost."""
    lines = ["", "demand lost over time, from nothing (▁) to all (█); | is a cycle of regulation"]
    for course in courses:
        places = (round(lost / course.stretch * (len(BARS) - 1)) for lost in course.lost)
        lines.append(f"{course.policy:<14}{'|'.join(BARS[place] * 2 for place in places)}")
    return lines


def draw(plan: Plan, courses: Sequence[Course], path: Path) -> str:
    """Write a figure to ``path``, if there is what it takes; say what became of it."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - only for those who want a figure
    except ImportError:
        return f"No figure was written to {path}: matplotlib is not installed (pip install matplotlib)."
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    days = [place / plan.cycles_a_day for place in range(plan.cycles + 1)]
    for course in courses:
        shares = [lost / course.stretch for lost in course.lost]
        name = f"{course.policy} ({course.share:.0%} lost)"
        axes.stairs(shares, days, baseline=None, label=name)  # pyright: ignore[reportUnknownMemberType]
    axes.set(xlabel="day", ylabel="share of demand lost", ylim=(0, 1.02))
    axes.legend()  # pyright: ignore[reportUnknownMemberType]
    try:
        figure.savefig(path)  # pyright: ignore[reportUnknownMemberType]
    except (OSError, ValueError) as error:  # no such directory, or no such kind of figure
        return f"No figure was written to {path}: {error}."
    return f"The figure is in {path}."


def as_json(plan: Plan, courses: Sequence[Course]) -> dict[str, object]:
    """Return the figures for programs."""
    return {
        "seed": plan.seed,
        "operations": plan.operations,
        "policies": {
            course.policy.value: {
                "lost_share": course.share,
                "daily": course.daily(plan.cycles_a_day),
                "held": course.held,
                "failed": course.failed,
                "released": course.released,
            }
            for course in courses
        },
    }


async def _enter(life: AsyncExitStack, plan: Plan, fleet: Fleet, *, policy: Policy) -> Week:
    """Enter a system with a state directory and a clock of its own."""
    clock, course = ScriptedClock(), Course(policy=policy, stretch=plan.stretch)
    settings = Settings(
        log_level="error",  # what is lost, and that it hurts, is what this shows anyway
        state=Path(life.enter_context(tempfile.TemporaryDirectory(prefix="vsm_mcp-"))),
        autonomy=Autonomy.AUTO,
        allow=("memory:*",),
        sandbox=Confinement.NONE,  # all servers are objects of this process, so there is no process to confine
        most_servers=len(fleet.offerings),
        retry_failed_after=2 * DAY,
    )
    vsm = ViableSystem(
        settings,
        sources=fleet.sources(),
        world=World(clock=clock, random=_chance(plan, "world")),
        emit=course.hear,
    )
    await life.enter_async_context(vsm)
    return Week(vsm, clock, course, offerings=fleet.offerings, choose=_chooser(policy, plan))


def _chooser(policy: Policy, plan: Plan) -> Choose | None:
    match policy:
        case Policy.GAIN:
            return None
        case Policy.POPULAR:
            return partial(max, key=_popularity)
        case Policy.RANDOM:
            return _chance(plan, "policy").choice


def _popularity(offering: Offering) -> int:
    return offering.popularity


def _chance(plan: Plan, purpose: str) -> Random:
    """Return a source of chance of its own for each purpose, the same for all policies."""
    return Random(f"{purpose} {plan.seed}")  # noqa: S311 - a simulation is to be repeatable


def _setting(plan: Plan, fleet: Fleet, demand: Sequence[Operation]) -> str:
    served = fleet.served()
    possible = sum(operation.kind in served for operation in demand) / len(demand)
    return (
        f"\nSeed {plan.seed}: {len(fleet.offerings)} servers on offer, {len(demand)} operations of "
        f"{len({operation.kind for operation in demand})} kinds in {plan.days} days; some server on offer can do "
        f"{possible:.0%} of them."
    )


def _told(plan: Plan, courses: Sequence[Course]) -> str:
    """Tell of the day that has just passed."""
    day = len(courses[0].lost) // plan.cycles_a_day
    fared = ", ".join(
        f"{course.policy} {course.daily(plan.cycles_a_day)[-1]:.0%} with {course.held} servers" for course in courses
    )
    return f"day {day}: lost {fared}"


class _Options(argparse.Namespace):
    seed: int
    runs: int
    days: int | None
    quick: bool
    json: bool
    plot: Path | None


def _parse() -> _Options:
    parser = argparse.ArgumentParser(description="Which server to acquire next: three policies, one week of demand.")
    parser.add_argument("--seed", type=int, default=1, help="of the fleet and of the week (default: 1)")
    parser.add_argument("--runs", type=_positive, default=1, help="how many weeks, each with the next seed")
    parser.add_argument("--days", type=_positive, help="how many days (default: 7; quick: 4)")
    parser.add_argument("--quick", action="store_true", help="fewer days with less demand")
    parser.add_argument("--json", action="store_true", help="write figures for programs; the rest goes to stderr")
    parser.add_argument("--plot", type=Path, help="also write a figure to this file (takes matplotlib)")
    return parser.parse_args(namespace=_Options())


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _plan(seed: int, *, days: int | None, quick: bool) -> Plan:
    usual, operations_a_day = (4, 120) if quick else (7, 360)
    return Plan(seed=seed, days=days or usual, operations_a_day=operations_a_day, cycles_a_day=3)


if __name__ == "__main__":
    sys.exit(main())

"""Makes the bundled catalogue: installs and starts every server of catalogue.toml and records what it offers.

Only what started is marked as proven; a server that says that it lacks settings is marked so; every other one is left
out, and the reason is printed. One that is listed as untried is told with what its publisher says of it, as long as its
package cannot be had. Servers that are not chosen keep the entry that they have, in the words of the list.
"""

import argparse
import fnmatch
import json
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import anyio
from pydantic import AfterValidator, BaseModel, Field

from catalogue_bench import Answer, Bench, make_bench
from vsm_mcp.errors import StartError, VSMError
from vsm_mcp.model.server import Candidate, PackageRef, Readiness
from vsm_mcp.world.clock import SystemClock

ROOT = Path(__file__).resolve().parents[1]
LISTED = ROOT / "scripts" / "catalogue.toml"
OUTPUT = ROOT / "src" / "vsm_mcp" / "acquisition" / "discovery" / "sources" / "catalogue.json"
LARGEST_OUTPUT = 200 * 1024
MOST_JOBS = 2
UNTRIED = "untried: its package cannot be had where this list is tried"

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|DSN|URI")


class Setting(BaseModel, frozen=True, extra="forbid"):
    """A variable that a server reads.

    ``default`` is what it is set to when its user gives nothing; ``example`` lets the server start far enough to tell
    its tools.
    """

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    required: bool = False
    secret: bool = False
    default: str | None = Field(default=None, exclude_if=lambda given: given is None)
    example: str = Field(default="", exclude=True)


def _package(text: str) -> str:
    try:
        package = PackageRef.parse(text)
    except VSMError as error:
        raise ValueError(error.message) from error
    if package.version is not None:
        raise ValueError(f"{text} must not name a version")
    return text


class Untried(BaseModel, frozen=True, extra="forbid"):
    """What the publisher of a server says of it, while its package cannot be had."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    repository: str
    tools: tuple[str, ...] = ()


class Listed(BaseModel, frozen=True, extra="forbid"):
    """A server as catalogue.toml lists it."""

    package: Annotated[str, AfterValidator(_package)]
    title: str = Field(min_length=2, max_length=60)
    summary: str = Field(min_length=20, max_length=300, pattern=r"\.$")
    category: tuple[str, ...] = Field(min_length=1)
    publisher: str = Field(min_length=1)
    arguments: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    environment: tuple[Setting, ...] = ()
    untried: Untried | None = None

    @property
    def ref(self) -> PackageRef:
        """The package."""
        return PackageRef.parse(self.package)


class Entry(BaseModel, frozen=True, extra="forbid"):
    """A server as the catalogue tells it."""

    name: str
    package: str
    version: str
    title: str
    summary: str
    category: tuple[str, ...]
    publisher: str
    tools: tuple[str, ...]
    environment: tuple[Setting, ...]
    egress: tuple[str, ...]
    arguments: tuple[str, ...]
    repository: str
    readiness: Readiness
    ownership: bool
    note: str


class Catalogue(BaseModel, frozen=True, extra="forbid"):
    """The whole file."""

    generated: str
    servers: tuple[Entry, ...] = ()


def read_list(text: str) -> tuple[Listed, ...]:
    """Return the servers that a catalogue.toml lists.

    Raises:
        ValueError: It is not TOML, an entry is wrong, or a package is listed twice.
    """
    told = tomllib.loads(text)
    listed = tuple(Listed.model_validate(one) for one in told.pop("server", ()))
    packages = [one.package for one in listed]
    twice = {package for package in packages if packages.count(package) > 1}
    if told or twice:
        raise ValueError(f"unknown tables {sorted(told)}, listed twice {sorted(twice)}")
    return listed


def written(catalogue: Catalogue) -> str:
    """Return the text of the catalogue: one server a line, sorted by package."""
    entries = sorted(catalogue.servers, key=lambda entry: entry.package)
    lines = [json.dumps(entry.model_dump(mode="json"), ensure_ascii=False) for entry in entries]
    body = ",\n".join(lines)
    text = f'{{"generated": {json.dumps(catalogue.generated)}, "servers": [\n{body}\n]}}\n'
    if len(text.encode()) > LARGEST_OUTPUT:
        raise ValueError(f"the catalogue has {len(text.encode())} bytes, more than {LARGEST_OUTPUT}")
    return text


def merged(listed: Sequence[Setting], lacks: Sequence[str]) -> tuple[Setting, ...]:
    """Return the variables of a server: as listed; when none of them is required, also what it said it lacks."""
    known = {setting.name for setting in listed}
    if any(setting.required for setting in listed):
        return tuple(listed)
    more = [Setting(name=name, required=True, secret=bool(_SECRET.search(name))) for name in lacks if name not in known]
    return tuple(
        setting.model_copy(update={"required": True}) if setting.name in lacks else setting for setting in listed
    ) + tuple(more)


def entry_of(listed: Listed, answer: Answer, *, repository: str) -> Entry:
    """Return what the catalogue says of a server that was tried."""
    package, ownership = answer.resolution.package, answer.resolution.ownership
    return Entry(
        name=ownership or package.name,
        package=listed.package,
        version=package.version or "",
        title=listed.title,
        summary=listed.summary,
        category=listed.category,
        publisher=listed.publisher,
        tools=answer.tools,
        environment=merged(listed.environment, answer.lacks or ()),
        egress=listed.egress,
        arguments=listed.arguments,
        repository=repository,
        readiness=Readiness.PROVEN if answer.lacks is None else Readiness.NEEDS_CONFIGURATION,
        ownership=ownership is not None,
        note=answer.repaired and f"starts when resolved {answer.repaired}",
    )


def told(listed: Listed, untried: Untried) -> Entry:
    """Return what the catalogue says of a server that could not be tried.

    Raises:
        ValueError: It needs no settings, so that it could be called proven by mistake.
    """
    if not any(setting.required for setting in listed.environment):
        raise ValueError(f"{listed.package} is untried and requires no variable: leave it out until it was tried")
    words = listed.model_dump(include={"package", "title", "summary", "category", "publisher", "egress", "arguments"})
    return Entry(
        **words,
        **untried.model_dump(),
        environment=listed.environment,
        readiness=Readiness.NEEDS_CONFIGURATION,
        ownership=False,
        note=UNTRIED,
    )


def retold(entry: Entry, listed: Listed) -> Entry:
    """Return an entry with the words of the list, which may have changed since it was tried."""
    if entry.note == UNTRIED and listed.untried is not None:
        return told(listed, listed.untried)
    words = listed.model_dump(include={"title", "summary", "category", "publisher", "egress"})
    return entry.model_copy(update=words)


class Making:
    """The catalogue while it is made: written anew after each server, so that nothing is lost.

    Args:
        output: The file.
        listed: All servers that are listed; others are no longer in the catalogue.
        today: The date it is made.

    Attributes:
        left_out: Why a server that was tried is not in the catalogue, by package.
    """

    def __init__(self, output: Path, listed: Sequence[Listed], *, today: str) -> None:
        """Read what is there."""
        text = output.read_text() if output.exists() else '{"generated": "", "servers": []}'
        wanted = {one.package: one for one in listed}
        known = Catalogue.model_validate_json(text).servers
        self._entries = {
            entry.package: retold(entry, wanted[entry.package]) for entry in known if entry.package in wanted
        }
        self._output = output
        self._today = today
        self.left_out: dict[str, str] = {}

    def __str__(self) -> str:
        """Say in one line what the catalogue holds."""
        proven = sum(entry.readiness is Readiness.PROVEN for entry in self._entries.values())
        return f"{len(self._entries)} servers, {proven} of them proven; {len(self.left_out)} left out"

    async def examine(self, bench: Bench, listed: Listed) -> None:
        """Try one server and write down what came of it."""
        began = anyio.current_time()
        examples = {one.name: one.example or "example" for one in listed.environment if one.required or one.example}
        candidate = Candidate(name=listed.package, source="list", package=listed.ref, arguments=listed.arguments)
        try:
            answer = await bench.examine(candidate, examples=examples)
            repository = await bench.repository(answer.resolution.package)
        except VSMError as error:
            self._entries.pop(listed.package, None)
            if listed.untried is None or await bench.is_published(listed.ref):
                self.left_out[listed.package] = _reason(error)
            else:
                self._entries[listed.package] = told(listed, listed.untried)
        else:
            self._entries[listed.package] = entry_of(listed, answer, repository=repository)
        self._write()
        self._tell(listed.package, anyio.current_time() - began)

    def _write(self) -> None:
        text = written(Catalogue(generated=self._today, servers=tuple(self._entries.values())))
        fresh = self._output.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self._output)

    def _tell(self, package: str, seconds: float) -> None:
        entry = self._entries.get(package)
        if entry is None:
            said = f"LEFT OUT: {self.left_out[package]}"
        else:
            said = f"{entry.version}  {entry.readiness}  {len(entry.tools)} tools  {entry.note}".rstrip()
        print(f"{seconds:6.1f} s  {package}  {said}", file=sys.stderr, flush=True)


def _reason(error: VSMError) -> str:
    words = (f"  | {line}" for line in error.stderr[-4:]) if isinstance(error, StartError) else ()
    return "".join((f"{type(error).__name__}: {error.message}", *words))[:1000]


async def make(options: argparse.Namespace) -> int:
    """Try the chosen servers, at most ``jobs`` at once; return 0 when none is left out."""
    listed = read_list(LISTED.read_text())
    chosen = [one for one in listed if fnmatch.fnmatchcase(one.package, options.only)]
    making = Making(OUTPUT, listed, today=SystemClock().now().date().isoformat())
    bench = await make_bench()
    limiter = anyio.CapacityLimiter(options.jobs)

    async def examine(one: Listed) -> None:
        async with limiter:
            await making.examine(bench, one)
        if making.left_out and not options.keep_going:
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for one in chosen:
            tasks.start_soon(examine, one)
    print(making)
    return 1 if making.left_out and not options.keep_going else 0


def main() -> int:
    """Read the command line and make the catalogue."""
    parser = argparse.ArgumentParser(description="Make the bundled catalogue of MCP servers.")
    parser.add_argument("--only", default="*", metavar="GLOB", help="try only these packages, such as 'pypi:*time*'")
    parser.add_argument("--jobs", type=int, choices=range(1, MOST_JOBS + 1), default=MOST_JOBS, help="servers at once")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a server that must be left out")
    try:
        return anyio.run(make, parser.parse_args())
    except (VSMError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

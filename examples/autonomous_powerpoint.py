"""A system that cannot make slides is asked for a presentation, and acquires what it lacks.

    python examples/autonomous_powerpoint.py              a server from PyPI, through the ordinary path
    python examples/autonomous_powerpoint.py --offline    a server file of the examples, no registry needed

Nothing is simulated: the gap is measured, servers are found, vetted, installed with rollback, started in a sandbox and
proved by a real call. The deck it leaves tells this story with the figures of the run.
"""

import argparse
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from mcp.server import MCPServer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vsm_mcp import (
    AcquisitionReport,
    Autonomy,
    Operation,
    Settings,
    Shelf,
    VarietyGap,
    ViableSystem,
    VSMError,
)
from vsm_mcp.events import CandidateJudged, CandidatesFound, Event, GapMeasured, Progress, StageEntered, StageLeft
from vsm_mcp.status import ServerStatus

HERE = Path(__file__).resolve().parent
NEED = "create a PowerPoint presentation"
FILE = "story.pptx"


@dataclass(frozen=True)
class Slide:
    """A slide to make: its title and its bullet points."""

    title: str
    bullets: Sequence[str]


def main() -> int:
    """Run the demonstration; return 0 when there is a deck."""
    parser = argparse.ArgumentParser(description="A system that cannot make slides is asked for a presentation.")
    parser.add_argument("--offline", action="store_true", help="use the server file of the examples, no registry")
    parser.add_argument("--deck", type=Path, default=Path("viable-system.pptx"), help="where to put the deck")
    parser.add_argument("--state", type=Path, help="where packages are kept (default: a temporary directory)")
    options = parser.parse_args()
    console = Console()
    try:
        with _state(options.state) as state:
            settings = Settings(
                state=state,
                autonomy=Autonomy.AUTO,
                allow=("memory:text", "pypi:office-powerpoint-mcp-server", "file:*/slides.py"),
                log_level="error",  # what fails on the way is told below
            )
            anyio.run(partial(_run, console, settings, deck=options.deck.resolve(), offline=options.offline))
    except VSMError as error:
        console.print(f"[red]{type(error).__name__}[/red]: {escape(str(error))}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("[yellow]Stopped. Nothing half-done is left behind.[/yellow]")
        return 130
    return 0


async def _run(console: Console, settings: Settings, *, deck: Path, offline: bool) -> None:
    shelf = _shelf(offline=offline)
    sources = (shelf,) if offline else None
    async with ViableSystem(settings, shelf=shelf, sources=sources, emit=Teller(console)) as vsm:
        for text in ("The purpose of a system is what it does.", "Only variety can destroy variety."):
            await vsm.execute(Operation(needs="count words", arguments={"text": text}))
        await vsm.execute(Operation(needs=NEED, arguments={"id": "story"}))
        report = vsm.acquisitions[-1]
        await _write(vsm, story(report))
        await anyio.Path(deck).write_bytes(await vsm.read_file(report.server, FILE))
        server = next(server for server in vsm.status().servers if server.name == report.server)
        _show(console, report, server)
        console.print(f"\n[bold]{escape(str(deck))}[/bold]", soft_wrap=True)


async def _write(vsm: ViableSystem, slides: Sequence[Slide]) -> None:
    for index, slide in enumerate(slides):
        await vsm.execute(
            Operation(
                needs="add a slide",
                tool="add_slide",
                arguments={"layout_index": 1, "title": slide.title, "presentation_id": "story"},
            )
        )
        await vsm.execute(
            Operation(
                needs="write on a slide",
                tool="populate_placeholder",
                arguments={
                    "slide_index": index,
                    "placeholder_idx": 1,
                    "text": "\n".join(slide.bullets),
                    "presentation_id": "story",
                },
            )
        )
    await vsm.execute(
        Operation(
            needs="save a presentation",
            tool="save_presentation",
            arguments={"file_path": FILE, "presentation_id": "story"},
        )
    )


def story(report: AcquisitionReport) -> list[Slide]:
    """Return the slides that tell what ``report`` says."""
    considered = [f"{c.name}: {c.fate}. {_short(c.reason)}" for c in report.candidates[:6]]
    steps = [f"{s.stage} ({s.rung}): {s.elapsed:.2f} s{' - failed' if s.failure else ''}" for s in report.steps]
    held = [f"{h.aspect}: {h.level} ({h.mechanism})" for h in report.enforcement.held]
    return [
        Slide(
            "A gap became a capability", [f"Asked for: {NEED}", f"Done by: {report.package}", f"Proof: {report.proof}"]
        ),
        Slide("The variety gap", [f"Before: {figure(report.gap_before)}", f"After: {figure(report.gap_after)}"]),
        Slide("Who was considered", considered),
        Slide("How it came in", steps),
        Slide("What confines it", held),
    ]


def figure(gap: VarietyGap | None) -> str:
    """Return a gap as one line."""
    return "not measured" if gap is None else str(gap)


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."  # noqa: PLR2004 - what fits on a slide


def _show(console: Console, report: AcquisitionReport, server: ServerStatus) -> None:
    gap = Table("variety gap", "", title="Gap")
    gap.add_row("before", figure(report.gap_before))
    gap.add_row("after", figure(report.gap_after))
    candidates = Table("server", "fate", "why", title="Candidates")
    for c in report.candidates:
        candidates.add_row(escape(c.name), c.fate, escape(_short(c.reason)))
    steps = Table("stage", "resolved", "seconds", "", title="Steps")
    for s in report.steps:
        steps.add_row(s.stage, escape(s.rung), f"{s.elapsed:.2f}", escape(_short(s.failure or "")))
    console.print(gap, candidates, steps)
    if server.enforcement is None:
        return
    held = Table("aspect", "asked", "held by", "mechanism", title=f"Sandbox: {server.enforcement.confiner}")
    for h in server.enforcement.held:
        held.add_row(h.aspect, escape(h.requested), h.level, escape(h.mechanism))
    console.print(held)
    for warning in server.enforcement.warnings:
        console.print(f"note: {escape(warning)}")


class Teller:
    """Tells a person what happens, line by line."""

    def __init__(self, console: Console) -> None:
        """Keep where to tell it."""
        self._console = console

    def __call__(self, event: Event, /) -> None:
        """Tell one event, if a person would want to hear it."""
        match event:
            case GapMeasured(share=share, bits=bits, basis=basis) if share is not None:
                self._say("gap", f"{share:.0%} of demand, {bits:.2f} bits, from {basis} observation(s)")
            case CandidatesFound(wanted=wanted, names=names):
                self._say("found", f"{len(names)} server(s) for {wanted!r}: {', '.join(names[:4])}")
            case CandidateJudged(candidate=name, accepted=accepted, reasons=reasons):
                self._say("vetted", f"{name}: {'accepted' if accepted else 'refused: ' + '; '.join(reasons)}")
            case StageEntered(candidate=name, stage=stage):
                self._say(stage, f"{name} ...")
            case StageLeft(stage=stage, elapsed=elapsed, failure=failure):
                self._say(stage, f"{elapsed:.2f} s" if failure is None else f"{elapsed:.2f} s, failed: {failure}")
            case Progress(detail=detail):
                self._say("", detail)
            case _:
                return

    def _say(self, what: str, text: str) -> None:
        self._console.print(f"[cyan]{what:>8}[/cyan]  {escape(_short(text))}", highlight=False)


def _shelf(*, offline: bool) -> Shelf:
    """Return what this host offers itself: it can count words, and has slides only for those without a registry."""
    shelf = Shelf()
    shelf.offer("text", _text_server, summary="Counts the words of a text.")
    if offline:
        summary = "Create PowerPoint presentations: add slides, save them."
        shelf.offer_file(HERE / "servers" / "slides.py", name="slides", summary=summary)
    return shelf


def _text_server() -> MCPServer:
    server = MCPServer("text", log_level="WARNING")

    @server.tool()
    def count_words(text: str) -> int:
        """Count the words of a text."""
        return len(text.split())

    return server


@contextmanager
def _state(named: Path | None) -> Generator[Path]:
    if named is not None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="vsm_mcp-") as directory:
        # Confined servers run as another user when this program runs as root, and must reach their own files.
        Path(directory).chmod(0o755)
        yield Path(directory)


if __name__ == "__main__":
    sys.exit(main())

"""What an honest server does besides answering well: the same again, and never the same to nonsense."""

import re
from collections.abc import Iterator
from itertools import islice

from vsm_mcp.acquisition.proving.samples import nonsense, variants
from vsm_mcp.acquisition.proving.schemas import violation
from vsm_mcp.acquisition.proving.shapes import alike
from vsm_mcp.acquisition.proving.witness import Answer, Witness
from vsm_mcp.errors import PayloadError
from vsm_mcp.model.call import ToolSpec
from vsm_mcp.model.json import JsonObject
from vsm_mcp.model.pins import digest, tool_form
from vsm_mcp.model.proof import Trial
from vsm_mcp.model.verdict import Severity

SECONDS = 5.0
"""How long one of these calls may take: they are extra, and must not make a slow server much slower to prove."""

MOST_FURTHER = 3
_REFUSES = re.compile(
    r"unknown|not (?:a |an )?(?:known|found|valid|supported|exist)|no such|does ?n.t exist|invalid|cannot"
)


def seed_of(spec: ToolSpec) -> str:
    """Return what varies the calls to a tool: part of its pin, so the same for the same tool everywhere."""
    try:
        return digest(tool_form(spec))[:8]
    except PayloadError:
        return "00000000"


async def independent(witness: Witness, spec: ToolSpec, trial: Trial, *, answer: Answer) -> str | None:
    """Return why a good answer cannot be the work of the tool, or ``None``.

    A tool that needs arguments and says the same whatever it is given, even to what it must refuse, does no work.
    Tools that need no arguments may say the same every time.
    """
    wrong = nonsense(spec.input_schema)
    if wrong is None or answer.words is None:
        return None
    replied = await witness.ask(spec.name, wrong, most=SECONDS)
    if replied.failure is not None:
        _note_refusal(witness, replied, what="arguments of wrong types", where=spec.name)
        return None
    other = next(variants(spec.input_schema, trial.arguments, seed=seed_of(spec)), None)
    second = None if other is None else await witness.ask(spec.name, other, most=SECONDS)
    if replied.words == answer.words and (second is None or second.words == answer.words):
        return "it says the same to every call, also to one with arguments of wrong types"
    message = f"{spec.name} accepts arguments of wrong types."
    witness.note("accepts-nonsense", Severity.LOW, message, where=spec.name)
    return None


async def repeated(witness: Witness, spec: ToolSpec, trial: Trial, *, answer: Answer) -> None:
    """Make the call again and note when a tool that only reads says something else."""
    again = await witness.ask(spec.name, trial.arguments, most=SECONDS)
    if again.failure is not None:
        message = f"{spec.name} failed when it was called again with the same arguments: {again.failure[:200]}"
        witness.note("not-repeatable", Severity.MEDIUM, message, where=spec.name)
    elif not alike(answer.shape, again.shape):
        message = f"{spec.name} gives answers of different kinds to the same call."
        witness.note("unsteady", Severity.LOW, message, where=spec.name)
    elif again.lasting != answer.lasting:
        message = f"{spec.name} says something else each time it is called."
        witness.note("varies", Severity.INFO, message, where=spec.name)


async def further(witness: Witness, spec: ToolSpec, trial: Trial, *, answer: Answer) -> tuple[Trial, ...]:
    """Call a tool that only reads at the bounds of what it accepts; return the calls that were answered well.

    That the answer is always the same is noted: a search that finds nothing does so, and a tool that does nothing.
    """
    good: list[Trial] = []
    words = {answer.words}
    for arguments in _further(spec, trial.arguments):
        replied = await witness.ask(spec.name, arguments, most=SECONDS)
        if replied.gone or replied.late:
            _note_refusal(witness, replied, what="arguments that its schema allows", where=spec.name)
            break
        words.add(replied.words)
        if replied.failure is None:
            good.append(witness.written(spec.name, arguments, replied))
    if len(good) == MOST_FURTHER and len(words) == 1 and nonsense(spec.input_schema) is not None:
        message = f"{spec.name} said the same to {len(good) + 1} calls with different arguments."
        witness.note("same-answer", Severity.MEDIUM, message, where=spec.name)
    return tuple(good)


async def unknown_tool(witness: Witness, answer: Answer, *, seed: str) -> str | None:
    """Return why a server that answers a call to a tool it does not have cannot be believed, or ``None``."""
    name = f"no_such_tool_{seed}"
    replied = await witness.ask(name, {}, most=SECONDS)
    if replied.failure is not None or replied.result is None:
        _note_refusal(witness, replied, what="the name of a tool that it does not have", where=name)
        return None
    if replied.words is not None and replied.words == answer.words:
        return "it says the same to a call of a tool that it does not have"
    said = replied.result.text[:1000].casefold()
    if name not in said and not _REFUSES.search(said):
        message = "It answers calls to tools that it does not have."
        witness.note("answers-unknown-tool", Severity.MEDIUM, message, where=name)
    return None


def structured(witness: Witness, spec: ToolSpec, answer: Answer) -> None:
    """Note when an answer is not what the tool's output schema promises: that is a finding, never a lost result."""
    if spec.output_schema is None or answer.result is None:
        return
    if answer.result.structured is None:
        message = f"{spec.name} promises structured results and gives none."
        witness.note("no-structured-content", Severity.LOW, message, where=spec.name)
        return
    try:
        broken = violation(spec.output_schema, answer.result.structured)
    except PayloadError as error:
        message = f"Whether {spec.name} gives what it promises is not known: {error.message}"
        witness.note("output-schema-unjudged", Severity.LOW, message, where=spec.name, unknown=True)
        return
    if broken is not None:
        message = f"A result of {spec.name} is not what it promises: {broken}."
        witness.note("output-schema", Severity.MEDIUM, message, where=spec.name)


def _further(spec: ToolSpec, plain: JsonObject) -> Iterator[JsonObject]:
    return islice(variants(spec.input_schema, plain, seed=seed_of(spec)), MOST_FURTHER)


def _note_refusal(witness: Witness, answer: Answer, *, what: str, where: str) -> None:
    """A server should say no; one that dies of it, or says nothing, is noted."""
    if answer.gone:
        witness.note("dies-of-a-call", Severity.MEDIUM, f"The connection broke when it was given {what}.", where=where)
    elif answer.late:
        witness.note("silent", Severity.LOW, f"It said nothing for {SECONDS:g} seconds when given {what}.", where=where)

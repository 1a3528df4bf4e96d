"""How far long work is: what happens in one call is told to the client that asked for it, and to no other."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from vsm_mcp.adapters.serving.options import Context
from vsm_mcp.errors import printable
from vsm_mcp.events import CandidateJudged, CandidatesFound, Event, Events, Progress, StageEntered, StageLeft
from vsm_mcp.model.call import ProgressHeard
from vsm_mcp.world.groups import first_error

_MOST_WAITING = 100
_LONGEST = 300
_CALL: ContextVar[object | None] = ContextVar("vsm_mcp_call", default=None)


@asynccontextmanager
async def told_progress(ctx: Context, events: Events) -> AsyncGenerator[None]:
    """Tell the client what happens within the context; the SDK drops it when the client did not ask to be told.

    Events are told in the task where they happen, so the call that they belong to is known without a name. A client
    that is slow to listen misses some.
    """
    me = object()
    send, receive = anyio.create_memory_object_stream[str](_MOST_WAITING)

    def hear(event: Event) -> None:
        words = _words(event)
        if _CALL.get() is me and words and send.statistics().current_buffer_used < _MOST_WAITING:
            send.send_nowait(printable(words)[:_LONGEST])

    before = _CALL.set(me)
    try:
        with first_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_tell, ctx, receive)
                with send, events.attach(f"mcp-progress-{id(me)}", Event, hear):
                    yield
    finally:
        _CALL.reset(before)


@asynccontextmanager
async def passed_on(ctx: Context) -> AsyncGenerator[ProgressHeard]:
    """Give what hears the progress of one call within the context, and pass that on to the client.

    A client that is slow to listen misses some.
    """
    send, receive = anyio.create_memory_object_stream[tuple[float, float | None, str]](_MOST_WAITING)

    def hear(done: float, total: float | None, words: str) -> None:
        if send.statistics().current_buffer_used < _MOST_WAITING:
            send.send_nowait((done, total, printable(words)[:_LONGEST]))

    with first_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pass_on, ctx, receive)
            with send:
                yield hear


async def _pass_on(ctx: Context, receive: MemoryObjectReceiveStream[tuple[float, float | None, str]]) -> None:
    with receive:
        async for done, total, words in receive:
            await ctx.session.report_progress(done, total, message=words or None)


async def _tell(ctx: Context, receive: MemoryObjectReceiveStream[str]) -> None:
    count = 0
    with receive:
        async for words in receive:
            count += 1
            await ctx.session.report_progress(count, message=words)


def _words(event: Event) -> str:
    words = ""
    match event:
        case CandidatesFound():
            words = f"found {len(event.names)}: {', '.join(event.names[:3])}"
        case CandidateJudged():
            words = f"{event.candidate} is {'accepted' if event.accepted else 'refused'}"
        case StageEntered():
            words = f"{event.candidate}: {event.stage}"
        case StageLeft(failure=str(why)):
            words = f"{event.candidate}: {event.stage} failed: {why}"
        case Progress():
            words = f"{event.subject}: {event.detail}"
        case _:
            pass
    return words

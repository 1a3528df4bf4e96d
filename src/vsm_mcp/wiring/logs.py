"""What happens in a living system, joined with the host's log."""

import logging
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import partial

from vsm_mcp.events import Event, Events
from vsm_mcp.guard.audit_log import AuditTrail
from vsm_mcp.guard.auditing.record import AuditRecord
from vsm_mcp.settings.settings import Settings
from vsm_mcp.world.logs import EventLog

_NAME = "the log of this system"


@contextmanager
def logged(settings: Settings, events: Events, trail: AuditTrail) -> Generator[None]:
    """Write what happens to the logger ``vsm_mcp`` within the context, unless the settings want no telemetry.

    Single calls, installations and starts are written from their records in ``trail``, with the name that each has in
    the audit log: at ``DEBUG``, and only if that level passes when the context is entered, so that otherwise calls cost
    nothing more.
    """
    if not settings.telemetry:
        yield
        return
    log = EventLog(node=settings.node_id)
    with ExitStack() as life:
        life.enter_context(log.at(settings.log_level))
        life.enter_context(events.attach(_NAME, Event, log.hear))
        if log.passes(logging.DEBUG):
            life.enter_context(trail.told_to(partial(_write, log)))
        yield


def _write(log: EventLog, record: AuditRecord) -> None:
    known: dict[str, object] = {
        "request": record.request,
        "kind": str(record.kind),
        "outcome": str(record.outcome),
        "agent": record.agent,
        "server": record.server,
        "tool": record.tool or None,
        "ms": record.ms,
        "sent": record.sent,
        "received": record.received,
        "error": record.error,
    }
    log.write(logging.DEBUG, "Recorded", known, of=record)

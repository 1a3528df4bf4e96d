"""The steps of an acquisition as they happen: timed, checked against the table of legal moves, told to listeners."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from vsm_mcp.acquisition.report import StepRecord
from vsm_mcp.acquisition.stages import AcquisitionStage, check_move
from vsm_mcp.errors import StartError, VSMError
from vsm_mcp.events import EventSink, StageEntered, StageLeft


class Steps:
    """Records the stages of all attempts of one acquisition.

    Args:
        emit: Hears when a stage is entered and left.
    """

    def __init__(self, *, emit: EventSink) -> None:
        """Begin without any step."""
        self.records: list[StepRecord] = []
        self._emit = emit
        self._candidate = ""
        self._rung = ""
        self._here: AcquisitionStage | None = None

    def begin(self, candidate: str, rung: str) -> None:
        """Begin an attempt; the next stage must be a first one."""
        self._candidate, self._rung, self._here = candidate, rung, None

    @contextmanager
    def stage(self, there: AcquisitionStage) -> Generator[None]:
        """Be in a stage for as long as the context lasts.

        Raises:
            AcquisitionError: The move is not legal.
        """
        check_move(self._here, there)
        self._here = there
        began = anyio.current_time()
        self._emit(StageEntered(candidate=self._candidate, stage=there))
        failure: str | None = "interrupted"
        try:
            yield
            failure = None
        except VSMError as error:
            failure = _said(error)
            raise
        finally:
            elapsed = anyio.current_time() - began
            self._emit(StageLeft(candidate=self._candidate, stage=there, elapsed=elapsed, failure=failure))
            self.records.append(
                StepRecord(candidate=self._candidate, stage=there, rung=self._rung, elapsed=elapsed, failure=failure)
            )


def _said(error: VSMError) -> str:
    """Return what happened; for a server that died, with its last words, which tell most."""
    if isinstance(error, StartError) and error.stderr:
        return f"{error.message} It said last: {error.stderr[-1]}"
    return error.message

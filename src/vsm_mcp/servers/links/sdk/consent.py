"""What a server may ask of the host, in the shape of the SDK: what the host did not allow is not even offered.

Servers of older protocols ask beside a call; those of the newest answer the call with questions and are called again.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypedDict, TypeVar, cast

from mcp.client import ClientRequestContext
from mcp.client.session import ElicitationFnT, ListRootsFnT, SamplingFnT
from mcp_types import (
    INVALID_REQUEST,
    CallToolRequestParams,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequest,
    InputRequiredResult,
    InputResponse,
    InputResponses,
    ListRootsRequest,
    ListRootsResult,
)
from pydantic import BaseModel, ValidationError

from vsm_mcp.model.json import JsonObject
from vsm_mcp.servers.links.link import Ask, Consent
from vsm_mcp.servers.links.results import Answer

MOST_ROUNDS = 10
MOST_QUESTIONS = 8

Send = Callable[[CallToolRequestParams], Awaitable[Answer]]
Unhurried = Callable[[], AbstractContextManager[object]]
"""Gives what the host is asked in: while it thinks, the server is not the one that is waited for."""

_Result = TypeVar("_Result", bound=BaseModel)


class Callbacks(TypedDict, total=False):
    """What the SDK's client takes."""

    elicitation_callback: ElicitationFnT
    sampling_callback: SamplingFnT
    list_roots_callback: ListRootsFnT


def callbacks(consent: Consent, server: str) -> Callbacks:
    """Return the callbacks for what the host allows ``server`` to ask."""
    given = Callbacks()
    if consent.elicit is not None:
        given["elicitation_callback"] = _Question(consent.elicit, server).elicited
    if consent.sample is not None:
        given["sampling_callback"] = _Question(consent.sample, server).sampled
    if consent.roots is not None:
        given["list_roots_callback"] = _Question(consent.roots, server).rooted
    return given


async def answered(
    send: Send, params: CallToolRequestParams, *, consent: Consent, server: str, unhurried: Unhurried
) -> Answer:
    """Send a call, and once more with the host's answers as often as the server asks, within bounds.

    A server that asks has not done yet what it was called for, so this repeats nothing. What it is told is what it
    asked for and the state that it gave, as it is.

    Returns:
        The answer; its last questions, when the host does not answer them or it does not stop to ask.
    """
    answer = await send(params)
    for _ in range(MOST_ROUNDS):
        if not isinstance(answer, InputRequiredResult):
            return answer
        with unhurried():
            responses = await _responses(answer, consent, server)
        if responses is None:
            return answer
        again = {"input_responses": responses, "request_state": answer.request_state}
        answer = await send(params.model_copy(update=again))
    return answer


async def _responses(asked: InputRequiredResult, consent: Consent, server: str) -> InputResponses | None:
    """Return the host's answers, asked one after the other; ``None`` when one of them is none."""
    questions = asked.input_requests or {}
    if not 0 < len(questions) <= MOST_QUESTIONS:
        return None
    responses = InputResponses()
    for key, question in questions.items():
        response = await _fulfilled(consent, server, question)
        if response is None:
            return None
        responses[key] = response
    return responses


async def _fulfilled(consent: Consent, server: str, request: InputRequest) -> InputResponse | None:
    """Return the host's answer to what a server asks for in the place of its answer; ``None`` when there is none."""
    match request:
        case ElicitRequest(params=params):
            answer = consent.elicit and await _Question(consent.elicit, server).answer(_asked(params), ElicitResult)
        case CreateMessageRequest(params=params):
            answer = consent.sample and await _Question(consent.sample, server).answer(
                _asked(params), CreateMessageResult
            )
        case ListRootsRequest():
            answer = consent.roots and await _Question(consent.roots, server).answer({}, ListRootsResult)
    return None if isinstance(answer, ErrorData) else answer


@dataclass(frozen=True, slots=True)
class _Question:
    ask: Ask
    server: str

    async def elicited(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        return await self.answer(_asked(params), ElicitResult)

    async def sampled(
        self, context: ClientRequestContext, params: CreateMessageRequestParams
    ) -> CreateMessageResult | ErrorData:
        return await self.answer(_asked(params), CreateMessageResult)

    async def rooted(self, context: ClientRequestContext) -> ListRootsResult | ErrorData:
        return await self.answer({}, ListRootsResult)

    async def answer(self, params: JsonObject, kind: type[_Result]) -> _Result | ErrorData:
        try:
            answer = await self.ask(self.server, params)
            if answer is not None:
                return kind.model_validate(answer, by_name=False)
        except ValidationError:
            return _refusal("The host answered with something else than was asked for.")
        except Exception:  # noqa: BLE001 - the host's own code: the server learns that it failed, and nothing of why
            return _refusal("The host could not answer.")
        return _refusal("The host refused to answer.")


def _asked(params: BaseModel) -> JsonObject:
    return cast("JsonObject", params.model_dump(by_alias=True, mode="json", exclude_none=True))


def _refusal(why: str) -> ErrorData:
    return ErrorData(code=INVALID_REQUEST, message=why)

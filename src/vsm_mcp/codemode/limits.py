"""How much one program of an agent may use up."""

from typing import Annotated

from pydantic import BaseModel, Field

_Count = Annotated[int, Field(ge=1, le=100_000)]
_Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class CodeLimits(BaseModel, frozen=True, extra="forbid"):
    """The budgets of one program. One that is used up ends it, and it cannot catch that. One MB is 1024 * 1024 bytes.

    Attributes:
        seconds: From start to end, its calls included.
        cpu_seconds: Its own execution, without what it waits for.
        memory_mb: All its values together.
        calls: Calls to tools, the refused and failed ones included.
        calls_at_once: Calls that are under way at the same time; further ones wait.
        call_seconds: Each call; ``None`` leaves it to the system.
        printed: Characters that it prints.
        value: Size of its result, and of the arguments of each call: characters of texts, 8 for each other value.
        depth: Functions that call each other.
        code: Characters of the program itself.
    """

    seconds: _Seconds = 60.0
    cpu_seconds: _Seconds = 5.0
    memory_mb: Annotated[int, Field(ge=4, le=65_536)] = 64
    calls: _Count = 100
    calls_at_once: Annotated[int, Field(ge=1, le=1000)] = 10
    call_seconds: _Seconds | None = None
    printed: Annotated[int, Field(ge=0, le=100_000_000)] = 100_000
    value: Annotated[int, Field(ge=64, le=100_000_000)] = 1_000_000
    depth: Annotated[int, Field(ge=8, le=1000)] = 200
    code: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000

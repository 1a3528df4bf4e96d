"""Exception groups: one error comes out, and rather the error than the cancellation."""

import anyio
import pytest

from vsm_mcp.world.groups import first_error, first_leaf


def test_errors_that_are_no_group_pass_unchanged() -> None:
    with pytest.raises(KeyError), first_error():
        raise KeyError


def test_of_a_nested_group_the_first_error_comes_out() -> None:
    group = BaseExceptionGroup("", [BaseExceptionGroup("", [KeyboardInterrupt()]), ExceptionGroup("", [KeyError("a")])])
    assert isinstance(first_leaf(group), KeyError)
    with pytest.raises(KeyError), first_error():
        raise group


def test_a_group_without_an_error_gives_its_first_leaf() -> None:
    assert isinstance(first_leaf(BaseExceptionGroup("", [KeyboardInterrupt(), SystemExit()])), KeyboardInterrupt)


@pytest.mark.anyio
async def test_an_error_beside_a_cancellation_is_not_lost() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise KeyError("cleaning up failed")

    async def cancel_while_waiting() -> None:
        with anyio.CancelScope() as scope, first_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail_when_cancelled)
                tasks.start_soon(anyio.sleep_forever)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.raises(KeyError):
        await cancel_while_waiting()

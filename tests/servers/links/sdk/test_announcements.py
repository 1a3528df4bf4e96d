"""A server of this process is asked to announce: again when it ended that in good order, never when it failed."""

import anyio
import pytest
from mcp import MCPError
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp_types import (
    INTERNAL_ERROR,
    ListToolsResult,
    PaginatedRequestParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from vsm_mcp.servers.links.sdk.announcements import FIRST_PAUSE
from vsm_mcp.servers.links.sdk.client import SdkConnector

pytestmark = pytest.mark.anyio

SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
Context = ServerRequestContext[object, object]


class Announcer:
    """Agrees to announce, and ends that at once, in good order or not; `again` is set when it is asked once more."""

    def __init__(self, *, fails: bool) -> None:
        self.again = anyio.Event()
        self._fails = fails
        self._asked = 0

    async def listen(self, ctx: Context, _: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        self._asked += 1
        if self._asked > 1:
            self.again.set()
        assert ctx.request_id is not None
        agreed = SubscriptionsAcknowledgedNotificationParams(
            notifications=SubscriptionFilter(tools_list_changed=True), _meta={SUBSCRIPTION: ctx.request_id}
        )
        await ctx.session.send_notification(
            SubscriptionsAcknowledgedNotification(params=agreed), related_request_id=ctx.request_id
        )
        if self._fails:
            raise MCPError(INTERNAL_ERROR, "the wire broke")
        return SubscriptionsListenResult(_meta={SUBSCRIPTION: ctx.request_id})

    async def tools(self, _ctx: Context, _: PaginatedRequestParams | None) -> ListToolsResult:
        await anyio.lowlevel.checkpoint()
        return ListToolsResult(tools=[])


@pytest.mark.parametrize(("fails", "again"), [(False, True), (True, False)])
async def test_announcements_that_end_are_asked_for_again_unless_they_failed(*, fails: bool, again: bool) -> None:
    announcer = Announcer(fails=fails)
    server = Server[object]("s", on_list_tools=announcer.tools, on_subscriptions_listen=announcer.listen)
    with anyio.fail_after(10):
        async with SdkConnector(eras={}).memory(lambda: server, name="s") as link:
            with anyio.move_on_after(1.5 * FIRST_PAUSE):
                await announcer.again.wait()
            assert announcer.again.is_set() is again
            assert link.changes
            assert await link.tools() == ()
            assert link.alive

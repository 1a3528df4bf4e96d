"""A server of PyPI: look at the plan first, then convert a time between zones."""

import anyio

from vsm_mcp import Autonomy, Operation, Probe, Settings, ViableSystem

SERVER = "pypi:mcp-server-time"


async def main() -> None:
    """Plan, acquire and use a time server."""
    async with ViableSystem(Settings(autonomy=Autonomy.AUTO, allow=(SERVER,))) as vsm:
        print(await vsm.plan_acquisition("convert time zones", server=SERVER))
        probe = Probe(
            tool="get_current_time", arguments={"timezone": "UTC"}, accepts=lambda result: "UTC" in result.text
        )
        await vsm.acquire_capability("convert time zones", server=SERVER, probe=probe)
        arguments = {"source_timezone": "Europe/Berlin", "time": "09:00", "target_timezone": "Asia/Tokyo"}
        outcome = await vsm.execute(Operation(needs="convert time zones", tool="convert_time", arguments=arguments))
        print(outcome.text)


if __name__ == "__main__":
    anyio.run(main)

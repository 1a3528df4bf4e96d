"""The server that the conformance suite looks at: a viable system, served, with what the suite wants to find in it.

What a tool can do by itself is done by an in-memory server that the system acquired; what needs the client in the
middle of a call, and prompts and completion, are those of a server of the host's own beside it (conformance_beside.py).
Prints its URL and serves until its standard input is closed.
"""

import sys
import tempfile
from pathlib import Path

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from conformance_beside import beside
from conformance_calls import PIXEL, SILENCE
from vsm_mcp import Autonomy, Probe, Settings, Shelf, ViableSystem
from vsm_mcp.adapters.mcp_server import mcp_server


def fixtures() -> MCPServer[None]:
    """Return the server that is acquired."""
    server: MCPServer[None] = MCPServer("fixtures")

    @server.tool()
    def test_simple_text() -> TextContent:
        """Answer with text."""
        return TextContent(text="This is a simple text response for testing.")

    @server.tool()
    def test_image_content() -> ImageContent:
        """Answer with an image."""
        return ImageContent(data=PIXEL, mime_type="image/png")

    @server.tool()
    def test_audio_content() -> AudioContent:
        """Answer with sound."""
        return AudioContent(data=SILENCE, mime_type="audio/wav")

    @server.tool()
    def test_embedded_resource() -> EmbeddedResource:
        """Answer with a resource."""
        return _embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")

    @server.tool()
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """Answer with three kinds of content."""
        return [
            TextContent(text="Multiple content types test:"),
            ImageContent(data=PIXEL, mime_type="image/png"),
            _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
        ]

    @server.tool()
    def test_error_handling() -> str:
        """Fail."""
        raise ToolError("This tool intentionally returns an error for testing")

    return server


def _embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


async def main() -> None:
    """Acquire the fixtures, and serve."""
    shelf = Shelf()
    shelf.offer("fixtures", fixtures, summary="Answers with text, images, audio and resources.")
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(autonomy=Autonomy.AUTO, allow=("memory:fixtures",), state=Path(state))
        async with ViableSystem(settings, shelf=shelf, sources=(shelf,)) as vsm:
            probe = Probe(tool="test_simple_text")
            await vsm.acquire_capability("answer with text", "fixtures", probe=probe)
            server, handlers = beside()
            served = mcp_server(vsm, offer_tools=True, plain_names=True, beside=server)
            handlers.publish = served.changes.publish
            async with served.listen_http() as url:
                print(url, flush=True)
                await anyio.to_thread.run_sync(sys.stdin.read)


if __name__ == "__main__":
    anyio.run(main)

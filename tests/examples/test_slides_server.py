"""The slides server of the examples, driven as a process over its standard streams."""

import json
import sys
import zipfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeGuard
from xml.etree import ElementTree as ET

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from pptx import Presentation
from pptx.shapes.placeholder import SlidePlaceholder

from vsm_mcp.world.processes import Command, LocalProcesses, Process

SERVER = Path(__file__).parents[2] / "examples" / "servers" / "slides.py"
DECK = {"presentation_id": "deck"}


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


class Conversation:
    """Speaks to the server, one line there and one line back."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._lines = BufferedByteReceiveStream(process.stdout)
        self._asked = 0

    async def send(self, line: bytes) -> None:
        await self._process.stdin.send(line + b"\n")

    async def receive(self) -> dict[str, object]:
        answered: object = json.loads(await self._lines.receive_until(b"\n", 10_000_000))
        assert is_object(answered)
        return answered

    async def ask(self, method: str, **params: object) -> dict[str, object]:
        self._asked += 1
        request = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}
        await self.send(json.dumps(request).encode())
        reply = await self.receive()
        assert reply["id"] == self._asked
        return reply

    async def result(self, method: str, **params: object) -> dict[str, object]:
        result = (await self.ask(method, **params))["result"]
        assert is_object(result)
        return result

    async def call(self, tool: str, **arguments: object) -> dict[str, object]:
        return await self.result("tools/call", name=tool, arguments=arguments)


@asynccontextmanager
async def conversation() -> AsyncGenerator[Conversation]:
    command = Command(argv=(sys.executable, "-I", str(SERVER)))
    with anyio.fail_after(30):
        async with LocalProcesses().open(command) as process:
            yield Conversation(process)


async def make_deck(server: Conversation, path: Path, slides: Sequence[tuple[str, Sequence[str]]]) -> None:
    """The operations that also make a deck with the PyPI package of the same tools."""
    await server.call("create_presentation", id="deck")
    for index, (title, lines) in enumerate(slides):
        await server.call("add_slide", layout_index=min(index, 1), title=title, **DECK)
        await server.call("populate_placeholder", slide_index=index, placeholder_idx=1, text="\n".join(lines), **DECK)
    saved = await server.call("save_presentation", file_path=str(path), **DECK)
    assert saved["isError"] is False


def texts(path: Path) -> list[list[str]]:
    """What another program reads in the placeholders of each slide."""
    shapes = [slide.shapes for slide in Presentation(str(path)).slides]
    return [[shape.text for shape in on_slide if isinstance(shape, SlidePlaceholder)] for on_slide in shapes]


def error_code(reply: dict[str, object]) -> object:
    error = reply["error"]
    assert is_object(error)
    return error["code"]


@pytest.mark.anyio
async def test_a_saved_deck_opens_elsewhere_with_every_title_and_line(tmp_path: Path) -> None:
    slides = [
        ("A <deck> & more", ["made by a server"]),
        ("The gap", ["before: 100 %", "after: 0 %"]),
        ("Ünïcödé ✓", ["one", "two", "three"]),
    ]
    async with conversation() as server:
        await make_deck(server, tmp_path / "deck.pptx", slides)
    assert texts(tmp_path / "deck.pptx") == [[title, "\n".join(lines)] for title, lines in slides]
    opened = Presentation(str(tmp_path / "deck.pptx"))
    assert [slide.slide_layout.name for slide in opened.slides] == ["Title Slide", *["Title and Content"] * 2]


@pytest.mark.anyio
async def test_every_part_of_a_deck_is_well_formed_and_every_target_exists(tmp_path: Path) -> None:
    async with conversation() as server:
        await make_deck(server, tmp_path / "deck.pptx", [("One", ["line"]), ("Two", [])])
    with zipfile.ZipFile(tmp_path / "deck.pptx") as archive:
        names = set(archive.namelist())
        trees = {name: ET.fromstring(archive.read(name)) for name in names}  # noqa: S314 - our own file
    targets = {link.get("Target") for name, tree in trees.items() if name.endswith(".rels") for link in tree}
    typed = {entry.get("PartName") for entry in trees["[Content_Types].xml"] if entry.get("PartName")}
    assert targets == typed
    assert {str(target).lstrip("/") for target in targets} <= names


@pytest.mark.anyio
async def test_bullet_points_become_one_paragraph_each(tmp_path: Path) -> None:
    path = tmp_path / "deck.pptx"
    async with conversation() as server:
        await server.call("create_presentation", id="deck")
        await server.call("add_slide", title="Hello", **DECK)
        await server.call("add_bullet_points", slide_index=0, placeholder_idx=1, bullet_points=["a", "b"], **DECK)
        await server.call("save_presentation", file_path=str(path), **DECK)
    assert texts(path) == [["Hello", "a\nb"]]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
    ],
)
async def test_it_agrees_on_the_version_asked_for_or_offers_its_newest(asked: str, answered: str) -> None:
    async with conversation() as server:
        reply = await server.result("initialize", protocolVersion=asked, capabilities={}, clientInfo={})
        await server.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        assert await server.result("ping") == {}
    assert reply["protocolVersion"] == answered


@pytest.mark.anyio
async def test_it_lists_tools_with_schemas() -> None:
    async with conversation() as server:
        listed = (await server.result("tools/list"))["tools"]
    assert is_list(listed)
    tools = {str(tool["name"]): tool for tool in listed if is_object(tool)}
    assert {"add_slide", "create_presentation", "save_presentation"} <= tools.keys()
    assert all(is_object(tool["inputSchema"]) and tool["description"] for tool in tools.values())


@pytest.mark.anyio
async def test_it_survives_what_is_not_json_rpc() -> None:
    async with conversation() as server:
        await server.send(b"{")
        assert error_code(await server.receive()) == -32700
        await server.send(b"[" * 100_000)
        assert error_code(await server.receive()) == -32700
        await server.send(b'{"jsonrpc":"2.0","id":1,"method":7}')
        assert error_code(await server.receive()) == -32600
        assert error_code(await server.ask("server/discover")) == -32601
        assert error_code(await server.ask("tools/call", name="no_such_tool", arguments={})) == -32602
        assert error_code(await server.ask("tools/call", name="add_slide", arguments=[])) == -32602
        assert await server.result("ping") == {}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("add_slide", {"presentation_id": "missing"}, "There is no presentation 'missing'"),
        ("add_slide", {**DECK, "layout_index": 2}, "There is no layout 2"),
        ("add_slide", {**DECK, "layout_index": True}, "layout_index must be an integer"),
        ("add_slide", {**DECK, "title": 7}, "title must be a string"),
        ("add_slide", {**DECK, "title": "x" * 20_001}, "at most 20000"),
        ("add_slide", {**DECK, "title": "\x07"}, "U+0007"),
        ("add_slide", {**DECK, "title": "\ud800"}, "U+D800"),
        ("populate_placeholder", {**DECK, "slide_index": 0, "placeholder_idx": 1, "text": ""}, "there are 0 slides"),
        ("add_bullet_points", {**DECK, "bullet_points": "a"}, "must be a list"),
        ("add_bullet_points", {**DECK, "bullet_points": ["a", 2]}, "bullet_points must be a string"),
        ("save_presentation", {**DECK, "file_path": "/nowhere/deck.txt"}, "must end in .pptx"),
        ("save_presentation", {**DECK, "file_path": "/nowhere/deck.pptx"}, "could not be written"),
    ],
)
async def test_a_tool_that_cannot_do_it_says_why(tool: str, arguments: dict[str, object], said: str) -> None:
    async with conversation() as server:
        await server.call("create_presentation", id="deck")
        failed = await server.call(tool, **arguments)
    assert failed["isError"] is True
    assert said in json.dumps(failed)


@pytest.mark.anyio
async def test_it_keeps_a_bounded_number_of_presentations() -> None:
    async with conversation() as server:
        made = [await server.call("create_presentation") for _ in range(21)]
    assert [deck["isError"] for deck in made] == [False] * 20 + [True]


@pytest.mark.anyio
async def test_a_line_without_end_ends_the_server() -> None:
    command = Command(argv=(sys.executable, "-I", str(SERVER)))
    ended = await LocalProcesses().run(command, timeout=30, stdin=b"x" * (4 * 1024 * 1024 + 1))
    assert (ended.returncode, ended.stdout) == (0, b"")

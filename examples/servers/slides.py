"""An MCP server that makes presentations: one file, standard library only, for machines without a package registry.

Start it with ``python slides.py``; it speaks JSON-RPC, one message a line, over standard input and output. It keeps
presentations in memory and writes real ``.pptx`` files. Its tools and their arguments bear the names that the PyPI
package ``office-powerpoint-mcp-server`` gives them, so the same operations work with both.
"""

import json
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeGuard
from xml.sax.saxutils import escape

Object: TypeAlias = Mapping[str, object]
Types: TypeAlias = Mapping[str, str]

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LONGEST_LINE = 4 * 1024 * 1024
LONGEST_TEXT = 20_000
MOST_PRESENTATIONS = 20
MOST_SLIDES = 500
TITLE, BODY = 0, 1
LAYOUTS = ("Title Slide", "Title and Content")

INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, PARSE_ERROR = -32600, -32601, -32602, -32700


class ToolError(Exception):
    """A tool that cannot do what it was asked for; answered with ``isError``."""


@dataclass(slots=True)
class Slide:
    """A layout and the paragraphs of its two placeholders."""

    layout: int
    paragraphs: dict[int, Sequence[str]] = field(default_factory=dict[int, Sequence[str]])


Studio: TypeAlias = dict[str, list[Slide]]  # presentations by name


# Arguments: from outside, so typed and bounded before use

NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_object(value: object) -> TypeGuard[Object]:
    """True for a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """True for a JSON array."""
    return isinstance(value, list)


def text(arguments: Object, name: str) -> str:
    """Return a string argument; empty when it is not given."""
    value = arguments.get(name)
    return "" if value is None else as_text(value, name)


def as_text(value: object, name: str) -> str:
    """Return a string that a slide can hold."""
    if not isinstance(value, str):
        raise ToolError(f"{name} must be a string.")
    if len(value) > LONGEST_TEXT:
        raise ToolError(f"{name} has {len(value)} characters; at most {LONGEST_TEXT} are allowed.")
    if found := NOT_IN_XML.search(value):
        raise ToolError(f"{name} holds the character U+{ord(found.group()):04X}, which a slide cannot show.")
    return value


def number(arguments: Object, name: str, default: int | None = None) -> int:
    """Return an integer argument."""
    value = arguments.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ToolError(f"{name} must be an integer.")
    return value


def slides_of(studio: Studio, arguments: Object) -> list[Slide]:
    """Return the slides of the presentation that a call is about."""
    name = text(arguments, "presentation_id")
    if name not in studio:
        raise ToolError(f"There is no presentation {name!r}. Call create_presentation first.")
    return studio[name]


# Tools


def create_presentation(studio: Studio, arguments: Object) -> Object:
    """Begin an empty presentation."""
    name = text(arguments, "id") or f"presentation_{len(studio) + 1}"
    if name not in studio and len(studio) >= MOST_PRESENTATIONS:
        raise ToolError(f"There are {MOST_PRESENTATIONS} presentations already, the most that this server keeps.")
    studio[name] = []
    return {"presentation_id": name, "message": f"Created presentation {name}.", "slide_count": 0}


def add_slide(studio: Studio, arguments: Object) -> Object:
    """Add a slide; layout 0 is a title slide, layout 1 (the default) has a title and text."""
    slides = slides_of(studio, arguments)
    layout = number(arguments, "layout_index", 1)
    if not 0 <= layout < len(LAYOUTS):
        raise ToolError(f"There is no layout {layout}; 0 is {LAYOUTS[0]} and 1 is {LAYOUTS[1]}.")
    if len(slides) >= MOST_SLIDES:
        raise ToolError(f"The presentation has {MOST_SLIDES} slides already, the most that this server makes.")
    title = text(arguments, "title")
    slides.append(Slide(layout, {TITLE: (title,)} if title else {}))
    index = len(slides) - 1
    return {"message": f"Added slide {index}.", "slide_index": index, "layout_name": LAYOUTS[layout]}


def populate_placeholder(studio: Studio, arguments: Object) -> Object:
    """Fill a placeholder with text, one paragraph a line; 0 is the title, 1 the text."""
    return fill(studio, arguments, text(arguments, "text").split("\n"))


def add_bullet_points(studio: Studio, arguments: Object) -> Object:
    """Fill a placeholder with bullet points."""
    points = arguments.get("bullet_points")
    if not is_list(points):
        raise ToolError("bullet_points must be a list of strings.")
    return fill(studio, arguments, [as_text(point, "bullet_points") for point in points])


def fill(studio: Studio, arguments: Object, paragraphs: Sequence[str]) -> Object:
    """Put paragraphs into a placeholder."""
    slides = slides_of(studio, arguments)
    index, placeholder = number(arguments, "slide_index"), number(arguments, "placeholder_idx")
    if not 0 <= index < len(slides) or placeholder not in (TITLE, BODY):
        raise ToolError(f"There is no placeholder {placeholder} on a slide {index}; there are {len(slides)} slides.")
    slides[index].paragraphs[placeholder] = paragraphs
    return {"message": f"Put {len(paragraphs)} paragraphs into placeholder {placeholder} on slide {index}."}


def save_presentation(studio: Studio, arguments: Object) -> Object:
    """Write a presentation to a .pptx file."""
    slides = slides_of(studio, arguments)
    path = Path(text(arguments, "file_path"))
    if path.suffix != ".pptx":
        raise ToolError(f"file_path must end in .pptx, unlike {str(path)!r}.")
    draft = path.with_suffix(".pptx.part")
    try:
        write_deck(slides, draft)
        draft.replace(path)
    except OSError as error:
        raise ToolError(f"The file could not be written: {error}.") from error
    return {"message": f"Presentation saved to {path}", "file_path": str(path)}


DECK: Types = {"presentation_id": "string"}
PLACE: Types = {"slide_index": "integer", "placeholder_idx": "integer"}
# Each tool with the JSON types of its arguments: those it requires, then those it may be given.
TOOLS: Mapping[str, tuple[Callable[[Studio, Object], Object], Types, Types]] = {
    "create_presentation": (create_presentation, {}, {"id": "string"}),
    "add_slide": (add_slide, DECK, {"layout_index": "integer", "title": "string"}),
    "populate_placeholder": (populate_placeholder, {**DECK, **PLACE, "text": "string"}, {}),
    "add_bullet_points": (add_bullet_points, {**DECK, **PLACE, "bullet_points": "array"}, {}),
    "save_presentation": (save_presentation, {**DECK, "file_path": "string"}, {}),
}


def describe(name: str) -> Object:
    """Return the entry of a tool in the list."""
    run, required, optional = TOOLS[name]
    properties = {argument: {"type": kind} for argument, kind in {**required, **optional}.items()}
    result = {"type": "object", "properties": {"result": {"type": "object"}}, "required": ["result"]}
    accepted = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": run.__doc__, "inputSchema": accepted, "outputSchema": result}


# The file format: a zip of XML parts that name each other

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
OOXML = "http://schemas.openxmlformats.org"
OFFICE = f"{OOXML}/officeDocument/2006/relationships"
MIME = "application/vnd.openxmlformats-officedocument"
SPACES = f'xmlns:a="{OOXML}/drawingml/2006/main" xmlns:r="{OFFICE}" xmlns:p="{OOXML}/presentationml/2006/main"'
GROUP = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
INHERIT = "<p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr>"
COLOURS = {
    "dk1": "1F2933", "lt1": "FFFFFF", "dk2": "12355B", "lt2": "F0F4F8", "accent1": "1F7A8C", "accent2": "E07A5F",
    "accent3": "81B29A", "accent4": "F2CC8F", "accent5": "5E548E", "accent6": "BC4749", "hlink": "1F7A8C",
    "folHlink": "5E548E",
}  # fmt: skip
# Per layout and placeholder: type, top and height in 1/914400 inch
PLACES = (
    {TITLE: ("ctrTitle", 2_100_000, 1_300_000), BODY: ("subTitle", 3_600_000, 1_400_000)},
    {TITLE: ("title", 420_000, 1_000_000), BODY: ("body", 1_700_000, 4_400_000)},
)


@dataclass(frozen=True, slots=True)
class Part:
    """One XML file of the zip: its kind, its number among its kind, its content and the parts it names as rId1, ..."""

    kind: str
    number: int
    content: str
    names: "tuple[Part, ...]" = ()

    @property
    def path(self) -> str:
        """Where it lies in the zip."""
        folder = "" if self.kind == "officeDocument" else f"{self.kind}s/"
        return f"ppt/{folder}{self.kind}{self.number}.xml"

    @property
    def mime(self) -> str:
        """Its content type."""
        special = {"theme": "theme", "officeDocument": "presentationml.presentation.main"}
        return f"{MIME}.{special.get(self.kind, f'presentationml.{self.kind}')}+xml"


def write_deck(slides: Sequence[Slide], path: Path) -> None:
    """Write a presentation into a zip file."""
    theme = Part("theme", 1, theme_part())
    # A layout and its master name each other, so the layouts know a master without its content.
    layouts = tuple(Part("slideLayout", n + 1, layout_part(n), (Part("slideMaster", 1, ""),)) for n in (0, 1))
    master = Part("slideMaster", 1, master_part(), (*layouts, theme))
    shown = tuple(Part("slide", n, slide_part(slide), (layouts[slide.layout],)) for n, slide in enumerate(slides, 1))
    deck = Part("officeDocument", 1, deck_part(len(slides)), (master, *shown))
    parts = (deck, master, *layouts, theme, *shown)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", HEAD + content_types(parts))
        archive.writestr("_rels/.rels", HEAD + relations((deck,)))
        for part in parts:
            archive.writestr(part.path, HEAD + part.content)
            archive.writestr(re.sub(r"([^/]+)$", r"_rels/\1.rels", part.path), HEAD + relations(part.names))


def content_types(parts: Sequence[Part]) -> str:
    """Say what kind each part is of."""
    rels = "application/vnd.openxmlformats-package.relationships+xml"
    entries = "".join(f'<Override PartName="/{part.path}" ContentType="{part.mime}"/>' for part in parts)
    default = f'<Default Extension="rels" ContentType="{rels}"/>'
    return f'<Types xmlns="{OOXML}/package/2006/content-types">{default}{entries}</Types>'


def relations(parts: Sequence[Part]) -> str:
    """Say which other parts a part names."""
    entries = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/{part.kind}" Target="/{part.path}"/>'
        for n, part in enumerate(parts, 1)
    )
    return f'<Relationships xmlns="{OOXML}/package/2006/relationships">{entries}</Relationships>'


def deck_part(slides: int) -> str:
    """Return the root: the master is rId1, the slides follow in order."""
    entries = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n + 1}"/>' for n in range(1, slides + 1))
    return (
        f'<p:presentation {SPACES}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst>'
        f'<p:sldIdLst>{entries}</p:sldIdLst><p:sldSz cx="12192000" cy="6858000"/>'
        '<p:notesSz cx="6858000" cy="12192000"/></p:presentation>'
    )


def theme_part() -> str:
    """Return colours, fonts and the plainest fills, lines and effects."""
    colours = "".join(f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in COLOURS.items())
    font = '<a:latin typeface="Calibri"/><a:ea typeface=""/><a:cs typeface=""/>'
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>'
    line = f'<a:ln w="9525">{fill}</a:ln>'
    effect = "<a:effectStyle><a:effectLst/></a:effectStyle>"
    return (
        f'<a:theme {SPACES} name="Slides"><a:themeElements><a:clrScheme name="Slides">{colours}</a:clrScheme>'
        f'<a:fontScheme name="Slides"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme>'
        f'<a:fmtScheme name="Slides"><a:fillStyleLst>{fill * 3}</a:fillStyleLst><a:lnStyleLst>{line * 3}</a:lnStyleLst>'
        f"<a:effectStyleLst>{effect * 3}</a:effectStyleLst><a:bgFillStyleLst>{fill * 3}</a:bgFillStyleLst>"
        "</a:fmtScheme></a:themeElements></a:theme>"
    )


def master_part() -> str:
    """Return the master: it maps the colours and sets the sizes of text for all slides."""
    mapped = "".join(f' {name}="{name}"' for name in COLOURS if not name.startswith(("dk", "lt")))
    layouts = "".join(f'<p:sldLayoutId id="{2147483648 + n}" r:id="rId{n}"/>' for n in (1, 2))
    return (
        f'<p:sldMaster {SPACES}>{places(1, "bg1")}<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2"{mapped}/>'
        f"<p:sldLayoutIdLst>{layouts}</p:sldLayoutIdLst><p:txStyles>"
        '<p:titleStyle><a:lvl1pPr><a:defRPr sz="3600" b="1"><a:solidFill><a:schemeClr val="tx2"/></a:solidFill>'
        '</a:defRPr></a:lvl1pPr></p:titleStyle><p:bodyStyle><a:lvl1pPr marL="342900" indent="-342900">'
        '<a:spcBef><a:spcPts val="900"/></a:spcBef><a:buChar char="&#8226;"/><a:defRPr sz="2200"><a:solidFill>'
        '<a:schemeClr val="tx1"/></a:solidFill></a:defRPr></a:lvl1pPr></p:bodyStyle></p:txStyles></p:sldMaster>'
    )


def layout_part(layout: int) -> str:
    """Return a layout: where its placeholders are."""
    return f"<p:sldLayout {SPACES}>{places(layout, ('bg2', 'bg1')[layout])}{INHERIT}</p:sldLayout>"


def slide_part(slide: Slide) -> str:
    """Return a slide: the text of its placeholders, in the places of its layout."""
    shapes = ""
    for placeholder in (TITLE, BODY):
        lines = slide.paragraphs.get(placeholder) or ("",)
        written = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
        shapes += shape(slide.layout, placeholder, body=written)
    return f"<p:sld {SPACES}><p:cSld><p:spTree>{GROUP}{shapes}</p:spTree></p:cSld>{INHERIT}</p:sld>"


def places(layout: int, background: str) -> str:
    """Return the empty placeholders of a layout, each in its place, on a background."""
    shapes = ""
    for placeholder, (_, top, height) in PLACES[layout].items():
        place = f'<a:xfrm><a:off x="838200" y="{top}"/><a:ext cx="10515600" cy="{height}"/></a:xfrm>'
        shapes += shape(layout, placeholder, place=f'{place}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom>')
    fill = f'<p:bg><p:bgRef idx="1001"><a:schemeClr val="{background}"/></p:bgRef></p:bg>'
    return f'<p:cSld name="{LAYOUTS[layout]}">{fill}<p:spTree>{GROUP}{shapes}</p:spTree></p:cSld>'


def shape(layout: int, placeholder: int, *, place: str = "", body: str = "<a:p/>") -> str:
    """Return one placeholder."""
    kind = PLACES[layout][placeholder][0]
    plain = '<a:lvl1pPr marL="0" indent="0"><a:buNone/></a:lvl1pPr>' if kind == "subTitle" else ""
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{placeholder + 2}" name="{kind} {placeholder}"/><p:cNvSpPr/>'
        f'<p:nvPr><p:ph type="{kind}" idx="{placeholder}"/></p:nvPr></p:nvSpPr><p:spPr>{place}</p:spPr>'
        f"<p:txBody><a:bodyPr/><a:lstStyle>{plain}</a:lstStyle>{body}</p:txBody></p:sp>"
    )


# The protocol


def reply(studio: Studio, line: bytes) -> Object | None:
    """Return what to write for one line; nothing for a notification."""
    try:
        request: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"jsonrpc": "2.0", "id": None, **refusal(PARSE_ERROR, f"The line is not JSON: {error}.")}
    if not is_object(request) or not isinstance(request.get("method"), str):
        return {"jsonrpc": "2.0", "id": None, **refusal(INVALID_REQUEST, "A message is an object with a method.")}
    if "id" not in request:
        return None
    params = request.get("params")
    answered = answer(studio, str(request["method"]), params if is_object(params) else {})
    return {"jsonrpc": "2.0", "id": request["id"], **answered}


def refusal(code: int, message: str) -> Object:
    """Return a JSON-RPC error."""
    return {"error": {"code": code, "message": message}}


def answer(studio: Studio, method: str, params: Object) -> Object:
    """Return the result of a request, or an error."""
    match method:
        case "initialize":
            asked = params.get("protocolVersion")
            version = asked if asked in VERSIONS else VERSIONS[-1]
            server = {"name": "slides", "version": "1.0.0"}
            return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}}
        case "ping":
            return {"result": {}}
        case "tools/list":
            return {"result": {"tools": [describe(name) for name in TOOLS]}}
        case "tools/call":
            return call(studio, params)
        case _:
            return refusal(METHOD_NOT_FOUND, f"There is no method {method!r}.")


def call(studio: Studio, params: Object) -> Object:
    """Run a tool and return its result, or why it failed."""
    name, arguments = str(params.get("name")), params.get("arguments", {})
    if name not in TOOLS or not is_object(arguments):
        return refusal(INVALID_PARAMS, "A call names a tool of the list and gives an object of arguments.")
    try:
        result = TOOLS[name][0](studio, arguments)
    except ToolError as error:
        return {"result": {"content": [{"type": "text", "text": str(error)}], "isError": True}}
    shown = {"type": "text", "text": json.dumps(result)}
    return {"result": {"content": [shown], "structuredContent": {"result": result}, "isError": False}}


def serve(reader: BinaryIO, writer: BinaryIO) -> None:
    """Answer line by line until the input ends or a line is longer than any honest one."""
    studio: Studio = {}
    while line := reader.readline(LONGEST_LINE):
        if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
            return
        if (message := reply(studio, line)) is not None:
            writer.write(json.dumps(message).encode() + b"\n")
            writer.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)

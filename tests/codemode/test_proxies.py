"""Tools become functions with parameters as Python has them, whatever their schemas say."""

import ast
import inspect
import keyword
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsm_mcp.codemode.declarations import type_text
from vsm_mcp.codemode.parameters import Parameters, identifiers, parameters_of
from vsm_mcp.codemode.proxies import RESERVED, Namespaces
from vsm_mcp.model.json import JsonObject, JsonValue
from vsm_mcp.model.offer import OfferedTool

STORE: JsonObject = {
    "type": "object",
    "properties": {
        "tags": {"type": "array", "items": {"type": "string"}},
        "content": {"type": "string"},
        "importance": {"type": "number"},
    },
    "required": ["content", "importance"],
}


def offered(
    tool: str = "store_memory",
    server: str = "automem",
    *,
    schema: JsonObject | None = None,
    description: str = "",
    output: JsonObject | None = None,
) -> OfferedTool:
    return OfferedTool(
        name=f"{server}__{tool}",
        server=server,
        tool=tool,
        description=description,
        input_schema=STORE if schema is None else schema,
        output_schema=output,
    )


def stub(tool: OfferedTool) -> str:
    """Return the lines of the one function's head and of its docstring."""
    text = Namespaces([tool]).declarations()
    ast.parse(text)
    return "\n".join(line.strip() for line in text.splitlines()[3:] if line.strip() not in ("", "@staticmethod"))


@pytest.mark.promise("D25")
def test_positional_arguments_fill_required_parameters_first_then_optional_ones() -> None:
    function = Namespaces([offered()]).find("automem.store_memory")
    assert function is not None
    assert function.bind(["text", 0.7, ["testing"]], {}) == {"content": "text", "importance": 0.7, "tags": ["testing"]}
    assert function.bind(["text"], {"importance": 1}) == {"content": "text", "importance": 1}


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ([], {}, "store_memory() missing 2 required positional arguments: 'content' and 'importance'"),
        (["a"], {}, "store_memory() missing 1 required positional argument: 'importance'"),
        ([1, 2, 3, 4], {}, "store_memory() takes from 2 to 3 positional arguments but 4 were given"),
        ([1, 2], {"weight": 1}, "store_memory() got an unexpected keyword argument 'weight'"),
        ([1, 2], {"content": 1}, "store_memory() got multiple values for argument 'content'"),
    ],
)
def test_wrong_arguments_are_refused_in_the_words_of_python(
    args: Sequence[JsonValue], kwargs: JsonObject, said: str
) -> None:
    with pytest.raises(TypeError) as info:
        parameters_of(STORE).bind("store_memory", args, kwargs)
    assert str(info.value) == said


def test_three_missing_arguments_are_listed_with_commas() -> None:
    schema: JsonObject = {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["a", "b", "c"]}
    with pytest.raises(TypeError, match="3 required positional arguments: 'a', 'b', and 'c'"):
        parameters_of(schema).bind("f", [], {})
    with pytest.raises(TypeError, match=r"f\(\) takes 1 positional argument but 2 were given"):
        parameters_of({"properties": {"a": {}}, "required": ["a"]}).bind("f", [1, 2], {})
    with pytest.raises(TypeError, match=r"f\(\) takes from 0 to 1 positional arguments but 2 were given"):
        parameters_of({"properties": {"a": {}}}).bind("f", [1, 2], {})


def test_a_schema_that_names_no_parameters_takes_any_by_keyword_unless_it_forbids_them() -> None:
    assert parameters_of({}).bind("f", [], {"anything": 1}) == {"anything": 1}
    assert parameters_of({"properties": {"a": {}}, "additionalProperties": True}).open
    assert not parameters_of({"properties": {"a": {}}}).open
    with pytest.raises(TypeError, match="unexpected keyword argument 'anything'"):
        parameters_of({"additionalProperties": False}).bind("f", [], {"anything": 1})


def test_names_that_python_cannot_have_are_changed_and_sent_as_the_schema_has_them() -> None:
    schema: JsonObject = {"properties": {"class": {}, "from-date": {}, "from_date": {}, "2nd": {}, "_x": {}, "é": {}}}
    known = parameters_of(schema).known
    assert {each.argument: each.name for each in known} == {
        "class": "class_", "from-date": "from_date_2", "from_date": "from_date", "2nd": "x_2nd", "_x": "x", "é": "x_2",
    }  # fmt: skip
    assert parameters_of(schema).bind("f", [], {"class_": 1, "from_date_2": 2}) == {"class": 1, "from-date": 2}


def test_a_keyword_that_is_open_and_one_that_is_changed_cannot_both_fill_a_parameter() -> None:
    parameters = parameters_of({"properties": {"class": {}}, "additionalProperties": {}})
    with pytest.raises(TypeError, match="multiple values for argument 'class'"):
        parameters.bind("f", [1], {"class": 2})


def test_a_server_becomes_a_namespace_by_its_short_name() -> None:
    servers = ["npm:@scope/automem", "pypi:mcp-server-time", "time", "a/files", "b/files"]
    namespaces = Namespaces([offered("look", server) for server in servers])
    assert namespaces.names() == ("a_files", "automem", "b_files", "mcp_server_time", "time_")
    assert repr(Namespaces([offered()])) == "Namespaces(automem: 1)"
    assert namespaces.find("os.system") is None
    assert namespaces.functions("nobody") == {}


def test_names_depend_on_the_set_of_tools_only() -> None:
    tools = [offered(tool, server) for server in ("x/a-b", "y/a.b", "z/a_b") for tool in ("t-1", "t.1", "t_1")]
    forwards, backwards = Namespaces(tools), Namespaces(tools[::-1])
    assert forwards.declarations() == backwards.declarations()
    functions = [each for name in forwards.names() for each in forwards.functions(name).values()]
    assert len({each.path for each in functions}) == len(functions) == 9


def test_the_stub_shows_types_defaults_and_the_description() -> None:
    schema: JsonObject = {
        "properties": {
            "mode": {"enum": ["fast", "safe", None]},
            "limit": {"type": ["integer", "null"], "default": 5},
            "filter": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Filter"}, {"type": "null"}]},
            "points": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}},
            "long": {"type": "string", "default": "x" * 100},
            "which": {"const": True},
        },
        "required": ["mode"],
        "$defs": {"Filter": {"type": "object"}},
    }
    assert stub(offered(schema=schema, description="Find it.\n\n  Again.")) == (
        "async def store_memory(mode: Literal['fast', 'safe', None], limit: int | None = 5, "
        "filter: str | dict[str, Any] | None = ..., points: list[dict[str, float]] = ..., long: str = ..., "
        "which: Literal[True] = ...) -> Any:\n"
        '"""Find it.\n\nAgain."""'.replace("\n\n", "\n")
    )


def test_a_result_that_is_only_wrapped_is_shown_and_handed_over_without_its_wrapping() -> None:
    output: JsonObject = {"type": "object", "properties": {"result": {"type": "integer"}}}
    tool = offered(schema={"additionalProperties": False}, output=output)
    assert stub(tool) == "async def store_memory() -> int: ..."
    function = Namespaces([tool]).find("automem.store_memory")
    assert function is not None
    assert function.unwrap({"result": 3}) == 3
    assert function.unwrap({"result": 3, "more": 4}) == {"result": 3, "more": 4}
    assert "-> dict[str, str]:" in Namespaces(
        [offered(output={"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}})]
    ).declarations().replace(" ...", "")


@pytest.mark.security
@pytest.mark.parametrize(
    "description",
    ['"""\n    import os\n', "\\", '\\"""', '"', "a\u2028b\x00c\x1b[31m\u202ed", "'''", '"' * 7, "x" * 5000, "\ud800"],
)
def test_a_description_cannot_end_its_docstring(description: str) -> None:
    tree = ast.parse(Namespaces([offered(description=description)]).declarations())
    assert [type(node) for node in tree.body] == [ast.ImportFrom, ast.ClassDef]
    space = tree.body[1]
    assert isinstance(space, ast.ClassDef)
    assert [type(node) for node in space.body] == [ast.AsyncFunctionDef]
    function = space.body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    assert len(function.body) == 1
    text = ast.get_docstring(function) or ""
    assert len(text) < 4100
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.security
def test_schemas_that_lead_in_circles_or_are_enormous_end_in_any() -> None:
    circle: JsonObject = {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}
    assert "Any" in type_text({"$ref": "#/$defs/a"}, root=circle)
    assert type_text({"$ref": "https://example.com/x"}, root={}) == "Any"
    assert type_text({"$ref": "#/a/b"}, root={"a": 1}) == "Any"
    assert type_text({"enum": [10**5000, "a", 1.5, None, {}, []]}, root={}) == (
        "int | str | float | dict[str, Any] | list[Any] | None"
    )
    assert type_text({"anyOf": [{"type": "string"}, {}]}, root={}) == "Any"
    assert type_text({"anyOf": [{"const": str(each)} for each in range(100)]}, root={}) == "Any"
    assert type_text({"type": 3}, root={}) == "Any"
    assert type_text({"type": ["string", 3]}, root={}) == "Any"
    assert type_text({"enum": ["x" * 50 + str(each) for each in range(20)]}, root={}) == "Any"
    many: JsonObject = {"properties": {f"p{each}": {} for each in range(5000)}}
    assert len(parameters_of(many).known) == 256
    assert parameters_of(many).open
    ast.parse(Namespaces([offered(schema=many)]).declarations())


NAMES = st.text(max_size=12) | st.sampled_from(["class", "None", "a", "a-b", "a_b", "self", "_x", "print", "2"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", "strange"])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.fixed_dictionaries(
            {},
            optional={
                "type": KINDS | st.lists(KINDS, max_size=3) | inner,
                "enum": st.lists(SCALARS, max_size=4) | inner,
                "const": inner,
                "anyOf": st.lists(inner, max_size=3) | inner,
                "oneOf": inner,
                "items": inner,
                "default": inner,
                "additionalProperties": inner,
                "$ref": st.sampled_from(["#/properties/a", "#/", "#", "x"]) | inner,
            },
        )
    ),
    max_leaves=12,
)
SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "properties": st.dictionaries(NAMES, ANYTHING, max_size=6) | ANYTHING,
        "required": st.lists(NAMES, max_size=4) | ANYTHING,
        "additionalProperties": st.booleans() | ANYTHING,
    },
)


@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, NAMES, SCHEMAS, st.text(max_size=40), st.none() | SCHEMAS), max_size=4))
def test_any_tools_have_a_stub_that_parses_and_says_nothing_else(
    tools: list[tuple[str, str, dict[str, JsonValue], str, dict[str, JsonValue] | None]],
) -> None:
    offers = [
        offered(tool, server, schema=schema, description=text, output=output)
        for server, tool, schema, text, output in tools
    ]
    namespaces = Namespaces(offers)
    tree = ast.parse(namespaces.declarations())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes] == list(namespaces.names())
    assert len(tree.body) == len(classes) + 1
    for node in classes:
        assert node.name not in RESERVED
        functions = [each for each in node.body if isinstance(each, ast.AsyncFunctionDef)]
        assert (
            [each.name for each in functions]
            == sorted(namespaces.functions(node.name))
            == [each.name for each in functions if len(each.body) == 1 and len(node.body) == len(functions)]
        )


@settings(max_examples=80)
@given(st.lists(NAMES, max_size=8, unique=True), st.frozensets(st.sampled_from(["a", "a_b", "x"])))
def test_any_names_become_different_identifiers(names: list[str], reserved: frozenset[str]) -> None:
    given_names = identifiers(names, reserved=reserved)
    assert set(given_names) == set(names)
    assert len(set(given_names.values())) == len(names)
    for name in given_names.values():
        assert name.isidentifier()
        assert name.isascii()
        assert not keyword.iskeyword(name)
        assert not name.startswith("_")
        assert name not in reserved


def signature(parameters: Parameters) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    empty = inspect.Parameter.empty
    known = [inspect.Parameter(each.name, kind, default=empty if each.required else None) for each in parameters.known]
    rest = [inspect.Parameter("_rest", inspect.Parameter.VAR_KEYWORD)] if parameters.open else []
    return inspect.Signature([*known, *rest])


def bound_by_python(parameters: Parameters, args: Sequence[int], kwargs: Mapping[str, int]) -> dict[str, int] | None:
    try:
        bound = signature(parameters).bind(*args, **kwargs).arguments
    except TypeError:
        return None
    rest: dict[str, int] = bound.pop("_rest", {})
    arguments = {each.name: each.argument for each in parameters.known}
    return {**{arguments[name]: value for name, value in bound.items()}, **rest}


PLAIN = st.sampled_from(["a", "b", "c", "d", "e"])


@settings(max_examples=120)
@given(
    names=st.lists(PLAIN, unique=True),
    needed=st.lists(PLAIN),
    further=st.booleans(),
    args=st.lists(st.integers(), max_size=5),
    kwargs=st.dictionaries(PLAIN, st.integers(), max_size=4),
)
def test_arguments_are_bound_as_python_binds_them(
    names: list[str], needed: list[str], *, further: bool, args: list[int], kwargs: dict[str, int]
) -> None:
    schema: JsonObject = {
        "properties": {name: {} for name in names},
        "required": list(needed),
        "additionalProperties": further,
    }
    parameters = parameters_of(schema)
    expected = bound_by_python(parameters, args, kwargs)
    try:
        found = parameters.bind("f", args, kwargs)
    except TypeError:
        assert expected is None
    else:
        assert found == expected

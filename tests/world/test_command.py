"""Commands: an unsafe one cannot be constructed."""

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import UnsafeCommandError
from vsm_mcp.world.processes import LONGEST_WORD, MOST_WORDS, Command, refuse_variable

DANGEROUS = (
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "DYLD_INSERT_LIBRARIES",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PERL5LIB",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "BASH_ENV",
    "ENV",
    "IFS",
    "PATH",
    "SHELLOPTS",
    "GIT_SSH_COMMAND",
    "HTTPS_PROXY",
    "NPM_CONFIG_REGISTRY",
    "PIP_INDEX_URL",
    "UV_INDEX_URL",
)
NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=20)


def is_constructed(argv: tuple[str, ...], env: dict[str, str]) -> bool:
    try:
        Command(argv=argv, env=env)
    except UnsafeCommandError:
        return False
    return True


@pytest.mark.security
@given(st.lists(st.text(max_size=20), max_size=5).map(tuple))
@pytest.mark.promise("A50", "E1", "E32", "E48")
def test_whatever_words_come_a_constructed_command_is_safe(argv: tuple[str, ...]) -> None:
    if is_constructed(argv, {}):
        assert argv[0].startswith("/")
        assert all(b"\0" not in os.fsencode(word) for word in argv)


@pytest.mark.security
@given(st.dictionaries(st.text(max_size=12) | NAMES | st.sampled_from(DANGEROUS), st.text(max_size=12), max_size=4))
@pytest.mark.promise("A50", "E33")
def test_whatever_environment_comes_a_constructed_command_is_safe(env: dict[str, str]) -> None:
    if is_constructed(("/bin/true",), env):
        assert all(set(name) <= set(string.ascii_letters + string.digits + "_") for name in env)
        assert not {name.upper() for name in env} & set(DANGEROUS)
        assert all(b"\0" not in os.fsencode(value) for value in env.values())


@pytest.mark.security
@pytest.mark.parametrize("name", [*DANGEROUS, *(name.lower() for name in DANGEROUS)])
@pytest.mark.promise("E33", "E35")
def test_variables_that_change_what_code_is_loaded_are_refused_in_any_case(name: str) -> None:
    with pytest.raises(UnsafeCommandError, match=name):
        Command(argv=("/bin/true",), env={name: "x"})


@pytest.mark.parametrize("name", ["", "1A", "A=B", "A B", "Ä", "A\n", "BASH_FUNC_x%%"])
def test_what_is_no_variable_name_is_refused(name: str) -> None:
    with pytest.raises(UnsafeCommandError):
        refuse_variable(name)


@pytest.mark.parametrize("argv", [(), ("ls",), ("./ls",), ("../bin/ls",), ("",), ("~/ls",)])
@pytest.mark.promise("E32")
def test_a_program_needs_its_absolute_path(argv: tuple[str, ...]) -> None:
    with pytest.raises(UnsafeCommandError, match="absolute path"):
        Command(argv=argv)


@pytest.mark.parametrize(
    "word",
    ["a\0b", "x" * (LONGEST_WORD + 1), "ä" * (LONGEST_WORD // 2 + 1), "\ud800"],
    ids=["nul", "long", "wide", "half"],
)
def test_a_word_that_cannot_be_passed_is_refused_everywhere(word: str) -> None:
    with pytest.raises(UnsafeCommandError):
        Command(argv=("/bin/true", word))
    with pytest.raises(UnsafeCommandError):
        Command(argv=("/bin/true",), env={"A": word})
    with pytest.raises(UnsafeCommandError):
        Command(argv=("/bin/true",), cwd=Path(word))


def test_too_many_words_are_refused() -> None:
    with pytest.raises(UnsafeCommandError, match="more than"):
        Command(argv=("/bin/true",) * (MOST_WORDS + 1))


@pytest.mark.security
@pytest.mark.promise("E48")
def test_what_was_judged_cannot_be_changed_afterwards() -> None:
    env = {"A": "1"}
    command = Command(argv=("/bin/true",), env=env)
    env["LD_PRELOAD"] = "/tmp/evil.so"
    assert command.environment() == {"A": "1"}
    with pytest.raises(TypeError):
        command.env["LD_PRELOAD"] = "/tmp/evil.so"  # pyright: ignore[reportIndexIssue]


def test_it_shows_the_names_of_variables_and_never_their_values() -> None:
    shown = repr(Command(argv=("/bin/true",), env={"TOKEN": "hidden"}, cwd=Path("/tmp")))
    assert "TOKEN" in shown
    assert "/tmp" in shown
    assert "hidden" not in shown


def test_of_this_process_only_what_is_named_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_ONE", "1")
    monkeypatch.setenv("MINE_TWO", "2")
    monkeypatch.setenv("YOURS", "3")
    assert Command(argv=("/bin/true",)).environment() == {}
    command = Command(argv=("/bin/true",), env={"MINE_TWO": "22"}, inherit=("MINE_*",))
    assert command.environment() == {"MINE_ONE": "1", "MINE_TWO": "22"}

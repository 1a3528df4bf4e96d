"""Targets name tools by globs; answers are found once, and a flood of names does not fill the memory."""

from time import perf_counter

from vsm_mcp.guard.rules.targets import Answers, Targets


def test_a_target_names_servers_and_tools_and_a_server_alone_all_of_its_tools() -> None:
    targets = Targets(("io.github.x/*:read_[a-c]*", "notes"))
    assert targets.match("io.github.x/files", "read_all") == "io.github.x/*:read_[a-c]*"
    assert targets.match("io.github.x/files", "read_text") is None
    assert targets.match("notes", "anything:at all\n") == "notes"
    assert targets.match("Notes", "anything") is None
    assert "notes" in repr(targets)


def test_an_answer_is_found_once() -> None:
    asked: list[str] = []

    def find(agent: str, server: str, tool: str) -> int:
        asked.append(agent + server + tool)
        return len(tool)

    answers = Answers(find)
    assert [answers["a", "b", "ccc"] for _ in range(3)] == [3, 3, 3]
    assert asked == ["abccc"]


def test_names_beyond_what_is_kept_are_answered_all_the_same() -> None:
    answers = Answers(lambda agent, server, tool: agent + server + tool, most=10)
    assert [answers["a", "b", str(number)] for number in range(100)] == [f"ab{number}" for number in range(100)]
    assert len(answers) <= 10


def test_very_long_names_are_not_kept() -> None:
    answers = Answers(lambda _agent, _server, tool: len(tool))
    assert answers["a", "b", "c" * 100_000] == 100_000
    assert not answers


def test_no_name_makes_a_pattern_slow() -> None:
    targets = Targets(("*a*a*a*a*a*a*a*a*a*a*a*a*b:*",))
    began = perf_counter()
    assert targets.match("a" * 10_000, "x") is None
    assert perf_counter() - began < 2

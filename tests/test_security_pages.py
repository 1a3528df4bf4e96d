"""The pages on security name what exists, with the figures that hold, and each risk has its test."""

import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest

import vsm_mcp.errors
import vsm_mcp.events
from vsm_mcp import Egress, Go, Limits, Permission, Policy, Settings, ViableSystem
from vsm_mcp.acquisition.vetting.checks import registry_checks, standard_checks
from vsm_mcp.acquisition.vetting.patterns import KINDS
from vsm_mcp.world.clock import SystemClock

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted((DOCS / "security").glob("*.md")), DOCS / "troubleshooting.md"]
OWASP = ROOT / "tests" / "security" / "test_owasp.py"
OTHERS = ("Too many open files", "Resource temporarily unavailable", "No space left on device", "Permission denied")
"""What the operating system says, and not this library."""


def page(name: str) -> str:
    return (DOCS / name).read_text()


def rows(text: str) -> list[list[str]]:
    """The cells of all tables of a page, without their headlines."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("| ") and not following.startswith("|---"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def sources() -> str:
    """The text of the library, with broken lines of messages joined."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_each_risk_of_the_list_has_one_line_and_one_test_that_exists() -> None:
    lines = [cells for cells in rows(page("security/owasp.md")) if cells[0].startswith("**MCP")]
    assert [cells[0][2:7] for cells in lines] == [f"MCP{number:02}" for number in range(1, 11)]
    tests = re.findall(r"^async def (test_mcp\d\d_\w+)\(", OWASP.read_text(), flags=re.MULTILINE)
    assert [cells[2].strip("`") for cells in lines] == tests
    for cells in lines:
        assert cells[0][2:7].lower() in cells[2]


@pytest.mark.parametrize("place", PAGES, ids=lambda place: place.name)
def test_every_setting_error_event_and_method_that_a_page_names_exists(place: Path) -> None:
    text = place.read_text()
    for name in set(re.findall(r"VSM_MCP_([A-Z_]+)", text)):
        setting, _, part = name.rstrip("_").partition("__")
        assert setting.lower() in Settings.model_fields, name
        assert not part or part.lower() in Limits.model_fields, name
    for name in set(re.findall(r"`([A-Z]\w+Error)\b", text)) - {"MemoryError"}:
        assert hasattr(vsm_mcp.errors, name), name
    for name in set(re.findall(r"\b(?:vsm|system)\.(\w+)\(", text)):
        assert hasattr(ViableSystem, name), name
    events = {name for name, kind in vars(vsm_mcp.events).items() if inspect.isclass(kind)}
    told = r"`((?:Egress|Tools|Statements|Behaviour|Resource|Server|Transaction|Call)[A-Z]\w+ed)\b"
    assert set(re.findall(told, text)) <= events


def test_the_page_on_policy_names_every_field_with_its_default() -> None:
    text = page("security/policy.md")
    for name in Policy.model_fields:
        assert re.search(rf"`{name}\b|\b{name}=", text), name
    stated = {cells[0].strip("`"): cells[1] for cells in rows(text) if len(cells) == 3 and cells[0].startswith("`")}
    words = {True: "yes", False: "no", None: "none", timedelta(days=7): "7 days"}
    for name in set(stated) & set(Policy.model_fields):
        default: object = getattr(Policy(), name)
        assert stated[name] == words.get(default, getattr(default, "name", str(default)).lower()), name  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert all(f"{kind}:" in text for kind in KINDS if kind not in {"file", "memory"})
    assert all(f"`{permission}`" in text for permission in Permission)


def test_the_page_on_the_sandbox_states_every_limit_as_it_is() -> None:
    stated = {cells[0].split("`")[1]: cells[1] for cells in rows(page("security/sandbox.md")) if "`" in cells[0]}
    for name in Limits.model_fields:
        default: object = getattr(Limits(), name)
        assert stated[name] == ("none" if default is None else f"{default:g}"), name


def test_the_page_on_the_network_states_every_bound_as_it_is() -> None:
    stated = dict(cells[:2] for cells in rows(page("security/egress.md")))
    rules = Egress()
    assert stated["connections at once"].startswith(f"{rules.connections};")
    assert stated["bytes of one connection, both ways"] == f"{rules.bytes_per_connection >> 30} GiB"
    assert stated["bytes of all connections"] == f"{rules.total_bytes >> 30} GiB"
    assert stated["different names"] == f"{rules.names}"
    assert stated["seconds without a byte"] == f"{rules.idle:g}"


def test_the_page_on_vetting_has_a_line_for_every_check() -> None:
    policy, clock = Policy(), SystemClock()
    checks = (*standard_checks(policy, clock=clock), *registry_checks(policy, clock=clock, advisories=(), histories=()))
    named = {cells[0].strip("`") for cells in rows(page("security/vetting.md")) if len(cells) == 3}
    assert {"lists", *(check.name for check in checks)} <= named


@pytest.mark.promise("B71", "B75")
def test_the_exit_codes_of_the_overview_are_those_of_the_answers() -> None:
    lines = [cells for cells in rows(page("security/index.md")) if cells[0].isdigit()]
    assert [(int(cells[0]), cells[1].strip("`")) for cells in lines] == [(int(go), go.name) for go in Go]


@pytest.mark.promise("A86", "A87", "A88", "B59", "B60", "B62")
def test_what_the_table_of_troubles_quotes_is_what_the_library_says() -> None:
    known, text = sources(), page("troubleshooting.md")
    quoted = [words for cells in rows(text) for words in re.findall(r"\*([^*]+)\*", cells[0])]
    pieces = [piece.strip(" ,") for words in quoted for piece in re.split(r"[0-9.]+|\.\.\.", words)]
    assert [piece for piece in pieces if len(piece) > 3 and piece not in known and piece not in OTHERS] == []
    assert len(rows(text)) > 25
    assert all(cells[2] for cells in rows(text))

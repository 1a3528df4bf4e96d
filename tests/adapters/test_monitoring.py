"""Health, readiness and figures over HTTP: what a probe sees, what Prometheus reads, and who is turned away."""

import importlib
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from vsm_mcp import Autonomy, MemoryBus, Nerve, Operation, Policy, Settings, Shelf, ViableSystem
from vsm_mcp.__main__ import main
from vsm_mcp.adapters.asgi import listen_monitoring, monitoring_app
from vsm_mcp.adapters.prometheus import FiguresCollector, figures_text
from vsm_mcp.commands.outcome import ExitCode
from vsm_mcp.errors import ConfigurationError, DiscoveryError, ExtraMissingError
from vsm_mcp.metrics import HttpMetrics
from vsm_mcp.testing.servers import memory_server

ONLY_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def system(state: Path, bus: MemoryBus | None = None, **options: object) -> ViableSystem:
    shelf = Shelf()
    shelf.offer("words", lambda: memory_server({"count_words": count_words}), summary="Counts the words of a text.")
    settings = Settings.model_validate({"state": state, "autonomy": Autonomy.AUTO, **options})
    return ViableSystem(settings, shelf=shelf, sources=(shelf,), policy=Policy(allow=("memory:*",)), bus=bus)


@asynccontextmanager
async def asking(vsm: ViableSystem, host: str = "localhost", **options: object) -> AsyncGenerator[httpx2.AsyncClient]:
    hosts = options.get("hosts")
    app = monitoring_app(vsm, hosts=None if hosts is None else [str(hosts)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=f"http://{host}") as http:
        yield http


def samples(text: bytes | str) -> Mapping[str, float]:
    """Read the format as Prometheus does: each sample with its labels."""
    families: list[Metric] = list(text_string_to_metric_families(text if isinstance(text, str) else text.decode()))
    assert all(family.documentation for family in families)
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.anyio
@pytest.mark.promise("B69", "D59")
async def test_it_is_alive_before_it_is_ready_and_not_ready_once_it_is_left(tmp_path: Path) -> None:
    vsm = system(tmp_path)
    async with asking(vsm) as http:
        assert (await http.get("/health")).json() == {"status": "alive", "viable": None, "health": None, "servers": {}}
        assert (await http.get("/ready")).status_code == 503
        async with vsm:
            ready = await http.get("/ready")
            assert (ready.status_code, ready.json()) == (200, {"ready": True})
            await vsm.execute(Operation(needs="count words", arguments={"text": "one two"}))
            health = (await http.get("/health")).json()
            status = vsm.status()
            assert (health["viable"], health["health"]) == (status.viable, status.health)
            assert status.viable is not None
            assert sum(health["servers"].values()) == 1
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/ready")).json() == {"ready": False}


@pytest.mark.anyio
@pytest.mark.promise("B41", "B37")
async def test_prometheus_reads_the_figures_that_the_host_reads(tmp_path: Path) -> None:
    async with system(tmp_path, node_id="desk-7") as vsm, asking(vsm) as http:
        for text in ("one two", "three"):
            await vsm.execute(Operation(needs="count words", arguments={"text": text}))
        with pytest.raises(DiscoveryError):
            await vsm.execute(Operation(needs="fly to the moon"))
        answer = await http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        read, metrics = samples(answer.text), vsm.metrics()
    response = metrics.operations.response
    assert response is not None
    assert read["vsm_up"] == 1
    assert read["vsm_node_info{'id': 'desk-7'}"] == 1
    for stage, count in metrics.operations.by_stage.items():
        assert read[f"vsm_operations_total{{'stage': '{stage.value}'}}"] == count
    assert (
        sum(value for name, value in read.items() if name.startswith("vsm_operations_total"))
        == metrics.operations.n
        == 4
    )
    assert read["vsm_operation_seconds_count"] == response.n == 2
    assert read["vsm_operation_seconds_sum"] == pytest.approx(response.mean * 2)
    assert read["vsm_operation_seconds{'quantile': '0.99'}"] == response.p99
    assert read["vsm_servers"] == 1
    assert read["vsm_server_calls_waiting"] == 0
    assert read["vsm_acquisitions_total"] == 1
    assert read["vsm_variety_absorbed_ratio"] == pytest.approx(metrics.variety.absorbed_share)
    assert read["vsm_cache_lookups_total{'cache': 'kinds', 'found': 'yes'}"] > 0
    assert read["vsm_sandboxes_most"] == 256
    assert "vsm_batch_speedup" not in read


@pytest.mark.anyio
@pytest.mark.promise("B41")
async def test_what_is_not_known_is_left_out_and_a_system_that_is_not_entered_is_down(tmp_path: Path) -> None:
    vsm = system(tmp_path)
    assert samples(figures_text(vsm)) == {"vsm_up": 0}
    async with vsm:
        read = samples(figures_text(vsm))
    assert read["vsm_up"] == 1
    assert not {"vsm_viable", "vsm_health_ratio", "vsm_operation_seconds_count", "vsm_batch_speedup"} & read.keys()
    assert samples(figures_text(vsm)) == {"vsm_up": 0}


@pytest.mark.anyio
async def test_the_collector_joins_a_registry_of_the_host(tmp_path: Path) -> None:
    vsm, registry = system(tmp_path), CollectorRegistry(auto_describe=True)
    registry.register(FiguresCollector(vsm))
    assert registry.get_sample_value("vsm_up") == 0
    async with vsm:
        assert registry.get_sample_value("vsm_servers") == 0
    with pytest.raises(ValueError, match="vsm_up"):
        registry.register(FiguresCollector(vsm))


@pytest.mark.anyio
async def test_messages_to_other_systems_are_counted_where_there_is_a_bus(tmp_path: Path) -> None:
    bus = MemoryBus()
    async with system(tmp_path / "a", bus) as told, system(tmp_path / "b", bus) as telling:
        await telling.nerves.publish(Nerve.COMMANDS, "pause", {})
        await anyio.wait_all_tasks_blocked()
        assert samples(figures_text(telling))["vsm_messages_sent_total"] == 1
        heard = samples(figures_text(told))
        assert (heard["vsm_messages_heard_total"], heard["vsm_bus_connected"]) == (1, 1)
    async with system(tmp_path / "c") as alone:
        assert not [name for name in samples(figures_text(alone)) if "message" in name or "_bus_" in name]


@pytest.mark.anyio
async def test_connections_are_shown_by_server_and_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with system(tmp_path) as vsm:
        real = vsm.metrics().model_copy(update={"http": {"far": HttpMetrics(active=2, idle=3, waiting=4, most=50)}})
        monkeypatch.setattr(vsm, "metrics", lambda: real)
        read = samples(figures_text(vsm))
    assert read["vsm_http_connections{'server': 'far', 'state': 'active'}"] == 2
    assert read["vsm_http_connections{'server': 'far', 'state': 'idle'}"] == 3
    assert read["vsm_http_connections_most{'server': 'far'}"] == 50
    assert read["vsm_http_requests_waiting{'server': 'far'}"] == 4


@pytest.mark.anyio
@pytest.mark.security
async def test_it_only_shows_and_a_page_of_another_host_cannot_read_along(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm:
        async with asking(vsm) as http:
            for path in ("/health", "/ready", "/metrics"):
                assert (await http.post(path, json={"a": 1})).status_code == 405
                assert (await http.get(path, headers={"host": "10.0.0.7:9568"})).status_code == 200
            assert (await http.get("/anything")).status_code == 404
            rubbish = await http.get("/metrics", headers={"accept": "application/openmetrics-text; version=x,,;;="})
            assert rubbish.status_code == 200
        async with asking(vsm, hosts="vsm.example.com:*") as http:
            assert (await http.get("/metrics")).status_code == 200
            assert (await http.get("/metrics", headers={"host": "vsm.example.com:9568"})).status_code == 200
            assert (await http.get("/metrics", headers={"host": "evil.example"})).status_code == 421
            assert (await http.get("/health", headers={"origin": "http://evil.example"})).status_code == 403


@pytest.mark.anyio
@ONLY_ASYNCIO
@pytest.mark.promise("C61")
async def test_the_figures_are_had_at_the_port_that_the_host_chooses(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm, listen_monitoring(vsm) as url, httpx2.AsyncClient() as http:
        assert samples((await http.get(f"{url}/metrics")).text)["vsm_up"] == 1
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(ConfigurationError, match="Nothing can be served"):
            await listen_monitoring(vsm, port=port).__aenter__()
        with pytest.raises(ConfigurationError, match="could be reached from elsewhere"):
            await listen_monitoring(vsm, "0.0.0.0").__aenter__()  # noqa: S104 - refused


@pytest.mark.promise("C61")
def test_the_command_is_watched_at_an_address_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path))
    read, write = os.pipe()
    monkeypatch.setattr(sys, "stderr", os.fdopen(write, "w"))
    seen: list[bytes] = []

    def watch() -> None:
        url = os.read(read, 1000).decode().split()[2].removesuffix(".")
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - of this machine
            seen.append(answer.read())
        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert main(["serve", "--tcp", "127.0.0.1:0", "--monitor", "127.0.0.1:0"]) == ExitCode.WELL
    watcher.join()
    sys.stderr.close()
    os.close(read)
    assert samples(seen[0])["vsm_up"] == 1


def test_without_its_library_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("vsm_mcp.adapters.asgi", "vsm_mcp.adapters.prometheus"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ExtraMissingError, match="prometheus"):
        importlib.import_module("vsm_mcp.adapters.asgi")


def test_the_command_says_which_extra_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VSM_MCP_STATE", str(tmp_path))
    for name in ("vsm_mcp.adapters.asgi", "vsm_mcp.adapters.prometheus"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert main(["serve", "--tcp", "127.0.0.1:0", "--monitor", "127.0.0.1:0"]) == ExitCode.UNUSABLE
    assert "pip install 'vsm_mcp[prometheus]'" in capsys.readouterr().err


@pytest.mark.anyio
async def test_the_figures_are_those_of_a_system_that_works_meanwhile(tmp_path: Path) -> None:
    async with system(tmp_path) as vsm, asking(vsm) as http, anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(vsm.execute, Operation(needs="count words", arguments={"text": "one"}))
            assert (await http.get("/metrics")).status_code == 200

"""The fakes: each behaves like the port it stands for."""

from datetime import UTC, datetime, timedelta, timezone

import anyio
import pytest

from vsm_mcp.errors import ConfigurationError, LinkError, PayloadError, StartError
from vsm_mcp.events import CapabilityReleased, Event, Progress
from vsm_mcp.testing.world import (
    START,
    FakeClock,
    FakeProcesses,
    MemorySecrets,
    Pipes,
    RecordingSink,
    Request,
    ScriptedHttp,
    Started,
    fake_world,
)
from vsm_mcp.world.http import Reply
from vsm_mcp.world.processes import Command, Completed, Process

ECHO = Command(argv=("/bin/echo", "hello"))


def any_command(argv: tuple[str, ...]) -> bool:
    return bool(argv)


async def echo(pipes: Pipes) -> int:
    async for chunk in pipes.stdin:
        await pipes.stdout.send(chunk.upper())
    await pipes.stderr.send(b"bye")
    return 3


async def hang(_: Pipes) -> int:
    await anyio.sleep_forever()
    return 0


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock()
    assert clock.now() == clock.now() == START
    clock.advance(1.5)
    clock.advance(timedelta(days=1))
    assert clock.now() == START + timedelta(days=1, seconds=1.5)
    clock.set(datetime(2026, 5, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 5, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_a_clock_refuses_a_moment_without_a_time_zone() -> None:
    with pytest.raises(ConfigurationError, match="time zone"):
        FakeClock(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.anyio
async def test_http_answers_by_the_most_exact_route_and_remembers_requests() -> None:
    http = ScriptedHttp(
        {
            "https://a.test/*": Reply(status=404),
            "https://a.test/one/*": Reply(status=200, body=b"start"),
            "https://a.test/one/two": Reply(status=200, body=b"exact"),
            "POST https://a.test/one/two": lambda request: Reply(status=201, body=request.body or b""),
        }
    )
    assert (await http.send("GET", "https://a.test/one/two")).body == b"exact"
    assert (await http.send("POST", "https://a.test/one/two", body=b"x", headers={"a": "b"})).body == b"x"
    assert (await http.send("GET", "https://a.test/one/other")).body == b"start"
    assert (await http.send("GET", "https://a.test/else")).status == 404
    assert http.requests[1] == Request(method="POST", url="https://a.test/one/two", headers={"a": "b"}, body=b"x")
    assert len(http.requests) == 4


@pytest.mark.anyio
async def test_http_fails_as_scripted_and_for_addresses_it_does_not_know() -> None:
    http = ScriptedHttp()
    with pytest.raises(LinkError, match="no route"):
        await http.send("GET", "https://a.test/")
    http.route("https://a.test/", LinkError("The line is dead."))
    with pytest.raises(LinkError, match="dead"):
        await http.send("GET", "https://a.test/")
    http.route("https://a.test/", Reply(status=200, body=b"12345"))
    with pytest.raises(PayloadError, match="more than 4 bytes"):
        await http.send("GET", "https://a.test/", limit=4)


@pytest.mark.anyio
async def test_secrets_come_by_reference_only() -> None:
    secrets = MemorySecrets({"env:TOKEN": "x"})
    secret = await secrets.get("env:TOKEN")
    assert secret is not None
    assert secret.get_secret_value() == "x"
    assert await secrets.get("file:/none") is None
    assert secrets.asked == ["env:TOKEN", "file:/none"]
    assert repr(secrets) == "MemorySecrets(['env:TOKEN'])"
    with pytest.raises(ConfigurationError, match="reference"):
        await secrets.get("x")


def test_a_sink_remembers_events_by_type() -> None:
    sink = RecordingSink()
    told: list[Event] = [Progress(subject="a", detail="b"), CapabilityReleased(server="c")]
    for event in told:
        sink(event)
    assert sink.events == told
    assert sink.of(CapabilityReleased) == [told[1]]


@pytest.mark.anyio
async def test_commands_end_as_scripted_and_the_newest_script_wins() -> None:
    processes = FakeProcesses()
    processes.on_run(any_command, Completed(returncode=0, stdout=b"first", stderr=b""))
    processes.on_run(lambda argv: argv[0] == "/bin/false", StartError("It broke."))
    processes.on_run(
        lambda argv: argv[0] == "/bin/echo",
        lambda command: Completed(returncode=0, stdout=command.argv[1].encode(), stderr=b""),
    )
    assert (await processes.run(ECHO, timeout=1, stdin=b"in")).stdout == b"hello"
    assert (await processes.run(Command(argv=("/bin/other",)), timeout=1)).stdout == b"first"
    with pytest.raises(StartError, match="broke"):
        await processes.run(Command(argv=("/bin/false",)), timeout=1)
    with pytest.raises(PayloadError, match="more than 2 bytes"):
        await processes.run(ECHO, timeout=1, limit=2)
    assert processes.started[0] == Started(command=ECHO, stdin=b"in")
    assert len(processes.commands) == 4


@pytest.mark.anyio
async def test_what_is_not_scripted_does_not_start() -> None:
    processes = FakeProcesses()
    with pytest.raises(StartError, match="nothing is scripted"):
        await processes.run(ECHO, timeout=1)
    with pytest.raises(StartError, match="nothing is scripted"):
        async with processes.open(ECHO):
            pytest.fail("it started")
    processes.on_open(lambda argv: argv[0] == "/bin/cat", echo)
    with pytest.raises(StartError):
        async with processes.open(ECHO):
            pytest.fail("it started")


@pytest.mark.anyio
async def test_a_process_in_memory_talks_over_its_streams_and_ends() -> None:
    processes = FakeProcesses()
    processes.on_open(any_command, echo)
    with anyio.fail_after(5):
        async with processes.open(ECHO, run_as=1000, pass_fds=[3]) as process:
            assert process.returncode is None
            await process.stdin.send(b"hello")
            assert await process.stdout.receive(2) == b"HE"
            assert await process.stdout.receive() == b"LLO"
            await process.stdin.send(b"")
            await process.stdin.aclose()
            assert await process.stderr.receive() == b"bye"
            assert await process.wait() == 3
            with pytest.raises(anyio.EndOfStream):
                await process.stdout.receive()
            assert process.pid == 1
    assert process.returncode == 3
    assert processes.started == [Started(command=ECHO, run_as=1000, pass_fds=(3,))]


@pytest.mark.anyio
async def test_a_process_in_memory_is_killed_by_kill_and_when_its_context_is_left() -> None:
    processes = FakeProcesses()
    processes.on_open(any_command, hang)
    with anyio.fail_after(5):
        async with processes.open(ECHO) as process:
            process.kill()
            assert await process.wait() == -9
            with pytest.raises(anyio.BrokenResourceError):
                await process.stdin.send(b"too late")
        async with processes.open(ECHO) as process:
            pass
    assert process.returncode == -9


@pytest.mark.anyio
async def test_an_error_of_the_script_or_of_the_body_comes_out_bare() -> None:
    async def broken(_: Pipes) -> int:
        raise ValueError("the script is wrong")

    processes = FakeProcesses()
    processes.on_open(any_command, broken)
    with anyio.fail_after(5), pytest.raises(ValueError, match="script is wrong"):
        async with processes.open(ECHO):
            await anyio.sleep_forever()
    processes.on_open(any_command, hang)
    with anyio.fail_after(5), pytest.raises(KeyError):
        async with processes.open(ECHO):
            raise KeyError


@pytest.mark.anyio
async def test_leaving_by_cancellation_ends_the_process() -> None:
    processes = FakeProcesses()
    processes.on_open(any_command, hang)
    seen: list[Process] = []
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            async with processes.open(ECHO) as process:
                seen.append(process)
                scope.cancel()
                await anyio.sleep_forever()
    assert [process.returncode for process in seen] == [-9]


def test_a_world_of_fakes_takes_replacements_and_repeats_its_randomness() -> None:
    clock = FakeClock()
    world = fake_world(clock=clock)
    assert world.clock is clock
    assert isinstance(world.http, ScriptedHttp)
    assert isinstance(world.processes, FakeProcesses)
    assert isinstance(world.secrets, MemorySecrets)
    assert world.random.random() == fake_world().random.random()

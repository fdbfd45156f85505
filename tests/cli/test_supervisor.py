"""The supervisor with real child processes that stand in for ours."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.service import Service
from cli.supervisor import Patience, Supervisor
from cli.unusable import Unusable
from tests.cli.processes import journal_of, lives, pids, stand_in
from tests.polling import until_async

QUICK = Patience(stop=2, bounce=1, port=5, health=1, first_delay=0.1, longest_delay=0.4, settle=0.2)


class Run:
    """One supervisor at work."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ready: list[list[str]] = []
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()


@asynccontextmanager
async def running(services: list[Service], logs: Path, patience: Patience = QUICK) -> AsyncIterator[Run]:
    run = Run()
    supervisor = Supervisor(services, logs, run.lines.append, patience)
    task = asyncio.create_task(supervisor.run(run.stop, run.hurry, when_ready=run.ready.append))
    try:
        yield run
    finally:
        run.stop.set()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], object]) -> None:
    await until_async(condition, 10, "what the supervisor was to do")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


async def test_starts_what_is_needed_first_and_stops_in_reverse_order(
    tmp_path: Path, journal: Path, free_port: Callable[[], int]
) -> None:
    port, user_port = free_port(), free_port()
    services = [
        Service("broker", stand_in("broker", journal, port=port), address=f"127.0.0.1:{port}"),
        Service(
            "user", stand_in("user", journal, port=user_port), address=f"127.0.0.1:{user_port}", depends_on=("broker",)
        ),
        Service("last", stand_in("last", journal), after=("user",)),
    ]
    async with running(services, tmp_path) as run:
        await until(lambda: run.ready)
        await until(lambda: len(journal_of(journal)) == 3)
        assert run.ready == [[]]
    started = ["broker started", "user started", "last started"]
    assert journal_of(journal) == [*started, "last stopped", "user stopped", "broker stopped"]
    assert run.lines == []


async def test_a_child_that_dies_is_named_and_started_again_each_time_later(tmp_path: Path, journal: Path) -> None:
    async with running([Service("one", stand_in("one", journal))], tmp_path) as run:
        for count in range(1, 5):
            await until(lambda count=count: len(pids(journal, "one")) == count)  # type: ignore[misc]
            os.kill(pids(journal, "one")[-1], signal.SIGKILL)
        await until(lambda: len(pids(journal, "one")) == 5)
    deaths = [line for line in run.lines if "died" in line]
    assert [line.split(";")[1].strip() for line in deaths] == [
        f"starting it again in {s} s" for s in (0.1, 0.2, 0.4, 0.4)
    ]
    assert all(line.startswith("one died (SIGKILL)") for line in deaths)
    assert str(tmp_path / "one.log") in deaths[0]


async def test_the_delay_begins_anew_after_good_health(tmp_path: Path, journal: Path) -> None:
    patience = Patience(stop=2, first_delay=0.1, longest_delay=5, good_health=0.0)
    async with running([Service("one", stand_in("one", journal))], tmp_path, patience) as run:
        for count in range(1, 4):
            await until(lambda count=count: len(pids(journal, "one")) == count)  # type: ignore[misc]
            os.kill(pids(journal, "one")[-1], signal.SIGTERM)
        await until(lambda: len(pids(journal, "one")) == 4)
    deaths = [line for line in run.lines if "died" in line]
    assert len(deaths) == 3
    assert all("exit code 0" in line and "in 0.1 s" in line for line in deaths)


async def test_what_remembers_offsets_starts_anew_after_the_broker_and_nothing_else_does(
    tmp_path: Path, journal: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    topics: list[list[str]] = []

    async def once_up() -> None:
        topics.append(journal_of(journal))

    broker = Service("broker", stand_in("broker", journal, port=port), address=f"127.0.0.1:{port}", once_up=once_up)
    user = Service("user", stand_in("user", journal), depends_on=("broker",))
    other = Service("other", stand_in("other", journal), after=("broker",))
    async with running([broker, user, other], tmp_path) as run:
        await until(lambda: run.ready)
        await until(lambda: len(journal_of(journal)) == 3)
        os.kill(pids(journal, "broker")[0], signal.SIGKILL)
        await until(lambda: len(pids(journal, "user")) == 2)
        after = journal_of(journal)[3:]
    assert after == ["user stopped", "broker started", "user started"]
    assert len(topics) == 2
    assert topics[1][-1] == "broker started", "the topics are seen to before the users start"
    assert [line.split(" died")[0] for line in run.lines if " died" in line] == ["broker"]
    assert "broker runs again" in run.lines


async def fails(services: list[Service], logs: Path) -> str:
    """The line with which the supervisor gives up by itself."""
    with pytest.raises(Unusable) as error:
        await asyncio.wait_for(Supervisor(services, logs, print, QUICK).run(asyncio.Event(), asyncio.Event()), 10)
    return str(error.value)


async def test_a_child_that_refuses_its_settings_stops_everything_with_its_own_line(
    tmp_path: Path, journal: Path
) -> None:
    good = Service("good", stand_in("good", journal))
    bad = Service("bad", stand_in("bad", journal, exit_code="2"), after=("good",))
    assert await fails([good, bad], tmp_path) == "bluflow: setting bad: wrong"
    assert journal_of(journal) == ["good started", "bad started", "good stopped"]


async def test_a_command_that_is_not_there_is_unusable(tmp_path: Path) -> None:
    assert "cannot start one: " in await fails([Service("one", ["/no/such/program"])], tmp_path)


async def test_a_failure_after_the_first_start_of_a_broker_is_unusable(tmp_path: Path, journal: Path) -> None:
    async def once_up() -> None:
        raise ValueError("topic x has 4 partitions, not 24")

    broker = Service("one", stand_in("one", journal), once_up=once_up)
    assert await fails([broker], tmp_path) == "one: topic x has 4 partitions, not 24"
    assert not any(lives(pid) for pid in pids(journal, "one"))


async def test_a_child_that_never_listens_is_killed_and_tried_again(
    tmp_path: Path, journal: Path, free_port: Callable[[], int]
) -> None:
    silent = Service("silent", stand_in("silent", journal), address=f"127.0.0.1:{free_port()}")
    patience = Patience(stop=2, port=0.3, first_delay=0.1)
    async with running([silent], tmp_path, patience) as run:
        await until(lambda: len(pids(journal, "silent")) == 2)
    assert "does not accept connections" in run.lines[0]
    assert "silent died (SIGKILL)" in run.lines[1]


async def test_a_child_that_will_not_stop_is_killed_and_named(tmp_path: Path, journal: Path) -> None:
    patience = Patience(stop=0.3, settle=0)
    async with running([Service("deaf", stand_in("deaf", journal, on_term="ignore"))], tmp_path, patience) as run:
        await until(lambda: pids(journal, "deaf"))
    assert run.lines == ["deaf was killed: it did not stop within 0.3 s"]
    assert not lives(pids(journal, "deaf")[0])


async def test_a_second_stop_does_not_wait(tmp_path: Path, journal: Path) -> None:
    patience = Patience(stop=60)
    services = [Service(name, stand_in(name, journal, on_term="ignore")) for name in ("a", "b")]
    async with asyncio.timeout(10), running(services, tmp_path, patience) as run:
        await until(lambda: len(journal_of(journal)) == 2)
        run.stop.set()
        # at the same time, as neither needs the other
        await until(lambda: {"a stopped", "b stopped"} <= set(journal_of(journal)))
        run.hurry.set()
    assert not any(lives(pid) for name in "ab" for pid in pids(journal, name))


async def test_what_is_not_ready_in_time_is_told(tmp_path: Path, journal: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    command = stand_in("mute", journal, port=port)
    service = Service("mute", command, address=f"127.0.0.1:{port}", health="/health/ready")
    patience = Patience(stop=2, health=0.1)
    async with running([service], tmp_path, patience) as run:
        await until(lambda: run.ready)
    assert run.ready == [["mute"]]

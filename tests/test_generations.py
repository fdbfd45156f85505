"""A second generation made beside the live one, by real processes; the history and the API go over to it, and back."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.generation_status import SINKS
from runtime.kafka import topics_of
from schemas.frame import Frame
from schemas.topics import DERIVED, TOPICS
from tests.api.test_replicas import browsing
from tests.generations import Stack
from tests.polling import until
from tests.streams.replay.logs import D0, HOUR, MINUTE, SENSORS, log, packets

BEGAN = D0 + 10 * HOUR
CLOSED = BEGAN + 4 * HOUR
GARBAGE = Frame("gw-a/events/rpc", b"{", BEGAN + 30 * MINUTE)
FRAMES = [each.frame() for each in packets(BEGAN, CLOSED, every=MINUTE)]
LOG = log([*FRAMES, GARBAGE], BEGAN, CLOSED + 30 * MINUTE, tick_every=30_000, partitions=4)


@pytest.fixture
def stack(kafka: str, topics: str, tmp_path: Path) -> Iterator[Stack]:
    made = Stack(kafka, topics, tmp_path, LOG)
    yield made
    made.end()


async def a_place_in_the_events(stack: Stack, generation: str) -> str:
    """The id that a page holds."""
    async with (
        httpx.AsyncClient(base_url=stack.url("api", generation), timeout=20) as client,
        browsing(client) as browser,
    ):
        await browser.until(lambda name, data: bool(browser.id))
        return browser.id or ""


async def first_event_after(stack: Stack, generation: str, last_id: str) -> str:
    async with (
        httpx.AsyncClient(base_url=stack.url("api", generation), timeout=20) as client,
        browsing(client, last_id) as browser,
    ):
        [(name, _)] = await browser.until(lambda name, data: True)
        return name


async def test_a_generation_is_made_beside_the_live_one_takes_over_and_gives_back(stack: Stack) -> None:
    for name in ("worker", "sinks", "api"):
        stack.start(name, "")
    await stack.publish(BEGAN + 2 * HOUR)
    await stack.until_held()
    letters = stack.told("dead-letters", "list")
    assert [each["letters"] for each in letters["counts"]] == [1]

    made = stack.run("generation", "create", "g2", "--partitions", "3")
    assert (made.returncode, made.stdout.count(".g2")) == (0, len(DERIVED))
    stack.start("worker", "g2")
    until(lambda: not stack.standing("g2")["lag"], 60, "the new one catches up")
    old, new = stack.told("generation", "status")
    assert new | {"live": False, "partitions": 3, "sensors": 2, "workers": 1, "sinks": 0, "caught_up": True} == new
    assert old | {"live": True, "partitions": 4, "sensors": 2, "workers": 1, "sinks": len(SINKS)} == old
    assert stack.told("generation", "compare", "default", "g2")["same"] == len(SENSORS)
    assert {each.at for each in await stack.made("")} != {each.at for each in await stack.made("g2")}, "none raced"
    assert stack.told("dead-letters", "list") == letters, "an old dead frame is told of once"

    # its sinks would write all again: they wait to be told where to begin
    stack.start("sinks", "g2")
    until(lambda: "switch g2" in stack.readiness("sinks", "g2")[1], 20, "they say what they wait for")
    stack.stop("sinks", "g2")

    # the old sinks end, both workers go on
    await stack.publish(BEGAN + 2 * HOUR + 20 * MINUTE)
    await stack.until_held()
    stack.stop("sinks", "")
    await stack.publish(BEGAN + 2 * HOUR + 42 * MINUTE)
    seen = await a_place_in_the_events(stack, "")
    done = stack.run("generation", "switch", "g2")
    assert (done.returncode, done.stderr) == (0, "")
    stack.live = "g2"
    stack.start("sinks", "g2")
    stack.start("api", "g2")
    await stack.until_held()
    assert [each["letters"] for each in stack.told("dead-letters", "list")["counts"]] == [1]
    until(lambda: stack.readiness("api", "g2")[0] == 200, 20, "the API has read the topics")
    assert await first_event_after(stack, "g2", seen) == "reset"

    # and back
    await stack.publish(BEGAN + 3 * HOUR)
    await stack.until_held()
    stack.stop("sinks", "g2")
    await stack.publish(BEGAN + 3 * HOUR + 17 * MINUTE)
    back = stack.run("generation", "switch", "default")
    assert (back.returncode, back.stdout.endswith("with BLUFLOW_GENERATION=default\n")) == (0, True)
    stack.live = ""
    stack.start("sinks", "")
    await stack.publish(CLOSED + HOUR)
    await stack.until_held()
    async with httpx.AsyncClient(base_url=stack.url("api", "")) as client:
        newest = (await client.get(f"/api/v1/sensors/{SENSORS[0]}")).json()
    assert newest["measured_at"].startswith("2025-10-05T13:59:00")

    busy = stack.run("generation", "drop", "g2", "--yes")
    assert (busy.returncode, "still has 1 members" in busy.stderr) == (2, True)
    stack.stop("worker", "g2")
    assert stack.run("generation", "drop", "g2", "--yes").returncode == 0
    assert {name for name in await topics_of(stack.broker) if name.startswith(stack.prefix)} == {
        topic.full_name(stack.prefix) for topic in TOPICS
    }

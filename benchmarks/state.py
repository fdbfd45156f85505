"""Bytes of a sensor's encoded state, and what they hold: as the changelog has them after a backlog.

What fills a state is what it is asked to remember: the packets of 20 minutes, so that late copies are known; the
windows that are not final; who heard the sensor. So it grows with the time that a backlog covers, up to a day, and then
no more. Nothing here depends on the machine.
"""

from collections.abc import Iterator
from statistics import mean, quantiles
from types import SimpleNamespace
from typing import Any

import msgspec

from benchmarks.bench import Bench
from benchmarks.engine.backlog import PARTITIONS, records
from schemas.topics import ADVERTISEMENTS, TOPICS
from streams.places import Places
from streams.state_codec import Stored, load
from streams.track import TrackStage
from streams.watermark import KEY

NAME = "state"
TITLE = "Bytes of a sensor's state"
REVISION = 8
BATCH = 5_000
_encode = msgspec.msgpack.Encoder().encode


def fold_all(advertisements: int, sensors: int) -> dict[bytes, bytes]:
    """The changelog's newest value of each sensor after a backlog, folded in memory."""
    stage = TrackStage(Places("", {topic.name: PARTITIONS for topic in TOPICS}))
    states: list[dict[bytes, Any]] = [{} for _ in range(PARTITIONS)]
    waiting: list[list[Any]] = [[] for _ in range(PARTITIONS)]
    changelog: dict[bytes, bytes] = {}

    def fold(partition: int) -> None:
        work = stage.fold(waiting[partition], states[partition], partition)
        waiting[partition] = []
        changelog.update((key, value) for key, value in work.changed.items() if value is not None and key != KEY)

    for partition, key, value in records(advertisements, sensors):
        record = SimpleNamespace(topic=ADVERTISEMENTS.name, partition=partition, offset=0, key=key, value=value)
        waiting[partition].append(record)
        if len(waiting[partition]) == BATCH:
            fold(partition)
    for partition in range(PARTITIONS):
        fold(partition)
    return changelog


def parts_of(value: bytes) -> dict[str, int]:
    """Field as it is stored -> bytes of its encoding."""
    stored = msgspec.msgpack.decode(value[REVISION:], strict=False)
    parts = {name: len(_encode(each)) for name, each in zip(Stored.__struct_fields__, stored, strict=True)}
    return {"revision": REVISION} | {name: size for name, size in parts.items() if not name.startswith("_")}


def describe(changelog: dict[bytes, bytes]) -> str:
    """A table: bytes a sensor, and the fields that they are in."""
    states = [load(value) for value in changelog.values()]
    sizes = [len(value) for value in changelog.values()]
    parts = [parts_of(value) for value in changelog.values()]
    by_field = {name: mean(part[name] for part in parts) for name in parts[0]}
    rows = [f"| {name} | {size:.0f} |" for name, size in sorted(by_field.items(), key=lambda each: -each[1])]
    percentile = quantiles(sizes, n=100)[98] if len(sizes) > 1 else sizes[0]
    said = (
        f"{mean(sizes):,.0f} bytes a sensor on average, 99 % have at most {percentile:,.0f}, the most {max(sizes):,}."
    )
    packets = mean(len(state.packets) for state in states)
    windows = mean(len(state.windows.open) + sum(map(len, state.windows.closed)) for state in states)
    return "\n".join(
        [
            f"{said} A sensor has {packets:.1f} packets and {windows:.1f} windows.",
            "",
            "|  | bytes, mean |",
            "|---|---|",
            *rows,
        ]
    )


def measure(bench: Bench) -> Iterator[str]:
    """A table for each workload."""
    for sensors, each in ((1_000, 400), (100_000, 10)):
        count = bench.size(sensors // 100, sensors // 10, sensors)
        minutes = each * 4 // 5
        changelog = fold_all(count * each, count)
        yield f"**{count:,} sensors, {minutes:,} minutes of them.** {describe(changelog)}"

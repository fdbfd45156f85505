"""Stories with faults: what may befall the lives of a worker's partitions, and how many stories are told.

`MACHINE_EXAMPLES=5000` tells so many at random, instead of the same few each time.
"""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import NoReturn

import pytest
from faust.types import TP
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from schemas.topics import ADVERTISEMENTS, RAW_FRAMES, TOPICS
from streams.engine import stage, store
from streams.places import Places
from streams.track import TrackStage
from tests.streams import uninterrupted
from tests.streams.lives import CHANGELOG, Broker, Life
from tests.streams.tracking import T0

AT_RANDOM = int(os.environ.get("MACHINE_EXAMPLES") or 0)
examples = AT_RANDOM or 250
STEPS = 50
RAW = 2  # raw partitions

which = st.integers(0, 11)  # one of what there is
some = st.integers(1, 3)


class Faults(RuleBasedStateMachine):
    """What may befall the lives of a worker's partitions. A story says what is in the logs, and what a life is."""

    partitions: Sequence[tuple[str, TP]]  # stage and source, in the order of a frame's way

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.broker = Broker(T0)
        self.places = Places("", {topic.name: 2 if topic in (RAW_FRAMES, ADVERTISEMENTS) else 1 for topic in TOPICS})
        self.committed: defaultdict[TP, int] = defaultdict(int)
        self.furthest: defaultdict[TP, int] = defaultdict(int)  # what any worker has read
        self.zombies: list[Life] = []
        self.lives = {source: self.begin(name, source, 0) for name, source in self.partitions}

    def begin(self, name: str, source: TP, position: int) -> Life:
        """A life that reads on from its commit, or from what its states say."""
        raise NotImplementedError

    def compare(self) -> None:
        """With what would have been without faults."""
        raise NotImplementedError

    @rule(
        number=which,
        batches=st.lists(st.integers(1, 6), min_size=1, max_size=3),
        delivered=st.sampled_from(["nothing", "some", "outputs", "all"]),
        place=which,
        most=some,
        fate=st.sampled_from(["lives", "killed", "killed", "frozen", "overtaken", "compacted"]),
        back=st.integers(0, 20),
        fed=st.booleans(),
    )
    def works(
        self, number: int, batches: list[int], delivered: str, place: int, most: int, fate: str, back: int, fed: bool
    ) -> None:
        """Some batches are read, and of what they give so much is delivered, of the states too. The worker lives on; or
        it is killed, or frozen, and another has its partition, which reads again from any earlier commit."""
        lives = list(self.lives.values())
        life = lives[number % len(lives)]
        for before in lives[: number % len(lives)] if fed else []:
            before.read(before.lag)
            before.settle()
        for size in batches:
            life.read(size)
        self.furthest[life.source] = max(self.furthest[life.source], life.expected)
        if delivered == "all":
            life.settle()
        elif delivered == "outputs":
            life.deliver_outputs()
        if delivered != "nothing":
            life.deliver(place, most)
        if fate == "lives":
            return
        if fate == "compacted":
            life.settle()
        self.committed[life.source] = max(self.committed[life.source], life.released)
        heir = self.lives[life.source] = self.begin(life.name, life.source, max(0, self.committed[life.source] - back))
        if fate == "frozen":
            self.zombies.append(life)
            return
        if fate == "overtaken":
            heir.read(heir.lag)
            heir.settle()
            life.settle()  # its lease did not stop it
        life.end()
        if fate == "compacted":
            heir.read(most)
            heir.settle()
            self.compact(heir)

    @precondition(lambda self: self.zombies)
    @rule(number=which, outputs=st.booleans(), place=which, most=some)
    def a_zombie_wakes_up(self, number: int, outputs: bool, place: int, most: int) -> None:
        """Its lease did not stop it: what it had in hand is written after all."""
        zombie = self.zombies[number % len(self.zombies)]
        if outputs:
            zombie.deliver_outputs()
        zombie.deliver(place, most)
        if not zombie.producer.waiting:
            zombie.end()
            self.zombies.remove(zombie)

    def compact(self, life: Life) -> None:
        """Later than any zombie writes, when a worker that began since has written back what it refused."""
        if not life.to_write_back and not any(zombie.source == life.source for zombie in self.zombies):
            self.broker.compact(life.name + CHANGELOG, life.source.partition)

    def teardown(self) -> None:
        try:
            for life in self.lives.values():  # the earlier stage first
                while life.lag:
                    life.read(life.lag)
                life.settle()
            self.compare()
        finally:
            for life in (*self.lives.values(), *self.zombies):
                life.end()
            self.loop.close()

    def compare_track(self, plain: Broker) -> None:
        """Each partition's log in one pass, into `plain`."""
        for name, source in self.partitions:
            if name == "track":
                expected = uninterrupted.track(TrackStage(self.places), plain, source.partition)
                assert self.states("track", source.partition) == expected

    def states(self, name: str, partition: int) -> dict[bytes, bytes]:
        """As a worker would recover them."""
        found = uninterrupted.states(self.broker, name, partition)
        for key, value in found.items():
            assert uninterrupted.stored_again(name, key, value, RAW) == value
        return found


def tell(machine: type[Faults], monkeypatch: pytest.MonkeyPatch) -> None:
    """The stories. What would end a worker ends a story, not the tests."""

    def fail_stop(cause: object) -> NoReturn:
        raise cause if isinstance(cause, BaseException) else AssertionError(cause)

    monkeypatch.setattr(stage, "fail_stop", fail_stop)
    monkeypatch.setattr(store, "fail_stop", fail_stop)
    how_many = settings(max_examples=examples, derandomize=not AT_RANDOM, stateful_step_count=STEPS)
    logging.disable()
    try:
        run_state_machine_as_test(
            machine, settings=settings(how_many, deadline=None, suppress_health_check=[*HealthCheck])
        )
    finally:
        logging.disable(logging.NOTSET)

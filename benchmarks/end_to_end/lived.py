"""Tables as a plan's sensors leave them that have spoken for long: full states, and windows that become final as they
do for good. Without them a run of minutes sees only the easy beginning.

The real fold makes the states of some sensors; each of the others gets one of them, with its own gateway in it.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from benchmarks.end_to_end.plan import Plan
from benchmarks.engine.backlog import PARTITIONS, Record
from runtime.kafka import partition_of
from schemas.advertisement import Advertisement, Coordinate, Tick
from schemas.codec import encode
from schemas.frame import Frame
from schemas.topics import ADVERTISEMENTS, TOPICS
from streams.engine.stage import Changed
from streams.formats import decode_frame
from streams.places import Places
from streams.sensor_state import SensorState, gateway_mark
from streams.state_codec import dump, load
from streams.track import TrackStage

ROUNDS = 90  # of packets, a minute each: an hour and a quarter of it are final
_FOLDED = 60  # sensors


def lived(plan: Plan) -> Iterator[Record]:
    """Partition, key, value of every sensor's record in the changelog, as it is when the plan starts."""
    folded = min(_FOLDED, plan.sensors)
    models = [load(value) for value in _fold(plan, [each * plan.sensors // folded for each in range(folded)])]
    for index in range(plan.sensors):
        key = plan.who(index)[0].encode()
        state = models[index * folded // plan.sensors]
        yield partition_of(key, PARTITIONS), key, _of_gateway(state, plan.message(index)[0].decode().partition("/")[0])


def _fold(plan: Plan, indices: list[int]) -> list[bytes]:
    """States of those sensors, in their order: the packets of the time before the plan's first."""
    stage, states, changelog = (
        TrackStage(Places("", {topic.name: 1 for topic in TOPICS})),
        dict[bytes, Any](),
        Changed(),
    )
    for number in range(-ROUNDS, 0):
        offset, begins = (number + ROUNDS) * plan.sensors, plan.due(number * plan.sensors)
        values = [encode(Tick(round(begins * 1000), Coordinate(0, 0, offset, 0)))]
        values += [encode(_heard(plan, number * plan.sensors + index, offset + index + 1)) for index in indices]
        records = [SimpleNamespace(topic=ADVERTISEMENTS.name, partition=0, offset=0, value=value) for value in values]
        changelog |= stage.fold(records, states, 0).changed
    found = [changelog[plan.who(index)[0].encode()] for index in indices]
    return [value for value in found if value is not None]


def _heard(plan: Plan, place: int, offset: int) -> Advertisement:
    """The packet at that place of the plan, as decode writes it."""
    topic, payload = plan.message(place)
    frame = Frame(topic.decode(), payload, round(plan.due(place) * 1000))
    [advertisement] = decode_frame(frame, {}, offset=offset).advertisements
    return advertisement


def _of_gateway(state: SensorState, name: str) -> bytes:
    """The state with this gateway instead of its own. Nothing of this log has been folded into it."""
    [(own, reception)] = state.receptions.items()
    state.receptions = {name: reception}
    state.silence.hearings = {name: state.silence.hearings[own]}
    if state.newest is not None:
        state.newest.gateway = name
    state.ledger.gateways = {gateway_mark(name): state.ledger.gateways[gateway_mark(own)]}
    state.fences = {}
    return dump(state)

"""What is said, when, and to whom it is not said twice: without MQTT, with a clock that a test holds."""

import itertools
import json

from api.homeassistant.announcer import AGAIN_MS, Announcer
from api.live import Live
from runtime.mqtt_connection import Message
from schemas.gateway import Clock
from schemas.reading import Latest, Refused
from schemas.registry import Entry, Offset, Placement, Registry
from tests.api.fakes import MINUTE, NOW, OTHER, SENSOR, latest
from tests.api.homeassistant.documented import read

ID = "7cc6b6bd4cb5"
CONFIG = f"homeassistant/device/bluflow_{ID}/config"
AVAILABILITY, STATE = f"bluflow/homeassistant/{ID}/availability", f"bluflow/homeassistant/{ID}/state"


class House:
    """An announcer with its tables, at a time."""

    def __init__(self, *, claimed_only: bool = False) -> None:
        self.registry = Registry()
        self.live = Live(lambda: self.registry)
        self.live.clock.apply("0", Clock(0, NOW))
        self.announcer = Announcer(self.live, "homeassistant", "1", claimed_only=claimed_only)
        self.now = NOW

    def hear(self, state: Latest) -> None:
        self.live.sensors.apply(state.sensor, state)

    def said(self) -> list[Message]:
        return list(self.announcer.due(self.live.at(self.now)))

    def topics(self) -> list[tuple[str, bytes]]:
        """What is said, but for the text of configurations."""
        return [(each.topic, each.payload if each.topic != CONFIG else b"...") for each in self.said()]


def values(message: Message) -> object:
    return json.loads(message.payload)["temperature"]


def test_a_sensor_is_told_with_its_availability_and_state_and_only_the_state_goes_unretained() -> None:
    house = House()
    house.hear(latest())
    config, availability, state = house.said()
    assert (config.topic, config.retain) == (CONFIG, True)
    assert read(config.payload).components.keys() == {"temperature", "humidity", "battery", "rssi"}
    assert availability == Message(AVAILABILITY, b"online", retain=True)
    assert (state.topic, state.retain, values(state)) == (STATE, False, 22.3)
    assert house.said() == []


def test_of_a_sensor_that_was_never_read_nothing_is_said() -> None:
    house = House()
    house.hear(Latest(SENSOR, 1, None, None, None, None, {}, 0, refused=Refused(NOW, 1)))
    assert house.said() == []


def test_a_value_is_told_with_the_offset_of_now() -> None:
    house = House()
    house.registry = Registry([Entry(SENSOR, offsets={"temperature": (Offset(0, -0.3),)})])
    house.hear(latest())
    assert values(house.said()[-1]) == 22.0


def test_its_state_is_said_again_when_home_assistant_has_had_time_to_listen() -> None:
    house = House()
    house.hear(latest())
    house.said()
    house.now += AGAIN_MS - 1
    assert house.said() == []
    house.now += 1
    assert [each.topic for each in house.said()] == [STATE]
    house.now += AGAIN_MS
    assert house.said() == []


def test_a_reading_gives_a_state_and_one_that_came_late_does_not() -> None:
    house = House()
    house.hear(latest())
    house.said()
    house.hear(latest(revision=2, seen=NOW, values={"temperature": 20.0}))
    [state] = house.said()
    assert values(state) == 20.0
    house.hear(latest(revision=3, seen=NOW, values={"humidity": 1}))
    assert house.said() == [], "nothing was heard since: a state would keep the value alive for longer"


def test_a_sensor_that_falls_silent_is_unavailable_and_one_that_speaks_again_is_not() -> None:
    house = House()
    house.hear(latest(seen=NOW))
    house.said()
    house.now += 5 * MINUTE - 1
    assert [each.topic for each in house.said()] == [STATE], "said again, late as it is"
    house.now += 1
    assert house.topics() == [(AVAILABILITY, b"offline")]
    house.now += 100 * MINUTE
    assert house.said() == []
    house.hear(latest(revision=2, seen=house.now))
    assert [(topic, payload[:1]) for topic, payload in house.topics()] == [(AVAILABILITY, b"o"), (STATE, b"{")]


def test_a_sensor_that_is_dead_from_the_start_is_told_and_has_no_state() -> None:
    house = House()
    house.hear(latest(seen=NOW - 5 * MINUTE))
    house.hear(latest(OTHER, seen=None))
    assert {(each.topic[-12:], each.payload) for each in house.said() if "device" not in each.topic} == {
        ("availability", b"offline")
    }


def test_after_a_birth_all_of_it_is_said_again() -> None:
    house = House()
    house.hear(latest())
    before = house.said()
    house.announcer.forget()
    assert house.said() == before


def test_a_name_or_a_place_makes_a_new_configuration() -> None:
    house = House()
    house.hear(latest())
    house.said()
    house.registry = Registry([Entry(SENSOR, "Fridge", (Placement(0, "Kitchen"),))])
    config, state = house.said()
    assert read(config.payload).device.suggested_area == "Kitchen"
    assert state.topic == STATE


def test_another_interval_is_judged_at_once() -> None:
    house = House()
    house.hear(latest(seen=NOW - 2 * MINUTE))
    house.said()
    house.registry = Registry([Entry(SENSOR, interval_ms=10_000)])
    assert house.topics() == [(CONFIG, b"..."), (AVAILABILITY, b"offline")]


def test_a_sensor_that_is_forgotten_goes_from_home_assistant_too() -> None:
    house = House()
    house.hear(latest())
    house.said()
    house.live.sensors.apply(SENSOR, None)
    assert house.said() == [Message(CONFIG, b"", retain=True), Message(AVAILABILITY, b"", retain=True)]
    assert house.said() == []


def test_one_forgotten_while_we_were_away_goes_as_well() -> None:
    house = House()
    house.live.sensors.apply(SENSOR, None)
    house.announcer.kept(SENSOR)
    assert [each.topic for each in house.said()] == [CONFIG, AVAILABILITY]


def test_of_whom_nothing_is_known_the_device_stays_and_its_values_are_not_believed() -> None:
    house = House()
    house.announcer.kept(SENSOR)
    assert house.topics() == [(AVAILABILITY, b"offline")]
    assert house.said() == []
    house.hear(latest(seen=NOW))
    assert [topic for topic, _ in house.topics()] == [CONFIG, AVAILABILITY, STATE]


def test_with_claimed_only_a_neighbour_s_sensor_is_not_told() -> None:
    house = House(claimed_only=True)
    house.hear(latest())
    house.hear(latest(OTHER))
    house.registry = Registry([Entry(SENSOR)])
    assert {each.topic for each in house.said()} == {CONFIG, AVAILABILITY, STATE}
    house.registry = Registry()
    assert house.topics() == [(CONFIG, b"..."), (AVAILABILITY, b"")]


def test_whoever_takes_only_some_finds_the_rest_the_next_time() -> None:
    house, piecemeal = House(), []
    for each in (SENSOR, OTHER):
        house.hear(latest(each))
    while some := list(itertools.islice(house.announcer.due(house.live.at(house.now)), 1)):
        piecemeal += some
    house.announcer.forget()
    assert piecemeal == house.said()

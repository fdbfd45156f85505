"""Rooms are plausible: warm by day, colder by night, and cold and dry when a window is open in winter."""

from itertools import pairwise
from random import Random

import pytest

from shelly.world.room import Climate, Room, Weather, saturated

MIDNIGHT, MINUTE, HOUR = 1_800_057_600_000, 60_000, 3_600_000
MARCH = Weather(mean=6, swing=5)


def room(seed: int = 1, weather: Weather = MARCH) -> Room:
    return Room(weather, Random(seed), MIDNIGHT)


def day(room: Room) -> list[Climate]:
    return [room.climate(MIDNIGHT + minute * MINUTE) for minute in range(1440)]


@pytest.mark.parametrize("seed", range(8))
def test_a_day_is_one_that_people_live_in(seed: int) -> None:
    climates = day(room(seed))
    temperatures = [climate.temperature for climate in climates]
    assert 15 < min(temperatures) < max(temperatures) < 24
    assert 1 < max(temperatures) - min(temperatures) < 5
    assert max(abs(b - a) for a, b in pairwise(temperatures)) < 0.6
    assert all(25 < climate.humidity < 75 for climate in climates)


def test_nights_are_colder_than_days() -> None:
    climates = day(room())
    night = [climate.temperature for climate in climates[3 * 60 : 6 * 60]]
    afternoon = [climate.temperature for climate in climates[13 * 60 : 17 * 60]]
    assert max(night) < min(afternoon) - 1


def test_the_day_outside_is_warmest_at_three_o_clock() -> None:
    hours = {hour: MARCH.temperature(MIDNIGHT + hour * HOUR) for hour in range(24)}
    assert max(hours, key=hours.__getitem__) == 15
    assert (round(hours[15]), round(hours[3])) == (11, 1)


def test_an_open_window_cools_and_dries_within_minutes_and_the_walls_bring_it_back() -> None:
    aired, closed = room(), room()
    before = aired.climate(MIDNIGHT + 12 * HOUR)
    aired.window_open = True
    opened = aired.climate(MIDNIGHT + 12 * HOUR + 15 * MINUTE)
    assert before.temperature - opened.temperature > 3
    outside = MARCH.vapour / saturated(opened.temperature)
    assert opened.humidity < 100 * outside + 15
    aired.window_open = False
    for minutes, most in ((30, 1.0), (120, 0.3)):
        later = MIDNIGHT + 12 * HOUR + (15 + minutes) * MINUTE
        assert closed.climate(later).temperature - aired.climate(later).temperature < most


def test_a_room_is_the_same_however_often_it_is_asked() -> None:
    often, once = room(), room()
    day(often)
    last = MIDNIGHT + 1439 * MINUTE
    assert often.climate(last) == once.climate(last)


def test_saturated_air_is_that_of_the_tables() -> None:
    assert [saturated(celsius) for celsius in (0, 10, 20, 30)] == pytest.approx([4.85, 9.41, 17.3, 30.4], rel=0.01)


def test_air_never_holds_more_than_it_can() -> None:
    tropics = room(weather=Weather(mean=34, swing=2, humidity=100))
    assert max(climate.humidity for climate in day(tropics)) <= 100

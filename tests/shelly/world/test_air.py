"""The radio: louder means nearer, fainter means lost, each receiver has its own losses."""

from itertools import pairwise
from random import Random

import pytest

from shelly.world.air import COPIES, COPY_GAP, PRESS_COPIES, Link, arriving, links, loudness
from shelly.world.beacon import Beacon

AT = 1_800_000_000_120
BEACON = Beacon("7c:c6:b6:00:00:01", 1, AT, {"battery": 100}, b"\x44\x00\x01")
PRESS = Beacon("7c:c6:b6:00:00:01", 1, AT, {"battery": 100, "button": 1}, b"\x44\x00\x01")


def heard_at(distance: float, beacons: int = 400) -> float:
    """The part of beacons of which a gateway at that distance hears at least one copy."""
    link = Link(0, loudness(distance), 0.3, Random(1))
    return sum(any(True for _ in link.copies(BEACON)) for _ in range(beacons)) / beacons


def test_loudness_falls_with_distance() -> None:
    distances = [0.5, 1, 2, 5, 10, 20, 40]
    assert all(near > far for near, far in pairwise(map(loudness, distances)))
    assert loudness(1) == -59
    assert loudness(10) == -84


def test_loss_grows_with_distance() -> None:
    parts = [heard_at(distance) for distance in (2, 12, 20, 30, 40)]
    assert all(near >= far for near, far in pairwise(parts))
    assert parts[0] > 0.99
    assert parts[-1] < 0.2
    chances = [arriving(rssi) for rssi in range(-110, -40)]
    assert all(faint < loud for faint, loud in pairwise(chances))


@pytest.mark.parametrize(("beacon", "copies"), [(BEACON, COPIES), (PRESS, PRESS_COPIES)])
def test_a_beacon_has_six_copies_150_ms_apart_and_a_press_forty(beacon: Beacon, copies: int) -> None:
    heard = list(Link(0, -50, 0, Random(1)).copies(beacon))
    assert len(heard) == copies
    for number, one in enumerate(heard):
        gap = COPY_GAP if copies == COPIES else 25
        assert 0 <= one.at - (AT + gap * number) < 40
        assert -65 < one.rssi < -35


def test_a_scan_s_losses_are_a_gateway_s_own() -> None:
    first, second = (Link(0, -50, 0.5, Random(seed)) for seed in (1, 2))
    counts = [(len(list(first.copies(BEACON))), len(list(second.copies(BEACON)))) for _ in range(200)]
    assert 2.5 < sum(one for one, _ in counts) / 200 < 3.5
    assert any(one != other for one, other in counts)


def test_who_is_too_far_away_is_no_receiver() -> None:
    found = links((0, 0), "seed", [(0, (3, 0)), (1, (39, 0)), (2, (60, 0))], [0.3] * 3)
    assert found[0].gateway == 0
    assert 2 not in [link.gateway for link in found]
    assert found[0].rssi == max(link.rssi for link in found)

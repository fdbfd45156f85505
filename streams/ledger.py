"""How many packets a sensor sent, by the gaps in their ids, and who heard them: an account of one hour. Pure.

A BTHome packet id goes up by one with each packet and begins anew after 256 of them, and with a new battery. So between
two packets that were heard, the ids tell how many were not, if the time between them is about so many intervals: a
press of the button sends a packet more, a clock runs a little fast or slow. Where the two do not agree, or the silence
is as long as a turn of the ids (3 h 56 min at a packet a minute), the time between is unknown; it is not guessed.

Packets are taken in order of time, `LATENESS_MS` behind the watermark, out of those that a sensor's state remembers
anyhow: what comes late or twice by then changes nothing but its own gap.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from schemas.delivery import HOUR_MS, Delivery
from streams.windows import LATENESS_MS

TURN = 256  # ids
# How many packets fewer or more than the interval gives are believed; with each sixteen intervals one of both.
FEWER, MORE, INTERVALS_A_PACKET = 2, 5, 16
# Copies of a packet are sent for a second, of which gateways miss some: two packets of so little time may seem swapped.
SWAPPED_MS = 2_000
MOST_GATEWAYS = 32


class Heard(Protocol):
    """What the ledger wants of a packet: its time in unix milliseconds, short marks of the gateways that brought it."""

    packet_id: int | None
    measured_at: int
    heard_by: list[int]


class Memory(Protocol):
    """The packets that a sensor's state remembers."""

    def between(self, after: int, upto: int) -> Sequence[Heard]:
        """Those measured after the one time and not after the other (unix milliseconds), in order of time."""

    def first_after(self, time: int) -> Heard | None:
        """The one that was measured first after that time."""


class Ledger(msgspec.Struct, array_like=True):
    """The account of one sensor. `hour`: the open one, in hours since 1970, -1 if there is none yet.

    `upto`: milliseconds from its start to the newest packet that was taken, whose id is `packet_id`. Of the open hour:
    packets `heard`, ids `missing`, milliseconds `unknown`, packets by mark of the `gateways`. `told`: it was published
    as it is. `ever_expected` and `ever_heard` count on from the first packet.
    """

    hour: int = -1
    upto: int = 0
    packet_id: int | None = None
    heard: int = 0
    missing: int = 0
    unknown: int = 0
    told: bool = True
    gateways: dict[int, int] = {}
    ever_expected: int = 0
    ever_heard: int = 0


class Hour(NamedTuple):
    """An hour that is over; times in unix milliseconds and milliseconds. `final`: nothing of it is open any more."""

    start: int
    expected: int
    heard: int
    unknown: int
    gateways: Mapping[int, int]
    final: bool


def steps(before: int | None, after: int | None, elapsed_ms: int, interval_ms: int) -> int | None:
    """How many packets on the id `after` is from `before`, `elapsed_ms` earlier; None where ids cannot tell."""
    if before is None or after is None:
        return None
    usual = (2 * elapsed_ms + interval_ms) // (2 * interval_ms)
    some = usual // INTERVALS_A_PACKET
    if usual + MORE + some >= TURN:
        return None
    gone = (after - before) % TURN
    return gone if max(1, usual - FEWER - some) <= gone <= usual + MORE + some else None


def advance(ledger: Ledger, packets: Memory, upto: int, interval_ms: int) -> list[Hour]:
    """Take the packets up to that time (unix milliseconds), in its order: the hours that are over by them."""
    return [hour for packet in packets.between(_taken(ledger), upto) for hour in _take(ledger, packet, interval_ms)]


def is_ahead(ledger: Ledger, measured_at: int) -> bool:
    """Whether that time is after all that was taken."""
    return measured_at > _taken(ledger)


def hear_late(ledger: Ledger, packet: Heard) -> None:
    """A new packet from before what was taken: it fills a gap of its hour, unless that is over."""
    if _is_of_open_hour(ledger, packet.measured_at):
        _fill(ledger, packet)


def hear_again(ledger: Ledger, measured_at: int, mark: int) -> None:
    """A further gateway brought the packet of that time. If it was not taken yet, its own marks will tell."""
    if _is_of_open_hour(ledger, measured_at):
        _count_gateways(ledger, [mark])


def settle(ledger: Ledger, packets: Memory, watermark: int, interval_ms: int) -> list[Hour] | None:
    """The hours that are over now that the stream has come so far; None if it was too early to look: nothing changed.

    The open hour ends with the packet after it. If there is none yet, the rest of the hour is unknown, until ids tell.
    """
    due = wake(ledger, packets)
    if due is None or due > watermark:
        return None
    hours = advance(ledger, packets, watermark - LATENESS_MS, interval_ms)
    if not ledger.told and _end(ledger) <= watermark - LATENESS_MS:
        following = packets.first_after(_taken(ledger))
        if following is not None:
            return hours + _take(ledger, following, interval_ms)
        hours.append(_hour(ledger, ledger.unknown + HOUR_MS - ledger.upto, final=False))
        ledger.told = True
    return hours


def wake(ledger: Ledger, packets: Memory) -> int | None:
    """The watermark at which there is something to settle; None: only after another packet."""
    if not ledger.told:
        return _end(ledger) + LATENESS_MS
    first = packets.first_after(_taken(ledger))
    return None if first is None else first.measured_at + LATENESS_MS


def delivery(sensor: str, hour: Hour, names: Mapping[int, str], revision: int) -> Delivery:
    """The record of an hour; `names` of the gateways by their marks."""
    by_gateway = {names.get(mark, f"{mark:04x}"): count for mark, count in hour.gateways.items()}
    return Delivery(
        sensor,
        hour.start,
        hour.expected,
        hour.heard,
        dict(sorted(by_gateway.items())),
        revision,
        hour.unknown,
        hour.final,
    )


def _take(ledger: Ledger, packet: Heard, interval_ms: int) -> list[Hour]:
    """The next packet in order of time, with the gap before it."""
    hour, at = divmod(packet.measured_at, HOUR_MS)
    packet_id = None if packet.packet_id is None else packet.packet_id % TURN
    over: list[Hour] = []
    ledger.told = False
    if ledger.hour < 0:
        ledger.hour, ledger.unknown = hour, at
    elif hour == ledger.hour and _is_swapped(ledger, packet_id, at):
        ledger.upto = at
        _fill(ledger, packet)
        return []
    else:
        over = _pass(ledger, packet_id, packet.measured_at, interval_ms)
    ledger.upto, ledger.packet_id = at, packet_id
    _count(ledger, packet, fills=False)
    return over


def _is_swapped(ledger: Ledger, packet_id: int | None, at: int) -> bool:
    """Whether a packet was sent before the one that was taken, by its id, though it was heard a moment later."""
    if packet_id is None or ledger.packet_id is None or at - ledger.upto > SWAPPED_MS:
        return False
    return 1 <= (ledger.packet_id - packet_id) % TURN <= MORE


def _pass(ledger: Ledger, packet_id: int | None, time: int, interval_ms: int) -> list[Hour]:
    """Account for what lies between the newest packet and the one at that time, into which hour it may fall."""
    before, hour = _taken(ledger), time // HOUR_MS
    gone = steps(ledger.packet_id, packet_id, time - before, interval_ms)
    if gone is None:
        if hour == ledger.hour:
            ledger.unknown += time - before
            return []
        ledger.unknown += HOUR_MS - ledger.upto
        over = [_hour(ledger, ledger.unknown, final=True)]
        _open(ledger, hour)
        ledger.unknown = time % HOUR_MS
        return over
    # evenly between the two: which hour a packet belongs to is all that is asked of its time
    missing = [(before + (time - before) * step // gone) // HOUR_MS for step in range(1, gone)]
    ledger.ever_expected += len(missing)
    ledger.missing += missing.count(ledger.hour)
    over = []
    while ledger.hour < hour:
        if ledger.heard or ledger.missing:  # nothing is due in each hour of a sensor that speaks once a day
            over.append(_hour(ledger, ledger.unknown, final=True))
        _open(ledger, ledger.hour + 1)
        ledger.missing = missing.count(ledger.hour)
    return over


def _open(ledger: Ledger, hour: int) -> None:
    ledger.hour, ledger.upto = hour, 0
    ledger.heard = ledger.missing = ledger.unknown = 0
    ledger.gateways = {}


def _hour(ledger: Ledger, unknown: int, *, final: bool) -> Hour:
    expected = ledger.heard + ledger.missing
    return Hour(ledger.hour * HOUR_MS, expected, ledger.heard, unknown, dict(ledger.gateways), final)


def _fill(ledger: Ledger, packet: Heard) -> None:
    """A packet that was missing, if one was."""
    fills = ledger.missing > 0
    _count(ledger, packet, fills=fills)
    ledger.missing -= fills


def _count(ledger: Ledger, packet: Heard, *, fills: bool) -> None:
    """The packet was heard; `fills`: it was expected already, as one that is missing."""
    ledger.heard += 1
    ledger.ever_heard += 1
    ledger.ever_expected += not fills
    _count_gateways(ledger, packet.heard_by)


def _count_gateways(ledger: Ledger, marks: Iterable[int]) -> None:
    for mark in marks:
        if mark in ledger.gateways or len(ledger.gateways) < MOST_GATEWAYS:
            ledger.gateways[mark] = ledger.gateways.get(mark, 0) + 1


def _is_of_open_hour(ledger: Ledger, measured_at: int) -> bool:
    """Whether a packet of that time is of what was taken, and its hour is not over."""
    return measured_at <= _taken(ledger) and measured_at // HOUR_MS == ledger.hour


def _taken(ledger: Ledger) -> int:
    """The time of the newest packet that was taken, unix milliseconds."""
    return ledger.hour * HOUR_MS + ledger.upto


def _end(ledger: Ledger) -> int:
    return (ledger.hour + 1) * HOUR_MS

"""When two advertisements are copies of one packet, whichever gateway or adapter brought them. Pure."""

from schemas.advertisement import Advertisement, Values
from schemas.reading import RESTORED, Reading
from streams.packets import MEMORY_PACKETS, NONE, Packet, Packets
from streams.times import AHEAD_MS, LIVE_BACK_MS

# One beacon's copies reach us within seconds, and packet ids come round after 4 h 16 min at the earliest.
WINDOW_MS = 120_000
# Without a packet id only the values speak, and the next beacon, 60 s later, may say the same again.
WINDOW_WITHOUT_ID_MS = 30_000
# Copies may come late: a gateway queues, and other raw partitions lag in a backlog. A packet is remembered until the
# watermark has passed its coming by so much: the trust in a late frame's time, the pace of the partitions, and the turn
# of its sensor, as it says what is in a window until that is final.
MEMORY_MS = 24 * 60_000
NATIVE = "native"
_MAX_PACKET_ID = 255


def agree(one: Values, other: Values) -> bool:
    """Whether they say the same wherever both speak; one adapter may know fewer properties than another."""
    return all(other[name] == value for name, value in one.items() if name in other)


def packet_id_of(advertisement: Advertisement) -> int | None:
    """The packet id; the first, if a strange sender repeats it."""
    packet_id = advertisement.values.get("packet_id")
    if isinstance(packet_id, list):
        packet_id = packet_id[0]
    return packet_id if type(packet_id) is int and 0 <= packet_id <= _MAX_PACKET_ID else None


def is_copy(
    packet: Packet, advertisement: Advertisement | Reading, packet_id: int | None, *, together: bool = False
) -> bool:
    """Whether `advertisement`, which has that packet id, is the packet heard again.

    `together`: they came live, one soon after the other, whatever the clocks of their gateways say.
    """
    apart = abs(advertisement.measured_at - packet.measured_at)
    if apart > WINDOW_MS and not together:
        return False
    if packet.counter is not None and advertisement.counter is not None:
        return packet.counter == advertisement.counter
    if packet.packet_id == packet_id is not None:
        return agree(packet.values, advertisement.values)
    if (packet.native and packet.packet_id is None) or (advertisement.format == NATIVE and packet_id is None):
        # a gateway's own components carry no packet id, unless it told one beside them
        shared = packet.values.keys() & advertisement.values.keys()
        return bool(shared) and apart <= WINDOW_WITHOUT_ID_MS and agree(packet.values, advertisement.values)
    if packet.packet_id is None and packet_id is None:
        return apart <= WINDOW_WITHOUT_ID_MS and packet.values == advertisement.values
    return False


def find_packet(packets: Packets, advertisement: Advertisement) -> int | None:
    """The place of the packet that the advertisement repeats, newest first; None if it is the first copy."""
    packet_id, counter, measured_at = packet_id_of(advertisement), advertisement.counter, advertisement.measured_at
    times, ids, counters = packets.measured_at, packets.packet_id, packets.counter
    column, mark = (ids, packet_id) if counter is None else (counters, counter)
    if mark is not None and mark not in column and NONE not in column:
        return None  # so it is with nearly every first copy, and no row was looked at one by one
    live = _is_live(advertisement)
    for row in range(len(times) - 1, -1, -1):
        if counter is not None and counters[row] != NONE:
            if counters[row] != counter:
                continue
        elif packet_id is not None and ids[row] not in (packet_id, NONE):
            continue
        near = -WINDOW_MS <= times[row] - measured_at <= WINDOW_MS
        if not near and not (live and _came_live_near(packets, row, advertisement.received_at)):
            continue
        if is_copy(packets[row], advertisement, packet_id, together=not near):
            return row
    return None


def _is_live(advertisement: Advertisement) -> bool:
    """Whether it came when it was measured, as far as a live frame's time is believed: not out of a queue."""
    age = advertisement.received_at - advertisement.measured_at
    return -AHEAD_MS <= age <= LIVE_BACK_MS and RESTORED not in advertisement.flags


def _came_live_near(packets: Packets, row: int, received_at: int) -> bool:
    """Whether that packet came live, and near this arrival (unix milliseconds): ids do not come round so soon."""
    came = packets.came_at(row)
    return came - packets.measured_at[row] <= LIVE_BACK_MS and abs(received_at - came) <= WINDOW_MS


def came_at(advertisement: Advertisement, watermark: int) -> int:
    """When it came through the stream: at its arrival, but what came back kept that, and its copies come back with it.

    `watermark` and the result in unix milliseconds.
    """
    arrived = advertisement.received_at
    return max(arrived, watermark) if RESTORED in advertisement.flags else arrived


def forgotten(packets: Packets, watermark: int) -> int:
    """How many of the oldest packets need not be known any more. `watermark` in unix milliseconds.

    A watermark from a clock that once ran ahead must not make us forget what has just come.
    """
    many = max(0, len(packets) - MEMORY_PACKETS)
    oldest = min(watermark, packets.came_at(-1)) - MEMORY_MS
    while packets.came_at(many) < oldest:
        many += 1
    return many

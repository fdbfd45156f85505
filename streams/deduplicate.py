"""When two advertisements are copies of one packet, whichever gateway or adapter brought them. Pure."""

from functools import lru_cache
from zlib import crc32

from schemas.advertisement import Advertisement, Values
from schemas.reading import RESTORED, Reading
from streams.sensor_state import Packet

# One beacon's copies reach us within seconds, and packet ids come round after 4 h 16 min at the earliest.
WINDOW_MS = 120_000
# Without a packet id only the values speak, and the next beacon, 60 s later, may say the same again.
WINDOW_WITHOUT_ID_MS = 30_000
# Copies may come late: a gateway queues, and other raw partitions lag in a backlog. A packet is remembered until the
# watermark has passed its coming by so much: the trust in a late frame's time, and the pace of the partitions.
MEMORY_MS = 20 * 60_000
MEMORY_PACKETS = 512
NATIVE = "native"


def agree(one: Values, other: Values) -> bool:
    """Whether they say the same wherever both speak; one adapter may know fewer properties than another."""
    return all(other[name] == value for name, value in one.items() if name in other)


def packet_id_of(advertisement: Advertisement) -> int | None:
    """The packet id; the first, if a strange sender repeats it."""
    packet_id = advertisement.values.get("packet_id")
    if isinstance(packet_id, list):
        packet_id = packet_id[0]
    return packet_id if isinstance(packet_id, int) else None


@lru_cache(maxsize=4096)
def gateway_mark(gateway: str) -> int:
    """A gateway in two bytes. Two that share one are told apart nowhere but in the word for a copy."""
    return crc32(gateway.encode()) & 0xFFFF


def is_copy(packet: Packet, advertisement: Advertisement | Reading, packet_id: int | None) -> bool:
    """Whether `advertisement`, which has that packet id, is the packet heard again."""
    apart = abs(advertisement.measured_at - packet.measured_at)
    if apart > WINDOW_MS:
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


def find_packet(packets: list[Packet], advertisement: Advertisement) -> Packet | None:
    """The packet that the advertisement repeats, newest first; None if it is the first copy."""
    packet_id = packet_id_of(advertisement)
    for packet in reversed(packets):
        if is_copy(packet, advertisement, packet_id):
            return packet
    return None


def came_at(advertisement: Advertisement, watermark: int) -> int:
    """When it came through the stream: at its arrival, but what came back kept that, and its copies come back with it.

    `watermark` and the result in unix milliseconds.
    """
    arrived = advertisement.received_at
    return max(arrived, watermark) if RESTORED in advertisement.flags else arrived


def remember(packets: list[Packet], packet: Packet, watermark: int) -> list[Packet]:
    """The packets to keep, by when they came. `watermark` in unix milliseconds.

    A watermark from a clock that once ran ahead must not make us forget what has just come.
    """
    oldest = min(watermark, packet.came_at) - MEMORY_MS
    return [kept for kept in (*packets, packet) if kept.came_at >= oldest][-MEMORY_PACKETS:]

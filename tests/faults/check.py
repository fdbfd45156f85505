"""What became of acknowledged packets: ledger against topics and store. Pure; `evidence` collects what is judged."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.aggregate import DAY, FIVE_MINUTES, HOUR, SECOND, Aggregate, window_start
from schemas.codec import decode_reading
from schemas.reading import Latest, Reading
from streams.windows import LATE_FOR_WINDOWS
from tests.faults.ledger import Identity, Ledger, newest

_SHOWN = 10
Said = list[tuple[int, float]]  # times and values
_MICRO = 1_000_000


@dataclass(slots=True)
class Verdict:
    """How many packets there were and what went wrong with them; zeros are what is hoped for.

    `missing`: from the topic readings, from the store or from latest. `duplicated`: more than one reading in the
    store, or a repeat in the topic that differs. `wrong`: other values or another time, or a packet that nobody sent.
    `late`: readings that came when their window was closed.
    """

    events: int
    missing: int = 0
    duplicated: int = 0
    wrong: int = 0
    wrong_aggregates: int = 0
    late: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.clean_but(0)

    def clean_but(self, excused: int) -> bool:
        """Whether nothing is wrong but that so many may be missing."""
        return self.missing <= excused and not (self.duplicated or self.wrong or self.wrong_aggregates or self.late)

    def note(self, what: str) -> None:
        """The first few of them are shown."""
        if len(self.details) < _SHOWN:
            self.details.append(what)


def judge_topic(verdict: Verdict, ledger: Ledger, records: Iterable[bytes]) -> None:
    """The topic readings: every packet is there, and a repeat is the same bit for bit."""
    found: dict[Identity, bytes] = {}
    differing: set[Identity] = set()
    for record in records:
        identity = identity_of(decode_reading(record))
        if found.setdefault(identity, record) != record and identity not in differing:
            differing.add(identity)
            verdict.note(f"differs when repeated: {found[identity]!r} and {record!r}")
    verdict.duplicated += len(differing)
    _missing(verdict, "readings topic", ledger, found)


def judge_store(verdict: Verdict, ledger: Ledger, readings: Iterable[Reading], tolerance_ms: int) -> None:
    """The history: every packet exactly once, its values as sent, its time right within the tolerance."""
    found: Counter[Identity] = Counter()
    for reading in readings:
        identity = identity_of(reading)
        found[identity] += 1
        packet = ledger.get(identity)
        if packet is None:
            verdict.wrong += 1
            verdict.note(f"in the store, and nobody sent it: {reading}")
            continue
        if reading.values != packet.values or reading.packet_id != packet.packet_id:
            verdict.wrong += 1
            verdict.note(f"other values: {reading} of {packet}")
        elif abs(reading.measured_at - packet.sent_at) > tolerance_ms:
            verdict.wrong += 1
            verdict.note(f"{reading.measured_at - packet.sent_at} ms beside its time: {reading}")
        verdict.late += LATE_FOR_WINDOWS in reading.flags
    for identity, times in found.items():
        if times > 1:
            verdict.duplicated += 1
            verdict.note(f"{times} times in the store: {identity}")
    _missing(verdict, "store", ledger, found)


def judge_latest(verdict: Verdict, ledger: Ledger, latest: Mapping[str, Latest]) -> None:
    """The topic latest: every sensor's newest packet, and as many readings as it sent packets."""
    sent = Counter(sensor for sensor, _ in ledger)
    for sensor, packet in newest(ledger).items():
        held = latest.get(sensor)
        if held is None or held.values["count"].value != packet.number:
            verdict.missing += 1
            verdict.note(f"not the newest in latest: {held}, sent was {packet}")
        elif {name: each.value for name, each in held.values.items()} != packet.values:
            verdict.wrong += 1
            verdict.note(f"other values in latest: {held} of {packet}")
        elif held.readings != sent[sensor]:
            verdict.wrong += 1
            verdict.note(f"{held.readings} readings counted of {sent[sensor]}: {sensor}")


def judge_aggregates(
    verdict: Verdict, ledger: Ledger, readings: Iterable[Reading], aggregates: Iterable[Aggregate]
) -> None:
    """Every window exact, made again from what was sent; the times are those of the store, which `judge_store` checks.

    An hour and a day hold the five-minute windows that are final. They are told of them when no later one of the same
    quarter, or hour, is open, so they need not hold those that wait for such a one.
    """
    kept = {aggregate.key: aggregate for aggregate in aggregates}
    fives = {(each.sensor, each.quantity, each.start): each for each in kept.values() if each.width == FIVE_MINUTES}
    still_open = {(each.sensor, each.start) for each in fives.values() if not each.final}
    cells: defaultdict[tuple[str, str, int], Said] = defaultdict(list)
    for reading in readings:
        packet = ledger.get(identity_of(reading))
        if packet is None or LATE_FOR_WINDOWS in reading.flags:
            continue
        five = window_start(reading.measured_at, FIVE_MINUTES)
        for quantity, value in packet.values.items():
            cells[reading.sensor, quantity, five].append((reading.measured_at, value))
    expected: dict[bytes, list[Aggregate | None]] = {}
    wider: defaultdict[tuple[str, str, int, int], Said] = defaultdict(list)
    for (sensor, quantity, five), said in sorted(cells.items()):
        made = aggregate_of(sensor, quantity, FIVE_MINUTES, five, said)
        expected[made.key] = [made]
        if (sensor, quantity, five) not in fives or not fives[sensor, quantity, five].final:
            continue
        for width, told_after in ((HOUR, HOUR // 4), (DAY, HOUR)):
            end = window_start(five, told_after) + told_after * SECOND
            waits = any((sensor, later) in still_open for later in range(five, end, FIVE_MINUTES * SECOND))
            so_far = wider[sensor, quantity, width, window_start(five, width)]
            so_far += said
            made = aggregate_of(sensor, quantity, width, window_start(five, width), so_far)
            may_be = expected.setdefault(made.key, [None])
            if not waits:
                may_be.clear()
            may_be.append(made)
    for key in expected.keys() | kept.keys():
        may_be, got = expected.get(key, [None]), kept.get(key)
        if (got and _facts(got)) not in [each and _facts(each) for each in may_be]:
            verdict.wrong_aggregates += 1
            verdict.note(f"aggregate {key!r}: expected {may_be}, found {got}")


def aggregate_of(sensor: str, quantity: str, width: int, start: int, said: Said) -> Aggregate:
    """The aggregate of (time, value) pairs; the mean is the integer division of millionths, halves up."""
    said = sorted(said)
    values = [value for _, value in said]
    total, count = sum(round(value * _MICRO) for value in values), len(values)
    return Aggregate(
        sensor=sensor,
        quantity=quantity,
        index=0,
        width=width,
        start=start,
        count=count,
        min=min(values),
        max=max(values),
        mean=(2 * total + count) // (2 * count) / _MICRO,
        first=values[0],
        first_at=said[0][0],
        last=values[-1],
        last_at=said[-1][0],
        revision=0,
    )


def identity_of(reading: Reading) -> Identity:
    """Sensor and number; a reading without a number is one that nobody sent."""
    number = reading.values.get("count")
    return reading.sensor, number if isinstance(number, int) else -1


def _missing(verdict: Verdict, where: str, ledger: Ledger, found: Mapping[Identity, object]) -> None:
    missing = ledger.keys() - found.keys()
    verdict.missing += len(missing)
    for identity in sorted(missing)[:_SHOWN]:
        verdict.note(f"not in the {where}: {ledger[identity]}")


def _facts(aggregate: Aggregate) -> tuple[float, ...]:
    return (
        aggregate.count,
        aggregate.min,
        aggregate.max,
        aggregate.mean,
        aggregate.first,
        aggregate.first_at,
        aggregate.last,
        aggregate.last_at,
    )

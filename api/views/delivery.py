"""Hours of a sensor's packets, with the readings of them that are stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.responses import DeliveryCounts, DeliveryHour, SensorDelivery
from api.times import rfc3339
from schemas.delivery import Delivery

_SUMMED = ("expected", "heard", "stored", "lost_on_air", "lost_in_pipeline", "unknown_seconds")


def sensor_delivery(
    sensor: str, start: int, end: int, deliveries: Sequence[Delivery], stored: Mapping[int, int]
) -> SensorDelivery:
    """The answer for [start, end), unix milliseconds; `stored`: readings of each hour, by its start."""
    hours = [_hour(one, stored.get(one.start, 0)) for one in deliveries]
    return SensorDelivery(sensor=sensor, start=rfc3339(start), end=rfc3339(end), totals=_totals(hours), hours=hours)


def _hour(one: Delivery, stored: int) -> DeliveryHour:
    return DeliveryHour(
        start=rfc3339(one.start),
        final=one.final,
        expected=one.expected,
        heard=one.heard,
        stored=stored,
        lost_on_air=one.expected - one.heard,
        # more are stored than were heard if some came when the hour was over
        lost_in_pipeline=max(0, one.heard - stored),
        unknown_seconds=one.unknown_ms / 1000,
        by_gateway=one.by_gateway,
    )


def _totals(hours: Iterable[DeliveryHour]) -> DeliveryCounts:
    sums: dict[str, Any] = dict.fromkeys(_SUMMED, 0)
    by_gateway: Counter[str] = Counter()
    for hour in hours:
        for name in _SUMMED:
            sums[name] += getattr(hour, name)
        by_gateway.update(hour.by_gateway)
    return DeliveryCounts(**sums, by_gateway=dict(sorted(by_gateway.items())))

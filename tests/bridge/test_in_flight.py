"""The order of acks, the bound, and beginning again."""

from bridge.in_flight import Delivery, InFlight
from bridge.route import Record

RECORD = Record("t", b"k", b"v", [])


def filled(
    acked: list[int], count: int, *, max_count: int = 100, max_bytes: int = 1 << 20
) -> tuple[InFlight, list[Delivery]]:
    window = InFlight(max_count, max_bytes)
    deliveries = [Delivery(RECORD, ack=lambda n=n: acked.append(n)) for n in range(count)]  # type: ignore[misc]
    for delivery in deliveries:
        window.add(delivery)
    return window, deliveries


def send_all(window: InFlight) -> None:
    while window.next_unsent():
        window.sent()


def test_acks_wait_for_the_oldest() -> None:
    acked: list[int] = []
    window, (first, second, third) = filled(acked, 3)
    send_all(window)
    window.delivered(third)
    window.delivered(second)
    assert acked == []
    window.delivered(first)
    assert acked == [0, 1, 2]
    assert window.empty.is_set()


def test_a_message_without_record_is_acked_in_its_turn() -> None:
    acked: list[int] = []
    window, (first,) = filled(acked, 1)
    window.add(Delivery(None, ack=lambda: acked.append(99)))
    send_all(window)
    assert acked == []
    window.delivered(first)
    assert acked == [0, 99]


def test_rewind_sends_everything_unacked_again_in_order() -> None:
    """What was delivered behind the oldest unacked goes again too: order counts more than a duplicate."""
    acked: list[int] = []
    window, deliveries = filled(acked, 4)
    for _ in range(3):
        assert window.next_unsent()
        window.sent()
    window.delivered(deliveries[2])
    window.rewind()
    again = []
    while delivery := window.next_unsent():
        again.append(delivery)
        window.sent()
    assert again == deliveries
    for delivery in deliveries[:2]:
        window.delivered(delivery)
    assert acked == [0, 1]


def test_the_bound_clears_room_and_half_of_it_gives_it_back() -> None:
    acked: list[int] = []
    window, deliveries = filled(acked, 9, max_count=10)
    calls: list[bool] = []
    window.on_room = lambda: calls.append(True)
    assert not window.full
    window.add(Delivery(RECORD, ack=lambda: None))
    assert window.full
    send_all(window)
    for delivery in deliveries[:4]:
        window.delivered(delivery)
    assert window.full
    window.delivered(deliveries[4])
    assert not window.full
    assert calls == [True]


def test_bytes_are_bounded_too() -> None:
    window = InFlight(1000, 10_000)
    window.add(Delivery(Record("t", b"", b"x" * 10_000, []), ack=lambda: None))
    assert window.full

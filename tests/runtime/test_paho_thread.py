"""A thread that ends at the wrong moment."""

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from runtime.paho_thread import wait_for_end


def test_a_thread_that_ends_while_paho_looks_at_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    client, looks = Client(CallbackAPIVersion.VERSION2), iter([object(), object()])
    thread = property(lambda self: next(looks, None), lambda self, value: None)
    monkeypatch.setattr(Client, "_thread", thread, raising=False)
    wait_for_end(client)

"""The end of a paho client that has a thread of its own."""

from contextlib import suppress

from paho.mqtt.client import Client


def wait_for_end(client: Client) -> None:
    """Return once the thread of a client that was told to disconnect has ended."""
    with suppress(AttributeError):  # paho forgets a thread that ends, also between its look at it and its wait for it
        client.loop_stop()

"""Fetches: records that were fetched and cannot be handed out are fetched again.

A poll moves the client's position when it returns. Whoever drops what it brought leaves a hole: in a changelog that is
a state which silently begins anew, or a recovery that waits for ever for a record which has gone by.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


def give_back(client: AIOKafkaConsumer, records: Mapping[TopicPartition, Sequence[Any]]) -> None:
    """Set the client back to the first of them, in the client's own thread.

    Not where the partition has gone, or somebody sought another place behind the fetch: that one knows better.
    """
    subscription: Any = client._subscription.subscription
    for place, found in records.items():
        if found and place in client.assignment():
            state = subscription.assignment.state_value(place)
            # of a compacted log the position may lie beyond the next offset
            if state.has_valid_position and state.position > found[-1].offset:
                client.seek(place, found[0].offset)

"""Everything that the process for Home Assistant counts."""

from dataclasses import dataclass

from prometheus_client import Counter, Gauge

# 1 while subscribed.
MQTT_CONNECTED = Gauge("bluflow_homeassistant_mqtt_connected", "1 while subscribed at the MQTT broker")
# Connections that were refused, failed or lost.
MQTT_FAILURES = Counter("bluflow_homeassistant_mqtt_failures_total", "MQTT connections refused, failed or lost")
# Devices that Home Assistant was told of on this connection.
DEVICES = Gauge("bluflow_homeassistant_devices", "Sensors that Home Assistant was told of")
# By what they are: config, availability, state.
MESSAGES = Counter("bluflow_homeassistant_messages_total", "Messages published for Home Assistant", ["kind"])


@dataclass
class Followed:
    """What the follower of the topics counts."""

    records: Counter
    connected: Gauge


FOLLOWED = Followed(
    Counter("bluflow_homeassistant_records_total", "Records of the followed topics", ["topic", "outcome"]),
    Gauge("bluflow_homeassistant_kafka_connected", "1 while the topics are followed live"),
)

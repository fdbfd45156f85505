"""Everything the bridge counts, in message order."""

from prometheus_client import Counter, Gauge

# MQTT connections that got as far as SUBACK; all but the first are reconnects.
CONNECTS = Counter("bluflow_bridge_mqtt_connects_total", "MQTT connections made")
# Connections that were refused, failed or lost.
CONNECTION_FAILURES = Counter("bluflow_bridge_mqtt_failures_total", "MQTT connections refused, failed or lost")
# 1 while subscribed.
CONNECTED = Gauge("bluflow_bridge_mqtt_connected", "1 while subscribed at the MQTT broker")
# Every message that asks to be forwarded, redelivered ones too.
RECEIVED = Counter("bluflow_bridge_frames_received_total", "Frames received from MQTT")
# Of these, how many had waited in the MQTT broker.
QUEUED = Counter("bluflow_bridge_frames_queued_total", "Frames that had waited in the MQTT broker")
# Our own markers and state, and what an earlier setting subscribed to: acked, not forwarded.
IGNORED = Counter("bluflow_bridge_messages_ignored_total", "MQTT messages not asked for by the settings")
# Received and not yet both delivered and acked. At the bound MQTT is not read.
IN_FLIGHT = Gauge("bluflow_bridge_in_flight_frames", "Frames between MQTT and Kafka")
IN_FLIGHT_BYTES = Gauge("bluflow_bridge_in_flight_bytes", "Bytes of the frames between MQTT and Kafka")
# How often the bound was reached.
PAUSES = Counter("bluflow_bridge_pauses_total", "Times that MQTT was not read because the bound was reached")
# In raw-frames, by Kafka's word, and acked.
FORWARDED = Counter("bluflow_bridge_frames_forwarded_total", "Frames delivered to raw-frames")
# In dead-letters: too_large (over 64 KiB) or undeliverable (Kafka refuses it).
DEAD_LETTERS = Counter("bluflow_bridge_dead_letters_total", "Frames delivered to dead-letters", ["reason"])
# Each one costs a new producer and sends again what is in flight.
DELIVERY_ERRORS = Counter("bluflow_bridge_delivery_errors_total", "Failures of the Kafka producer", ["error"])
# A tick is counted once, whatever the number of partitions.
TICKS = Counter("bluflow_bridge_ticks_total", "Ticks delivered to every partition of raw-frames")
# For "nothing has come through since".
LAST_DELIVERY = Gauge("bluflow_bridge_last_delivery_timestamp_seconds", "When Kafka last took a record, unix time")

"""Everything the inventory counts."""

from prometheus_client import Counter, Gauge

# 1 while subscribed.
CONNECTED = Gauge("bluflow_inventory_mqtt_connected", "1 while subscribed at the MQTT broker")
# Connections that were refused, failed or lost.
CONNECTION_FAILURES = Counter("bluflow_inventory_mqtt_failures_total", "MQTT connections refused, failed or lost")
# Gateways that have been heard since the start.
GATEWAYS = Gauge("bluflow_inventory_gateways", "Gateways known")
# One for each page.
REQUESTS = Counter("bluflow_inventory_requests_total", "Questions sent to gateways")
# What came of them: page, complete, unsupported, error, timeout.
ANSWERS = Counter("bluflow_inventory_answers_total", "What came of the questions", ["outcome"])

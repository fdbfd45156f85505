"""MQTT to Kafka: every frame unchanged into raw-frames, acknowledged to MQTT only once Kafka has it."""

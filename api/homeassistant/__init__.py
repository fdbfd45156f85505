"""Sensors for Home Assistant: its MQTT discovery, made from what the API's tables hold and the same verdict."""

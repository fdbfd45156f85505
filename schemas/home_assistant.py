"""The topics on which Home Assistant hears of sensors (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery).

Configurations lie under Home Assistant's own prefix, `<prefix>/device/<object id>/config`; states and availability
under ours.
"""

import re

PREFIX = "homeassistant"  # Home Assistant's default
OURS = "bluflow/homeassistant"
STATE = f"{OURS}/state"  # of our publisher: online, or offline as its last will

_CONFIG = re.compile(r"(?:.+/)?device/bluflow_([0-9a-f]{12})/config")


def device_id(sensor: str) -> str:
    """The sensor as one word: its MAC address without colons."""
    return sensor.replace(":", "")


def config_topic(prefix: str, sensor: str) -> str:
    """Where the sensor's configuration lies."""
    return f"{prefix}/device/bluflow_{device_id(sensor)}/config"


def configured_sensor(topic: str) -> str | None:
    """The sensor whose configuration lies there; None if it is no topic of ours."""
    found = _CONFIG.fullmatch(topic)
    return found and ":".join(found[1][place : place + 2] for place in range(0, 12, 2))


def state_topic(sensor: str) -> str:
    """Where its newest values are said."""
    return f"{OURS}/{device_id(sensor)}/state"


def availability_topic(sensor: str) -> str:
    """Where is said whether its values can be believed: online or offline."""
    return f"{OURS}/{device_id(sensor)}/availability"


def status_topic(prefix: str) -> str:
    """Where Home Assistant says that it was born, or died: online or offline."""
    return f"{prefix}/status"


def is_discovery(topic: str) -> bool:
    """Whether it lies between us and Home Assistant, by its default prefix: no gateway speaks there."""
    return topic == status_topic(PREFIX) or configured_sensor(topic) is not None

"""The HTTP contract: what the API answers. Times are RFC 3339 in UTC with milliseconds. One noun a file."""

from api.responses.contract import Health
from api.responses.data import AggregateData, Row, SensorData, Summary, WindowRow
from api.responses.delivery import DeliveryCounts, DeliveryHour, SensorDelivery
from api.responses.gateway import Gateway, Gateways, ScriptHeartbeat
from api.responses.sensor import Limits, Reception, Receptions, Refused, Sensor, SensorDetail, Sensors, Value

__all__ = [
    "AggregateData",
    "DeliveryCounts",
    "DeliveryHour",
    "Gateway",
    "Gateways",
    "Health",
    "Limits",
    "Reception",
    "Receptions",
    "Refused",
    "Row",
    "ScriptHeartbeat",
    "Sensor",
    "SensorData",
    "SensorDelivery",
    "SensorDetail",
    "Sensors",
    "Summary",
    "Value",
    "WindowRow",
]

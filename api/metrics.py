"""All metrics of the API: its own counters, and those of sensors and gateways as they are at the scrape."""

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from api.collector import LiveCollector
from api.live import Live
from api.times import Clock


class Metrics:
    """One registry for each app, so that several apps fit into one process."""

    def __init__(self, live: Live, now: Clock) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(LiveCollector(live, now))
        self.requests = Counter(
            "bluflow_api_requests",
            "HTTP requests by route template; status is `aborted` for a response that broke off",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.records = Counter(
            "bluflow_api_records",
            "Records of the followed topics: applied, ignored (a higher revision is held) or undecodable",
            ["topic", "outcome"],
            registry=self.registry,
        )
        self.refused = Counter(
            "bluflow_api_refused",
            "Requests refused for their key: missing, malformed, unknown, expired, or of too small a scope",
            ["reason"],
            registry=self.registry,
        )
        self.connected = self._gauge(
            "connected",
            "1 while the topics are followed live, 0 while they are connected to or read from the beginning",
        )
        self.streams = self._gauge("streams", "Event streams that are open")
        self.registry_failing = self._gauge(
            "registry_failing", "1 while the sensors file cannot be used and an older one is in force"
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"bluflow_api_{name}", text, registry=self.registry)

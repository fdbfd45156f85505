"""What the configuration of Prometheus, Alertmanager and Grafana says, and which metrics there are."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"

# What Prometheus and Python's client bring themselves.
_OTHERS = {"up", "ALERTS", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}
_METRIC = re.compile(
    r"(?<![\w:.$/-])(?:(?:bluflow|shelly|redpanda|process)_\w+|ALERTS|up(?=[ ={)]|$)|[a-z]+:[a-z_:0-9]+)"
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def rules() -> list[dict[str, Any]]:
    """Every rule, recording and alerting."""
    files = [yaml.safe_load(path.read_text()) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Every alerting rule by its name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def metrics_in(query: str) -> set[str]:
    """The metrics that a query names; a histogram's parts by the histogram's name."""
    found = set(_METRIC.findall(_QUOTED.sub('""', query)))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


def known_metrics() -> set[str]:
    """Every metric that docs/metrics.md tells of, recorded ones too, and what Prometheus has of itself."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    return {*re.findall(r"`([\w:]+)`", text), *_OTHERS}

"""The dashboards, as Python that writes their JSON: `python -m grafana`. Nothing of it runs in Grafana."""

"""`python -m grafana`: write grafana/dashboards/*.json anew, which `make dashboards` calls."""

from pathlib import Path

from grafana.boards import boards

if __name__ == "__main__":
    for name, text in boards().items():
        (Path(__file__).parent / "dashboards" / name).write_text(text)

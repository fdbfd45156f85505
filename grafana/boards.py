"""All dashboards, as the text of their files."""

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import pipeline, rooms, sensors


def boards() -> dict[str, str]:
    """File name -> JSON of each dashboard."""
    built = {"rooms": rooms.board(), "sensors": sensors.board(), "pipeline": pipeline.board()}
    encoder = JSONEncoder(sort_keys=True, indent=1)
    return {f"{name}.json": encoder.encode(each.build()) + "\n" for name, each in built.items()}

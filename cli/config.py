"""`bluflow config`: every setting of every process, its value and where that comes from."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from runtime.settings import Settings


def config(
    env: Annotated[bool, typer.Option("--env", help="Print a .env file with every setting and its default.")] = False,
) -> None:
    """Print the effective settings as YAML, secrets masked; with --env the defaults as environment variables."""
    typer.echo("\n".join(_env_lines() if env else _yaml_lines()))


def settings_classes() -> "list[type[Settings]]":
    """The settings of all processes, in the order of a frame's way."""
    from api.homeassistant.settings import HomeAssistantSettings
    from api.settings import ApiSettings
    from bridge.settings import BridgeSettings
    from cli.settings import RunSettings
    from shelly.inventory.settings import InventorySettings
    from streams.settings import StreamsSettings
    from streams.sinks.settings import SinkSettings

    return [
        RunSettings,
        BridgeSettings,
        StreamsSettings,
        SinkSettings,
        ApiSettings,
        InventorySettings,
        HomeAssistantSettings,
    ]


def _own_fields(kind: "type[Settings]") -> "Iterator[tuple[str, FieldInfo]]":
    from runtime.settings import Settings

    return ((name, field) for name, field in kind.model_fields.items() if name not in Settings.model_fields)


def _yaml_lines() -> list[str]:
    from runtime.settings import Settings, load

    loaded = [load(kind) for kind in settings_classes()]
    lines = [_yaml_line(loaded[0], name) for name in Settings.model_fields]
    for settings in loaded:
        lines += ["", f"{settings.section}:"]
        lines += ["  " + _yaml_line(settings, name) for name, _ in _own_fields(type(settings))]
    return lines


def _yaml_line(settings: "Settings", name: str) -> str:
    import os

    import yaml

    from runtime.settings import variable

    key = variable(type(settings), name)
    # the environment's names are compared without case, as pydantic-settings does
    in_env = key.upper() in {given.upper() for given in os.environ}
    source = f"environment {key}" if in_env else "bluflow.yaml" if name in settings.model_fields_set else "default"
    value = settings.model_dump(mode="json")[name]  # a SecretStr comes out as stars
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return f"{name}: {text.removesuffix(chr(10)).removesuffix('...').rstrip()}  # {source}"


def _env_lines() -> list[str]:
    from runtime.settings import Settings, variable

    lines = ["# Every setting with its default. Take the # away from those that you change."]
    kinds: list[type[Settings]] = [Settings, *settings_classes()]
    seen: set[str] = set()
    for kind in kinds:
        fields = kind.model_fields.items() if kind is Settings else _own_fields(kind)
        lines += ["", f"# --- {kind.section or 'all processes'}"]
        for name, field in fields:
            key = variable(kind, name)
            if key not in seen:  # two processes may share one
                lines += [f"# {field.description}", f"#{key}={_env_value(field.default)}"]
            seen.add(key)
    return lines


def _env_value(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(int(default))
    return ",".join(default) if isinstance(default, list) else str(default)

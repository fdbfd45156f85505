"""What `bluflow run` shows."""

import logging
import socket
import sys
import time

from cli.stack import Stack

log = logging.getLogger("bluflow.run")


def say(line: str) -> None:
    """One line with the time, on the screen and in run.log."""
    log.info("%s", line)
    show(f"{time.strftime('%H:%M:%S')} {line}")


def show(text: str) -> None:
    """Text on the screen, if it is still there: a closed terminal must not end the processes out of order."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        log.warning("the screen is gone: %s", error)


def overview(stack: Stack, not_ready: list[str]) -> str:
    """Where everything is, and how to point a real gateway at it."""
    page = stack.page
    rows = [
        ("API", f"{'https' if stack.api.tls_certificate_file else 'http'}://{page(stack.api.port)}/"),
        ("MQTT", stack.mqtt + ("  (embedded)" if stack.embedded_mqtt else "")),
        ("Kafka", stack.broker + ("  (embedded)" if stack.embedded_kafka else "")),
        (
            "health",
            "  ".join(f"{name} :{port}" for name, _, port in list(stack.ports().values())[:5]) + "  /health/ready",
        ),
        ("simulator", _simulated(stack)),
        ("data", str(stack.data)),
        ("logs", str(stack.data / "logs" / "<name>.log")),
        ("gateways", _how_to_connect(stack)),
    ]
    text = "\n".join(["", "bluflow runs. Ctrl-C stops it.", "", *(f"  {name:<11}{value}" for name, value in rows), ""])
    if not_ready:
        text += f"\n  not ready yet: {', '.join(not_ready)} (see the logs)\n"
    return text


def _simulated(stack: Stack) -> str:
    run = stack.run
    if not run.simulate:
        return "off"
    return f"{run.gateways} gateways, {run.sensors} sensors, a beacon every {run.interval:g} s  (SIMULATE=0: none)"


def _how_to_connect(stack: Stack) -> str:
    command = "bluflow gateway setup <its address> --mqtt mqtt://"
    if not stack.embedded_mqtt:
        return f"{command}{stack.mqtt} (--user, --password-file, tls:// as that broker asks)"
    if not stack.run.lan:
        return "reach this machine only with `bluflow run --lan`"
    host = stack.mqtt_host if stack.mqtt_host not in {"0.0.0.0", "::"} else _address_of_this_machine()  # noqa: S104
    login = f"--user {stack.run.mqtt_user} --password-file {stack.password_file}"
    return f"{command}{host}:{stack.run.mqtt_port} {login}"


def _address_of_this_machine() -> str:
    """The address that this machine would talk to others from; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "<address of this machine>"

"""What the API holds of a world's sensors."""

import json
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from api.times import parse_instant, rfc3339
from cli.truth_compared import Held
from cli.unusable import Unusable
from shelly.world.truth_file import Truth

_SLACK = 15 * 60_000  # milliseconds: how wrong a gateway's clock may be and is believed
_TIMEOUT = 30.0  # seconds


@contextmanager
def asking(address: str, key_file: Path | None, tls: ssl.SSLContext | None = None) -> Iterator[httpx.Client]:
    """A client of the API there. Raises Unusable, also for what it refuses while the context lasts.

    Whom it trusts at an https address: as `tls` says, else as the system does.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    headers = {}
    if key_file:
        try:
            headers["Authorization"] = f"Bearer {key_file.read_text().strip()}"
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(f"{key_file} cannot be read: {error}") from None
    try:
        with httpx.Client(base_url=address, headers=headers, timeout=_TIMEOUT, verify=tls or True) as client:
            yield client
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise Unusable(f"no API answers on {address}: {error}: is it running, and is --api right?") from None


def held(client: httpx.Client, truth: Truth) -> dict[str, list[Held]]:
    """The readings of all sensors of the world, from its time. Raises Unusable."""
    last = max((sent.at for sent in truth.sent.values()), default=truth.head.start)
    span = {"from": rfc3339(truth.head.start - _SLACK), "to": rfc3339(last + _SLACK), "format": "ndjson"}
    return {sensor: list(_readings(client, sensor, span)) for sensor in truth.head.sensors}


def _readings(client: httpx.Client, sensor: str, span: dict[str, str]) -> Iterator[Held]:
    with client.stream("GET", f"/api/v1/data/{sensor}", params=span) as answer:
        if answer.status_code == httpx.codes.NOT_FOUND:
            return  # never heard of
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Unusable(f"{client.base_url} wants a key that may read: name its file with --key-file")
        if answer.status_code != httpx.codes.OK:
            raise Unusable(f"{answer.url} answers {answer.status_code}: {answer.read()[:200].decode(errors='replace')}")
        for line in answer.iter_lines():
            row = json.loads(line)
            yield Held(row["packet_id"], parse_instant(row["measured_at"]), row["values"])

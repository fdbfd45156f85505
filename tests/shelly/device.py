"""Runs the gateway's script under Node, in the stand-in of its interpreter (`stub_device.js`)."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "shelly" / "bluflow.js"

Step = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What the script did: `events` with their time (`at`, ms of uptime), `name` and `data`; the counts are maxima."""

    events: list[dict[str, Any]]
    evaluated: list[str]
    timers: int
    calls: int
    handlers: int
    starts: list[dict[str, Any]]
    heap: list[int]

    @property
    def batches(self) -> list[dict[str, Any]]:
        """The events that hold adverts."""
        return [event for event in self.events if "d" in event["data"]]

    @property
    def entries(self) -> list[list[Any]]:
        """All adverts, in their order."""
        return [entry for event in self.batches for entry in event["data"]["d"]]

    @property
    def beats(self) -> list[dict[str, Any]]:
        """What the heartbeats say."""
        return [event["data"]["hb"] for event in self.events if "hb" in event["data"]]


def run(*steps: Step, script: Path = SCRIPT) -> Told:
    """What the script makes of these steps; the clock begins at 5000 ms of uptime."""
    node = shutil.which("node")
    assert node, "node is missing: bash scripts/debian.sh installs it (Debian's package nodejs)"
    command = [node, "--expose-gc", str(Path(__file__).with_name("stub_device.js")), str(script)]
    done = subprocess.run(command, input=json.dumps(steps), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return Told(**json.loads(done.stdout))


def adv(at: int, addr: str, hex_data: str, rssi: int = -66, **more: Any) -> Step:
    """A scan result that the script gets at this time."""
    return {"at": at, "adv": {"addr": addr, "rssi": rssi, "hex": hex_data, **more}}

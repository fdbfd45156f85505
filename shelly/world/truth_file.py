"""A truth file as a checker reads it: every packet, what became of it, and which readings must exist. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runtime.errors import SettingsError
from shelly.world.truth import VERSION, Dropped, Event, Head, Packet, Published, Sent, read

# An encrypted sensor that begins to count anew is believed with the fifth packet of a row, after three and a half
# minutes (streams/counters.py): what came before may be refused.
_ROW, _ROW_MS = 5, 210_000


class InvalidTruth(SettingsError):
    """A file that cannot be used: one line, `file:line: why`."""


@dataclass(slots=True)
class Truth:
    """All lines, by what they are. A packet that was published at QoS 0 alone is not in `owed`."""

    head: Head
    sent: dict[Packet, Sent] = field(default_factory=dict)
    published: dict[Packet, list[Published]] = field(default_factory=dict)
    dropped: dict[Packet, list[Dropped]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def owed(self) -> set[Packet]:
        """The packets of which a reading must exist: the MQTT broker acknowledged a message that carries them."""
        sure = {packet for packet, messages in self.published.items() if any(message.qos for message in messages)}
        return sure - self._refusable()

    def _refusable(self) -> set[Packet]:
        """Packets of a counter that looks like a replay's, until the row of them is long enough."""
        found: set[Packet] = set()
        highest: dict[str, int] = {}
        rows: dict[str, list[int]] = {}
        for packet in sorted(self.published, key=lambda packet: self.sent[packet].at):
            sent = self.sent[packet]
            if sent.counter is None:
                continue
            if sent.counter > highest.get(sent.sensor, -1):
                highest[sent.sensor] = sent.counter
                continue
            row = rows.setdefault(sent.sensor, [])
            row.append(sent.at)
            if len(row) >= _ROW and sent.at - row[0] >= _ROW_MS:
                highest[sent.sensor] = sent.counter
                del rows[sent.sensor]
            else:
                found.add(packet)
        return found


def read_truth(path: Path) -> Truth:
    """The file's content. Raises InvalidTruth."""
    try:
        with path.open("rb") as file:
            return parse_truth(file, str(path))
    except OSError as error:
        raise InvalidTruth(f"{path}: {error.strerror}") from None


def parse_truth(lines: Iterable[bytes], name: str) -> Truth:
    """The content of the lines; `name` stands before the line's number in errors. Raises InvalidTruth."""
    truth: Truth | None = None
    number = 0
    for number, text in enumerate(lines, 1):
        if not text.endswith(b"\n"):
            break  # the simulator was killed while it wrote
        try:
            line = read(text)
        except (msgspec.MsgspecError, ValueError) as error:
            raise InvalidTruth(f"{name}:{number}: no line of a truth file: {error}") from None
        if isinstance(line, Head):
            if truth is not None or line.version != VERSION:
                raise InvalidTruth(f"{name}:{number}: one world of version {VERSION} is wanted in a file")
            truth = Truth(line)
        elif truth is None:
            raise InvalidTruth(f"{name}:{number}: it does not begin with its world: {line.__struct_config__.tag}")
        else:
            _take(truth, line)
    if truth is None:
        raise InvalidTruth(f"{name}: empty")
    return truth


def _take(truth: Truth, line: Sent | Published | Dropped | Event) -> None:
    match line:
        case Sent():
            truth.sent[line.packet] = line
        case Published():
            for packet in line.carries:
                truth.published.setdefault(packet, []).append(line)
        case Dropped():
            for packet in line.carries:
                truth.dropped.setdefault(packet, []).append(line)
        case Event():
            truth.events.append(line)

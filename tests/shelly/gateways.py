"""The gateway commands as a person runs them, within the test's own process."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.commands import run_command
from tests.shelly.stand_in_gateway import StandInGateway

SECRET, ADMIN = "mqtt-Secret-1", "admin-Secret-2"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----\n"


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


@dataclass
class Person:
    """Runs `bluflow gateway` against one stand-in, in a folder of its own."""

    gateway: StandInGateway
    address: str
    folder: Path
    capture: pytest.CaptureFixture[str]

    def run(self, command: str, *arguments: str) -> Done:
        """One command on the gateway."""
        return self.raw(command, self.address, *arguments)

    def raw(self, *arguments: str) -> Done:
        """One command as it stands."""
        self.capture.readouterr()
        code = run_command(["gateway", *arguments])
        said = self.capture.readouterr()
        for secret in (SECRET, ADMIN):
            assert secret not in said.out + said.err, "a password was printed"
        return Done(code, said.out, said.err)

    def set_up(self, *more: str) -> Done:
        """The set-up that most tests begin with."""
        return self.run("setup", "--mqtt", "mqtt://broker:1883", "--yes", *more)

    def file(self, name: str, text: str) -> str:
        """A file that only we can read."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    @property
    def memory(self) -> Path:
        """Where the gateway is remembered."""
        return self.folder / "data" / "gateways" / f"{self.gateway.id}.json"

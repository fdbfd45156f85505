"""A mail server for one test: takes what it is given, over plain SMTP (RFC 5321), and shows it to nobody else."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Mail(NamedTuple):
    """One message: who it is for, and its text with the headers."""

    to: str
    text: str


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.taken: list[Mail] = []


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 here")
        to: list[str] = []
        while line := self.rfile.readline().decode().strip():
            match line.split(":")[0].split()[0].upper():
                case "RCPT":
                    to.append(line.partition(":")[2].strip("<> "))
                    self._say("250 ok")
                case "DATA":
                    self._say("354 go on")
                    text = "".join(iter(lambda: self.rfile.readline().decode(), ".\r\n"))
                    assert isinstance(self.server, _Server)
                    self.server.taken += [Mail(each, text) for each in to]
                    self._say("250 ok")
                case "QUIT":
                    return self._say("221 bye")
                case _:
                    self._say("250 ok")
        return None

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


@contextmanager
def mail_server() -> Iterator[tuple[str, list[Mail]]]:
    """While the context lasts; gives host:port and the list that the messages go to."""
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", server.taken
        finally:
            server.shutdown()

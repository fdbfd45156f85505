"""The stand-in gateway's RPC over HTTP, digest authentication as gen2/General/Authentication documents it."""

import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.shelly.stand_in_gateway import Json, Refused, StandInGateway

_LARGEST_REQUEST = 3072  # Mongoose OS's buffer
_OPEN = "Shelly.GetDeviceInfo"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the body waits 40 ms until the head is acknowledged
    gateway: StandInGateway
    nonces: dict[str, int]  # -> how often it was used

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if time.monotonic() < self.gateway.away_until:  # it is booting
            self.close_connection = True
            self.connection.close()
            return
        if self.path != "/rpc" or self.gateway.generation < 2:
            self._send(404, b"Not Found")
            return
        if len(body) > _LARGEST_REQUEST:
            self._send(413, b"")
            return
        frame = json.loads(body)
        if self.gateway.password is not None and frame["method"] != _OPEN and not self._authorized():
            self._challenge()
            return
        answer: Json = {"id": frame["id"], "src": self.gateway.id, "dst": frame.get("src")}
        try:
            answer["result"] = self.gateway.answer(frame["method"], frame.get("params") or {})
        except Refused as refused:
            answer["error"] = {"code": refused.code, "message": str(refused)}
        self._send(200, json.dumps(answer).encode())

    def _authorized(self) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', self.headers.get("Authorization", "")))
        if not given:
            return False
        used = self.nonces.get(given.get("nonce", ""))
        # before 2.0 each request needs a challenge of its own, since then a nonce serves again with a higher nc
        fresh = used is not None and int(given.get("nc", "0"), 16) > used and (self.gateway.second or used == 0)
        if not fresh or given.get("algorithm") != "SHA-256" or not self._knows_password(given):
            self.gateway.refused_logins += 1
            return False
        self.nonces[given["nonce"]] = int(given["nc"], 16)
        return True

    def _knows_password(self, given: dict[str, str]) -> bool:
        first = _hash(f"admin:{self.gateway.id}:{self.gateway.password}")
        second = _hash(f"POST:{given.get('uri')}")
        parts = (first, given["nonce"], given.get("nc"), given.get("cnonce"), given.get("qop"), second)
        return given.get("username") == "admin" and given.get("response") == _hash(":".join(map(str, parts)))

    def _challenge(self) -> None:
        nonce = secrets.token_hex(8)
        self.nonces[nonce] = 0
        header = f'Digest qop="auth", realm="{self.gateway.id}", nonce="{nonce}", algorithm=SHA-256'
        self._send(401, b"", {"WWW-Authenticate": header})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def serving(gateway: StandInGateway, port: int = 0) -> Iterator[str]:
    """The stand-in on 127.0.0.1 while the context lasts; gives host:port."""
    handler = type("Handler", (_Handler,), {"gateway": gateway, "nonces": {}})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A real InfluxDB for tests: Debian's 1.6.7, and before it a shim with the v2 write path that 1.6 does not have yet.

The shim (`python -m tests.influxdb UPSTREAM PORT TOKEN_FILE`) maps /api/v2/write?org&bucket&precision to
/write?db&precision and /api/v2/delete to a DELETE, wants the token, gives errors the shape of v2, and passes /query and
/ping on as they are.
"""

import gzip
import http.client
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
from aiohttp import web

from cli.child import spawn
from cli.embedded import wait_until_accepts
from history.influx import SUFFIXES, InfluxHistory
from history.influx_server import InfluxServer, Series
from tests.conftest import find_free_port

ROOT = Path(__file__).parents[1]
ORG = "bluflow"
_CODES = {400: "invalid", 401: "unauthorized", 404: "not found", 413: "request too large", 422: "unprocessable entity"}
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
[monitor]
  store-enabled = false
"""


def influxd() -> str:
    """The server's program; the test fails if there is none."""
    unpacked = ROOT / ".build" / "debian" / "usr" / "bin" / "influxd"
    found = shutil.which("influxd") or (str(unpacked) if unpacked.exists() else None)
    if not found:
        pytest.fail("no influxd here: bash scripts/debian.sh", pytrace=False)
    return found


class Influx:
    """Server and shim on free ports, data in `folder`; can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.token_file = folder / "token"
        self.token_file.write_text("t0ken\n")
        self._upstream = find_free_port()
        self._children: list[Popen[bytes]] = []
        self._buckets = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return once both answer."""
        config = self.folder / "influxdb.conf"
        config.write_text(_CONFIG.format(rpc=find_free_port(), http=self._upstream, folder=self.folder))
        shim = [sys.executable, "-m", "tests.influxdb", str(self._upstream), str(self.port), str(self.token_file)]
        with (self.folder / "log").open("ab") as log:
            for command, port in (([influxd(), "run", "-config", str(config)], self._upstream), (shim, self.port)):
                self._children.append(spawn(command, stdout=log, stderr=log, cwd=str(ROOT)))
                wait_until_accepts(f"127.0.0.1:{port}")

    def kill(self) -> None:
        """With SIGKILL, as a crash does."""
        for child in self._children:
            child.kill()
            child.wait()
        self._children.clear()

    def query(self, text: str, bucket: str = "") -> list[Series]:
        """The series that InfluxQL gives, beside shim and reader: what any other client sees."""
        connection = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=20)
        connection.request("POST", f"/query?{urlencode({'db': bucket, 'q': text, 'epoch': 'ms'})}")
        [result] = json.loads(connection.getresponse().read())["results"]
        connection.close()
        assert "error" not in result, result
        return msgspec.convert(result.get("series", []), list[Series])

    def make_buckets(self, *, raw: str = "INF", five_minutes: str = "INF") -> str:
        """A test's own bucket and those of its aggregates, with their retention; gives the first one's name."""
        self._buckets += 1
        name = f"bluflow-{self._buckets}"
        for suffix, duration in {"": raw, **dict.fromkeys(SUFFIXES.values(), "INF"), "_5m": five_minutes}.items():
            self.query(f'CREATE DATABASE "{name}{suffix}" WITH DURATION {duration}')
        return name

    def write_down(self, place: Path) -> str:
        """Make buckets and note in `place` how they are reached; gives the first one's name."""
        bucket = self.make_buckets()
        written = {"url": self.url, "bucket": bucket, "token_file": str(self.token_file)}
        (place / "influxdb.json").write_text(json.dumps(written))
        return bucket

    def history(self, bucket: str, *, page: int = 50) -> InfluxHistory:
        """A store on one of the buckets."""
        return InfluxHistory(InfluxServer(self.url, ORG, self.token_file, timeout=10), bucket, page=page)


@contextmanager
def running(folder: Path) -> Iterator[Influx]:
    """A server while the context lasts."""
    influx = Influx(folder)
    try:
        influx.start()
        yield influx
    finally:
        influx.kill()


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """One server for many tests, each with its own buckets."""
    with running(tmp_path_factory.mktemp("influxdb")) as started:
        yield started


@pytest.fixture
def own_influx(tmp_path: Path) -> Iterator[Influx]:
    """A server that a test may kill."""
    folder = tmp_path / "influxdb"
    folder.mkdir()
    with running(folder) as started:
        yield started


def v2_write_shim(upstream: int, token_file: Path) -> web.Application:
    """What stands before the 1.6 server at port `upstream`."""

    def problem(status: int, message: str) -> web.Response:
        return web.json_response({"code": _CODES.get(status, "internal error"), "message": message}, status=status)

    async def handle(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Token {token_file.read_text().strip()}":
            return problem(401, "unauthorized access")
        body = await request.read()
        path, query = request.path, dict(request.query)
        if path == "/api/v2/write":
            if request.headers.get("Content-Encoding") == "gzip":  # aiohttp has unpacked it already
                body = gzip.compress(body, 1)
            path, query = "/write", {"db": query["bucket"], "precision": query["precision"]}
        elif path == "/api/v2/delete":
            asked = json.loads(body)
            tag, _, value = asked["predicate"].partition("=")
            quoted = "'" + value.strip('"') + "'"
            statement = f"DELETE WHERE {tag} = {quoted} AND time >= '{asked['start']}' AND time <= '{asked['stop']}'"
            path, query, body = "/query", {"db": query["bucket"], "q": statement}, b""
        headers = {name: request.headers[name] for name in ("Content-Encoding",) if name in request.headers}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, f"http://127.0.0.1:{upstream}{path}", params=query, data=body, headers=headers
            ) as answer,
        ):
            text = await answer.read()
            if path == "/write" and answer.status >= 400:
                message = json.loads(text)["error"]
                # v2 has a status of its own for lines that are well-formed and cannot be stored
                return problem(422 if message.startswith("partial write: field type") else answer.status, message)
            kept = {
                name: answer.headers[name] for name in ("Content-Type", "Content-Encoding") if name in answer.headers
            }
            return web.Response(body=text, status=answer.status, headers=kept)

    app = web.Application(client_max_size=64 * 2**20)
    for path in ("/api/v2/write", "/api/v2/delete", "/query", "/ping"):
        app.router.add_route("*", path, handle)
    return app


if __name__ == "__main__":
    web.run_app(v2_write_shim(int(sys.argv[1]), Path(sys.argv[3])), host="127.0.0.1", port=int(sys.argv[2]), print=None)

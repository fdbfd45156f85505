"""What an answer of InfluxDB, or of what stands before it, means: statuses that no test server gives by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from history.influx_server import InfluxServer
from history.store import ReadingRejected, StoreMisconfigured, StoreUnavailable


class Scripted:
    """Answers everything with `status`, `body` and `headers`; keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 204, b"", dict[str, str]()
        self.asked: list[web.Request] = []
        self.bodies: list[object] = []  # of those that are JSON
        self.lines: list[bytes] = []  # of all others; aiohttp has unpacked them
        self.delay = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        body = await request.read()
        if body.startswith(b"{"):
            self.bodies.append(json.loads(body))
        else:
            self.lines += body.split(b"\n")
        await asyncio.sleep(self.delay)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[Scripted, str]]:
    script, app = Scripted(), web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    async with TestServer(app) as server:
        yield script, str(server.make_url(""))


def error(message: str, code: str = "x") -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


async def test_a_write_is_a_v2_write_in_nanoseconds_zipped_with_the_token(
    scripted: tuple[Scripted, str], tmp_path: Path
) -> None:
    script, url = scripted
    (tmp_path / "token").write_text("t0ken\n")
    server = InfluxServer(url, "o r g", tmp_path / "token")
    lines = [f"m f=1 {number}" for number in range(12_001)]
    await server.write("b", lines)
    assert script.lines == [line.encode() for line in lines]
    assert len(script.asked) == 3  # of 5000 points at most
    asked = script.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/v2/write")
    assert dict(asked.query) == {"org": "o r g", "bucket": "b", "precision": "ns"}
    assert asked.headers["Content-Encoding"] == "gzip"
    assert asked.headers["Authorization"] == "Token t0ken"
    await server.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("unable to parse 'x': missing fields", "invalid")),
        (422, error("failure writing points: partial write: field type conflict dropped=1", "unprocessable entity")),
        (400, b'{"error":"partial write: max-series-per-database limit exceeded dropped=2"}'),
        (413, b"<html>too large</html>"),
    ],
)
async def test_points_at_fault_are_rejected(scripted: tuple[Scripted, str], status: int, body: bytes) -> None:
    script, url = scripted
    script.status, script.body = status, body
    server = InfluxServer(url, "o")
    with pytest.raises(ReadingRejected, match=f"answers {status}"):
        await server.write("b", ["x"])
    await server.close()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, b"<html>bad gateway configuration</html>", "answers 400"),  # no word of InfluxDB: it never saw the points
        (401, error("unauthorized access"), "refuses bucket b .401.: set INFLUXDB_TOKEN_FILE"),
        (403, error("insufficient permissions"), "refuses bucket b .403."),
        (404, error('bucket "b" not found'), "has no bucket b in organisation o"),
        (404, error('organization name "o" not found'), "has no bucket b in organisation o"),
        (404, b"404 page not found", "answers 404"),
        (429, error("too many requests"), "answers 429: too many requests"),
        (500, b"", "answers 500: nothing more"),
        (503, error("a\nb\n" * 1000), "answers 503: a b a b"),
    ],
)
async def test_everything_else_is_an_outage(
    scripted: tuple[Scripted, str], status: int, body: bytes, says: str
) -> None:
    script, url = scripted
    script.status, script.body = status, body
    server = InfluxServer(url.replace("//", "//user:pa55word@"), "o")
    with pytest.raises(StoreUnavailable, match=says) as caught:
        await server.write("b", ["x"])
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    assert "pa55word" not in text
    await server.close()


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("99999", 600), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), (None, 0)]
)
async def test_the_servers_wish_to_be_left_alone_is_passed_on(
    scripted: tuple[Scripted, str], header: str | None, seconds: float
) -> None:
    script, url = scripted
    script.status, script.headers = 429, {"Retry-After": header} if header else {}
    server = InfluxServer(url, "o")
    with pytest.raises(StoreUnavailable) as caught:
        await server.write("b", ["x"])
    assert caught.value.retry_after == seconds
    await server.close()


@pytest.mark.parametrize("status", [400, 422, 500])
async def test_points_past_the_retention_are_taken_as_written(scripted: tuple[Scripted, str], status: int) -> None:
    script, url = scripted
    script.status = status
    script.body = error("unexpected error: partial write: dropped 1 points outside retention policy of duration 1h0m0s")
    server = InfluxServer(url, "o")
    await server.write("b", ["x"])
    await server.close()


async def test_silence_is_an_outage(scripted: tuple[Scripted, str]) -> None:
    script, url = scripted
    script.delay = 5
    server = InfluxServer(url, "o", timeout=0.2)
    for attempt in (server.write("b", ["x"]), server.query("b", "q")):
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.2 s"):
            await attempt
    await server.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b""), (200, b'{"results":[{"error":"timeout"}]}'), (502, b"\xff"), (200, b"[]")],
)
async def test_an_answer_that_is_none_is_an_outage_of_reading(
    scripted: tuple[Scripted, str], status: int, body: bytes
) -> None:
    script, url = scripted
    script.status, script.body = status, body
    server = InfluxServer(url, "o")
    with pytest.raises(StoreUnavailable, match="answers"):
        await server.query("b", "SELECT x FROM y")
    await server.close()


@pytest.mark.parametrize("url", ["", "influxdb:8086", "ftp://host", "http://", "http://host:port"])
def test_a_url_that_cannot_be_used_is_named_at_once(url: str) -> None:
    with pytest.raises(StoreMisconfigured, match="setting influxdb_url"):
        InfluxServer(url, "o")


@pytest.mark.parametrize("content", [None, b"", b"two\nlines", "tøken".encode(), b"\xff"])
def test_a_token_file_that_cannot_be_used_is_named_at_once(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(StoreMisconfigured, match=f"INFLUXDB_TOKEN_FILE {tmp_path}/token: "):
        InfluxServer("http://127.0.0.1:8086", "o", tmp_path / "token")


async def test_nobody_there_is_an_outage(free_port: Callable[[], int]) -> None:
    server = InfluxServer(f"http://127.0.0.1:{free_port()}", "o")
    for attempt in (server.write("b", ["x"]), server.query("b", "q")):
        with pytest.raises(StoreUnavailable, match=r"cannot be reached: .*onnect.*does it run"):
            await attempt
    await server.close()


async def test_a_delete_is_a_v2_delete_of_whole_milliseconds(scripted: tuple[Scripted, str], tmp_path: Path) -> None:
    script, url = scripted
    (tmp_path / "token").write_text("t0ken\n")
    server = InfluxServer(url, "o r g", tmp_path / "token")
    await server.delete("b", 'a"b\\', 1_759_654_320_007, 1_759_654_321_000)
    [asked] = script.asked
    assert (asked.method, asked.path) == ("POST", "/api/v2/delete")
    assert dict(asked.query) == {"org": "o r g", "bucket": "b"}
    assert asked.headers["Authorization"] == "Token t0ken"
    assert script.bodies == [
        {
            "start": "2025-10-05T08:52:00.007000000Z",
            "stop": "2025-10-05T08:52:01.000999999Z",
            "predicate": 'sensor_id="a\\"b\\\\"',
        }
    ]
    await server.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"404 page not found", "cannot delete .404.: a rebuild needs InfluxDB 2"),
        (405, b"", "cannot delete .405."),
        (404, error("bucket not found"), "has no bucket b"),
        (401, error("unauthorized"), "refuses bucket b"),
        (500, error("disk"), "answers 500: disk"),
    ],
)
async def test_a_refused_delete_is_one_line(
    scripted: tuple[Scripted, str], status: int, body: bytes, said: str
) -> None:
    script, url = scripted
    script.status, script.body = status, body
    server = InfluxServer(url, "o")
    with pytest.raises(StoreUnavailable, match=said):
        await server.delete("b", "s", 0, 1)
    await server.close()


async def test_a_line_that_is_no_text_is_rejected(scripted: tuple[Scripted, str]) -> None:
    server = InfluxServer(scripted[1], "o")
    with pytest.raises(ReadingRejected, match=r"no text: .*surrogates not allowed"):
        await server.write("b", ["m,location=\ud800 f=1 1"])
    await server.close()

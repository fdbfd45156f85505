"""An InfluxDB server as we use it: lines are written by its v2 API, rows read by InfluxQL; what its errors mean.

Writing is InfluxData's own client, one awaited request a batch: its background batching tells errors to a callback
only. It packs at gzip's highest level and has no setting for another, so the body goes packed to the generated service
that its writer calls too. Reading is `/query`, which 1.8, 2.x and 3 Core all answer, while Flux ends with 2.x.
"""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.service.write_service import WriteService
from yarl import URL

from history.store import ReadingRejected, StoreMisconfigured, StoreUnavailable

TIMEOUT = 20.0  # seconds for one answer
BATCH = 5000  # points a request: what InfluxData advises
PACKING = 1  # gzip's level: 38 % larger than at 9, in less than a tenth of the time
_LONGEST_WAIT = 600.0  # seconds that a Retry-After may ask for

# Points at fault. 413: too many at once for this server, and half of them may not be.
_REJECTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Series(msgspec.Struct):
    """One series of an answer: a measurement, the tags that it was grouped by, rows of `columns`."""

    columns: list[str]
    name: str = ""
    tags: dict[str, str] = {}
    values: list[list[Any]] = []


class _Result(msgspec.Struct):
    series: list[Series] = []
    error: str | None = None


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str | None = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Answer).decode


class InfluxServer:
    """One server and organisation. Connects when it is first used; a token that is replaced in its file is taken up."""

    def __init__(self, url: str, org: str, token_file: Path | None = None, *, timeout: float = TIMEOUT) -> None:
        """Raises StoreMisconfigured for a url or a token's file that cannot be used. `timeout` in seconds."""
        try:
            parsed = URL(url)
            self._shown = str(parsed.with_user(None))  # the url in messages, without a password
        except ValueError as error:
            raise StoreMisconfigured(f"setting influxdb_url: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise StoreMisconfigured("setting influxdb_url: not http://host:port")
        self._url, self._org, self._token_file, self._timeout = url.rstrip("/"), org, token_file, timeout
        self._client: Any = None  # InfluxDBClientAsync, which is half typed
        self._session: aiohttp.ClientSession | None = None
        try:
            self._token()
        except StoreUnavailable as error:
            raise StoreMisconfigured(str(error)) from None

    async def write(self, bucket: str, lines: Sequence[str]) -> None:
        """Return once the server has all lines on its disk. Raises StoreUnavailable or ReadingRejected.

        Points older than the bucket's retention are taken as written: it would delete them at once.
        """
        for start in range(0, len(lines), BATCH):
            try:
                await self._post(bucket, "\n".join(lines[start : start + BATCH]).encode())
            except UnicodeEncodeError as error:
                raise ReadingRejected(f"no text: {error}") from error
            except InfluxDBError as error:
                await self._explain(error, bucket)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise StoreUnavailable(self._cannot_be_reached(error)) from error

    async def delete(self, bucket: str, sensor: str, first: int, last: int, *, measurement: str | None = None) -> None:
        """Delete the sensor's points from the time `first` to `last`, both too (unix milliseconds).

        Of that measurement only, if one is given. Raises StoreUnavailable, also for a server that cannot delete.
        """
        quoted = sensor.replace("\\", r"\\").replace('"', r"\"")
        # until the last nanosecond: servers differ in whether the end is included
        span = {"start": _rfc3339(first) + "000000Z", "stop": _rfc3339(last) + "999999Z"}
        which = f'_measurement="{measurement}" AND ' if measurement else ""
        body = msgspec.json.encode({**span, "predicate": f'{which}sensor_id="{quoted}"'})
        url, parameters = f"{self._url}/api/v2/delete", {"org": self._org, "bucket": bucket}
        try:
            async with self._opened().post(url, params=parameters, data=body, headers=self._headers()) as answer:
                status, said = answer.status, await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise StoreUnavailable(self._cannot_be_reached(error)) from error
        if status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            return
        try:
            found = _decode(said)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = _Answer()
        text = found.message or found.error or ""
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED) and "not found" not in text:
            raise StoreUnavailable(f"InfluxDB at {self._shown} cannot delete ({status}): a rebuild needs InfluxDB 2")
        raise StoreUnavailable(self._said(status, text, bucket))

    async def query(self, bucket: str, text: str) -> list[Series]:
        """The series that InfluxQL `text` gives, times in unix milliseconds. Raises StoreUnavailable."""
        try:
            parameters = {"db": bucket, "q": text, "epoch": "ms"}
            async with self._opened().get(f"{self._url}/query", params=parameters, headers=self._headers()) as answer:
                status, body = answer.status, await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise StoreUnavailable(self._cannot_be_reached(error)) from error
        try:
            found = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = _Answer(error=f"{status} with something that is no answer of InfluxDB")
        wrong = found.error or found.message or next((one.error for one in found.results if one.error), None)
        if status != HTTPStatus.OK:
            raise StoreUnavailable(self._said(status, wrong or "", bucket))
        if wrong:
            missing = HTTPStatus.NOT_FOUND if "not found" in wrong else HTTPStatus.INTERNAL_SERVER_ERROR
            raise StoreUnavailable(self._said(missing, wrong, bucket))
        return [series for result in found.results for series in result.series]

    async def buckets(self) -> set[str]:
        """The names that `query` may be asked for. Raises StoreUnavailable."""
        return {row[0] for series in await self.query("", "SHOW DATABASES") for row in series.values}

    def lacks(self, bucket: str) -> str:
        """What to tell who has forgotten to make the bucket."""
        return (
            f"InfluxDB at {self._shown} has no bucket {bucket} in organisation {self._org}: "
            "create it, or mend INFLUXDB_BUCKET and INFLUXDB_ORG"
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._close_client()
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _post(self, bucket: str, lines: bytes) -> None:
        if self._client is None:
            self._client = InfluxDBClientAsync(
                self._url, self._token() or "", self._org, timeout=int(self._timeout * 1000)
            )
        await WriteService(self._client.api_client).post_write_async(
            org=self._org,
            bucket=bucket,
            body=gzip.compress(lines, PACKING, mtime=0),
            precision="ns",
            content_encoding="gzip",
            content_type="text/plain; charset=utf-8",
            async_req=False,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout))
        return self._session

    def _headers(self) -> dict[str, str]:
        token = self._token()
        return {"Authorization": f"Token {token}"} if token else {}

    async def _close_client(self) -> None:
        client, self._client = self._client, None
        if client:
            await client.close()

    def _token(self) -> str | None:
        if self._token_file is None:
            return None
        try:
            token = self._token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise StoreUnavailable(f"INFLUXDB_TOKEN_FILE {self._token_file}: {why}") from None
        if not token or not token.isascii() or not token.isprintable():
            raise StoreUnavailable(f"INFLUXDB_TOKEN_FILE {self._token_file}: not one line with a token")
        return token

    async def _explain(self, error: InfluxDBError, bucket: str) -> None:
        """Raise what the error means; return if it means nothing to us."""
        status: int = getattr(error, "status", None) or 0
        headers: Any = getattr(error, "headers", None) or {}
        body: bytes = getattr(error, "body", None) or b""
        try:
            answer = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = None  # not InfluxDB's: something between us, that knows nothing of our points
        said = (answer and (answer.message or answer.error)) or ""
        if "retention policy" in said.lower():
            return  # all the others are written, whatever the status: 400, 422 or, in old 2.x, 500
        if status in _REJECTED and (said or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            raise ReadingRejected(f"InfluxDB answers {status}: {_line(said)}") from None
        if status in _REFUSED:
            await self._close_client()  # the next one reads the token's file again
        wait = str(headers.get("Retry-After", ""))
        retry_after = min(float(wait), _LONGEST_WAIT) if wait.isdecimal() else 0.0
        raise StoreUnavailable(self._said(status, said, bucket), retry_after=retry_after) from None

    def _said(self, status: int, text: str, bucket: str) -> str:
        if status in _REFUSED:
            mend = f"check the token in {self._token_file}" if self._token_file else "set INFLUXDB_TOKEN_FILE"
            what = f"bucket {bucket}" if bucket else "to name its buckets"
            return f"InfluxDB at {self._shown} refuses {what} ({status}): {mend}"
        if status == HTTPStatus.NOT_FOUND and "not found" in text:
            return self.lacks(bucket)
        return f"InfluxDB at {self._shown} answers {status}: {_line(text) or 'nothing more'}"

    def _cannot_be_reached(self, error: Exception) -> str:
        why = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else _line(str(error))
        why = why or type(error).__name__
        return f"InfluxDB at {self._shown} cannot be reached: {why}; does it run, is INFLUXDB_URL right?"


def _rfc3339(time: int) -> str:
    """Without what is below the millisecond, and without the zone."""
    seconds, milliseconds = divmod(time, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]

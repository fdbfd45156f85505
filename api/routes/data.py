"""What a sensor said, from the history, streamed."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query

from api.formats import Export, Format, Writing, negotiate, write, writing
from api.problems import ProblemRaised, described
from api.responses import AggregateData, SensorData
from api.routes.parameters import From, SensorId, To, span
from api.routes.sensors import known
from api.services import Use
from api.steps import WIDTHS, Step, fitting_step, source_of
from api.times import HOUR, rfc3339
from api.views.readings import READING_COLUMNS, reading_csv, reading_json
from api.views.windows import WINDOW_COLUMNS, window_csv, window_json, windows
from schemas.aggregate import window_start

router = APIRouter(prefix="/data", tags=["data"])

SETTLED = HOUR  # a range that ended so long ago seldom changes: what still comes are gateways' backlogs

_TEXT = {"schema": {"type": "string"}}
_OK = {
    "description": "Readings or windows, oldest first, streamed; if the store fails meanwhile, the connection breaks "
    "off. There is no ETag: it would have to be known before the rows",
    "content": {
        "text/csv": {
            **_TEXT,
            "example": f"{','.join(READING_COLUMNS)}\r\n"
            "2026-03-01T12:00:00.000Z,22.3,63,100,78,shellypro2-0cb815fcaff4,-66,gateway,,22.6,63\r\n",
        },
        "application/x-ndjson": {
            **_TEXT,
            "example": '{"measured_at":"2026-03-01T12:00:00.000Z","received_at":"2026-03-01T12:00:00.120Z",'
            '"time_source":"gateway","values":{"temperature":22.3,"humidity":63},'
            '"measured":{"temperature":22.6},'
            '"gateway":"shellypro2-0cb815fcaff4","rssi":-66,"packet_id":78,"flags":[]}\n',
        },
    },
    "headers": {
        "Content-Disposition": {"description": "a file name, for csv and ndjson", **_TEXT},
        "Bluflow-Step": {"description": "raw, 5m, 1h or 1d: what `auto` came to", **_TEXT},
        "Bluflow-Source": {"description": "what the rows were read from", **_TEXT},
        "Cache-Control": {"description": "max-age for a range that ended an hour ago, else no-cache", **_TEXT},
        "Vary": {"description": "Accept", **_TEXT},
    },
}


@router.get(
    "/{sensor_id}",
    summary="A sensor's history",
    response_model=SensorData | AggregateData,
    responses={200: _OK, **described(404, 406, 422, 503)},
)
async def get_data(
    sensor_id: SensorId,
    services: Use,
    start: From = None,
    end: To = None,
    step: Annotated[
        Literal["raw", "auto", "5m", "1h", "1d"],
        Query(description="auto: raw up to 6 hours, 5m up to 8 days, 1h up to 120 days, else 1d"),
    ] = "raw",
    format: Annotated[Format | None, Query(description="wins over Accept")] = None,
    accept: Annotated[str, Header(description="used if `format` is left out")] = "*/*",
) -> Export:
    """Readings with from <= measured_at < to; or, with a step, every window that begins before `to` and ends after
    `from`, with what each quantity did in it. Windows that are still open, and those without readings, are absent.

    Values are corrected by the registry's offsets. CSV of readings has temperature in °C, humidity and battery in %,
    flags joined by `;`, and temperature and humidity as the sensor said them; every other property is in JSON and in
    NDJSON, whose lines are the entries of `data`. CSV of windows has a line for each quantity.
    """
    chosen = format or negotiate(accept)
    if chosen is None:
        raise ProblemRaised(406, "there is application/json, text/csv and application/x-ndjson")
    now = services.now()
    start, end = span(start, end, now)
    exact: Step = fitting_step(start, end) if step == "auto" else step
    if exact != "raw":
        start = window_start(start, WIDTHS[exact])
    facts = {
        "sensor": sensor_id,
        "from": rfc3339(start),
        "to": rfc3339(end),
        "step": exact,
        "source": source_of(exact),
    }
    rows: AsyncIterator[Any]
    how: Writing[Any]
    if exact == "raw":
        rows = services.history.readings(sensor_id, start, end)
        how = writing(chosen, json=reading_json, csv=reading_csv, columns=READING_COLUMNS, facts=facts)
    else:
        rows = windows(services.history.aggregates(sensor_id, WIDTHS[exact], start, end))
        how = writing(chosen, json=window_json, csv=window_csv, columns=WINDOW_COLUMNS, facts=facts)
    # read before the response starts: a store that is away is a problem, not a broken download
    first = await anext(rows, None)
    if first is None:
        known(services, sensor_id)
    headers = {
        "Vary": "Accept",
        "Bluflow-Step": exact,
        "Bluflow-Source": facts["source"],
        "Cache-Control": "private, max-age=60" if end <= now - SETTLED else "no-cache",
    }
    if chosen != "json":
        name = f"{sensor_id.replace(':', '')}-{facts['from'][:10]}{'' if exact == 'raw' else f'-{exact}'}.{chosen}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Export(write(how, first, rows), headers=headers, media_type=how.media_type)

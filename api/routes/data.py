"""A sensor's readings from the history, streamed."""

from typing import Annotated

from fastapi import APIRouter, Header, Query

from api.formats import CSV_COLUMNS, Export, Format, negotiate, write, writing
from api.problems import ProblemRaised, described
from api.responses import SensorData
from api.routes.parameters import From, SensorId, To
from api.routes.sensors import known
from api.services import Use
from api.times import DAY, rfc3339

router = APIRouter(prefix="/data", tags=["data"])

_TEXT = {"schema": {"type": "string"}}
_OTHER_FORMATS = {
    "description": "The readings, oldest first, streamed; if the store fails meanwhile, the connection breaks off",
    "content": {
        "text/csv": {
            **_TEXT,
            "example": f"{','.join(CSV_COLUMNS)}\r\n"
            "2026-03-01T12:00:00.000Z,22.3,63,100,78,shellypro2-0cb815fcaff4,-66,gateway,\r\n",
        },
        "application/x-ndjson": {
            **_TEXT,
            "example": '{"measured_at":"2026-03-01T12:00:00.000Z","received_at":"2026-03-01T12:00:00.120Z",'
            '"time_source":"gateway","values":{"temperature":22.3,"humidity":63},'
            '"gateway":"shellypro2-0cb815fcaff4","rssi":-66,"packet_id":78,"flags":[]}\n',
        },
    },
    "headers": {
        "Content-Disposition": {"description": "a file name, for csv and ndjson", "schema": {"type": "string"}}
    },
}


@router.get(
    "/{sensor_id}",
    summary="A sensor's readings",
    response_model=SensorData,
    responses={200: _OTHER_FORMATS, **described(404, 406, 422, 503)},
)
async def get_data(
    sensor_id: SensorId,
    services: Use,
    start: From = None,
    end: To = None,
    format: Annotated[Format | None, Query(description="wins over Accept")] = None,
    accept: Annotated[str, Header(description="used if `format` is left out")] = "*/*",
) -> Export:
    """Readings with from <= measured_at < to.

    CSV has temperature in °C, humidity and battery in %, flags joined by `;`; every other property is in JSON and in
    NDJSON, whose lines are the entries of `data`.
    """
    chosen = format or negotiate(accept)
    if chosen is None:
        raise ProblemRaised(406, "there is application/json, text/csv and application/x-ndjson")
    end = services.now() if end is None else end
    start = end - DAY if start is None else start
    if start >= end:
        raise ProblemRaised(422, "from is not before to", parameter="from")
    readings = services.history.readings(sensor_id, start, end)
    # read before the response starts: a store that is away is a problem, not a broken download
    first = await anext(readings, None)
    if first is None:
        known(services, sensor_id)
    how = writing(chosen, sensor_id, start, end)
    return Export(write(how, first, readings), headers=_headers(chosen, sensor_id, start), media_type=how.media_type)


def _headers(format: Format, sensor: str, start: int) -> dict[str, str]:
    headers = {"Vary": "Accept"}
    if format != "json":
        headers["Content-Disposition"] = (
            f'attachment; filename="{sensor.replace(":", "")}-{rfc3339(start)[:10]}.{format}"'
        )
    return headers

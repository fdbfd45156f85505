"""The description of this API."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """The same until the program changes."""
    return JSONResponse(request.app.openapi(), headers={"Cache-Control": "public, max-age=300"})

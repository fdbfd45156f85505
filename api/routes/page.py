"""The page at `/`."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = (Path(__file__).parents[1] / "page" / "index.html").read_text(encoding="utf-8")


@router.get("/", response_class=HTMLResponse)
async def page() -> str:
    """A table of the sensors that refreshes itself."""
    return _PAGE

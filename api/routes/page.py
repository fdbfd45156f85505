"""The page at `/` and what it loads: its own modules and styles, and the chart library out of its package."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import HTMLResponse, Response

from api.problems import ProblemRaised

router = APIRouter(include_in_schema=False)

_PAGE = Path(__file__).parents[1] / "page"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_FOR_EVER = "public, max-age=31536000, immutable"


def _library() -> Path:
    """The chart library's browser file. The package is found, not imported: its Python side is not needed."""
    found = importlib.util.find_spec("dygraphs")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("package dygraphs, which carries the page's charts, is not installed")
    return Path(found.origin).parent / "assets" / "dygraph-combined.js"


def _read() -> dict[str, bytes]:
    own = sorted(path for path in _PAGE.iterdir() if path.suffix in _TYPES)
    return {path.name: path.read_bytes() for path in (*own, _library())}


_ASSETS = _read()
# one version of all files together, as they import each other by relative names
VERSION = hashlib.sha256(b"".join(_ASSETS.values())).hexdigest()[:12]
_PRELOAD = "\n".join(
    f'<link rel="modulepreload" href="/assets/{VERSION}/{path.name}">' for path in sorted(_PAGE.glob("*.js"))
)
_INDEX = (
    (_PAGE / "index.html")
    .read_text(encoding="utf-8")
    .replace("{assets}", f"/assets/{VERSION}")
    .replace("{preload}", _PRELOAD)
)
_INDEX_TAG = f'"{hashlib.sha256(_INDEX.encode()).hexdigest()[:12]}"'

IfNoneMatch = Annotated[str, Header(alias="if-none-match")]


@router.api_route("/", methods=["GET", "HEAD"])
async def page(if_none_match: IfNoneMatch = "") -> Response:
    """Asked for again each time, so that a new version is seen at once."""
    headers = {"Cache-Control": "no-cache", "ETag": _INDEX_TAG}
    if _INDEX_TAG in if_none_match:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(_INDEX, headers=headers)


@router.api_route("/assets/{version}/{name}", methods=["GET", "HEAD"])
async def asset(version: str, name: str, if_none_match: IfNoneMatch = "") -> Response:
    """A file under the version that the page names. Of another version we give ours, and nobody may keep it."""
    content = _ASSETS.get(name)
    if content is None:
        raise ProblemRaised(404, "no such asset")
    tag = f'"{VERSION}"'
    headers = {"Cache-Control": _FOR_EVER if version == VERSION else "no-cache", "ETag": tag}
    if tag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_TYPES[Path(name).suffix], headers=headers)

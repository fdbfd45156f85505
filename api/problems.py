"""Every error is an RFC 9457 problem: `application/problem+json` with title, status and what to do about it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.changes import TooManyStreams
from history.store import StoreUnavailable

MEDIA_TYPE = "application/problem+json"


class BadParameter(BaseModel):
    """One parameter of the request that cannot be used."""

    parameter: str = Field(description="its name in the path or the query, or a member of the body", examples=["from"])
    detail: str = Field(description="what is wrong with it", examples=["not an RFC 3339 time or date"])


class Problem(BaseModel):
    """An error, as RFC 9457 has it. `type` is always about:blank: the status says what kind of error it is."""

    type: str = Field("about:blank", description="always about:blank")
    title: str = Field(description="the status in words", examples=["Not Found"])
    status: int = Field(description="the HTTP status", examples=[404])
    detail: str = Field(description="what went wrong and how to mend it", examples=["no sensor 7c:c6:b6:bd:4c:b5"])
    instance: str = Field(description="the path that was asked for", examples=["/api/v1/sensors/7c:c6:b6:bd:4c:b5"])
    errors: list[BadParameter] | None = Field(None, description="status 422: every bad parameter")
    id: str | None = Field(None, description="status 500: the same id stands in the log beside the cause")


class ProblemRaised(Exception):
    """Raised by a handler to answer with a problem."""

    def __init__(
        self, status: int, detail: str, *, parameter: str | None = None, errors: Sequence[BadParameter] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.errors = [BadParameter(parameter=parameter, detail=detail)] if parameter else errors


def problem(
    status: int,
    detail: str,
    instance: str,
    *,
    errors: Sequence[BadParameter] | None = None,
    id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response of one problem; members that do not apply are left out."""
    body = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
        errors=list(errors) if errors else None,
        id=id,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of an operation for its OpenAPI description; 500 is always among them."""
    texts = {
        400: "The body is not JSON",
        404: "Not known",
        406: "None of the formats that Accept asks for",
        413: "The body is too long",
        415: "The body is of another type than Accept-Patch names",
        422: "A parameter cannot be used; `errors` names it",
        500: "A fault of the API; `id` finds it in the log",
        503: "Cannot be answered now; `detail` says why. Try again",
    }
    return {status: {"model": Problem, "description": texts[status]} for status in (*statuses, 500)}


def install(app: FastAPI) -> None:
    """Answer everything that handlers and FastAPI itself raise. What is left is the guard's, see `guard.py`."""

    @app.exception_handler(ProblemRaised)
    async def raised(request: Request, error: ProblemRaised) -> JSONResponse:
        return problem(error.status, error.detail, request.url.path, errors=error.errors)

    @app.exception_handler(StoreUnavailable)
    async def store_unavailable(request: Request, error: StoreUnavailable) -> JSONResponse:
        return problem(503, f"the history store cannot be read now: {error}", request.url.path)

    @app.exception_handler(TooManyStreams)
    async def too_many_streams(request: Request, error: TooManyStreams) -> JSONResponse:
        return problem(503, f"{error}; set API_STREAMS", request.url.path, headers={"Retry-After": "10"})

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        detail = {
            404: f"there is nothing at {request.url.path}; see /openapi.json",
            405: f"{request.method} is not possible here",
        }.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(_allowed(request))
        return problem(error.status_code, detail, request.url.path, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            BadParameter(parameter=str(one["loc"][1]), detail=str(one["msg"]).removeprefix("Value error, "))
            for one in error.errors()
        ]
        detail = "; ".join(f"{one.parameter}: {one.detail}" for one in errors)
        return problem(422, detail, request.url.path, errors=errors)


def _allowed(request: Request) -> list[str]:
    """What the path can be asked: each method is a route of its own, and the guard makes HEAD of GET."""
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return ["GET", "HEAD", *found[1:]] if "GET" in found else found

"""Sign-in of the page: the key that came as Bearer goes into a cookie that scripts cannot read."""

from fastapi import APIRouter, Request, Response

from api.access import COOKIE, SESSION, secret_of
from api.services import Use

router = APIRouter(include_in_schema=False)


@router.post(SESSION, status_code=204)
async def sign_in(request: Request, services: Use) -> Response:
    """The access check before us has found the key good for reading. Ends with the browser."""
    answer = Response(status_code=204)
    if services.keys is not None:
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, secret_of(request) or "", httponly=True, samesite="strict", secure=secure)
    return answer


@router.delete(SESSION, status_code=204)
async def sign_out() -> Response:
    """Forget the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer

"""RPC with one gateway: whole frames by HTTP POST to /rpc, digest authentication with SHA-256.

Documented in gen2/General/RPCProtocol, RPCChannels and Authentication: the user is always admin, the realm is the
device id, Shelly.GetDeviceInfo is open. Over HTTP the challenge is an ordinary WWW-Authenticate header, which httpx
answers.
"""

import re
import ssl
from types import TracebackType
from typing import Any, Self

import httpx

from shelly.rpc.errors import GatewayError, RpcError, plain

USER = "admin"
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_UNAUTHORIZED, _NOT_FOUND = 401, 404


class Rpc:
    """One gateway at `address`, host or host:port. `patience` in seconds, for each call. An async context manager."""

    def __init__(self, address: str, password: str | None = None, *, patience: float = 10.0) -> None:
        self.address = check_address(address)
        self._password, self._number, self._patience = password, 0, patience
        self._client = httpx.AsyncClient(
            timeout=patience,
            trust_env=False,  # a gateway is in the local network: no proxy leads there
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # it speaks plain HTTP: no authority is loaded for nothing
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def call(
        self, method: str, params: dict[str, Any] | None = None, *, patience: float | None = None
    ) -> dict[str, Any]:
        """The result of one call; an empty one if the gateway answers null. Raises GatewayError, RpcError."""
        self._number += 1
        frame = {"id": self._number, "src": "bluflow", "method": method, "params": params or {}}
        try:
            response = await self._client.post(
                f"http://{self.address}/rpc", json=frame, auth=self._auth(), timeout=patience or self._patience
            )
        except httpx.TimeoutException as error:
            if isinstance(error, httpx.ConnectTimeout):
                raise self._unreachable("no answer") from error
            raise GatewayError(f"{self.address}: no answer to {method} in time; try again") from error
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise self._unreachable(plain(error) or type(error).__name__) from error
        except (httpx.HTTPError, OSError) as error:
            raise GatewayError(f"{self.address}: {method} broke off ({type(error).__name__}); try again") from error
        return self._result(method, response)

    def _auth(self) -> httpx.Auth:
        """Anew for each call: before firmware 2.0 a challenge can be answered once only."""
        return httpx.Auth() if self._password is None else httpx.DigestAuth(USER, self._password)

    def _result(self, method: str, response: httpx.Response) -> dict[str, Any]:
        if response.status_code == _UNAUTHORIZED:
            raise GatewayError(
                f"{self.address}: wrong password for the gateway's user {USER}"
                if self._password is not None
                else f"{self.address}: the gateway asks for its password: name a file with --admin-password-file"
            )
        if response.headers.get("Location", "").startswith("https:"):
            raise GatewayError(f"{self.address}: answers by HTTPS alone; switch Enhanced Security off for the set-up")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict):
            code = error.get("code")
            raise RpcError(
                f"{self.address}: {method} was refused: {plain(error.get('message'))} ({plain(code)})",
                code if isinstance(code, int) else 0,
            )
        if not isinstance(answer, dict) or "result" not in answer:
            hint = "a Shelly of the first generation has no RPC" if response.status_code == _NOT_FOUND else "no RPC"
            raise GatewayError(
                f"{self.address}: no Shelly of the second generation or later answers there ({hint}); check the address"
            )
        result = answer["result"]
        return result if isinstance(result, dict) else {}

    def _unreachable(self, why: str) -> GatewayError:
        return GatewayError(f"{self.address}: unreachable ({why}); is it on, in this network, and the address right?")


def check_address(text: str) -> str:
    """host or host:port out of what a person may paste. Raises GatewayError."""
    address = text.strip().removeprefix("http://").rstrip("/")
    if "@" in address:  # it is not shown: a password may stand before it
        raise GatewayError("no user or password in the address: its user is admin; --admin-password-file names a file")
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found["port"] or 80) < 65536:
        raise GatewayError(f"{plain(text)!r} is no address: give a name or an IP address, with :port if it is not 80")
    return address

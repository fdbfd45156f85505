"""Whom to ask what, and when. Pure: times are given, requests are handed back.

A gateway is asked when it is first heard, when it comes back online, when its BTHome components change, and now and
then. Only topics on which a Shelly has notified are asked. One question is open for each gateway, a few altogether.
"""

import heapq
import json
from typing import Any, NamedTuple

import msgspec

from schemas.frame import frame_key

OWN, EVENTS, ONLINE, RPC = "bluflow/", "/events/rpc", "/online", "/rpc"
SETTLE = 2.0  # seconds: components change in bursts, when a sensor is paired
OPEN_AT_ONCE = 8  # questions that wait for their answer, of all gateways
TRIES = 5
FIRST_DELAY = 10.0  # seconds, doubled with each try
UNSUPPORTED = 24 * 3600.0  # seconds until a gateway is asked again that does not know the question
NO_HANDLER = 404  # its error code
MOST_PAGES = 50
MOST_GATEWAYS = 20_000
_CHANGES = ("component_added", "component_removed", "config_changed")


class Request(NamedTuple):
    """A question as it goes over MQTT."""

    topic: str
    payload: bytes


class Gateway(msgspec.Struct):
    """One gateway. Times in seconds of a clock that only grows; `due` None while a question is open.

    `ask_again`: its components changed meanwhile. `quiet_until`: it does not know the question.
    """

    prefix: str
    due: float | None
    offset: int = 0
    pages: int = 0
    failures: int = 0
    number: int = 0
    deadline: float = 0.0
    ask_again: bool = False
    quiet_until: float = 0.0


class Agenda:
    """Every gateway that was heard. `refresh` and `patience` in seconds."""

    def __init__(self, refresh: float = 6 * 3600.0, patience: float = 10.0) -> None:
        self._refresh, self._patience = refresh, patience
        self.gateways: dict[str, Gateway] = {}
        self._open: dict[str, Gateway] = {}
        self._queue: list[tuple[float, str]] = []
        self._number = 0

    def heard(self, topic: str, payload: bytes, now: float) -> str | None:
        """Take one MQTT message. For an answer to an open question: what came of it."""
        if topic.startswith(OWN):
            return self._answered(topic[len(OWN) : -len(RPC)], payload, now) if topic.endswith(RPC) else None
        prefix = frame_key(topic).decode()
        known = self.gateways.get(prefix)
        if topic.endswith(EVENTS):
            if known is None:
                if _is_shelly(payload) and len(self.gateways) < MOST_GATEWAYS:
                    self.gateways[prefix] = gateway = Gateway(prefix, None)
                    self._plan(gateway, now)
            elif _components_changed(payload):
                self._again(known, now + SETTLE)
        elif topic.endswith(ONLINE) and known is not None and payload.strip() == b"true":
            self._again(known, now + SETTLE)
        return None

    def requests(self, now: float) -> list[Request]:
        """The questions to send now; one that was not answered in time is asked again later."""
        for gateway in [each for each in self._open.values() if each.deadline <= now]:
            self._failed(gateway, now)
        found = []
        while self._queue and self._queue[0][0] <= now and len(self._open) < OPEN_AT_ONCE:
            due, prefix = heapq.heappop(self._queue)
            gateway = self.gateways[prefix]
            if gateway.due == due:  # else it was planned anew meanwhile
                found.append(self._ask(gateway, now))
        return found

    def timeouts(self, now: float) -> int:
        """How many questions have run out of time."""
        return sum(each.deadline <= now for each in self._open.values())

    def next_at(self) -> float | None:
        """When `requests` has something to do; None as long as nobody was heard."""
        deadlines = [each.deadline for each in self._open.values()]
        if self._queue and len(self._open) < OPEN_AT_ONCE:
            deadlines.append(self._queue[0][0])
        return min(deadlines, default=None)

    def disconnected(self, now: float) -> None:
        """Answers to open questions will not come: ask again."""
        for gateway in list(self._open.values()):
            self._close(gateway)
            self._plan(gateway, now + SETTLE)

    def _ask(self, gateway: Gateway, now: float) -> Request:
        self._number += 1
        gateway.due, gateway.number, gateway.deadline = None, self._number, now + self._patience
        self._open[gateway.prefix] = gateway
        question = {
            "id": gateway.number,
            "src": OWN + gateway.prefix,
            "method": "Shelly.GetComponents",
            # values come by themselves; dynamic: those that were added, as all of BTHome are
            "params": {"offset": gateway.offset, "include": ["config"], "dynamic_only": True},
        }
        return Request(gateway.prefix + RPC, json.dumps(question, separators=(",", ":")).encode())

    def _answered(self, prefix: str, payload: bytes, now: float) -> str | None:
        gateway, answer = self._open.get(prefix), _object(payload)
        if gateway is None or answer.get("id") != gateway.number:
            return None
        result, error = answer.get("result"), answer.get("error")
        if isinstance(error, dict) and error.get("code") == NO_HANDLER:
            self._close(gateway)
            gateway.quiet_until = now + UNSUPPORTED
            self._plan(gateway, gateway.quiet_until)
            return "unsupported"
        components = result.get("components") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(components, list):
            self._failed(gateway, now)
            return "error"
        total, there = result.get("total"), gateway.offset + len(components)
        if isinstance(total, int) and there < total and components and gateway.pages < MOST_PAGES:
            self._open.pop(prefix)
            gateway.offset, gateway.pages, gateway.failures = there, gateway.pages + 1, 0
            self._plan(gateway, now)
            return "page"
        self._close(gateway)
        self._plan(gateway, now + (SETTLE if gateway.ask_again else self._refresh))
        gateway.ask_again = False
        return "complete"

    def _again(self, gateway: Gateway, at: float) -> None:
        if gateway.prefix in self._open or gateway.offset:
            gateway.ask_again = True  # the pages under way may be of both before and after
        elif at >= gateway.quiet_until and (gateway.due is None or at < gateway.due):
            gateway.failures = 0
            self._plan(gateway, at)

    def _failed(self, gateway: Gateway, now: float) -> None:
        failures = gateway.failures + 1
        self._close(gateway)
        if failures < TRIES:
            gateway.failures = failures
            self._plan(gateway, now + FIRST_DELAY * 2 ** (failures - 1))
        else:
            self._plan(gateway, now + self._refresh)

    def _close(self, gateway: Gateway) -> None:
        """No question is open, and the next one begins with the first page."""
        self._open.pop(gateway.prefix, None)
        gateway.offset = gateway.pages = gateway.failures = 0

    def _plan(self, gateway: Gateway, at: float) -> None:
        gateway.due = at
        heapq.heappush(self._queue, (at, gateway.prefix))


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_shelly(payload: bytes) -> bool:
    """A notification of a device whose id begins as all of Shelly's do."""
    frame = _object(payload)
    source, method = frame.get("src"), frame.get("method")
    return (
        isinstance(source, str)
        and source.lower().startswith("shelly")
        and isinstance(method, str)
        and method.startswith("Notify")
    )


def _components_changed(payload: bytes) -> bool:
    if not any(change.encode() in payload for change in _CHANGES):
        return False  # nearly all frames: not read any further
    params = _object(payload).get("params")
    events = params.get("events") if isinstance(params, dict) else None
    return isinstance(events, list) and any(
        isinstance(event, dict)
        and event.get("event") in _CHANGES
        and str(event.get("target", event.get("component", ""))).startswith("bthome")
        for event in events
    )

"""The map of a gateway's native components, put together from the pages of its answers."""

from schemas.freshness import INTERVAL_MS
from streams.formats.news import Component, Inventory
from streams.gateways.native import Packet, flush
from streams.gateways.state import Native, Pages

MAX_COMPONENTS = 400  # a gateway has at most 200 that matter here
KEEP_UNKNOWN_MS = 10 * INTERVAL_MS  # how long a value waits for the map to tell what it is


def learn(native: Native, page: Inventory, now: int) -> tuple[list[Packet], int]:
    """Take one page; the last one of a set replaces the map. Arrived `now` (unix milliseconds).

    Gives the packets that the new map can make of what had to wait, and how many parts had waited too long.
    """
    pages = native.pages
    if page.offset == 0:
        pages = Pages(0, page.total, page.revision, [])
    if pages is None or page.offset != pages.seen or (page.total, page.revision) != (pages.total, pages.revision):
        return [], 0  # a page that came twice, or the components changed between two: the next set will tell
    pages.seen += page.count
    pages.components += page.components
    native.pages = pages
    if len(pages.components) > MAX_COMPONENTS or (page.count == 0 and pages.seen < pages.total):
        native.pages = None
        return [], 0
    if pages.seen < pages.total:
        return [], 0
    native.pages = None
    return _replace(native, {each.component: each for each in pages.components}, now)


def _replace(native: Native, components: dict[str, Component], now: int) -> tuple[list[Packet], int]:
    packets = [packet for sensor in list(native.waiting) for packet in flush(native, sensor)]
    before, native.components = native.components, components
    dropped = 0
    for key, part in list(native.parts.items()):
        name = key.partition("#")[0]
        known, former = components.get(name), before.get(name)
        another = former is not None and known is not None and _meaning(former) != _meaning(known)
        if another or (part.pending and now - part.received_at > KEEP_UNKNOWN_MS):
            dropped += part.pending
            del native.parts[key]
        elif known is None and former is not None:
            del native.parts[key]
    waited = {each.sensor for each in components.values()}
    return packets + [packet for sensor in sorted(waited) for packet in flush(native, sensor)], dropped


def _meaning(component: Component) -> tuple[str, int | None, int]:
    return component.sensor, component.obj_id, component.index

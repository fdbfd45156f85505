"""A site with a home in it, and Debian's browser before it. Whatever the browser complains of fails the test."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright

from tests.page.site import Site

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
async def site(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[Site]:
    """The API, serving, without any sensor."""
    site = Site(tmp_path, free_port())
    await site.start()
    yield site
    await site.stop()
    await site.history.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser, site: Site) -> AsyncIterator[Page]:
    """An empty window of a desk's size. At the end: no error, no violated policy, no other host was asked."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        # answers are looked at below; a connection that a test has cut is no fault of the page
        fetching = message.text.startswith("Failed to load resource") or "net::ERR_" in message.text
        if message.type in ("error", "warning") and not fetching:
            complaints.append(message.text)

    def look(answer: Response) -> None:
        if answer.status >= 400 and answer.status not in (401, 503):
            complaints.append(f"{answer.status} {answer.url}")

    page.on("console", complain)
    page.on("response", look)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    hosts: set[str] = set()
    yield page
    await context.close()
    assert complaints == []
    assert hosts <= {urlsplit(site.url).netloc, ""}

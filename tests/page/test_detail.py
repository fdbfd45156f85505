"""One sensor by itself: its charts and their gaps, and the way there without a mouse."""

import json

from playwright.async_api import Page, expect

from api.times import system_clock
from schemas.advertisement import Coordinate
from schemas.delivery import Delivery
from schemas.reading import Reading
from tests.page.homes import HOUR, address, small_home, week
from tests.page.site import Site

SENSOR = address(3)
CHART = '.chart[data-quantity="temperature"]'


async def opened(page: Page, site: Site) -> None:
    small_home(site)
    await site.history.write_aggregates(list(week(SENSOR)))
    await page.goto(f"{site.url}/#{SENSOR}")
    await expect(page.locator(".history")).to_have_attribute("data-drawn", "day")


async def test_a_gap_stays_a_gap(page: Page, site: Site) -> None:
    await opened(page, site)
    points = json.loads(await page.locator(CHART).get_attribute("data-points") or "")
    breaks = [place for place, (_, mean) in enumerate(points) if mean is None]
    assert len(breaks) == 1
    before, after = points[breaks[0] - 1][0], points[breaks[0] + 1][0]
    assert abs(after - before - 3 * HOUR) <= 600_000
    await expect(page.locator(f"{CHART} .gaps")).to_contain_text("(3 h)")
    # and nothing is drawn there: the canvas has the line's colour five hours ago, and not in the middle of the gap
    drawn = await page.evaluate(
        """([chart, hours]) => {
            const [canvas] = document.querySelectorAll(`${chart} canvas`), { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            const left = 50 * devicePixelRatio;
            return hours.map(ago => {
                const x = Math.round(left + (24 - ago) / 24 * (width - left));
                return Array.from({ length: height }, (_, y) => 4 * (y * width + x))
                    .some(at => data[at] > 150 && data[at + 2] < 60 && data[at + 3] > 200);
            });
        }""",
        [CHART, [10.5, 5]],
    )
    assert drawn == [False, True]


async def test_the_week_is_drawn_by_the_hour(page: Page, site: Site) -> None:
    await opened(page, site)
    await page.get_by_role("button", name="Week").click()
    await expect(page.locator(".history")).to_have_attribute("data-drawn", "week")
    points = json.loads(await page.locator(CHART).get_attribute("data-points") or "")
    assert [points[place][1] for place in range(len(points))].count(None) == 2
    assert points[1][0] - points[0][0] == HOUR


async def test_receptions_facts_and_the_way_to_the_csv(page: Page, site: Site) -> None:
    await opened(page, site)
    await expect(page.locator("tbody tr")).to_contain_text(["shellypro2-0cb815fcaff4"])
    await expect(page.locator("dialog .facts")).to_contain_text(SENSOR)
    link = await page.get_by_role("link", name="CSV").get_attribute("href")
    answer = await page.request.get(site.url + (link or ""))
    assert answer.headers["content-type"].startswith("text/csv")


async def test_it_says_what_became_of_the_packets(page: Page, site: Site) -> None:
    small_home(site)
    hour = system_clock() // HOUR * HOUR - 2 * HOUR
    await site.history.write_deliveries(
        [Delivery(SENSOR, hour, 60, 58, {}, 1), Delivery(SENSOR, hour + HOUR, 1400, 1390, {}, 1, 720_000)]
    )
    at = {"received_at": hour, "time_source": "gateway", "gateway": "a", "values": {}, "format": "bluflow"}
    await site.history.write(
        [Reading(SENSOR, hour + n, at=Coordinate(0, 0, n, 0), **at) for n in range(57)]  # type: ignore[arg-type]
    )
    await page.goto(f"{site.url}/#{SENSOR}")
    line = "Last 24 hours: 1,448 of 1,460 packets heard, 12 lost on the air, 1,391 in the pipeline; 12 min unknown"
    await expect(page.locator(".delivery")).to_have_text(line)


async def test_the_keyboard_opens_and_closes(page: Page, site: Site) -> None:
    small_home(site)
    await page.goto(site.url)
    await expect(page.locator(".card")).to_have_count(10)
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    link = page.locator(f'.card[data-sensor="{SENSOR}"] a')
    await link.focus()
    assert await link.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Living room")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(link).to_be_focused()
    await expect(page).to_have_url(f"{site.url}/")  # the browser tells the new address a moment later


async def test_an_address_that_nobody_knows(page: Page, site: Site) -> None:
    small_home(site)
    await page.goto(f"{site.url}/#7C:C6:B6:00:00:99")
    await expect(page.get_by_role("dialog")).to_contain_text("No sensor with this address has been heard")


async def test_what_no_window_holds_yet_is_not_called_silence(page: Page, site: Site) -> None:
    small_home(site)
    await page.goto(f"{site.url}/#{SENSOR}")
    await expect(page.locator(".note")).to_contain_text("Heard, but not summed up yet")


async def test_a_history_that_is_away_is_said(page: Page, site: Site) -> None:
    await site.stop()
    site.lose_history()
    await site.start()
    small_home(site)
    await page.goto(f"{site.url}/#{SENSOR}")
    note = page.locator(".note")
    await expect(note).to_contain_text("The history cannot be read")
    await expect(note).to_contain_text("Live values go on")

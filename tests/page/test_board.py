"""The sensors on the page: where they stand, what is said of them, and that it stays true."""

import msgspec
import pytest
from playwright.async_api import Page, expect

from api.times import system_clock
from schemas.freshness import freshness_at
from schemas.reading import Refused
from tests.page.homes import FAR, STRANGER, address, gateways, healthy_home, small_home, state
from tests.page.site import Site


def card(page: Page, sensor: str) -> str:
    return f'.card[data-sensor="{sensor}"]'


async def test_sensors_stand_under_their_location_by_name_and_unclaimed_ones_last(page: Page, site: Site) -> None:
    small_home(site)
    await page.goto(site.url)
    await expect(page.locator(".place h2 span:first-child")).to_have_text(
        ["Cellar", "Garden", "Ground floor", "Upstairs", "Unclaimed"]
    )
    upstairs = page.locator(".place", has_text="Upstairs").locator(".name")
    await expect(upstairs).to_have_text(["Bathroom", "Bedroom", "Children"])
    await expect(page.locator(card(page, STRANGER)).locator(".name")).to_have_text(STRANGER)
    bedroom = page.locator(card(page, address(0)))
    await expect(bedroom.locator(".values")).to_have_text("19.4 °C52 %")
    await expect(page.locator(card(page, address(2))).locator(".battery")).to_have_attribute("data-level", "low")


async def test_what_is_wrong_is_said_first_and_in_plain_words(page: Page, site: Site) -> None:
    small_home(site)
    await page.goto(site.url)
    await expect(page.locator("#headline")).to_have_text("4 of 10 sensors need attention")
    await expect(page.locator("#attention .why")).to_have_text(
        [
            "silent for 3 h 20 min, though its gateway speaks",
            f"silent for 12 min: its gateway {FAR} is silent too",
            "temperature above 8.0 °C",
            f"silent for 4 min: its gateway {FAR} is silent too",
        ]
    )
    await expect(page.locator(card(page, address(4)))).to_have_attribute("data-limits", "beyond")


async def test_a_sensor_that_was_heard_unencrypted_needs_attention(page: Page, site: Site) -> None:
    refused = Refused(system_clock() - 60_000, 12)
    site.say(msgspec.structs.replace(state(address(0)), refused=refused), state(address(1)))
    await page.goto(f"{site.url}/#{address(0)}")
    await expect(page.locator("#headline")).to_have_text("1 of 2 sensors needs attention")
    await expect(page.locator("#attention .why")).to_have_text("heard unencrypted: refused")
    await expect(page.locator(card(page, address(0))).locator(".alarm")).to_have_text("heard unencrypted: refused")
    await expect(page.locator("dialog .facts")).to_contain_text("heard unencrypted: refused: 12 packets since")


async def test_gateways_say_how_they_are(page: Page, site: Site) -> None:
    site.say(*gateways())
    await page.goto(site.url)
    dead, living = page.locator(".gateway").nth(0), page.locator(".gateway").nth(1)
    await expect(dead).to_contain_text("Silent for 12 min")
    await expect(dead).to_contain_text("clock 7 s behind")
    await expect(dead).to_contain_text("script:1 stopped: out_of_memory")
    await expect(living).to_contain_text("Speaks, last frame")


async def test_nobody_yet_says_what_to_do(page: Page, site: Site) -> None:
    await page.goto(site.url)
    await expect(page.locator("#empty")).to_contain_text("No sensor has spoken yet")
    await expect(page.locator("#empty")).to_contain_text("bluflow simulate")
    site.say(state(STRANGER))
    await expect(page.locator(".card")).to_have_count(1)
    await expect(page.locator("#empty")).to_be_hidden()


async def test_a_change_is_shown_without_a_reload_and_touches_no_other_card(page: Page, site: Site) -> None:
    healthy_home(site)
    await page.goto(site.url)
    await expect(page.locator(".card")).to_have_count(300)
    await expect(page.locator("#state")).to_have_text("Live")
    await page.evaluate(
        """() => {
            window.changed = new Set();
            const note = ({ target }) =>
                target.closest(".number") && changed.add(target.closest(".card").dataset.sensor);
            new MutationObserver(all => all.forEach(note)).observe(
                document.querySelector("#board"), { subtree: true, childList: true });
        }"""
    )
    site.say(state(address(42), 2, temperature=33.3))
    await expect(page.locator(card(page, address(42))).locator(".number").first).to_have_text("33.3")
    assert await page.evaluate("[...changed]") == [address(42)]


async def test_search_and_filters(page: Page, site: Site) -> None:
    healthy_home(site)
    await page.goto(site.url)
    visible = page.locator(".card:not([hidden])")
    await expect(page.locator("#headline")).to_have_text("2 of 300 sensors need attention")
    await page.get_by_role("button", name="Problems 2").click()
    await expect(visible).to_have_count(2)
    await page.get_by_role("button", name="All 300").click()
    await page.get_by_role("searchbox").fill("room 13")
    await expect(visible).to_have_count(10)
    await page.get_by_role("searchbox").fill(address(299).replace(":", "").upper())
    await expect(visible).to_have_count(1)
    await page.get_by_role("searchbox").fill("nowhere")
    await expect(page.locator("#shown")).to_have_text("No sensor matches.")


async def test_it_goes_on_after_the_api_restarts(page: Page, site: Site) -> None:
    small_home(site)
    await page.goto(site.url)
    await expect(page.locator("#state")).to_have_text("Live")
    await site.stop()
    await expect(page.locator("#state")).to_have_text("Reconnecting")
    await expect(page.locator("#banner")).to_contain_text("No connection to the API since")
    site.say(state(address(0), 2, temperature=27.7))
    await site.start()
    await expect(page.locator("#state")).to_have_text("Live", timeout=30_000)
    await expect(page.locator(card(page, address(0))).locator(".number").first).to_have_text("27.7")
    await expect(page.locator("#banner")).to_be_hidden()


async def test_without_the_api_a_sensor_grows_old_by_itself(page: Page, site: Site) -> None:
    await page.clock.install()
    site.say(state(STRANGER))
    await page.goto(site.url)
    one = page.locator(card(page, STRANGER))
    await expect(one).to_have_attribute("data-freshness", "fresh")
    await site.stop()
    await expect(page.locator("#state")).to_have_text("Reconnecting")
    for jump, freshness in (("03:10", "late"), ("02:00", "stale"), ("55:00", "lost")):
        await page.clock.fast_forward(jump)
        await expect(one).to_have_attribute("data-freshness", freshness)
    await expect(one.locator(".age")).to_contain_text("no connection to the API")
    await site.start()


async def test_a_pipeline_that_is_behind_is_said(page: Page, site: Site) -> None:
    site.say(state(STRANGER))
    site.stream_is_behind(600_000)
    await page.goto(site.url)
    await expect(page.locator("#state")).to_have_text("Pipeline behind")
    await expect(page.locator("#banner")).to_contain_text("the topic is being read")


@pytest.mark.parametrize("interval", [60, 600])
async def test_the_page_judges_an_age_as_the_stream_does(page: Page, site: Site, interval: int) -> None:
    await page.goto(site.url)
    silences = [factor * interval * 1000 + off for factor in (0, 3, 5, 60) for off in (-1, 0, 1)]
    found = await page.evaluate(
        """async ([silences, interval]) => {
            const { freshnessAt } = await import(`${document.body.dataset.assets}/freshness.js`);
            return silences.map(silence => freshnessAt(0, silence, interval));
        }""",
        [silences, interval],
    )
    assert found == [freshness_at(0, silence, interval * 1000) for silence in silences]

"""The page of an API that wants keys."""

from pathlib import Path

from playwright.async_api import Page, expect

from api.times import system_clock
from runtime.api_keys import create, revoke
from runtime.page_keys import ApiKeyFile
from tests.page.homes import STRANGER, address, state
from tests.page.site import Site


async def test_a_key_opens_the_page_and_its_stream_until_it_is_revoked(page: Page, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "api-keys.json"
    secret = create(path, "page", "read", system_clock())
    site.say(state(STRANGER))
    await site.stop()
    site.keys = ApiKeyFile(path)
    await site.start()

    await page.goto(site.url)
    await page.get_by_label("API key").fill("bluflow_wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#sign-in-trouble")).to_have_text("The API does not know this key.")
    await expect(page.locator(".card")).to_have_count(0)
    await page.get_by_label("API key").fill(secret)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#sign-in")).to_be_hidden()
    await expect(page.locator(".card")).to_have_count(1)
    site.say(state(address(1)))  # comes over the stream, which cannot send a header
    await expect(page.locator(".card")).to_have_count(2)
    assert secret not in await page.evaluate("document.cookie + JSON.stringify([localStorage, sessionStorage])")

    await page.reload()
    await expect(page.locator(".card")).to_have_count(2)
    revoke(path, "page")
    await page.reload()
    await expect(page.locator("#sign-in")).to_be_visible()

"""What everybody gets: phones, the dark, few bytes, no markup out of data. And the README's picture."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.page.homes import STRANGER, address, healthy_home, small_home, state, week
from tests.page.site import Site

PICTURE = Path(__file__).parents[2] / "docs" / "page.png"


@pytest.mark.parametrize("width", [360, 390, 1280])
async def test_nothing_is_wider_than_the_screen(page: Page, site: Site, width: int) -> None:
    small_home(site)
    await page.set_viewport_size(ViewportSize(width=width, height=800))
    await page.goto(site.url)
    await expect(page.locator(".card")).to_have_count(10)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.locator(f'.card[data-sensor="{address(4)}"] a').click()
    await expect(page.locator("#detail")).to_be_visible()
    assert await page.locator("#detail").evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
async def test_it_follows_light_and_dark(page: Page, site: Site, scheme: str, dark: bool) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.goto(site.url)
    red = await page.evaluate("Number(/\\d+/.exec(getComputedStyle(document.body).backgroundColor)[0])")
    assert (red < 60) is dark


async def test_names_are_text_whatever_stands_in_them(page: Page, site: Site) -> None:
    name = "<img src=x onerror=document.title=1>"
    site.register(f"  {STRANGER}: {{name: {name!r}, location: '<script>document.title=2</script>'}}\n")
    site.say(state(STRANGER, gateway="<b>gateway</b>", text="<i>said</i>", silent=5))
    await page.goto(f"{site.url}/#{STRANGER}")
    await expect(page.locator(".card .name")).to_have_text(name)
    await expect(page.locator("#detail-title")).to_have_text(name)
    assert await page.locator("main img, main script, main b b, dialog img, dialog script, dialog i").count() == 0
    assert await page.title() == "(1) bluflow"


async def test_all_of_it_is_less_than_half_a_megabyte(page: Page, site: Site) -> None:
    sizes: dict[str, int] = {}

    async def weigh(url: str) -> None:
        sizes[url] = len(await (await page.request.get(url)).body())

    healthy_home(site)
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    await page.goto(f"{site.url}/#{address(0)}")
    await expect(page.locator("#detail")).to_be_visible()
    await page.evaluate("import(`${document.body.dataset.assets}/chart.js`)")
    library = f"{site.url}{await page.evaluate('document.body.dataset.assets')}/dygraph-combined.js"
    for url in {*urls, library}:
        if not url.endswith("/stream") and url.startswith("http"):
            await weigh(url)
    assert len(sizes) > 20
    assert sum(sizes.values()) < 500_000


async def test_the_policy_is_strict_and_files_are_kept_by_version(page: Page, site: Site) -> None:
    answer = await page.goto(site.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assets = await page.evaluate("document.body.dataset.assets")
    kept = await page.request.get(f"{site.url}{assets}/main.js")
    assert "immutable" in kept.headers["cache-control"]
    other = await page.request.get(f"{site.url}/assets/older/main.js")
    assert (other.status, other.headers["cache-control"]) == (200, "no-cache")
    tag = {"If-None-Match": other.headers["etag"]}
    assert (await page.request.get(f"{site.url}/assets/older/main.js", headers=tag)).status == 304
    assert (await page.request.get(f"{site.url}{assets}/none.js")).status == 404


async def test_the_picture_of_the_readme(page: Page, site: Site, tmp_path: Path) -> None:
    """Made anew with BLUFLOW_SCREENSHOTS=1; what is there must be a picture of a fitting size."""
    small_home(site)
    await site.history.write_aggregates(list(week(address(3))))
    await page.goto(site.url)
    await expect(page.locator(".card")).to_have_count(10)
    await expect(page.locator("#state")).to_have_text("Live")
    wanted = os.environ.get("BLUFLOW_SCREENSHOTS") == "1"
    picture = PICTURE if wanted else tmp_path / PICTURE.name
    await page.screenshot(path=picture)
    for found in {picture, PICTURE}:
        content = found.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert 20_000 < len(content) < 200_000

"""What each process says on /metrics, by promtool's own judgement."""

import re
import subprocess

import httpx
import pytest

from tests.watch.house import House

PAGES = {"bridge": "BRIDGE", "streams": "STREAMS", "sinks": "SINKS", "api": "API", "inventory": "INVENTORY"}
# It is said of the type, and this is the counter of encrypted packets. What Python's client brings is not ours.
_NOT_MEANT = re.compile(r"bluflow_streams_counter_resets_(total|created) .*should not include type|(python|process)_")


@pytest.mark.parametrize("process", PAGES)
def test_promtool_finds_nothing_wrong_with_a_metrics_page(house: House, process: str) -> None:
    assert house.stack.tls
    url = f"{house.stack.page(PAGES[process])}/metrics"
    page = httpx.get(url, headers=house.stack.api.headers, timeout=20, verify=house.stack.tls)
    assert page.status_code == 200
    done = subprocess.run(["promtool", "check", "metrics"], input=page.text, capture_output=True, text=True)
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if not _NOT_MEANT.match(line)] == []
    assert done.returncode in (0, 3)  # 3: it said something


@pytest.mark.parametrize("process", PAGES)
def test_no_process_answers_in_plain_text(house: House, process: str) -> None:
    url = house.stack.page(PAGES[process])
    assert url.startswith("https:")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url.replace('https:', 'http:')}/metrics", headers=house.stack.api.headers, timeout=20)


@pytest.mark.parametrize("process", PAGES)
def test_metrics_are_not_shown_without_a_key(house: House, process: str) -> None:
    assert house.stack.tls
    for headers in ({}, {"Authorization": "Bearer bluflow_wrong"}):
        answer = httpx.get(f"{house.stack.page(PAGES[process])}/metrics", headers=headers, verify=house.stack.tls)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")

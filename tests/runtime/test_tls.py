"""TLS of the HTTP pages: who is served, whom our own processes believe, and what of the settings cannot be used."""

import re
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from cli.certificates import authority, server, today
from runtime.errors import SettingsError
from runtime.health import health_page
from runtime.settings import Settings
from runtime.tls import asking_tls, page_tls


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs of one authority, in the folder where we stand."""
    monkeypatch.chdir(tmp_path)
    signer = authority(today())
    Path("ca.crt").write_text(signer.certificate)
    for name in ("page", "other"):
        pair = server(signer, ["page", "127.0.0.1"], today())
        Path(f"{name}.crt").write_text(pair.certificate)
        Path(f"{name}.key").write_text(pair.key)
    Path("empty").write_text("")


def settings(certificate: str | None, key: str | None) -> Settings:
    return Settings(
        tls_certificate_file=Path(certificate) if certificate else None, tls_key_file=Path(key) if key else None
    )


async def asked(url: str, tls: ssl.SSLContext | bool = True) -> str:
    try:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=tls) as answer:
            return str(answer.status)
    except aiohttp.ClientError as error:
        return type(error).__name__


async def test_who_trusts_the_authority_is_served_and_plain_text_and_old_tls_are_refused(
    free_port: Callable[[], int],
) -> None:
    port, own = free_port(), settings("page.crt", "page.key")
    url = f"//127.0.0.1:{port}/health/ready"
    serving = page_tls(own)
    assert serving
    assert serving.minimum_version == ssl.TLSVersion.TLSv1_2
    async with health_page("127.0.0.1", port, ready=lambda: None, tls=serving):
        trusting = ssl.create_default_context(cafile="ca.crt")
        assert await asked(f"https:{url}", trusting) == "200"
        assert await asked(f"https:{url}") == "ClientConnectorCertificateError"
        assert await asked(f"http:{url}") == "ServerDisconnectedError"


async def test_one_of_our_own_believes_that_very_certificate_and_no_other_of_the_same_authority(
    free_port: Callable[[], int],
) -> None:
    port = free_port()
    url = f"https://localhost:{port}/health/ready"  # a name that the certificate has not
    async with health_page("127.0.0.1", port, ready=lambda: None, tls=page_tls(settings("page.crt", "page.key"))):
        assert await asked(url, asking_tls(settings("page.crt", "page.key")) or False) == "200"
        wrong = asking_tls(settings("other.crt", "other.key")) or False
        assert await asked(url, wrong) == "ClientConnectorCertificateError"


def test_without_a_certificate_it_is_plain_http() -> None:
    assert page_tls(settings(None, None)) is None
    assert asking_tls(settings(None, None)) is None


@pytest.mark.parametrize(
    ("certificate", "key", "line"),
    [
        ("page.crt", None, "BLUFLOW_TLS_CERTIFICATE_FILE is set: name the other half .* with BLUFLOW_TLS_KEY_FILE"),
        (None, "page.key", "BLUFLOW_TLS_KEY_FILE is set: name the other half .* with BLUFLOW_TLS_CERTIFICATE_FILE"),
        ("none", "page.key", "BLUFLOW_TLS_CERTIFICATE_FILE none: No such file or directory"),
        ("page.crt", "none", "BLUFLOW_TLS_KEY_FILE none: No such file or directory"),
        ("empty", "page.key", ".*empty, .*page.key: no pair in PEM form.*"),
        ("page.crt", "other.key", ".*page.crt, .*other.key: no pair in PEM form.*"),
    ],
)
def test_what_cannot_be_used_is_one_line(certificate: str | None, key: str | None, line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        page_tls(settings(certificate, key))
    assert re.fullmatch(line, str(refused.value))

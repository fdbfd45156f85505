"""TLS of the HTTP pages, the same for all processes: what a page shows, and how one of our own asks it."""

import ssl

from runtime.errors import SettingsError
from runtime.settings import Settings

_CERTIFICATE, _KEY = "BLUFLOW_TLS_CERTIFICATE_FILE", "BLUFLOW_TLS_KEY_FILE"


def page_tls(settings: Settings) -> ssl.SSLContext | None:
    """What a page is served with, TLS 1.2 or newer; None for plain HTTP. Raises SettingsError."""
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        given, missing = (_CERTIFICATE, _KEY) if key is None else (_KEY, _CERTIFICATE)
        raise SettingsError(f"{given} is set: name the other half of the pair with {missing}")
    for name, file in ((_CERTIFICATE, certificate), (_KEY, key)):
        try:
            file.open("rb").close()  # else it would not be told which of the two cannot be read
        except OSError as error:
            raise SettingsError(f"{name} {file}: {error.strerror}") from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password="")  # an encrypted key is refused, not asked for
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            f"{_CERTIFICATE} {certificate}, {_KEY} {key}: no pair in PEM form without password"
        ) from None
    return context


def asking_tls(settings: Settings) -> ssl.SSLContext | None:
    """How to ask a page that has these settings: it must show that very certificate, under whatever name it is asked.

    None for plain HTTP. Raises SettingsError.
    """
    if page_tls(settings) is None:
        return None
    context = ssl.create_default_context(cafile=settings.tls_certificate_file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not have signed itself
    context.check_hostname = False
    return context

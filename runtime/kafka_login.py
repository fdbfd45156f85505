"""How every Kafka client of a process logs in: user, password and authority from the settings, the same for all."""

import ssl
from pathlib import Path
from typing import Any

from runtime.errors import SettingsError
from runtime.settings import Settings


def kafka_login() -> dict[str, Any]:
    """What an aiokafka client is given beside the address, from the settings and their files as they are now.

    Empty for a broker that asks for nothing, and for the embedded one, which nobody named. Raises SettingsError.
    """
    settings = Settings()
    if "broker" not in settings.model_fields_set:
        return {}
    given: dict[str, Any] = {}
    if settings.kafka_ca_file is not None:
        given["ssl_context"] = _trusting(settings.kafka_ca_file)
    if settings.kafka_user is not None:
        given["sasl_mechanism"] = settings.kafka_mechanism
        given["sasl_plain_username"] = settings.kafka_user
        given["sasl_plain_password"] = _password(settings.kafka_password_file)
    if given:
        kinds = ("SASL" if settings.kafka_user else "", "SSL" if settings.kafka_ca_file else "")
        given["security_protocol"] = {("SASL", ""): "SASL_PLAINTEXT"}.get(kinds, "_".join(filter(None, kinds)))
    return given


def _trusting(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca))
    except ssl.SSLError:
        raise SettingsError(f"KAFKA_CA_FILE {ca}: no certificate in PEM form") from None
    except OSError as error:
        raise SettingsError(f"KAFKA_CA_FILE {ca}: {error.strerror}") from None


def _password(file: Path | None) -> str:
    if file is None:
        raise SettingsError("KAFKA_USER is set: name the file that holds its password with KAFKA_PASSWORD_FILE")
    try:
        password = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(f"KAFKA_PASSWORD_FILE {file}: {why}") from None
    if not password:
        raise SettingsError(f"KAFKA_PASSWORD_FILE {file}: empty")
    return password

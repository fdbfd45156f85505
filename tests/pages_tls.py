"""A certificate of the stack's authority for all pages of an embedded stack, whose processes share their settings."""

import ssl
from pathlib import Path

from cli.certificates import Pair, server, today
from cli.secret_folder import HERE, SERVERS


def pages_tls(secrets: Path, folder: Path) -> dict[str, str]:
    """The settings that turn it on: under every name that a server of the stack has. `secrets`: has the authority."""
    signer = Pair((secrets / "ca.crt").read_text(), (secrets / "ca.key").read_text())
    pair = server(signer, [*SERVERS, *HERE], today())
    (folder / "page.crt").write_text(pair.certificate)
    (folder / "page.key").write_text(pair.key)
    (folder / "page.key").chmod(0o600)
    return {
        "BLUFLOW_TLS_CERTIFICATE_FILE": str(folder / "page.crt"),
        "BLUFLOW_TLS_KEY_FILE": str(folder / "page.key"),
    }


def trusting(secrets: Path) -> ssl.SSLContext:
    """Who believes the stack's authority, and nobody else."""
    return ssl.create_default_context(cafile=secrets / "ca.crt")

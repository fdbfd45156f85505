"""How Prometheus and Alertmanager serve their pages: over TLS, to whom knows a password.

Both read it from a file of Prometheus' exporter toolkit ("Web configuration" in its docs), which takes bcrypt alone.
"""

import bcrypt

USER = "admin"


def web_configuration(server: str, password: str) -> str:
    """The file for that server: its certificate where the container has it, and the hash of USER's password."""
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode()
    return (
        f"# How {server}'s page is served: TLS 1.2 or newer, no plain HTTP; the password is in {server}-password.\n"
        "tls_server_config:\n"
        f"  cert_file: /run/secrets/{server}.crt\n"
        f"  key_file: /run/secrets/{server}.key\n"
        "basic_auth_users:\n"
        f"  {USER}: {hashed}\n"
    )

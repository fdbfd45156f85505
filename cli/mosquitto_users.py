"""Lines of mosquitto's password file, as `mosquitto_passwd` writes them."""

import base64
import hashlib
import re
import secrets

# mosquitto's own number. Ours are 192 random bits each: no number of rounds makes guessing them harder.
_ROUNDS = 101
_SALT = 12  # bytes

is_user = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}").fullmatch


def password_line(user: str, password: str) -> str:
    """`user:$7$rounds$salt$hash`: PBKDF2 over SHA-512, 64 bytes, both in base 64."""
    salt = secrets.token_bytes(_SALT)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 64)
    return f"{user}:$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}\n"


def users_in(text: str) -> list[str]:
    """The users that a password file knows."""
    return [line.partition(":")[0] for line in text.splitlines() if ":" in line]

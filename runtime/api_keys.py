"""API keys: the file that holds their digests, and what each may do.

A key is 256 random bits, so nobody can guess it from its digest however fast the hash is: plain SHA-256 is right here.
A slow hash is for passwords, which people choose, and would let anyone keep the API busy with bad attempts.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from runtime.errors import SettingsError
from runtime.private_file import alone, replace

Scope = Literal["metrics", "read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)  # each may what those before it may
Refused = Literal["missing", "malformed", "unknown", "expired", "scope"]
PREFIX = "bluflow_"  # so that scanners for secrets, and people, know one when they see it

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class InvalidApiKeys(SettingsError):
    """A file of keys that cannot be used, or a name that cannot be given: one line, never a key."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key without its secret. Times are unix milliseconds; `expires_at` None: never."""

    name: str
    scope: Scope
    digest: str
    created_at: int
    expires_at: int | None = None

    def allows(self, scope: Scope) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    def expired(self, now: int) -> bool:
        return self.expires_at is not None and now >= self.expires_at


def digest_of(secret: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def find(keys: Sequence[ApiKey], secret: str) -> ApiKey | None:
    """The key of that secret. Looks at all of them, each in constant time: how long it takes tells nothing."""
    digest, found = digest_of(secret), None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def bearer(header: str | None) -> str | None:
    """The secret in an Authorization header: None if there is none, empty if the header is no Bearer's."""
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def judge(keys: Sequence[ApiKey], secret: str | None, scope: Scope, now: int) -> Refused | None:
    """Why the secret is refused; None if it may. `now` is unix milliseconds."""
    if not secret:
        return "missing" if secret is None else "malformed"
    key = find(keys, secret)
    if key is None:
        return "unknown"
    if key.expired(now):
        return "expired"
    return None if key.allows(scope) else "scope"


def refusal(refused: Refused, wanted: Scope) -> tuple[int, str, dict[str, str]]:
    """Status, detail and headers of the answer: every 401 is the same, whatever was wrong."""
    if refused == "scope":
        challenge = f'Bearer realm="bluflow", error="insufficient_scope", scope="{wanted}"'
        return 403, f"this needs a key of scope {wanted}", {"WWW-Authenticate": challenge}
    detail = "this needs a valid API key: Authorization: Bearer <key>; `bluflow keys create` makes one"
    return 401, detail, {"WWW-Authenticate": 'Bearer realm="bluflow"'}


def create(path: Path, name: str, scope: Scope, now: int, expires_at: int | None = None) -> str:
    """Add a key to the file, which is made if need be, and give its secret. Raises SettingsError."""
    if not _NAME.fullmatch(name):
        raise InvalidApiKeys("the name of a key is 1 to 64 of A-Z a-z 0-9 . _ -")
    with alone(path):
        keys = read_keys(path) if path.exists() else ()
        if any(key.name == name for key in keys):
            raise InvalidApiKeys(
                f"{path}: there is a key {name} already: bluflow keys revoke {name}, or take another name"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        _write(path, [*keys, ApiKey(name, scope, digest_of(secret), now, expires_at)])
    return secret


def revoke(path: Path, name: str) -> None:
    """Take a key out of the file. Raises SettingsError, also if there is none of that name."""
    with alone(path):
        keys = read_keys(path)
        kept = [key for key in keys if key.name != name]
        if len(kept) == len(keys):
            raise InvalidApiKeys(f"{path}: no key of that name; `bluflow keys list` shows them")
        _write(path, kept)


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys that the file holds. Raises InvalidApiKeys."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))["keys"]
        keys = tuple(ApiKey(**one) for one in held)
        good = all(_is_sound(key) for key in keys)
    except OSError as error:
        raise InvalidApiKeys(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise InvalidApiKeys(f"{path}: not a file of API keys as `bluflow keys create` writes it")
    return keys


def _is_sound(key: ApiKey) -> bool:
    return bool(
        _NAME.fullmatch(key.name)
        and key.scope in SCOPES
        and _DIGEST.fullmatch(key.digest)
        and isinstance(key.created_at, int)
        and isinstance(key.expires_at, int | None)
    )


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    replace(path, json.dumps({"keys": [asdict(key) for key in keys]}, indent=2))

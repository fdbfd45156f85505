"""API keys: the file that holds their digests, and what each may do.

A key is 256 random bits, so nobody can guess it from its digest however fast the hash is: plain SHA-256 is right here.
A slow hash is for passwords, which people choose, and would let anyone keep the API busy with bad attempts.
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from runtime.errors import SettingsError

Scope = Literal["metrics", "read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)  # each may what those before it may
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


def create(path: Path, name: str, scope: Scope, now: int, expires_at: int | None = None) -> str:
    """Add a key to the file, which is made if need be, and give its secret. Raises InvalidApiKeys."""
    if not _NAME.fullmatch(name):
        raise InvalidApiKeys("the name of a key is 1 to 64 of A-Z a-z 0-9 . _ -")
    with _alone(path):
        keys = read_keys(path) if path.exists() else ()
        if any(key.name == name for key in keys):
            raise InvalidApiKeys(
                f"{path}: there is a key {name} already: bluflow keys revoke {name}, or take another name"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        _write(path, [*keys, ApiKey(name, scope, digest_of(secret), now, expires_at)])
    return secret


def revoke(path: Path, name: str) -> None:
    """Take a key out of the file. Raises InvalidApiKeys, also if there is none of that name."""
    with _alone(path):
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


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other command changes the keys meanwhile: it would bring back what this one revoked."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)  # the file itself is replaced by each change
    except OSError as error:
        raise InvalidApiKeys(f"{path.parent}: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, keys: Sequence[ApiKey]) -> None:
    """Whole or not at all, for its owner only from the first byte on: an API may read it at any moment."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"keys": [asdict(key) for key in keys]}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InvalidApiKeys(f"{path}: {error.strerror}") from None

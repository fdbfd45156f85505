"""A sensor's id: its MAC address, lower case with colons, whatever way it was written."""

import re

_SEPARATORS = re.compile(r"[:\-. _]")
_MAC = re.compile(r"[0-9a-f]{12}")


def normalise_mac(text: str) -> str:
    """`7CC6B6BD4CB5`, `7c-c6-...`, `7C:C6:...` -> `7c:c6:b6:bd:4c:b5`.

    Raises ValueError if `text` is not a MAC address of six bytes.
    """
    digits = _SEPARATORS.sub("", text.strip().lower())
    if not _MAC.fullmatch(digits):
        raise ValueError(f"not a MAC address: {text[:40]!r}")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))

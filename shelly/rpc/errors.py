"""What a gateway can refuse. Each text is one line: what, where, how to mend it; none holds a password."""


class GatewayError(Exception):
    """Nothing can be done with this gateway as things are."""


class RpcError(GatewayError):
    """The gateway answered a call with an error; `code` is its own."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


# Codes of gen2/General/CommonErrors and RPC frames that somebody here tells apart.
EXISTS, NO_HANDLER = -106, 404


def plain(text: object, most: int = 120) -> str:
    """What a device said of itself, without what would steer a terminal."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text))
    return shown if len(shown) <= most else shown[: most - 1] + "…"

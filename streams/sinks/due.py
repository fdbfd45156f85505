"""When upkeep is due again: at once while there is more of it, soon after a failure, else in a minute."""

import time

EVERY = 60.0  # seconds
AFTER_FAILURE = 5.0  # seconds


class Due:
    """Asked between batches; the first answer is yes."""

    def __init__(self) -> None:
        self._at = 0.0

    def now(self) -> bool:
        """Whether it is due. If so, it counts as failed until `done` is called."""
        if time.monotonic() < self._at:
            return False
        self._at = time.monotonic() + AFTER_FAILURE
        return True

    def done(self, *, more: bool = False) -> None:
        """It went well; `more` of it is left."""
        self._at = time.monotonic() + (0 if more else EVERY)

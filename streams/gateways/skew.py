"""How far a gateway's clock is ahead of the bridge's, learned from its frames. Pure.

A frame's latency makes `ts - arrival` smaller, never larger: the largest of the latest samples is the best. Samples are
one a second of arrival, since messages that a gateway kept while its network was away come in one burst, all with the
same wrong answer.
"""

import msgspec

SAMPLES = 12
AGREEING = 5  # so many of the newest samples must agree before they are believed
_AGREE_MS = 5_000
# a clock that is as good as this is not corrected: its times are exact then
DEAD_BAND_MS = 5_000
_ONE_A_MS = 1_000


class Skew(msgspec.Struct, array_like=True):
    """`offsets`: the newest samples in milliseconds, oldest first. `last`: arrival of the newest one.

    `known` is what was learned last; None as long as nothing was.
    """

    offsets: list[int] = []
    last: int = 0
    known: int | None = None

    @property
    def correction(self) -> int:
        """Milliseconds to take off the gateway's times; 0 for a good clock and for one not known yet."""
        return self.known if self.known is not None and abs(self.known) > DEAD_BAND_MS else 0

    def saw(self, told: int, arrival: int) -> None:
        """A live frame that says `told` came in at `arrival`, both in unix milliseconds."""
        offset, offsets = told - arrival, self.offsets
        if offsets and 0 <= arrival - self.last < _ONE_A_MS:
            if offset <= offsets[-1]:
                return
            offsets[-1] = offset
        else:
            self.last = arrival
            offsets.append(offset)
            if len(offsets) > SAMPLES:
                del offsets[0]
        newest = offsets[-AGREEING:]
        best = max(newest)
        if len(newest) == AGREEING and best - min(newest) <= _AGREE_MS:
            self.known = max(offset for offset in offsets if abs(offset - best) <= _AGREE_MS)

"""Which part of the raw log a rebuild of some UTC days has to read. Pure."""

from typing import NamedTuple

from history.store import DAY_MS

# What a day needs from before it: gateways' clocks (some minutes), packets whose copies may follow (24 minutes),
# native components (asked for every six hours), encryption counters (a packet). A whole day covers all of them.
LEAD_IN_MS = DAY_MS
# What a day needs from after it: frames that waited in a queue, believed for 24 hours; windows final after 19 minutes.
# A whole day, and an hour for the age that scripts and gateways add.
TAIL_MS = DAY_MS + 3_600_000

MOST_DAYS = 366


class Days(NamedTuple):
    """UTC days, from `start` to before `end`; both a midnight, unix milliseconds."""

    start: int
    end: int

    @classmethod
    def touched_by(cls, start: int, end: int) -> "Days":
        """Every day of which [start, end) holds something (unix milliseconds).

        Raises ValueError if that is none, or more than a year's.
        """
        if start >= end:
            raise ValueError("nothing lies between them: --to has to be later than --from")
        if end - start > MOST_DAYS * DAY_MS:
            raise ValueError(f"more than {MOST_DAYS} days at once: take one year after the other")
        return cls(start - start % DAY_MS, end + -end % DAY_MS)

    def __contains__(self, time: object) -> bool:
        return isinstance(time, int) and self.start <= time < self.end

    @property
    def read_from(self) -> int:
        """The first arrival to read, unix milliseconds."""
        return self.start - LEAD_IN_MS

    @property
    def read_to(self) -> int:
        """The arrival before which reading ends, unix milliseconds."""
        return self.end + TAIL_MS


def day_of(time: int) -> int:
    """The midnight, UTC, that begins the day of that time; both in unix milliseconds."""
    return time - time % DAY_MS

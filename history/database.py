"""One SQLite file: how it is opened, which thread writes, what its errors mean. The engines here rest on it."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from history.store import ReadingRejected, StoreUnavailable

T = TypeVar("T")

# What SQLite can never store, however often it is tried: an integer beyond 64 bits, text that is no Unicode, a blob
# beyond its limit, a missing identity.
_NEVER = (OverflowError, UnicodeEncodeError, sqlite3.DataError, sqlite3.IntegrityError)


class StoreTooNew(StoreUnavailable):
    """A newer bluflow wrote this file; this one would misread it."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one file and their version, which stands in `PRAGMA user_version`.

    `tables` makes what is not there yet, so that it also brings an older file up to this version, in place. `added`:
    columns that a table had not at first, with their types.
    """

    version: int
    tables: str
    added: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Database:
    """The writing and the reading side of one file. Nothing is opened before it is needed.

    `busy_timeout`, in seconds, is how long a lock that another process holds is waited for.
    """

    def __init__(self, path: Path, schema: Schema, *, busy_timeout: float = 2.0) -> None:
        self.path = path
        self._schema = schema
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._closed = False
        # One thread: writes keep their order, even when the task that waited for one was cancelled.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"sqlite-{path.stem}")

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction, off the event loop; durable on return.

        Raises StoreUnavailable (locked, full, read-only, gone) or ReadingRejected; then nothing of it was written.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    @contextmanager
    def read(self, *, since: int = 1) -> Iterator[sqlite3.Connection | None]:
        """A read-only connection for one short query; None as long as nobody has written, in schema `since` or newer.

        Raises StoreUnavailable. Opening takes some 0.2 ms. A connection kept open between queries would be one more
        thing to notice a replaced file, and a query kept open would stop the writer from trimming its log.
        """
        try:
            if not self.path.exists():
                yield None
                return
            with closing(self._connect("ro")) as connection:
                yield connection if self.version(connection) >= since else None
        except sqlite3.Error as error:
            raise StoreUnavailable(f"reading {self.path}: {error}") from error

    async def close(self) -> None:
        """Wait for the write in hand and release the file. Closing twice is closing once."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown()

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except _NEVER as error:
            raise ReadingRejected(f"{type(error).__name__}: {error}") from error
        except (sqlite3.Error, OSError) as error:
            self._drop()  # whatever it was, the next attempt begins with a fresh look at the file
            raise StoreUnavailable(f"writing {self.path}: {error}") from error
        return result

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _identity(self.path):
            self._drop()  # deleted or replaced under us: what we wrote from here on would vanish with the old file
        if self._connection is None:
            connection = self._connect("rwc")
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection, self._file = connection, _identity(self.path)
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        older = self.version(connection) < self._schema.version
        self._to_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")  # acknowledged means it outlives a power cut
        connection.execute("PRAGMA journal_size_limit = 67108864")  # a log that a slow reader held up shrinks again
        if older:
            connection.executescript(
                f"BEGIN IMMEDIATE; {self._missing(connection)} {self._schema.tables} "
                f"PRAGMA user_version = {self._schema.version}; COMMIT;"
            )

    def _missing(self, connection: sqlite3.Connection) -> str:
        """What adds the columns that an older file lacks. Another who does so at the same time makes this one fail."""
        steps = []
        for (table, column), kind in self._schema.added.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            if there and column not in there:
                steps.append(f"ALTER TABLE {table} ADD COLUMN {column} {kind};")
        return " ".join(steps)

    def _to_wal(self, connection: sqlite3.Connection) -> None:
        """The one mode in which others read while we write."""
        until = time.monotonic() + self._busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:  # two open a new file at once: here SQLite itself waits for nobody
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,  # a query's page may be read by any thread of the pool, one at a time
        )

    def version(self, connection: sqlite3.Connection) -> int:
        """The file's schema version. Raises StoreTooNew."""
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > self._schema.version:
            raise StoreTooNew(
                f"{self.path} has schema version {version}, this bluflow knows {self._schema.version}: use a newer one"
            )
        return version

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def int64(time: int) -> int:
    """A caller's "from the beginning" or "to the end" may lie outside of what SQLite counts."""
    return max(-(2**63), min(time, 2**63 - 1))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino

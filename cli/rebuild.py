"""`bluflow run --rebuild`: the embedded broker lets go of its topics and tables; the archive makes them anew.

It keeps half an hour and cannot hold two generations; what is folded again is the archive's newest day, as after a
reboot (`restore`). What of the raw log it alone holds goes into the archive first.
"""

import asyncio
from pathlib import Path

from cli.child import kill, spawn
from cli.embedded import kafka_command, wait_until_accepts
from cli.kafka_folder import KafkaFolder
from history.archive import Archive
from runtime.snapshot import NoSuchTopic, snapshot
from schemas.topics import RAW_FRAMES
from streams.sinks.archive import ArchiveTarget


async def let_go(folder: KafkaFolder, port: int, prefix: str, archive_file: Path) -> None:
    """Empty the opened folder, once the archive has its raw log. Nothing is lost on the way if this is broken off.

    Raises KafkaError, StoreUnavailable, TimeoutError; then all is as it was.
    """
    with (archive_file.parent / "logs" / "kafka.log").open("ab") as log:
        broker = spawn(kafka_command(port, folder.folder), stdout=log, stderr=log)
    try:
        await asyncio.to_thread(wait_until_accepts, f"127.0.0.1:{port}")
        await _archive(f"127.0.0.1:{port}", RAW_FRAMES.full_name(prefix), archive_file)
    finally:
        kill(broker)
        broker.wait()
    folder.forget()


async def _archive(broker: str, topic: str, file: Path) -> None:
    """What is there already stays as it is."""
    target = ArchiveTarget(Archive(file), keep_days=1)
    try:
        placed = [target.decode(record) async for record in snapshot(broker, topic)]
        await target.write([each for each in placed if each is not None])
    except NoSuchTopic:
        return
    finally:
        await target.close()

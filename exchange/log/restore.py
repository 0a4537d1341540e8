"""
Appends again, byte for byte, what a stream has lost and the archive still has.

The stream is read and verified to its tip, which must be a frame of the archive; what follows it
there is appended with its old ids by the one compare-and-append, in its chain. So a restore that
was killed is simply repeated, and a stream of another history is refused. No barrier is written:
the next start writes it, as always.
"""

import msgspec
import redis.asyncio

from exchange.log.address import ServerAddress
from exchange.log.appender import open_appender
from exchange.log.archive import Archive
from exchange.log.errors import ArchiveDiffers, FrameDamaged
from exchange.log.reader import read_frames_async
from exchange.log.verifier import ChainVerifier


class Restored(msgspec.Struct, frozen=True):
    """What was appended again: frames after `after_seq`, up to `to_seq`."""

    after_seq: int
    to_seq: int
    frame_count: int
    missing: str = ""
    """What was witnessed or signed and the archive has not, in words; empty if nothing is lost."""
    kept_witness: str = ""
    """Where the witness of what is lost was put, once the loss was accepted."""
    kept_heads: str = ""
    """Where the signed heads of what is lost were put."""


async def restore(
    address: ServerAddress, client: redis.asyncio.Redis, archive: Archive, verifier: ChainVerifier
) -> Restored:
    """
    Appends what the archive has beyond the stream's tip; each frame is durable before the next.

    The `verifier` begins at the genesis and has seen the whole log afterwards.
    """
    async for _ in read_frames_async(client, verifier, archive, may_end_early=True):
        pass
    tip = verifier.head
    appender = await open_appender(address, verifier.name, tip)
    try:
        for entry in archive.entries_after(tip):
            await appender.append_again(verifier.check(*entry))
    except FrameDamaged as error:
        raise ArchiveDiffers(
            f"log_archive_differs: {archive} does not go on after the log's tip {tip.entry_id}, "
            f"header hash {tip.header_hash.hex()}: {error}"
        ) from error
    finally:
        await appender.close()
    return Restored(tip.seq, verifier.head.seq, appender.sent_count)

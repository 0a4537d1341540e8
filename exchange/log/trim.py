"""
Removes the oldest frames from the stream, once they are safe elsewhere.

What must hold, all of it seen at this moment:

1. every frame to go is in every place of the archive, two at least, whose copies from there on are
   read again whole: SHA-256, CRC, chain;
2. the stream's first frame that stays follows the archive's last that goes;
3. the newest witness is in the stream, and none of what it vouches for is beyond it;
4. the newest snapshot's frame stays, so that a start finds its place without the archive;
5. `keep_count` records stay, and always the tip.

The server knows the one who trims as `keeper`; the exchange's own user may not (`access`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import redis

from exchange.log.access import KEEPER
from exchange.log.address import ServerAddress
from exchange.log.archive import Archive
from exchange.log.asking import asking
from exchange.log.entry import Entry, frame_of, position, position_of
from exchange.log.errors import ArchiveDiffers, LogMissing, ServerFailed, TrimRefused
from exchange.log.head import Head
from exchange.log.lock import FileLock
from exchange.log.read_only import living_server
from exchange.log.server import EmbeddedServer
from exchange.log.verifier import ChainVerifier
from exchange.log.witness import Witness

_POLL_SECONDS = 0.02
KEEP_COUNT = 100_000
"""Records that stay in the stream unless another number is asked for."""


class Trimmed(msgspec.Struct, frozen=True):
    """What was removed, and what allowed it."""

    before_seq: int
    removed_frame_count: int
    first_entry_id: str
    """The stream begins with it now."""
    tip_seq: int
    archived_seq: int
    """In each of the places, read again."""
    witness_seq: int
    places: list[str]


def trim(
    client: redis.Redis,
    archive: Archive,
    witness: Witness | None,
    before_seq: int,
    keep_count: int = KEEP_COUNT,
    snapshot_seq: int | None = None,
) -> Trimmed:
    """
    Removes every frame that ends before `before_seq`; raises TrimRefused with the seq that may go.

    `snapshot_seq` is the newest snapshot's; where there is none, a start reads the whole archive.

    Asked again, it removes nothing and says so. No archiver runs meanwhile.
    """
    archive.require_two_places()
    with archive.locked():
        if snapshot_seq is not None:
            wanted = f"the newest snapshot is of seq {snapshot_seq}"
            _require_at_most(before_seq, snapshot_seq, wanted)
        with asking(f"trimming {archive.name.key}"):
            return _trim(client, archive, witness, before_seq, keep_count)


def rewrite_file(client: redis.Redis) -> None:
    """
    Has the server write its file anew, so that what was trimmed leaves the disk too; waits for it.

    The exchange goes on meanwhile, with slower appends.
    """
    ask: Callable[..., Any] = client.execute_command
    with asking("having the server write its file anew"):
        ask("BGREWRITEAOF")
        while True:
            info = client.info("persistence")
            if not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]:
                break
            time.sleep(_POLL_SECONDS)
    if info["aof_last_bgrewrite_status"] != "ok":
        raise ServerFailed(
            "log_server_failed: the server could not rewrite its file, and goes on with the old "
            "one; make room, see its server.log, and ask again"
        )


@contextmanager
def keepers_client(data_dir: Path, external: ServerAddress | None = None) -> Iterator[redis.Redis]:
    """
    A client that may trim: beside a running exchange, or on a server that is started for it.

    An external server's address names its own user, which must be allowed to.
    """
    if external is not None:
        with external.client() as client:
            yield client
        return
    serve = FileLock(data_dir / "SERVE")
    if not serve.acquire():
        with living_server(data_dir, KEEPER) as client:
            yield client
        return
    try:
        server = EmbeddedServer.start(data_dir)
        try:
            with server.address_of(KEEPER).client() as client:
                yield client
        finally:
            server.stop()
    finally:
        serve.release()


def _trim(
    client: redis.Redis, archive: Archive, witness: Witness | None, before_seq: int, keep_count: int
) -> Trimmed:
    ask: Callable[..., Any] = client.execute_command
    key = archive.name.key
    first: list[Entry] = ask("XRANGE", key, "-", "+", "COUNT", 1)
    tip: list[Entry] = ask("XREVRANGE", key, "+", "-", "COUNT", 1)
    if not tip:
        raise LogMissing(f"log_missing: {key} is empty; there is nothing to trim")
    tip_seq, archived = position_of(tip[0])[1], archive.head
    if witness is None:
        raise TrimRefused("log_trim_refused: there is no witness; serve once, and it is written")
    _require_at_most(before_seq, archived.seq + 1, f"{archive} ends at seq {archived.seq}")
    _require_at_most(before_seq, witness.seq + 1, f"the newest witness is of seq {witness.seq}")
    wanted = f"the log ends at seq {tip_seq}, and --keep wants {keep_count} records to stay"
    _require_at_most(before_seq, tip_seq + 1 - keep_count, wanted)
    _require_witnessed(witness, ask("XRANGE", key, *2 * [f"{witness.epoch}-{witness.seq}"]))
    kept, removed_count = first[0], 0
    if position_of(first[0])[1] < before_seq:
        cut = _verified_cut(archive, first[0], before_seq)
        kept = _first_after(cut, ask("XRANGE", key, f"({cut.entry_id}", "+", "COUNT", 1))
        try:
            removed_count = ask("XTRIM", key, "MINID", "=", kept[0].decode())
        except redis.exceptions.NoPermissionError as error:
            raise TrimRefused(
                f"log_trim_refused: {error}; trim as the user {KEEPER}, on an external server by "
                f"--redis-url redis://{KEEPER}@HOST; nothing was trimmed"
            ) from error
    return Trimmed(
        before_seq=before_seq,
        removed_frame_count=removed_count,
        first_entry_id=kept[0].decode(),
        tip_seq=tip_seq,
        archived_seq=archived.seq,
        witness_seq=witness.seq,
        places=[str(place) for place in archive.places],
    )


def _verified_cut(archive: Archive, first: Entry, before_seq: int) -> Head:
    """The head after the last frame that goes, every copy of it and what follows read again."""
    footers = archive.footers()
    older = [each for each in footers if each.head.position < position_of(first)]
    start = older[-1].head if older else archive.name.genesis
    ends = [position(entry_id) for entry_id, _ in archive.entries_after(start)]
    cut = max(end for end in ends if end[1] < before_seq)
    verifier = ChainVerifier(archive.name, start, remember=cut)
    archive.verify(len(older) + 1, verifier)
    assert verifier.remembered_hash is not None, "the cut is a frame of the archive"
    return Head(*cut, verifier.remembered_hash, 0)


def _first_after(cut: Head, found: list[Entry]) -> Entry:
    if not found or frame_of(found[0]).header.prev != cut.header_hash:
        goes_on = found[0][0].decode() if found else "nothing"
        raise ArchiveDiffers(
            f"log_archive_differs: after entry {cut.entry_id}, header hash "
            f"{cut.header_hash.hex()}, the stream goes on with {goes_on}, which does not follow "
            "it; nothing was trimmed, verify the log and the archive"
        )
    return found[0]


def _require_witnessed(witness: Witness, found: list[Entry]) -> None:
    if not found or frame_of(found[0]).header_hash.hex() != witness.header_hash:
        raise TrimRefused(
            f"log_trim_refused: the witness of epoch {witness.epoch}, seq {witness.seq}, header "
            f"hash {witness.header_hash} is not in the stream; verify the log first"
        )


def _require_at_most(before_seq: int, highest_seq: int, reason: str) -> None:
    if before_seq > highest_seq:
        raise TrimRefused(
            f"log_trim_refused: --before-seq {before_seq} is above {highest_seq}: {reason}; "
            "nothing was trimmed"
        )

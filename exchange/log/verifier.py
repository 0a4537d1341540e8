"""
Whether entries, one after the other, are a log: pure, so that every reader feeds the same rules.

After each accepted entry these hold:

1. its id is `<epoch>-<last_seq>` of the frame in it, which is whole and of this venue and shard;
2. seqs are gapless, and `prev` is the hash of the header before;
3. epochs never go back, and each is opened by a barrier;
4. committed_seq never goes back and stays below the frame that states it.

A log that was cut between two entries satisfies all of them: only a witness can tell
(`exchange.log.witness`).
"""

from exchange.log.errors import (
    BadCommittedSeq,
    BarrierMissing,
    ChainBroken,
    EpochWentBack,
    SeqGap,
    WrongEntryId,
    WrongShard,
    WrongVenue,
)
from exchange.log.frame import Frame, decode_frame
from exchange.log.head import Head, LogName


class ChainVerifier:
    """
    Follows one log from `start`, by default from its genesis.

    `remember` is the (epoch, seq) of a witness: `remembered_hash` becomes the header hash of the
    frame that ends exactly there, and stays None when there is none.
    """

    def __init__(
        self, name: LogName, start: Head | None = None, remember: tuple[int, int] | None = None
    ) -> None:
        self.name = name
        self.start = start or name.genesis
        self.head = self.start
        self.frame_count = 0
        self.remember = remember
        self.remembered_hash = self.start.header_hash if remember == self.start.position else None

    def check(self, entry_id: str, data: bytes) -> Frame:
        """Takes the next entry; after an error the verifier stands where it stood."""
        frame = decode_frame(data, entry_id)
        self._check_place(entry_id, frame)
        self.head = frame.head
        self.frame_count += 1
        if self.remember == self.head.position:
            self.remembered_hash = frame.header_hash
        return frame

    def _check_place(self, entry_id: str, frame: Frame) -> None:
        header, head, seq = frame.header, self.head, frame.header.first_seq
        if header.venue_id != self.name.venue_bytes:
            raise WrongVenue(entry_id, seq, header.venue_id, self.name.venue_bytes)
        if header.shard != self.name.shard_bytes:
            raise WrongShard(entry_id, seq, header.shard, self.name.shard_bytes)
        if entry_id != header.entry_id:
            raise WrongEntryId(entry_id, seq, entry_id, header.entry_id)
        if header.epoch < head.epoch or (frame.barrier and header.epoch == head.epoch):
            raise EpochWentBack(entry_id, seq, header.epoch, f"{head.epoch} or later")
        if header.first_seq != head.seq + 1:
            raise SeqGap(entry_id, seq, header.first_seq, head.seq + 1)
        if header.epoch != head.epoch and not frame.barrier:
            raise BarrierMissing(entry_id, seq, header.epoch, head.epoch)
        if header.prev != head.header_hash:
            raise ChainBroken(entry_id, seq, header.prev, head.header_hash)
        if not head.committed_seq <= header.committed_seq <= head.seq:
            wanted = f"{head.committed_seq} to {head.seq}"
            raise BadCommittedSeq(entry_id, seq, header.committed_seq, wanted)

"""
A small file that remembers how far the log had come.

A log that was cut between two entries, emptied, or restored whole from an old backup verifies
clean. So what was durable is also noted outside the server's directory, and at start-up the log
must contain the noted frame. The file is written off the hot path, about once a second and at a
clean stop: it does not say where the log ends, only what it must not lack.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from exchange.log.errors import LogWentBack, WitnessNotWritten, WitnessUnusable
from exchange.log.frame import Frame
from exchange.log.head import Head, LogName
from exchange.log.verifier import ChainVerifier


class Witness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame that was durable, by its end and the hash of its header (hex)."""

    venue_id: str
    shard: str
    epoch: int
    seq: int
    header_hash: str

    @property
    def position(self) -> tuple[int, int]:
        """(epoch, seq), what a `ChainVerifier` is to remember."""
        return self.epoch, self.seq

    @property
    def entry_id(self) -> str:
        """The stream id of the frame."""
        return f"{self.epoch}-{self.seq}"


class WitnessFile:
    """The witness of one log on disk."""

    def __init__(self, path: Path, name: LogName) -> None:
        self.path = path
        self.name = name

    def read(self) -> Witness | None:
        """The witness, or None where none was ever written."""
        try:
            witness = msgspec.json.decode(self.path.read_bytes(), type=Witness)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise WitnessUnusable(
                f"log_witness_unusable: {self.path} is not a witness ({error}); restore it, or "
                "compare the log with the archive and then remove it"
            ) from error
        found, wanted = (witness.venue_id, witness.shard), (self.name.venue_id, self.name.shard)
        if found != wanted:
            raise WitnessUnusable(
                f"log_witness_unusable: {self.path} speaks of {'/'.join(found)}, this log is "
                f"{'/'.join(wanted)}; the directories were mixed up"
            )
        return witness

    def write(self, head: Head) -> None:
        """Replaces the witness, all or nothing, and waits for the disk; `head` must be durable."""
        self.put(
            Witness(
                self.name.venue_id, self.name.shard, head.epoch, head.seq, head.header_hash.hex()
            )
        )

    def put(self, witness: Witness) -> None:
        """As `write`, of a head that somebody else was told of."""
        try:
            replace_durably(self.path, msgspec.json.encode(witness) + b"\n")
        except OSError as error:
            raise WitnessNotWritten(
                f"log_witness_not_written: {self.path}: {error.strerror}; make room or replace the "
                "disk and start again: the log has all that was acknowledged"
            ) from error

    def put_aside(self, head: Head) -> str:
        """
        Writes a witness of `head` in place of one that the log no longer satisfies.

        Returns where the old one was kept, as the only word of what was lost; empty if there was
        none.
        """
        kept = ""
        if (old := self.read()) is not None:
            path = self.path.with_name(f"{self.path.name}.lost-{old.epoch}-{old.seq}")
            replace_durably(path, self.path.read_bytes())
            kept = str(path)
        self.write(head)
        return kept

    def accepted_epoch(self) -> int:
        """The last epoch of what was lost and put aside; 0 where nothing was."""
        kept = self.path.parent.glob(f"{self.path.name}.lost-*-*")
        return max((int(path.name.split("-")[-2]) for path in kept), default=0)


def compare(witness: Witness, verifier: ChainVerifier) -> None:
    """
    Refuses a log that lacks the witnessed frame; the verifier has read to the tip.

    The verifier must have been told to remember `witness.position`. Where it began later, at a
    snapshot, the snapshot's own place in the log has been checked and says more.
    """
    if verifier.start.position > witness.position:
        return
    assert verifier.remember == witness.position, "the verifier did not look for the witness"
    found, tip = verifier.remembered_hash, verifier.head
    if found is None:
        raise LogWentBack(
            f"log_went_back: the witness saw epoch {witness.epoch}, seq {witness.seq}, header hash "
            f"{witness.header_hash}, but the log ends at epoch {tip.epoch}, seq {tip.seq} without "
            f"it: seqs {tip.seq + 1} to {witness.seq} or their epoch are missing; append them "
            "again from the archive with `exchange log restore --from DIR`"
        )
    if found.hex() != witness.header_hash:
        raise LogWentBack(
            f"log_went_back: at epoch {witness.epoch}, seq {witness.seq} the witness saw the "
            f"header hash {witness.header_hash}, the log has {found.hex()}: this is another "
            "history; restore the log from the archive"
        )


def require(witness: Witness, frame: Frame | None, first: Frame | None) -> None:
    """
    Refuses a log that lacks the witnessed frame; by what it has at that very place, `frame`.

    A frame before the stream's `first` was trimmed and counts as there: the archive has it, and is
    compared by itself.
    """
    if frame is None and first is not None and first.head.position > witness.position:
        return
    found = "no such frame" if frame is None else frame.header_hash.hex()
    if found != witness.header_hash:
        raise LogWentBack(
            f"log_went_back: epoch {witness.epoch}, seq {witness.seq}, header hash "
            f"{witness.header_hash} was told of, but the log has {found} there: it was cut or "
            "comes from an old backup, and what was written since stands in the place of other "
            "records; restore the log from the archive with `exchange log restore`, which also "
            "says how to go on where that history is lost for good"
        )


def replace_durably(path: Path, *parts: bytes | memoryview) -> None:
    """Puts `parts` at `path` so that a power cut leaves the old or the new, never a mixture."""
    replace_in_parts(path, parts)


def replace_in_parts(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """As `replace_durably`; the parts are made as they are written, and an error leaves the old."""
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Makes names that were created, renamed or removed in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""
Where the archive ends and the stream begins: what must hold for the two to be one log.

The archive is a witness too. The stream must not end before it, and where both have a frame it
must be the same one: comparing the archive's last is enough, since its hash stands for all before.
"""

from collections.abc import Iterator

from exchange.log.archive import Archive
from exchange.log.entry import Entry, frame_of, position_of
from exchange.log.errors import (
    ArchiveDiffers,
    ArchiveGap,
    ArchiveMissing,
    FrameDamaged,
    LogWentBack,
)
from exchange.log.frame import Frame
from exchange.log.head import Head
from exchange.log.verifier import ChainVerifier


def check_archived(
    archived: Head, first: list[Entry], tip: list[Entry], found: list[Entry]
) -> None:
    """
    Refuses a stream that ends before the archive, or has another frame where the archive ends.

    `first` and `tip` are the stream's ends, `found` its entry with the archived head's id.
    """
    if archived.epoch == 0:
        return
    if not tip or position_of(tip[0]) < archived.position:
        end = tip[0][0].decode() if tip else "nothing"
        raise LogWentBack(
            f"log_went_back: the archive has epoch {archived.epoch}, seq {archived.seq}, but the "
            f"log ends with {end}; append what is missing again from the archive with `exchange "
            "log restore --from DIR`"
        )
    if archived.position < position_of(first[0]):
        return
    here = frame_of(found[0]).header_hash if found else b""
    if here != archived.header_hash:
        raise ArchiveDiffers(
            f"log_archive_differs: the archive ends with entry {archived.entry_id}, header hash "
            f"{archived.header_hash.hex()}, the stream has {here.hex() or 'no such entry'}: one of "
            "them is another history; name this log's own archive, or restore the log"
        )


def archived_frames(
    archive: Archive | None, verifier: ChainVerifier, first: Entry
) -> Iterator[Frame]:
    """
    The verified frames between the verifier's head and the stream's first entry.

    Raises ArchiveMissing, ArchiveGap or ArchiveDiffers unless they lead up to that entry.
    """
    begins = frame_of(first).header
    if archive is None:
        raise ArchiveMissing(
            f"log_archive_missing: the stream {verifier.name.key} begins with entry "
            f"{begins.entry_id}, seqs {verifier.head.seq + 1} to {begins.first_seq - 1} were "
            "trimmed from it; name the archive's directories with --archive"
        )
    try:
        for entry in archive.entries_after(verifier.head, position_of(first)):
            yield verifier.check(*entry)
    except FrameDamaged as error:
        raise ArchiveDiffers(
            f"log_archive_differs: {archive} does not go on where the log stands: {error}"
        ) from error
    head = verifier.head
    if begins.first_seq > head.seq + 1:
        raise ArchiveGap(
            f"log_archive_gap: {archive} ends at seq {head.seq}, the stream begins with seq "
            f"{begins.first_seq}: seqs {head.seq + 1} to {begins.first_seq - 1} are in neither; "
            "find a copy of the archive that has them"
        )
    if begins.prev != head.header_hash:
        raise ArchiveDiffers(
            f"log_archive_differs: the stream's first entry {begins.entry_id} follows the header "
            f"{begins.prev.hex()}, {archive} ends at {head.entry_id} with "
            f"{head.header_hash.hex()}; frames between them are missing, or one is another history"
        )

"""
What can go wrong with the log, one class a kind.

`code` is stable: dashboards and runbooks may match it. `exit_code` is what a command line tool ends
with; each kind has its own. Every message says what, where, and what an operator can do about it.

| exit | kind | exit | kind | exit | kind |
|---|---|---|---|---|---|
| 20 | BadMagic | 30 | SeqGap | 44 | FrameTooLarge |
| 21 | UnknownFrameVersion | 31 | EpochWentBack | 45 | AppenderClosed |
| 22 | BadLength | 32 | BarrierMissing | 50 | LogWentBack |
| 23 | BadCrc | 33 | ChainBroken | 51 | WitnessUnusable |
| 24 | BadRoot | 34 | BadCommittedSeq | 52 | LogMissing |
| 25 | BadBody | 40 | LogConflict | 53 | LogExists |
| 26 | BadEntry | 41 | AppendOutcomeUnknown | 54 | ConfigurationDiffers |
| 27 | WrongVenue | 42 | AppendDuplicate | 55 | AlreadyServing |
| 28 | WrongShard | 43 | AppendRefused | 56 | ServerUnreachable |
| 29 | WrongEntryId | 57 | ServerFailed | 58 | AofDamaged |
| 59 | DiskFull | 60 | FsyncFailed | 61 | ArchiveMissing |
| 62 | ArchiveGap | 63 | ArchiveDiffers | 64 | SegmentDamaged |
| 65 | SegmentForeign | 66 | ArchiveBusy | 67 | ArchiveNotWritten |
| 68 | TrimRefused | 46 | ReplicasDiffer | 47 | ReplicasShort |
| 69 | LeaseLost (`exchange.lease`) | 79 | WitnessNotWritten | 80 | KeyForeign |
| 81 | ServerRefused | 82 | ServerWentAway | 84 | HeadKeyUnusable |
| 85 | SignedHeadsDamaged | 86 | SignedHeadMissing | 87 | ProofImpossible |
"""

from typing import ClassVar


class LogError(Exception):
    """Base of every failure of the log; never raised itself."""

    code: ClassVar[str] = "log_error"
    exit_code: ClassVar[int] = 19


# -- damage: what was read is not what was written


class FrameDamaged(LogError):
    """One entry of the log is not what its writer wrote, or not where it was written."""

    what: ClassVar[str] = "damaged frame"
    advice: ClassVar[str] = "restore the log from the archive or a replica and verify it"

    def __init__(self, entry_id: str, seq: int, found: object, wanted: object) -> None:
        self.entry_id = entry_id
        self.seq = seq
        self.found = found
        self.wanted = wanted
        super().__init__(
            f"{self.code}: {self.what} in entry {entry_id} at seq {seq}: found {_shown(found)}, "
            f"wanted {_shown(wanted)}; nothing was changed, {self.advice}"
        )


class BadMagic(FrameDamaged):
    """The entry does not begin as a frame does."""

    code, exit_code, what = "log_bad_magic", 20, "not a frame"


class UnknownFrameVersion(FrameDamaged):
    """The frame's layout is not one this build reads."""

    code, exit_code, what = "log_unknown_version", 21, "unknown frame version"


class BadLength(FrameDamaged):
    """The frame is shorter or longer than it says."""

    code, exit_code, what = "log_bad_length", 22, "wrong length"


class BadCrc(FrameDamaged):
    """Header or body changed after they were written."""

    code, exit_code, what = "log_bad_crc", 23, "wrong CRC-32"


class BadRoot(FrameDamaged):
    """The records are not those that the header names."""

    code, exit_code, what = "log_bad_root", 24, "wrong Merkle root"


class BadBody(FrameDamaged):
    """The body is not the array, or not the barrier, that the header announces."""

    code, exit_code, what = "log_bad_body", 25, "unreadable body"


class BadEntry(FrameDamaged):
    """The stream's entry has other fields than the one frame."""

    code, exit_code, what = "log_bad_entry", 26, "wrong fields"


class FrameForeign(FrameDamaged):
    """A whole frame of another log: servers or directories were mixed up; never raised itself."""

    advice = (
        "name this venue's own server (--redis-url) or directory (--data); where they are right, "
        "somebody else appended here: restore the log from the archive"
    )

    def __init__(self, entry_id: str, seq: int, found: bytes, wanted: bytes) -> None:
        super().__init__(entry_id, seq, _name(found), _name(wanted))


class WrongVenue(FrameForeign):
    """The frame belongs to another exchange."""

    code, exit_code, what = "log_wrong_venue", 27, "another venue's frame"


class WrongShard(FrameForeign):
    """The frame belongs to another shard of this exchange."""

    code, exit_code, what = "log_wrong_shard", 28, "another shard's frame"


class WrongEntryId(FrameDamaged):
    """The entry's id is not the `<epoch>-<last_seq>` of the frame in it."""

    code, exit_code, what = "log_wrong_entry_id", 29, "wrong entry id"


class SeqGap(FrameDamaged):
    """Records are missing, doubled or out of order."""

    code, exit_code, what = "log_seq_gap", 30, "gap before first_seq"


class EpochWentBack(FrameDamaged):
    """A leader of an earlier epoch wrote after a later one."""

    code, exit_code, what = "log_epoch_went_back", 31, "epoch went back"


class BarrierMissing(FrameDamaged):
    """Records carry an epoch that no barrier has opened."""

    code, exit_code, what = "log_barrier_missing", 32, "epoch without its barrier"


class ChainBroken(FrameDamaged):
    """The frame was written after another frame than the one before it here."""

    code, exit_code, what = "log_chain_broken", 33, "wrong hash of the previous header"


class BadCommittedSeq(FrameDamaged):
    """committed_seq went back, or claims what was not yet written."""

    code, exit_code, what = "log_bad_committed_seq", 34, "wrong committed_seq"


# -- appending


class LogConflict(LogError):
    """Somebody else has appended: this writer is no longer the leader."""

    code, exit_code = "log_conflict", 40


class AppendOutcomeUnknown(LogError):
    """The frame may be in the log, now or later, or may not. Clients hear `outcome_unknown`."""

    code, exit_code = "log_append_outcome_unknown", 41


class AppendDuplicate(AppendOutcomeUnknown):
    """The frame was there already, which does not say that it is durable."""

    code, exit_code = "log_append_duplicate", 42


class AppendRefused(LogError):
    """The server answered with an error; the frame was not appended."""

    code, exit_code = "log_append_refused", 43


class FrameTooLarge(LogError):
    """The records do not fit into one frame; nothing was sent."""

    code, exit_code = "log_frame_too_large", 44


class AppenderClosed(LogError):
    """The appender has failed or was closed; only a new take-over can append again."""

    code, exit_code = "log_appender_closed", 45


# -- replicas


class ReplicasDiffer(LogError):
    """The replicas of the log's server are not exactly, or not as, those that are configured."""

    code, exit_code = "log_replicas_differ", 46


class ReplicasShort(LogError):
    """Not every configured replica has confirmed in time; of an append the outcome is unknown."""

    code, exit_code = "log_replicas_short", 47


# -- start-up


class LogWentBack(LogError):
    """The log lacks what a witness outside it has seen."""

    code, exit_code = "log_went_back", 50


class WitnessUnusable(LogError):
    """The witness is absent, unreadable, or speaks of another log."""

    code, exit_code = "log_witness_unusable", 51


class LogMissing(LogError):
    """There is no log here; only `init` creates one."""

    code, exit_code = "log_missing", 52


class LogExists(LogError):
    """`init` found records where it would create a log."""

    code, exit_code = "log_exists", 53


class ConfigurationDiffers(LogError):
    """The server runs with settings under which an acknowledged record could be lost."""

    code, exit_code = "log_configuration_differs", 54


class AlreadyServing(LogError):
    """Another exchange process works on this data directory."""

    code, exit_code = "log_already_serving", 55


class ServerUnreachable(LogError):
    """A server, or its child, holds the directory's lock but cannot be spoken to."""

    code, exit_code = "log_server_unreachable", 56


class ServerFailed(LogError):
    """The embedded server ended instead of serving."""

    code, exit_code = "log_server_failed", 57


class AofDamaged(LogError):
    """The server's file is damaged before its tail; no automatic repair would be honest."""

    code, exit_code = "log_aof_damaged", 58


class DiskFull(LogError):
    """Too little space is left to start on: the server would end at its next write."""

    code, exit_code = "log_disk_full", 59


class FsyncFailed(LogError):
    """The last server ended because an fsync failed: what the disk holds is not known."""

    code, exit_code = "log_fsync_failed", 60


class KeyForeign(LogError):
    """Under the log's name the server holds something else."""

    code, exit_code = "log_key_foreign", 80


class ServerRefused(LogError):
    """The server does not let this user in, or not read."""

    code, exit_code = "log_server_refused", 81


class ServerWentAway(LogError):
    """The server ended, or does not answer, while it was asked."""

    code, exit_code = "log_server_went_away", 82


class WitnessNotWritten(LogError):
    """The file that remembers how far the log had come cannot be written."""

    code, exit_code = "log_witness_not_written", 79


# -- archive


class ArchiveMissing(LogError):
    """The stream was trimmed, and no archive is named that holds what is gone from it."""

    code, exit_code = "log_archive_missing", 61


class ArchiveGap(LogError):
    """Frames are in neither place of the archive nor in the stream."""

    code, exit_code = "log_archive_gap", 62


class ArchiveDiffers(LogError):
    """The archive's copies, or the archive and the stream, tell different histories."""

    code, exit_code = "log_archive_differs", 63


class SegmentDamaged(LogError):
    """One copy of a segment is absent, or is not what was written."""

    code, exit_code = "log_segment_damaged", 64

    def __init__(self, path: object, what: str) -> None:
        super().__init__(
            f"{self.code}: {path}: {what}; the other place may hold a good copy: remove this one, "
            "and `exchange log archive` makes it again"
        )


class SegmentForeign(LogError):
    """A segment belongs to another venue or shard: directories were mixed up."""

    code, exit_code = "log_segment_foreign", 65


class ArchiveBusy(LogError):
    """Another process is writing into the archive's directories."""

    code, exit_code = "log_archive_busy", 66


class ArchiveNotWritten(LogError):
    """The archive cannot be written in two places, so nothing counts as archived."""

    code, exit_code = "log_archive_not_written", 67


class TrimRefused(LogError):
    """Trimming would remove what is not safe elsewhere, or more than may go."""

    code, exit_code = "log_trim_refused", 68


# -- signed heads


class HeadKeyUnusable(LogError):
    """The key that the genesis names is absent, unreadable, readable by others, or another one."""

    code, exit_code = "log_head_key_unusable", 84


class SignedHeadsDamaged(LogError):
    """The file of signed heads is not what was written."""

    code, exit_code = "log_signed_heads_damaged", 85


class SignedHeadMissing(LogError):
    """The log lacks a head that was signed: going on would be a second history under one key."""

    code, exit_code = "log_signed_head_missing", 86


class ProofImpossible(LogError):
    """There is no such record, or no signed head stands for it yet."""

    code, exit_code = "log_proof_impossible", 87


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _name(padded: bytes) -> str:
    """A name as it was before it was padded; not all of a stranger's bytes need be letters."""
    return repr(padded.rstrip(b"\0").decode("ascii", errors="backslashreplace"))


def told(error: BaseException) -> str:
    """What an error says, or its kind where it says nothing, as one of time does."""
    return str(error) or type(error).__name__

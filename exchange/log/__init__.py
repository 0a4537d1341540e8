"""
The event log of one shard: frames of records on a Redis stream.

    sequencer ─▶ Appender ─▶ stream ev:{shard}:log ─▶ read_frames ─▶ ChainVerifier ─▶ Frame
                    │      server (embedded, or    ▲                                    │
                    │      external + Replicas)    │                                    │
                    │                           Archive ◀── confirmed frames ◀──────────┤
                    └─ head ─▶ WitnessFile ◀──────────── compare ◀──────────────────────┘

Start to stop (`event_log` is the one place where the order is written down):

    async with open_log(LogSettings(data_dir, LogName("venue"))) as log:
        async for frame in log.frames():
            ...                                   # rebuild the state from frame.records
        appender = await log.take_over(barrier)   # from here on, answers may be given
        head = await appender.append(records)     # durable when it returns
        await log.write_witness()                 # about once a second

What is promised: after `append` has returned, the records survive a power cut, and the loss of all
servers but one where replicas are configured; they are found whole and in order, or reading stops
with a typed error. What is not: that a record whose append failed is absent. `errors`
lists every way this can go wrong.
"""

from exchange.log.address import ServerAddress
from exchange.log.aof import TornTail
from exchange.log.appender import Appender, take_over
from exchange.log.archive import SEGMENT_BYTES, Archive, Archived, tell_on_stderr
from exchange.log.configuration import check_configuration, check_configuration_async
from exchange.log.errors import (
    AppendOutcomeUnknown,
    AppendRefused,
    FrameDamaged,
    LogConflict,
    LogError,
    LogWentBack,
)
from exchange.log.event_log import EventLog, LogSettings, open_log
from exchange.log.frame import (
    FRAME_LIMIT_BYTES,
    FRAME_TARGET_BYTES,
    EpochBarrier,
    Frame,
    FrameHeader,
    decode_frame,
    encode_barrier,
    encode_records,
)
from exchange.log.head import Head, LogName
from exchange.log.merkle import merkle_proof, merkle_root, proves
from exchange.log.proof import prove
from exchange.log.read_only import read_only_log
from exchange.log.reader import confirmed, read_frames, read_frames_async
from exchange.log.replication import Replicas
from exchange.log.restore import Restored
from exchange.log.server import EmbeddedServer
from exchange.log.signed_heads import SignedHeads
from exchange.log.signing import HeadSigner, is_signed, make_head_key, read_signer
from exchange.log.snapshot import Snapshot, SnapshotHeader, doubt
from exchange.log.snapshot_files import Skipped, SnapshotFiles
from exchange.log.stretch import read_stretch
from exchange.log.trim import KEEP_COUNT, Trimmed, keepers_client, rewrite_file, trim
from exchange.log.verifier import ChainVerifier
from exchange.log.witness import Witness, WitnessFile, compare

__all__ = [
    "FRAME_LIMIT_BYTES",
    "FRAME_TARGET_BYTES",
    "KEEP_COUNT",
    "SEGMENT_BYTES",
    "AppendOutcomeUnknown",
    "AppendRefused",
    "Appender",
    "Archive",
    "Archived",
    "ChainVerifier",
    "EmbeddedServer",
    "EpochBarrier",
    "EventLog",
    "Frame",
    "FrameDamaged",
    "FrameHeader",
    "Head",
    "HeadSigner",
    "LogConflict",
    "LogError",
    "LogName",
    "LogSettings",
    "LogWentBack",
    "Replicas",
    "Restored",
    "ServerAddress",
    "SignedHeads",
    "Skipped",
    "Snapshot",
    "SnapshotFiles",
    "SnapshotHeader",
    "TornTail",
    "Trimmed",
    "Witness",
    "WitnessFile",
    "check_configuration",
    "check_configuration_async",
    "compare",
    "confirmed",
    "decode_frame",
    "doubt",
    "encode_barrier",
    "encode_records",
    "is_signed",
    "keepers_client",
    "make_head_key",
    "merkle_proof",
    "merkle_root",
    "open_log",
    "prove",
    "proves",
    "read_frames",
    "read_frames_async",
    "read_only_log",
    "read_signer",
    "read_stretch",
    "rewrite_file",
    "take_over",
    "tell_on_stderr",
    "trim",
]

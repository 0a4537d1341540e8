"""
One frame: a group commit of records, packed into one entry of the stream.

Header, big-endian, 142 bytes:

| offset | bytes | field | |
|---|---|---|---|
| 0 | 4 | magic | `CXLF` |
| 4 | 2 | version | 1 |
| 6 | 16 | venue_id | padded with NUL |
| 22 | 16 | shard | padded with NUL |
| 38 | 4 | epoch | grows by one at each take-over, first 1 |
| 42 | 8 | first_seq | of the first record; of the next one for a barrier |
| 50 | 4 | record_count | 0 for a barrier |
| 54 | 8 | committed_seq | durable when the frame was made, so below first_seq |
| 62 | 8 | at_ns | leader's wall clock, signed, for audit only |
| 70 | 32 | prev | SHA-256 of the previous frame's header |
| 102 | 32 | root | Merkle root over the records; over the whole body for a barrier |
| 134 | 4 | body_length | |
| 138 | 4 | crc | CRC-32 of the 138 bytes before it and the body |

The body is a msgpack array of the records, in the shortest form of its length. Records are not
looked into. The hash that chains frames covers the header with its CRC, and through `root` every
byte of the body: so one hash stands for the whole log before it.
"""

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct

import msgspec

from exchange.log.crc32 import crc32
from exchange.log.errors import (
    BadBody,
    BadCrc,
    BadLength,
    BadMagic,
    BadRoot,
    FrameTooLarge,
    UnknownFrameVersion,
)
from exchange.log.head import Head, LogName
from exchange.log.merkle import merkle_root
from exchange.log.msgpack_values import are_values, split_values

MAGIC = b"CXLF"
FRAME_VERSION = 1
FRAME_TARGET_BYTES = 1 << 20
"""Gather records up to here; one record may be larger."""
FRAME_LIMIT_BYTES = 16 << 20
"""No frame is larger, header included."""
HEADER = Struct(">4sH16s16sIQIQq32s32sII")
HEADER_BYTES = HEADER.size
_CRC = Struct(">I")


class FrameHeader(msgspec.Struct, frozen=True):
    """The header's fields in their order; names are as padded as they are stored."""

    magic: bytes
    version: int
    venue_id: bytes
    shard: bytes
    epoch: int
    first_seq: int
    record_count: int
    committed_seq: int
    at_ns: int
    prev: bytes
    root: bytes
    body_length: int
    crc: int

    @property
    def last_seq(self) -> int:
        """Seq of the last record; for a barrier, of the last record before it."""
        return self.first_seq + self.record_count - 1

    @property
    def entry_id(self) -> str:
        """The id that the stream's entry must have."""
        return f"{self.epoch}-{self.last_seq}"


class EpochBarrier(msgspec.Struct, frozen=True, array_like=True):
    """Who leads from here on: the body of a frame without records."""

    node_id: str
    boot_id: bytes
    """128 random bits of this start of the process."""
    build: str
    schema_hash: bytes
    """Over all message layouts that this build writes."""
    behaviour_version: int
    """Version of the rules that this build decides by."""


class Frame(msgspec.Struct, frozen=True):
    """A frame as read: exactly one of `records` and `barrier` says something."""

    header: FrameHeader
    header_hash: bytes
    records: list[bytes]
    """The exact bytes of each; the first has `header.first_seq`, the others follow gapless."""
    barrier: EpochBarrier | None = None
    data: bytes = b""
    """The whole frame as it was written."""

    @property
    def head(self) -> Head:
        """The head of the log when this frame is its last."""
        header = self.header
        return Head(
            header.epoch, header.last_seq, self.header_hash, header.committed_seq, header.at_ns
        )


class EncodedFrame(msgspec.Struct, frozen=True):
    """A frame to be appended, in two parts, and the log's head once it is."""

    header: bytes
    body: bytes
    head: Head

    @property
    def data(self) -> bytes:
        """The whole frame; sending it needs no such copy."""
        return self.header + self.body


def encode_records(
    name: LogName, after: Head, at_ns: int, records: Sequence[bytes]
) -> EncodedFrame:
    """The frame that holds `records`, each one whole msgpack value, and follows `after`."""
    assert records, "a frame without records is a barrier"
    body = b"".join((_array_header(len(records)), *records))
    if HEADER_BYTES + len(body) > FRAME_LIMIT_BYTES:
        raise FrameTooLarge(
            f"log_frame_too_large: {len(records)} records at seq {after.seq + 1} make a frame of "
            f"{HEADER_BYTES + len(body)} bytes, above the limit {FRAME_LIMIT_BYTES}; bound the "
            "command that caused them"
        )
    # An unreadable frame would end the log for ever, so it is read before it is written.
    assert are_values(records), "a record is not one msgpack value"
    return _encode(name, after, after.epoch, at_ns, len(records), body, merkle_root(records))


def encode_barrier(name: LogName, after: Head, at_ns: int, barrier: EpochBarrier) -> EncodedFrame:
    """The frame that opens the next epoch after `after`."""
    assert len(barrier.boot_id) == 16, "boot_id has 128 bits"
    body = msgspec.msgpack.encode(barrier)
    return _encode(name, after, after.epoch + 1, at_ns, 0, body, merkle_root([body]))


def decode_frame(data: bytes, entry_id: str = "?") -> Frame:
    """
    Reads one frame; `entry_id` only names it in errors.

    Checks all that the frame says about itself. Whether it belongs here is `ChainVerifier`'s part.
    """
    if not HEADER_BYTES < len(data) <= FRAME_LIMIT_BYTES:
        raise BadLength(entry_id, 0, len(data), f"{HEADER_BYTES + 1} to {FRAME_LIMIT_BYTES}")
    header = FrameHeader(*HEADER.unpack_from(data))
    if header.magic != MAGIC:
        raise BadMagic(entry_id, 0, header.magic, MAGIC)
    if header.version != FRAME_VERSION:
        raise UnknownFrameVersion(entry_id, header.first_seq, header.version, FRAME_VERSION)
    if header.body_length != len(data) - HEADER_BYTES:
        found = len(data) - HEADER_BYTES
        raise BadLength(entry_id, header.first_seq, found, header.body_length)
    body = memoryview(data)[HEADER_BYTES:]
    crc = crc32(body, crc32(data[: HEADER_BYTES - _CRC.size]))
    if crc != header.crc:
        raise BadCrc(entry_id, header.first_seq, f"{crc:08x}", f"{header.crc:08x}")
    frame = _read_body(header, data, entry_id)
    root = merkle_root(frame.records or [bytes(body)])
    if root != header.root:
        raise BadRoot(entry_id, header.first_seq, root, header.root)
    return frame


_BARRIER = msgspec.msgpack.Decoder(EpochBarrier)


def _encode(
    name: LogName, after: Head, epoch: int, at_ns: int, count: int, body: bytes, root: bytes
) -> EncodedFrame:
    first_seq = after.seq + 1
    unsealed = HEADER.pack(
        MAGIC,
        FRAME_VERSION,
        name.venue_bytes,
        name.shard_bytes,
        epoch,
        first_seq,
        count,
        after.committed_seq,
        at_ns,
        after.header_hash,
        root,
        len(body),
        0,
    )[: -_CRC.size]
    header = unsealed + _CRC.pack(crc32(body, crc32(unsealed)))
    last_seq = first_seq + count - 1
    head = Head(epoch, last_seq, sha256(header).digest(), after.committed_seq, at_ns)
    return EncodedFrame(header, body, head)


def _read_body(header: FrameHeader, data: bytes, entry_id: str) -> Frame:
    header_hash = sha256(data[:HEADER_BYTES]).digest()
    if header.record_count == 0:
        try:
            barrier = _BARRIER.decode(memoryview(data)[HEADER_BYTES:])
        except msgspec.MsgspecError as error:
            raise BadBody(entry_id, header.first_seq, error, "msgpack") from None
        return Frame(header, header_hash, [], barrier, data)
    begin = _array_header(header.record_count)
    if not data.startswith(begin, HEADER_BYTES):
        found = data[HEADER_BYTES : HEADER_BYTES + len(begin)]
        raise BadBody(entry_id, header.first_seq, found, begin)
    records = split_values(data, HEADER_BYTES + len(begin))
    if records is None:
        raise BadBody(entry_id, header.first_seq, "a value that does not end", "msgpack")
    if len(records) != header.record_count:
        raise BadBody(entry_id, header.first_seq, len(records), header.record_count)
    return Frame(header, header_hash, records, data=data)


def _array_header(count: int) -> bytes:
    if count < 16:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")

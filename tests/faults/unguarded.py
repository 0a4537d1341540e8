"""
The protections of the log, to be switched off one by one: test-only variants of the real ones.

The table in `test_protections.py` says what is expected of each combination. Nothing here is a
switch in the exchange; each variant takes the place of one function or class of it.
"""

import zlib
from collections.abc import Collection, Sequence
from hashlib import sha256

import msgspec
import pytest

from exchange.log import Appender, ChainVerifier, Frame, Head, decode_frame, encode_records, errors
from exchange.log import frame as frame_module
from exchange.log.frame import HEADER_BYTES, EncodedFrame, FrameHeader
from exchange.log.merkle import merkle_root

_RECORDS = msgspec.msgpack.Decoder(list[msgspec.Raw])


def without_compare(monkeypatch: pytest.MonkeyPatch, *, has_servers_id: bool = False) -> None:
    """The server appends whatever it is given, under our id or one of its own."""

    async def append(self: Appender, prev_id: str, frame: EncodedFrame) -> None:
        entry_id = "*" if has_servers_id else frame.head.entry_id
        words = ("XADD", self.name.key, entry_id, "f", frame.data)
        await self._connection.call(*words)

    monkeypatch.setattr(Appender, "_append_after", append)


class Retrying(Appender):
    """Sends a frame again when no answer came, as general clients do."""

    async def append(self, records: Sequence[bytes]) -> Head:
        """Once more on a new connection, the same bytes."""
        frame = encode_records(self.name, self.head, self._now_ns(), records)
        try:
            return await self._send(frame)
        except errors.AppendOutcomeUnknown:
            self._connection = await type(self._connection).open(self.address)
            self.is_open = True
            return await self._send(frame)


class Believing(Appender):
    """Takes DUP for success, as general clients do."""

    async def append(self, records: Sequence[bytes]) -> Head:
        """Whatever the server says, it is there."""
        try:
            return await super().append(records)
        except errors.AppendDuplicate:
            return self.head


class Lenient(ChainVerifier):
    """A verifier without some of its checks: `crc`, `root`, `chain`, `gap`, `epoch`."""

    def __init__(self, *arguments: object, off: Collection[str], **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.off = off

    def check(self, entry_id: str, data: bytes) -> Frame:
        """Pretends, for each check that is off, that it found what it wanted."""
        frame = decode_frame(self._mended(data), entry_id)
        # The hash of what is there, whatever had to be mended to get past a check.
        frame = msgspec.structs.replace(frame, header_hash=sha256(data[:HEADER_BYTES]).digest())
        header, pretended = frame.header, self.head
        if "gap" in self.off:
            pretended = msgspec.structs.replace(pretended, seq=header.first_seq - 1)
        if "chain" in self.off:
            pretended = msgspec.structs.replace(pretended, header_hash=header.prev)
        if "epoch" in self.off:
            epoch = header.epoch - (frame.barrier is not None)
            pretended = msgspec.structs.replace(pretended, epoch=epoch)
        found, self.head = self.head, pretended
        try:
            self._check_place(entry_id, frame)
        except errors.FrameDamaged:
            self.head = found
            raise
        self.head = frame.head
        if self.remember == self.head.position:
            self.remembered_hash = frame.header_hash
        return frame

    def _mended(self, data: bytes) -> bytes:
        header = FrameHeader(*frame_module.HEADER.unpack_from(data))
        body = data[HEADER_BYTES:]
        if "root" in self.off:
            records = _RECORDS.decode(body) if header.record_count else [body]
            root = merkle_root([bytes(each) for each in records])
            header = msgspec.structs.replace(header, root=root)
        if "crc" in self.off:
            unsealed = frame_module.HEADER.pack(*msgspec.structs.astuple(header))[:-4]
            crc = zlib.crc32(body, zlib.crc32(unsealed))
            header = msgspec.structs.replace(header, crc=crc)
        return frame_module.HEADER.pack(*msgspec.structs.astuple(header)) + body

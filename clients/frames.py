"""
Messages to frames and back, in either of the wire's two encodings.

A frame holds one message or an array of up to `MAX_BATCH`; text for JSON, binary for msgpack.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from exchange.domain.wire import AnyMessage, Request

from .errors import ProtocolError

Encoding = Literal["json", "msgpack"]
MAX_BATCH = 64

_INBOUND: Any = AnyMessage | list[AnyMessage]


class FrameCodec:
    """Encodes requests and decodes messages in one encoding."""

    def __init__(self, encoding: Encoding) -> None:
        self.subprotocol = f"gx.v1.{encoding}"
        self.is_text = encoding == "json"
        codec: Any = msgspec.json if self.is_text else msgspec.msgpack
        self._decoder = codec.Decoder(_INBOUND)
        self._encoder = codec.Encoder()

    def decode(self, frame: str | bytes) -> list[AnyMessage]:
        """The messages of a frame; `ProtocolError` where it holds something else."""
        try:
            decoded = self._decoder.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
            raise ProtocolError(f"unreadable frame of {len(frame)} bytes: {error}") from error
        return decoded if isinstance(decoded, list) else [decoded]

    def encode(self, request: Request) -> bytes:
        """One request, as it goes into a frame."""
        encoded: bytes = self._encoder.encode(request)
        return encoded

    def join(self, requests: Sequence[bytes], max_bytes: int) -> list[bytes]:
        """Encoded requests, in order, in as few frames of at most `max_bytes` as hold them."""
        frames: list[bytes] = []
        batch: list[bytes] = []
        size = 0
        for encoded in requests:
            # an array costs at most one byte an entry and three around
            if batch and (len(batch) == MAX_BATCH or size + len(encoded) + 4 > max_bytes):
                frames.append(self._array(batch))
                batch, size = [], 0
            batch.append(encoded)
            size += len(encoded) + 1
        if batch:
            frames.append(self._array(batch))
        return frames

    def _array(self, batch: list[bytes]) -> bytes:
        if len(batch) == 1:
            return batch[0]
        if self.is_text:
            return b"[" + b",".join(batch) + b"]"
        count = len(batch)
        header = bytes((0x90 | count,)) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
        return header + b"".join(batch)

"""
Bytes to requests and messages to frames, for each subprotocol.

One typed decoder reads a whole frame. Only when it refuses is the frame read again message by
message, so that each bad one gets its own error with its `request_id` and field, and the good ones
beside it are served: a frame is a parcel and not a transaction.

Frames are built here, unmasked and final, because a message for many readers is then encoded and
framed once.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from exchange.domain.reasons import Reason
from exchange.domain.wire import AnyRequest, Error, Message, Request, error_of

MAX_MESSAGES_COUNT = 64
"""In one frame, both ways."""
JSON_PROTOCOL = "gx.v1.json"
MSGPACK_PROTOCOL = "gx.v1.msgpack"

_Requests = AnyRequest | list[AnyRequest]
_TAGS = {str(kind.__struct_config__.tag) for kind in Request.__subclasses__()}
_PATH = re.compile(r"at `(?:key in )?\$(?:\[\d+\])?\.?([^`]*)`")
_FIELD = re.compile(r"field `([^`]*)`")
_TEXT, _BINARY, _CLOSE = 0x1, 0x2, 0x8


class Codec:
    """One subprotocol: its decoder, its encoder and the opcode of its frames."""

    def __init__(self, protocol: Literal["gx.v1.json", "gx.v1.msgpack"]) -> None:
        self.protocol = protocol
        self.is_text = protocol == JSON_PROTOCOL
        self._format: Any = msgspec.json if self.is_text else msgspec.msgpack
        self._opcode = _TEXT if self.is_text else _BINARY
        self.decode_frame = self._format.Decoder(_Requests).decode
        self._encode = self._format.Encoder().encode

    def decode(self, payload: bytes) -> list[Request | Error]:
        """The requests of a frame in order, an `Error` in the place of each bad one."""
        try:
            decoded = self.decode_frame(payload)
        except msgspec.ValidationError:
            return self._decode_each(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            return [error_of(Reason.BAD_FRAME, f"frame cannot be read: {problem}")]
        if not isinstance(decoded, list):
            return [decoded]
        return decoded if len(decoded) <= MAX_MESSAGES_COUNT else [_too_many(len(decoded))]

    def frames(self, messages: list[Message]) -> bytes:
        """One frame of at most 64 messages, or several back to back."""
        if len(messages) == 1:
            return frame(self._opcode, self._encode(messages[0]))
        if len(messages) <= MAX_MESSAGES_COUNT:
            return frame(self._opcode, self._encode(messages))
        return b"".join(
            frame(self._opcode, self._encode(messages[at : at + MAX_MESSAGES_COUNT]))
            for at in range(0, len(messages), MAX_MESSAGES_COUNT)
        )

    def _decode_each(self, payload: bytes) -> list[Request | Error]:
        try:
            raw = self._format.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            return [error_of(Reason.BAD_FRAME, f"frame cannot be read: {problem}")]
        items = raw if isinstance(raw, list) else [raw]
        if len(items) > MAX_MESSAGES_COUNT:
            return [_too_many(len(items))]
        return [_request(item) for item in items]


def frame(opcode: int, payload: bytes) -> bytes:
    """A final, unmasked frame of RFC 6455."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def close_frame(code: int, text: str) -> bytes:
    """A close frame; its reason is at most 123 bytes."""
    return frame(_CLOSE, code.to_bytes(2, "big") + text.encode()[:123])


def schema_error(problem: msgspec.ValidationError, request_id: int = 0) -> Error:
    """A schema error that names the field."""
    text = str(problem)
    return error_of(Reason.SCHEMA, text, request_id=request_id, field=field_of(text))


def field_of(text: str) -> str:
    """The field that a validation error speaks of, with its path; empty for the whole message."""
    named = _FIELD.search(text)
    path = _PATH.search(text)
    parts: Iterable[str] = (path.group(1) if path else "", named.group(1) if named else "")
    return ".".join(part for part in parts if part)


def _request(item: Any) -> Request | Error:
    request_id = item.get("request_id", 0) if isinstance(item, dict) else 0
    if not isinstance(request_id, int) or isinstance(request_id, bool):
        request_id = 0
    kind = item.get("type") if isinstance(item, dict) else item
    if not isinstance(item, dict) or not isinstance(kind, str) or kind not in _TAGS:
        return error_of(
            Reason.UNKNOWN_TYPE,
            f"message type {str(kind)[:64]!r} is none of {', '.join(sorted(_TAGS))}",
            request_id=request_id,
            field="type",
        )
    try:
        return msgspec.convert(item, AnyRequest)  # type: ignore[no-any-return]
    except msgspec.ValidationError as problem:
        return schema_error(problem, request_id)


def _too_many(count: int) -> Error:
    return error_of(
        Reason.TOO_BIG,
        f"{count} messages in a frame are above the limit of {MAX_MESSAGES_COUNT}",
        value=count,
        limit=MAX_MESSAGES_COUNT,
    )


CODECS = {
    JSON_PROTOCOL: Codec("gx.v1.json"),
    MSGPACK_PROTOCOL: Codec("gx.v1.msgpack"),
}

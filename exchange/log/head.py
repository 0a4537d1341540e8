"""The name of a log, and a position in it."""

import hashlib
import re

import msgspec

NAME_BYTES = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,16}")


class LogName(msgspec.Struct, frozen=True):
    """
    Which log: one shard of one venue.

    Both are 1 to 16 characters of `A-Z a-z 0-9 . _ -`. Frames carry them padded with NUL to 16
    bytes: so a hex dump stays readable, and no two names have the same bytes.
    """

    venue_id: str
    shard: str = "main"

    def __post_init__(self) -> None:
        for field, text in (("venue_id", self.venue_id), ("shard", self.shard)):
            if not _NAME.fullmatch(text):
                raise ValueError(f"{field} {text!r} is not 1 to {NAME_BYTES} of A-Z a-z 0-9 . _ -")

    @property
    def key(self) -> str:
        """The stream's key; the braces keep a shard's keys in one cluster slot."""
        return f"ev:{{{self.shard}}}:log"

    @property
    def venue_bytes(self) -> bytes:
        """The venue as frames carry it."""
        return self.venue_id.encode().ljust(NAME_BYTES, b"\0")

    @property
    def shard_bytes(self) -> bytes:
        """The shard as frames carry it."""
        return self.shard.encode().ljust(NAME_BYTES, b"\0")

    @property
    def genesis(self) -> "Head":
        """The head of the empty log: its hash is the SHA-256 of the padded venue id."""
        return Head(0, 0, hashlib.sha256(self.venue_bytes).digest(), 0)


class Head(msgspec.Struct, frozen=True):
    """
    Where a log ends: after the frame whose header has `header_hash`.

    `committed_seq` is the highest seq known to be durable: as the frame's own header states it when
    the frame was read, and `seq` itself once the server has acknowledged the append.
    """

    epoch: int
    seq: int
    header_hash: bytes
    committed_seq: int
    at_ns: int = 0
    """Wall clock of the frame, so that a later one never goes back; no rule reads it."""

    @property
    def entry_id(self) -> str:
        """The stream id of the frame that ends here; `0-0` for the empty log."""
        return f"{self.epoch}-{self.seq}"

    @property
    def position(self) -> tuple[int, int]:
        """(epoch, seq): unique to a frame, and growing."""
        return self.epoch, self.seq

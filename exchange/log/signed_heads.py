"""
`heads.ndjson`: the heads that were signed, one JSON object a line, oldest first.

Signatures are no inputs of the rules, so they are not in the log; losing the file loses evidence
and no state. Lines are only added, each fsynced before anybody is told of it. A power cut may leave
a torn last line: it was never told of, and is cut off by the next writer. Anything else that cannot
be read is damage, and refused.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exchange.domain.proofs import SignedHead
from exchange.log.errors import SignedHeadsDamaged
from exchange.log.head import Head, LogName
from exchange.log.witness import replace_durably, sync_directory

SIGNED_HEADS_FILE = "heads.ndjson"
"""In the data directory, outside the server's."""


class SignedHeads:
    """The signed heads of one log, in memory and on disk; one process at a time appends."""

    def __init__(self, path: Path, name: LogName) -> None:
        self.path = path
        self.heads: list[SignedHead] = []
        """In the order of their positions."""
        self._whole_length = 0
        self._torn_length = 0
        self._read(name)

    @property
    def last(self) -> SignedHead | None:
        """The newest; None where nothing was signed yet."""
        return self.heads[-1] if self.heads else None

    def page(self, from_seq: int, count: int) -> list[SignedHead]:
        """Up to `count` heads at or after a seq."""
        start = bisect_left(self.heads, from_seq, key=lambda head: head.seq)
        return self.heads[start : start + count]

    def first_over(self, seq: int) -> SignedHead | None:
        """The oldest head that stands for record `seq`; None where none does yet."""
        return next(iter(self.page(seq, 1)), None)

    def put_aside(self, end: Head) -> str:
        """
        Takes out the heads that a log lacks which ends at `end`, once that loss was accepted.

        Returns where the whole file was kept, since others hold those signatures too; empty if
        there are none.
        """
        if self.last is None or self.last.position <= end.position:
            return ""
        kept = self.path.with_name(f"{self.path.name}.lost-{self.last.epoch}-{self.last.seq}")
        replace_durably(kept, self.path.read_bytes())
        self.heads = [head for head in self.heads if head.position <= end.position]
        replace_durably(self.path, *(msgspec.json.encode(head) + b"\n" for head in self.heads))
        return str(kept)

    def repair(self) -> int:
        """Cuts off a torn last line, durably; how many bytes that were."""
        if self._torn_length:
            with self.path.open("r+b") as file:
                file.truncate(self._whole_length)
                os.fsync(file.fileno())
        torn_length, self._torn_length = self._torn_length, 0
        return torn_length

    def append(self, head: SignedHead) -> None:
        """Adds a head; returns once it is on the disk. `repair` comes first."""
        self.extend([head])

    def extend(self, heads: Sequence[SignedHead]) -> None:
        """As `append`, of several at once."""
        assert not self._torn_length, "a torn line is cut off before another is added"
        positions = [head.position for head in (*self.heads[-1:], *heads)]
        assert positions == sorted(set(positions)), "heads grow"
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "ab") as file:
            file.writelines(msgspec.json.encode(head) + b"\n" for head in heads)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_directory(self.path.parent)
        self.heads += heads

    def _read(self, name: LogName) -> None:
        data = self.path.read_bytes() if self.path.exists() else b""
        self._whole_length = data.rfind(b"\n") + 1
        self._torn_length = len(data) - self._whole_length
        for number, line in enumerate(data[: self._whole_length].splitlines(), start=1):
            try:
                head = msgspec.json.decode(line, type=SignedHead)
            except msgspec.MsgspecError as error:
                raise self._damaged(number, str(error)) from None
            if (head.venue_id, head.shard) != (name.venue_id, name.shard):
                raise self._damaged(number, f"it is of {head.venue_id}/{head.shard}")
            if self.last is not None and head.position <= self.last.position:
                raise self._damaged(number, f"{head.position} does not follow {self.last.position}")
            self.heads.append(head)

    def _damaged(self, number: int, what: str) -> SignedHeadsDamaged:
        return SignedHeadsDamaged(
            f"log_signed_heads_damaged: {self.path}, line {number}: {what}; put back a copy, or "
            "move the file away: a new one is begun, and the old signatures stay good"
        )

"""
Checks the proofs of a bank's extract: this file, `check_proof.py` beside it, Python from 3.11 on.

    python check_extract.py bank.extract --public-key HEX    exit 0: proved, 1: not, 2: wrong usage
The key must come from whom you trust, and not with the extract. Each header is hashed once, and
what lies between two signed heads is checked under the second of them.
"""

import sys
from collections.abc import Iterable
from hashlib import sha256
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING or __package__:
    from .check_proof import FAILURES, HEADER, _is_signed, _root
else:
    from check_proof import FAILURES, HEADER, _is_signed, _root


class Proved(NamedTuple):
    """What an extract's signed heads stand for."""

    seqs: set[int]
    """Of whole records."""
    stated_count: int
    """Records of which facts are stated."""
    signed_seq: int
    """The last record that a signed head stands for; 0 where none does."""


class Stretch:
    """What lies between two signed heads: the chain of headers, and the records under them."""

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, list[list[bytes]]]] = []
        """Those of the frame whose header comes next."""
        self.fields: tuple[Any, ...] = ()
        self.header_hash = b""
        self.names: set[tuple[Any, ...]] = set()
        self.proved_seqs: set[int] = set()

    def take(self, header: bytes) -> None:
        """The next header of the chain; its records must be under its root."""
        fields = HEADER.unpack(header)
        _require(not self.header_hash or fields[9] == self.header_hash, "the headers are no chain")
        for seq, record, levels in self.records:
            is_there = _root(record, seq - fields[5], fields[6], levels) == fields[10]
            _require(is_there, f"another record {seq}")
        self.proved_seqs.update(seq for seq, _, _ in self.records)
        self.records, self.fields, self.header_hash = [], fields, sha256(header).digest()
        self.names.add(fields[:4])

    def sign(self, head: dict[str, Any], key: bytes) -> int:
        """The signed head of the last header; up to which record it proves what was told."""
        names = [head["venue_id"].encode(), head["shard"].encode()]
        title = (b"CXLF", 1, *(name.ljust(16, b"\0") for name in names))
        _require(not self.records and self.names == {title}, "a header is of another log")
        end_seq = self.fields[5] + self.fields[6] - 1
        place = [self.fields[4].to_bytes(4, "big"), end_seq.to_bytes(8, "big")]
        row = [b"gx-head-1", *names, *place, self.header_hash, head["at_ns"].to_bytes(8, "big")]
        is_signed = _is_signed(key, row, bytes.fromhex(head["signature"]))
        _require(is_signed, f"the head of seq {end_seq} is not signed with this key")
        return int(end_seq)


def check(lines: Iterable[bytes], key: bytes) -> tuple[int, int]:
    """How many records are proved, and of how many facts are stated; an exception where it lies."""
    found = proved_in(lines, key)
    return len(found.seqs), found.stated_count


def proved_in(lines: Iterable[bytes], key: bytes) -> Proved:
    """Which records are proved; an exception where the extract lies."""
    seqs: set[int] = set()
    stated_count = signed_seq = 0
    stretch, number = Stretch(), 0
    for number, line in enumerate(lines, start=1):
        try:
            row: Any = loads(line)
            match row["format"]:
                case "gx-record-1":
                    levels = [[bytes.fromhex(one) for one in each] for each in row["siblings"]]
                    stretch.records.append((row["seq"], bytes.fromhex(row["record"]), levels))
                case "gx-header-1":
                    stretch.take(bytes.fromhex(row["header"]))
                case "gx-signed-1":
                    signed_seq = max(signed_seq, stretch.sign(row["signed_head"], key))
                    seqs |= stretch.proved_seqs
                    stretch = Stretch()
                case "gx-facts-1":
                    stated_count += 1
        except FAILURES as failure:
            raise ValueError(f"line {number}: {failure}") from failure
    _require(
        not stretch.records and not stretch.fields, "no signed head stands for the last records"
    )
    return Proved(seqs, stated_count, signed_seq)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] != "--public-key":
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        with Path(sys.argv[1]).open("rb") as file:
            counts = check(file, bytes.fromhex(sys.argv[3]))
        print("proved: {} whole records; stated: facts of {} others".format(*counts))
    except FAILURES as failure:
        sys.exit(f"not proved: {failure!r}")

"""
Checks a proof that a record is in a signed log: this one file and any Python from 3.11 on.

    python check_proof.py proof.json --public-key HEX        exit 0: proved, 1: not, 2: wrong usage
The key must come from whom you trust, and not with the proof.
"""

import sys
from datetime import UTC, datetime
from hashlib import sha256, sha512
from json import dumps, loads
from pathlib import Path
from struct import Struct, error
from typing import Any

HEADER = Struct(">4sH16s16sIQIQq32s32sII")
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, BASE_Y = -121665 * pow(121666, -1, P) % P, 4 * pow(5, -1, P) % P
FAILURES = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError, error)
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:  # RFC 8032, extended
    low, high = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, d = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = high - low, d - c, d + c, high + low
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, point: tuple[int, ...]) -> tuple[int, ...]:
    rest = _times(n // 2, _add(point, point)) if n else (0, 1, 1, 0)
    return _add(rest, point) if n % 2 else rest


def _is_signed(key: bytes, row: list[bytes], signature: bytes) -> bool:
    message = b"".join(len(field).to_bytes(4, "big") + field for field in row)
    h = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % L
    s, y = int.from_bytes(signature[32:], "little"), int.from_bytes(key, "little") % 2**255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    x, is_key = P - x if x % 2 == key[31] >> 7 else x, x * x % P == square and y < P
    minus_key, base = (x, y, 1, x * y % P), (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
    found = _add(_times(s, base), _times(h, minus_key))
    x, y = (each * pow(found[2], -1, P) % P for each in found[:2])
    return is_key and s < L and (x % 2 << 255 | y).to_bytes(32, "little") == signature[:32]


def _root(record: bytes, index: int, count: int, levels: list[list[bytes]]) -> bytes:
    node, is_inside = sha256(b"\0" + record).digest(), 0 <= index < count
    for others in levels:
        place = index % 16
        if [len(one) for one in others] != [32] * (min(16, count - index + place) - 1):
            return b""
        node = sha256(b"\1" + b"".join([*others[:place], node, *others[place:]])).digest()
        index, count = index // 16, -(-count // 16)
    return node if is_inside and (index, count) == (0, 1) else b""


def check(text: str, key: bytes) -> str:
    """What a proof proves, for people; an exception where it proves nothing."""
    proof: Any = loads(text)
    seq, record, head = proof["seq"], bytes.fromhex(proof["record"]), proof["signed_head"]
    levels = [[bytes.fromhex(one) for one in level] for level in proof["siblings"]]
    headers, signature = [*map(bytes.fromhex, proof["headers"])], bytes.fromhex(head["signature"])
    fields, hashes = [*map(HEADER.unpack, headers)], [sha256(each).digest() for each in headers]
    first, epoch, end_seq = fields[0], fields[-1][4], fields[-1][5] + fields[-1][6] - 1
    names, at = [head["venue_id"].encode(), head["shard"].encode()], head["at_ns"]
    numbers = (epoch.to_bytes(4, "big"), end_seq.to_bytes(8, "big"), at.to_bytes(8, "big"))
    row = [b"gx-head-1", *names, *numbers[:2], hashes[-1], numbers[2]]
    own = {"epoch": epoch, "seq": end_seq, "header_hash": hashes[-1].hex(), "public_key": key.hex()}
    again = {**proof, "signed_head": {**head, **own, "signature": signature.hex()}}
    again.update(format="gx-proof-1", record=record.hex(), headers=[h.hex() for h in headers])
    again.update(siblings=[[one.hex() for one in level] for level in levels])
    title = (b"CXLF", 1, *(name.ljust(16, b"\0") for name in names))
    otherwise = (
        (dumps(again, separators=(",", ":")) != text and "the file is not a proof under this key")
        or (_root(record, seq - first[5], first[6], levels) != first[10] and "another record")
        or ([each[9] for each in fields[1:]] != hashes[:-1] and "the headers are no chain")
        or ({each[:4] for each in fields} != {title} and "a header is of another log")
        or (not _is_signed(key, row, signature) and "the head is not signed with this key")
    )
    if otherwise:
        raise ValueError(otherwise)
    then, signed = (datetime.fromtimestamp(ns // 10**9, UTC) for ns in (first[8], at))
    start = 3 if record[1] < 0xA0 else 5  # msgpack: [[command, …], [[event, …], …]]
    what = record[start : start + record[start - 1] % 32].decode()
    log = f"{head['venue_id']}/{head['shard']}, whose head of seq {end_seq} was signed at {signed}"
    return f"record {seq}, {what}, written at {then}, is in the log {log}"


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] != "--public-key":
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        print("proved:", check(Path(sys.argv[1]).read_text("ascii"), bytes.fromhex(sys.argv[3])))
    except FAILURES as failure:
        sys.exit(f"not proved: {failure!r}")

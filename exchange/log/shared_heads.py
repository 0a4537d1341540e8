"""
The signed heads beside the log on its server, for nodes with directories of their own.

    leader ── sign ─▶ own file ─▶ stream ev:{shard}:heads ─▶ a standby's file ─▶ offered by it too

The file is what counts; the stream is how it gets about, to replicas as well. It stands on the
server whose log it speaks of and would go back with it, so it is no witness: only what is signed
with the venue's key, and what the log bears out, is taken from it.
"""

from collections.abc import Sequence
from typing import cast

import msgspec
import redis

from exchange.domain.proofs import SignedHead
from exchange.log.address import ServerAddress
from exchange.log.asking import asking
from exchange.log.entry import Entry, frame_of
from exchange.log.head import Head, LogName
from exchange.log.signed_heads import SignedHeads
from exchange.log.signing import is_signed

FIELD = "h"


class SharedHeads:
    """The stream of one log's signed heads; used off the event loop."""

    def __init__(self, address: ServerAddress, name: LogName) -> None:
        self._address = address
        self._name = name
        self._key = f"ev:{{{name.shard}}}:heads"
        self._read_id = "0-0"
        """Entries up to here need not be read again."""

    def publish(self, heads: Sequence[SignedHead]) -> None:
        """Brings the stream to these: adds what it lacks, and begins anew where it differs."""
        with self._address.client() as client, asking("publishing signed heads"):
            count = int(client.xlen(self._key))
            newest = [_decoded(entry) for entry in client.xrevrange(self._key, count=1)]
            pipeline = client.pipeline(transaction=False)
            if newest != list(heads[max(0, count - 1) : count]):
                count = 0
                pipeline.xadd(self._key, {FIELD: b""}, maxlen=0, approximate=False)
            for head in heads[count:]:
                pipeline.xadd(self._key, {FIELD: msgspec.json.encode(head)})
            pipeline.execute()

    def copy_to(self, signed: SignedHeads, public_key: bytes, end: Head) -> int:
        """
        Adds to a file what it lacks of heads up to `end`, and returns how many that are.

        None is taken that the key did not sign, and none at all unless the newest is in the log.
        """
        with self._address.client() as client, asking("copying signed heads"):
            last = (0, 0) if signed.last is None else signed.last.position
            found: list[SignedHead] = []
            read_id = self._read_id
            for entry in cast(list[Entry], client.xrange(self._key, f"({read_id}")):
                head = _decoded(entry)
                if head is not None and head.position > end.position:
                    break
                if head is not None and head.position > last and _is_ours(head, public_key):
                    found.append(head)
                    last = head.position
                read_id = entry[0].decode()
            if found and not self._is_in_log(client, found[-1]):
                return 0
        signed.extend(found)
        self._read_id = read_id
        return len(found)

    def _is_in_log(self, client: redis.Redis, head: SignedHead) -> bool:
        entry_id = f"{head.epoch}-{head.seq}"
        entries = cast(list[Entry], client.xrange(self._name.key, entry_id, entry_id))
        return [frame_of(entry).header_hash.hex() for entry in entries] == [head.header_hash]


def _is_ours(head: SignedHead, public_key: bytes) -> bool:
    """Whether the venue signed it; a venue without a key signed nothing."""
    try:
        return bool(public_key) and is_signed(head, public_key)
    except ValueError:
        return False  # Not even hexadecimal.


def _decoded(entry: Entry) -> SignedHead | None:
    """A head; None for what none of ours wrote."""
    try:
        return msgspec.json.decode(entry[1].get(FIELD.encode(), b""), type=SignedHead)
    except msgspec.MsgspecError:
        return None

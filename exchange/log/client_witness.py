"""
The witness that clients keep: where the log stood when they were answered, sealed by the venue.

    token   base64url of: epoch (u32), seq (u64), header hash, and 16 bytes of the seal
    seal    HMAC-SHA256 over the domain `gx-witness-1`, venue id, shard, and what stands before it
    key     derived from the key that signs heads: no other secret to keep or to copy to a standby

A directory that was restored whole from an old backup has an old witness file as well, and by
itself looks sound. What clients remember did not go back with it. The seal says that the memory is
the venue's own word, so that nobody can stop an exchange with an invented one.
"""

import base64
import binascii
import hmac
from struct import Struct

from exchange.log.head import Head, LogName
from exchange.log.signing import HeadSigner
from exchange.log.witness import Witness

DOMAIN = b"gx-witness-1"
_PLACE = Struct(">IQ32s")
_SEAL_BYTES = 16


class WitnessSeal:
    """Makes and opens the tokens of one log."""

    def __init__(self, name: LogName, signer: HeadSigner) -> None:
        self._name = name
        self._key = signer.derived_key(DOMAIN)
        fields = (DOMAIN, name.venue_id.encode(), name.shard.encode())
        self._title = b"".join(len(field).to_bytes(4, "big") + field for field in fields)

    def token(self, head: Head) -> str:
        """The token of a head, which must be durable."""
        place = _PLACE.pack(head.epoch, head.seq, head.header_hash)
        return base64.urlsafe_b64encode(place + self._seal(place)).decode()

    def open(self, token: str) -> Witness | None:
        """What a token says; None where this venue did not seal it."""
        try:
            data = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return None
        place, seal = data[: _PLACE.size], data[_PLACE.size :]
        if not hmac.compare_digest(seal, self._seal(place)):
            return None
        epoch, seq, header_hash = _PLACE.unpack(place)
        return Witness(self._name.venue_id, self._name.shard, epoch, seq, header_hash.hex())

    def _seal(self, place: bytes) -> bytes:
        return hmac.digest(self._key, self._title + place, "sha256")[:_SEAL_BYTES]

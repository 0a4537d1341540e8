"""
What third parties are given to hold: signed heads, and proofs that a record is in a signed log.

Everything binary is lower-case hexadecimal, so that a file of these can be read by anything. Who
checks them needs no code of ours: `clients/check_proof.py` is one file for plain Python.
"""

from msgspec import Struct

PROOF_FORMAT = "gx-proof-1"


class SignedHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue's signature over where its log stood; it stands for every record up to `seq`."""

    venue_id: str
    shard: str
    epoch: int
    seq: int
    header_hash: str
    """SHA-256 of the header of the frame that ends at `seq`."""
    at_ns: int
    """Wall clock of the signing, never before the frame's own; for audit only."""
    signature: str
    """Ed25519, over `exchange.log.signing.signed_message`."""
    public_key: str

    @property
    def position(self) -> tuple[int, int]:
        """(epoch, seq): unique to a frame, and growing."""
        return self.epoch, self.seq


class RecordProof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    That one record is in the log whose head was signed.

    It discloses the record, hashes of those in the same frame, and headers, which hold counts,
    lengths and times: nobody else's records. Its size grows with the number of frames up to the
    signed head, 142 bytes each.
    """

    format: str
    seq: int
    record: str
    siblings: list[list[str]]
    """The other hashes of the record's group at each level of the Merkle tree, from the leaves up.
    Its place in each group follows from `seq` and the header."""
    headers: list[str]
    """Of the frame that holds the record, and of each one after it up to the signed head's."""
    signed_head: SignedHead

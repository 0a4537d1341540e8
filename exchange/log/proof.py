"""
The proof that one record is in the log whose head was signed.

    record ─ leaf hash ─ siblings ─▶ root ∈ header ─ SHA-256 ─▶ prev ∈ next header ─ … ─▶ signed

Each step is one hash, and the last is signed: whoever has the public key needs nothing else.
"""

from collections.abc import Iterable

from exchange.domain.proofs import PROOF_FORMAT, RecordProof, SignedHead
from exchange.log.errors import ProofImpossible
from exchange.log.frame import HEADER_BYTES, Frame
from exchange.log.merkle import merkle_proof


def prove(frames: Iterable[Frame], seq: int, signed: SignedHead) -> RecordProof:
    """
    The proof of record `seq` from the frames of `read_stretch`, which end at the signed head.

    Raises `ProofImpossible` where they do not begin with the record or do not end there.
    """
    headers: list[bytes] = []
    record, siblings, header_hash = b"", [[""]], b""
    for frame in frames:
        if not headers:
            index = seq - frame.header.first_seq
            if not 0 <= index < frame.header.record_count:
                break
            record = frame.records[index]
            steps = merkle_proof(frame.records, index)
            siblings = [[sibling.hex() for sibling in others] for _, others in steps]
        headers.append(frame.data[:HEADER_BYTES])
        header_hash = frame.header_hash
    if header_hash.hex() != signed.header_hash:
        raise ProofImpossible(
            f"log_proof_impossible: the log does not lead from record {seq} to the head that was "
            f"signed at epoch {signed.epoch}, seq {signed.seq}, header hash {signed.header_hash}"
        )
    return RecordProof(
        format=PROOF_FORMAT,
        seq=seq,
        record=record.hex(),
        siblings=siblings,
        headers=[header.hex() for header in headers],
        signed_head=signed,
    )

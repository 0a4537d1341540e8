"""
Signs heads of a log, and documents made from it, with the venue's Ed25519 key.

    head_key.pem   the private key, PKCS #8; its owner's alone, and in no log, archive or snapshot
    genesis        the public key, so that whoever has the log's first record can check

A head stands for the whole log before it, so one signature a few thousand records is enough. The
message is a row of fields, each behind its length (u32, big-endian): the domain `gx-head-1`, venue
id, shard, epoch (u32), seq (u64), header hash, at_ns (i64). The domain keeps such a signature from
passing for any other use of the key, the lengths keep two rows from having the same bytes.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec.structs import replace

from exchange.domain import certificates
from exchange.domain.certificates import DocumentSignature
from exchange.domain.proofs import SignedHead
from exchange.log.errors import HeadKeyUnusable
from exchange.log.head import Head, LogName
from exchange.log.witness import replace_durably

HEAD_KEY_FILE = "head_key.pem"
"""In the data directory, outside the server's."""
DOMAIN = b"gx-head-1"
_OTHERS = 0o077
"""What nobody but the owner may do with the private key."""


class HeadSigner:
    """Signs heads of one log with one key."""

    def __init__(self, name: LogName, key: Ed25519PrivateKey) -> None:
        self._name = name
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    def sign(self, head: Head, wall_ns: Callable[[], int]) -> SignedHead:
        """The signature over a head, which must be durable: it cannot be taken back."""
        name, at_ns = self._name, max(wall_ns(), head.at_ns)
        message = signed_message(name, head.epoch, head.seq, head.header_hash, at_ns)
        return SignedHead(
            venue_id=name.venue_id,
            shard=name.shard,
            epoch=head.epoch,
            seq=head.seq,
            header_hash=head.header_hash.hex(),
            at_ns=at_ns,
            signature=self._key.sign(message).hex(),
            public_key=self.public_key.hex(),
        )

    def sign_document(self, unsigned: DocumentSignature) -> DocumentSignature:
        """The same with the signature; the shard is this log's."""
        named = replace(
            unsigned,
            shard=self._name.shard,
            venue_id=self._name.venue_id,
            public_key=self.public_key.hex(),
        )
        signature = self._key.sign(certificates.signed_message(named))
        return replace(named, signature=signature.hex())

    def derived_key(self, purpose: bytes) -> bytes:
        """A key for another purpose, which tells nothing about this one; 32 bytes."""
        derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose)
        return derivation.derive(self._key.private_bytes_raw())


def signed_message(name: LogName, epoch: int, seq: int, header_hash: bytes, at_ns: int) -> bytes:
    """The bytes that a head's signature is over."""
    fields = (
        DOMAIN,
        name.venue_id.encode(),
        name.shard.encode(),
        epoch.to_bytes(4, "big"),
        seq.to_bytes(8, "big"),
        header_hash,
        at_ns.to_bytes(8, "big", signed=True),
    )
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def is_signed(head: SignedHead, public_key: bytes) -> bool:
    """Whether this key signed this head, whatever key the head itself names."""
    name = LogName(head.venue_id, head.shard)
    header_hash = bytes.fromhex(head.header_hash)
    message = signed_message(name, head.epoch, head.seq, header_hash, head.at_ns)
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(head.signature), message)
    except InvalidSignature:
        return False
    return True


def make_head_key(path: Path) -> bytes:
    """The public part of the key at `path`, which is made, durably, where there is none."""
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        replace_durably(path, pem)
    return _read_key(path).public_key().public_bytes_raw()


def read_signer(path: Path, name: LogName, public_key: bytes) -> HeadSigner:
    """The signer whose public part is in the log's genesis; raises `HeadKeyUnusable`."""
    signer = HeadSigner(name, _read_key(path))
    if signer.public_key != public_key:
        raise HeadKeyUnusable(
            f"log_head_key_unusable: {path} has the public key {signer.public_key.hex()}, the "
            f"log's genesis names {public_key.hex()}; put back this venue's own key"
        )
    return signer


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        mode = os.stat(path).st_mode
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise HeadKeyUnusable(
            f"log_head_key_unusable: there is no {path}, with which the log's heads are signed; "
            "put back the key from where it is kept safe, or serve with --allow-unsigned"
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise HeadKeyUnusable(f"log_head_key_unusable: {path} holds no key: {error}") from None
    if mode & _OTHERS:
        raise HeadKeyUnusable(
            f"log_head_key_unusable: {path} has mode {mode & 0o777:o}, others may use it; "
            f"`chmod 600 {path}`, and think about who may have read it"
        )
    if not isinstance(key, Ed25519PrivateKey):
        raise HeadKeyUnusable(f"log_head_key_unusable: {path} holds no Ed25519 key")
    return key

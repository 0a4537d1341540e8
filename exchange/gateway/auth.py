"""
Who is asking: a bearer token `key_id.secret` against the hash that the log holds.

This only says whose key it is. Whether a command is allowed is decided with the command, so that a
revocation takes effect at one exact sequence number.
"""

import hashlib
import hmac
from collections.abc import Collection

from msgspec import Struct

from exchange.domain.enums import Role, Scope
from exchange.domain.reasons import Reason, Refused
from exchange.projections.participants import Participant, Participants

MAX_TOKEN_CHARS = 256
_NO_HASH = bytes(32)


class Identity(Struct, frozen=True):
    """An authenticated key with its account."""

    key_id: int
    scopes: Collection[Scope]
    participant: Participant

    @property
    def account_id(self) -> int:
        """Whose key it is."""
        return self.participant.account_id

    def has_role(self, *roles: Role) -> bool:
        """Whether the account acts in one of these roles."""
        participant = self.participant
        return participant.is_confirmed and any(role in participant.roles for role in roles)


class Unauthorized(Refused):
    """Nobody we know, or not any more."""


def authenticate(token: str, participants: Participants, market_ns: int) -> Identity:
    """
    The holder of a token; `Unauthorized` where it fits no key in force.

    The hash is computed and compared for unknown keys too, so that time tells nothing about which
    keys exist.
    """
    key_word, _, secret = token.partition(".")
    is_plausible = key_word.isascii() and key_word.isdigit() and len(token) <= MAX_TOKEN_CHARS
    key = participants.keys.get(int(key_word)) if is_plausible else None
    hashed = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    is_equal = hmac.compare_digest(hashed, _NO_HASH if key is None else key.token_sha256)
    if key is None or not is_equal or key.is_revoked:
        raise Unauthorized(Reason.BAD_SIGNATURE)
    if key.expires_ns and market_ns >= key.expires_ns:
        raise Unauthorized(Reason.KEY_EXPIRED, market_ns, key.expires_ns)
    return Identity(key.key_id, key.scopes, participants.accounts[key.account_id])

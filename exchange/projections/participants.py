"""
Accounts, their keys and their sessions.

Gateways authenticate against this; whether a command is allowed is decided again, and exactly by
sequence number, where commands are decided.
"""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.enums import Role, Scope, SupplierGrade
from exchange.domain.events import (
    AdmissionConfirmed,
    Event,
    KeyRegistered,
    KeyRevoked,
    ParticipantAdmitted,
    SessionClosed,
    SessionOpened,
)
from exchange.domain.record import Record

from .projection import Handler, Projection


class Participant(Struct):
    """An account."""

    account_id: int
    name: str
    roles: list[Role]
    affiliate_ids: list[int]
    is_confirmed: bool
    supplier_grade: SupplierGrade | None = None

    def has_role(self, role: Role) -> bool:
        """Whether the account acts in this role: it does not before it is confirmed."""
        return self.is_confirmed and role in self.roles


class Key(Struct):
    """A secret's hash, and what it may do."""

    key_id: int
    account_id: int
    token_sha256: bytes
    scopes: list[Scope]
    expires_ns: int
    is_revoked: bool = False


class ParticipantsState(Struct):
    """The checkpoint."""

    accounts: list[Participant]
    keys: list[Key]
    sessions: list[SessionOpened]


class Participants(Projection[ParticipantsState]):
    """Who takes part, with which keys, over which sessions."""

    state_type = ParticipantsState

    def __init__(self) -> None:
        super().__init__()
        self.accounts: dict[int, Participant] = {}
        self.keys: dict[int, Key] = {}
        self.sessions: dict[int, SessionOpened] = {}
        """Sessions that are open."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Admission, keys, sessions."""
        return {
            ParticipantAdmitted: self._admit,
            AdmissionConfirmed: self._confirm,
            KeyRegistered: self._register,
            KeyRevoked: self._revoke,
            SessionOpened: self._open,
            SessionClosed: self._close,
        }

    def are_affiliated(self, first_account_id: int, second_account_id: int) -> bool:
        """Whether the two are one party: one names the other, or both are so with a third."""
        party, newcomers = {first_account_id}, {first_account_id}
        while newcomers:
            named = {other for a in newcomers for other in self.accounts[a].affiliate_ids}
            naming = {
                account.account_id
                for account in self.accounts.values()
                if not newcomers.isdisjoint(account.affiliate_ids)
            }
            newcomers = (named | naming) - party
            party |= newcomers
        return second_account_id in party

    def state(self) -> ParticipantsState:
        """All tables in the order of their ids."""
        return ParticipantsState(
            [account for _, account in sorted(self.accounts.items())],
            [key for _, key in sorted(self.keys.items())],
            [session for _, session in sorted(self.sessions.items())],
        )

    def load(self, state: ParticipantsState) -> None:
        """Takes the tables."""
        self.accounts = {a.account_id: a for a in state.accounts}
        self.keys = {k.key_id: k for k in state.keys}
        self.sessions = {s.session_id: s for s in state.sessions}

    def _admit(self, event: ParticipantAdmitted, _record: Record, _index: int) -> None:
        self.accounts[event.account_id] = Participant(
            event.account_id,
            event.name,
            event.roles,
            event.affiliate_ids,
            event.is_confirmed,
            event.supplier_grade,
        )

    def _confirm(self, event: AdmissionConfirmed, _record: Record, _index: int) -> None:
        self.accounts[event.account_id].is_confirmed = True

    def _register(self, event: KeyRegistered, _record: Record, _index: int) -> None:
        self.keys[event.key_id] = Key(
            event.key_id, event.account_id, event.token_sha256, event.scopes, event.expires_ns
        )

    def _revoke(self, event: KeyRevoked, _record: Record, _index: int) -> None:
        self.keys[event.key_id].is_revoked = True
        for session in [s for s in self.sessions.values() if s.key_id == event.key_id]:
            del self.sessions[session.session_id]

    def _open(self, event: SessionOpened, _record: Record, _index: int) -> None:
        self.sessions.pop(event.previous_session_id, None)
        self.sessions[event.session_id] = event

    def _close(self, event: SessionClosed, _record: Record, _index: int) -> None:
        self.sessions.pop(event.session_id, None)

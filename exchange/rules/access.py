"""
Who may give which command: by the account's roles, and by what its key is good for.

`access_of` puts together what a key and its account say. It is derived from them and part of no
state; whoever keeps it drops it when either may have changed.
"""

from msgspec import Struct

from exchange.domain import commands as c
from exchange.domain.commands import Command
from exchange.domain.enums import Role, Scope
from exchange.domain.reasons import Reason, Refused

from .state import VENUE_ACCOUNT_ID, State

_EVERYBODY = frozenset(Role)
_TRADING = frozenset({Role.TRADER, Role.SUPPLIER})
_OPERATOR = frozenset({Role.OPERATOR})
_VENUE: frozenset[Role] = frozenset()

ROLES: dict[type[Command], frozenset[Role]] = {
    c.CreateVenue: _VENUE,
    c.AdmitParticipant: _OPERATOR,
    c.ConfirmAdmission: _OPERATOR,
    c.RegisterKey: _OPERATOR | {Role.AUDITOR},
    c.RevokeKey: _EVERYBODY,
    c.OpenSession: _EVERYBODY,
    c.CloseSession: _EVERYBODY,
    c.DefineProduct: _OPERATOR,
    c.PublishCalendar: _OPERATOR,
    c.ListInstrument: _OPERATOR,
    c.DepositCash: _OPERATOR,
    c.WithdrawCash: _OPERATOR,
    c.GrantCapacity: _OPERATOR,
    c.PlaceOrder: _TRADING,
    c.AmendOrder: _TRADING,
    c.CancelOrder: _TRADING,
    c.MassCancel: _TRADING,
    c.PublishIndexPrice: _OPERATOR,
    c.PublishRiskParameters: _OPERATOR,
    c.PublishMarks: _OPERATOR,
    c.RequestPledge: _TRADING,
    c.AcceptPledge: frozenset({Role.BANK}),
    c.DeclinePledge: _TRADING | {Role.BANK},
    c.ReleasePledge: frozenset({Role.BANK}),
    c.AdvanceClock: _VENUE,
}
"""Who may give a command; the exchange itself (account 0) may give those in `VENUE_COMMANDS`."""

VENUE_COMMANDS: frozenset[type[Command]] = frozenset(
    {c.CreateVenue, c.AdvanceClock, c.CloseSession, c.PublishMarks}
)

_ALL_COMMANDS = frozenset(ROLES)
_WITHOUT_TRADE_SCOPE: frozenset[type[Command]] = frozenset({c.OpenSession})
_NO_COMMANDS: frozenset[type[Command]] = frozenset()
_NEVER_NS = 2**63
"""Later than every market time."""


class Access(Struct, frozen=True):
    """What a key may do, and for whom."""

    account_id: int
    expires_ns: int
    """Market time from which the key is good for nothing; never 0."""
    in_scope: frozenset[type[Command]]
    """What the key's scopes let pass."""
    allowed: frozenset[type[Command]]
    """The commands among them that are the account's to give."""


def access_of(key_id: int, state: State) -> Access:
    """What a key may do now; refuses where it is unknown or revoked. Key 0 is the exchange."""
    if key_id == 0:
        return Access(VENUE_ACCOUNT_ID, _NEVER_NS, _ALL_COMMANDS, VENUE_COMMANDS)
    key = state.keys.get(key_id)
    if key is None:
        raise Refused(Reason.AUTH_REQUIRED, key_id)
    in_scope = _ALL_COMMANDS if Scope.TRADE in key.scopes else _WITHOUT_TRADE_SCOPE
    participant = state.participants[key.account_id]
    allowed = _NO_COMMANDS
    if participant.is_confirmed:
        roles = set(participant.roles)
        allowed = frozenset(kind for kind in in_scope if not roles.isdisjoint(ROLES[kind]))
    return Access(key.account_id, key.expires_ns or _NEVER_NS, in_scope, allowed)

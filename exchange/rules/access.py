"""
Who may give which command: by the account's roles, and by what its key is good for.
"""

from functools import cache

from msgspec import Struct

from exchange.domain import capacity_commands as cc
from exchange.domain import commands as c
from exchange.domain import delivery_commands as dlc
from exchange.domain import desk_commands as d
from exchange.domain import lending_commands as lc
from exchange.domain import letting as l
from exchange.domain import substitution as sb
from exchange.domain.commands import Command
from exchange.domain.enums import Role, Scope
from exchange.domain.reasons import Reason, Refused

from .state import VENUE_ACCOUNT_ID, State

_EVERYBODY = frozenset(Role)
_TRADER = frozenset({Role.TRADER})
_TRADING = frozenset({Role.TRADER, Role.SUPPLIER})
_OPERATOR = frozenset({Role.OPERATOR})
_SUPPLIER = frozenset({Role.SUPPLIER})
_AUDITOR = frozenset({Role.AUDITOR})
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
    c.ScheduleListings: _OPERATOR,
    c.PublishBandWidths: _OPERATOR,
    c.PublishSettlementPrice: _OPERATOR,
    c.HaltInstrument: _OPERATOR,
    c.ResumeInstrument: _OPERATOR,
    c.DepositCash: _OPERATOR,
    c.RequestWithdrawal: _EVERYBODY,
    c.DeclineWithdrawal: _EVERYBODY,
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
    l.OpenSublet: _TRADER,
    l.AcceptSublet: _TRADER,
    l.DeclineSublet: _TRADER,
    l.ConsentToSublet: frozenset({Role.BANK}),
    l.EndSublet: _TRADER,
    d.RequestQuote: _TRADING,
    d.SubmitQuote: _TRADING,
    d.AcceptQuote: _TRADING,
    d.WithdrawQuote: _TRADING,
    d.WithdrawQuoteRequest: _TRADING,
    d.ProposeBlock: _TRADING,
    d.ConfirmBlock: _TRADING,
    d.DeclineBlock: _TRADING,
    d.AllocateBlock: _TRADING,
    d.RequestBust: _TRADING,
    d.RequestCorrection: _TRADING,
    d.WaiveBand: _OPERATOR,
    d.ConfirmWaiver: _OPERATOR,
    d.ApproveCorrection: _OPERATOR,
    d.DeclineCorrection: _OPERATOR,
    d.RecordClaim: _OPERATOR,
    c.AdvanceClock: _VENUE,
    c.UncrossBooks: _VENUE,
    c.PublishSettlementPrices: _VENUE,
    c.CountRefusals: _VENUE,
    c.MarkState: _VENUE,
    c.RecordStateHash: _VENUE,
    cc.SubmitCapacity: _SUPPLIER,
    cc.InspectCapacity: _AUDITOR,
    cc.VerifyCapacity: _AUDITOR,
    cc.RejectCapacity: _SUPPLIER | _AUDITOR,
    cc.WithdrawCapacity: _SUPPLIER,
    cc.DerateCapacity: _AUDITOR,
    dlc.RecordReadings: _SUPPLIER,
    dlc.ReportDelivery: _SUPPLIER,
    dlc.AttestDelivery: _AUDITOR,
    dlc.DisputeDelivery: _TRADING | {Role.BANK},
    dlc.RuleDelivery: _AUDITOR,
    dlc.CountersignRuling: _OPERATOR,
    dlc.PostBond: _SUPPLIER,
    dlc.WithdrawBond: _SUPPLIER,
    dlc.PayClaim: _SUPPLIER,
    dlc.SuspendSupplier: _OPERATOR,
    dlc.ReinstateSupplier: _OPERATOR,
    dlc.TerminateSupplier: _OPERATOR,
    lc.MarkPledges: _VENUE,
    lc.DisputeMark: _TRADING | {Role.BANK},
    lc.RuleMark: _AUDITOR,
    lc.CountersignMarkRuling: _OPERATOR,
    lc.ApplyForLoan: _TRADING,
    lc.OfferLoan: frozenset({Role.BANK}),
    lc.DeclineLoan: _TRADING | {Role.BANK},
    lc.DrawLoan: _TRADING,
    lc.RepayLoan: _TRADING,
    lc.AddCollateral: _TRADING,
    lc.SubstituteCollateral: _TRADING,
    lc.EnforceLoan: frozenset({Role.BANK}),
    lc.OfferLot: frozenset({Role.BANK}),
    lc.WithdrawLot: frozenset({Role.BANK}),
    lc.BuyLot: _TRADER,
    sb.OfferSubstitution: _SUPPLIER,
    sb.AcceptSubstitution: _TRADER,
    sb.DeclineSubstitution: _TRADING,
}
"""Who may give a command; the exchange itself (account 0) may give those in `VENUE_COMMANDS`."""

VENUE_COMMANDS: frozenset[type[Command]] = frozenset(
    {
        c.CreateVenue,
        c.AdvanceClock,
        c.UncrossBooks,
        c.PublishSettlementPrices,
        c.CloseSession,
        c.PublishMarks,
        lc.MarkPledges,
        c.CountRefusals,
        c.MarkState,
        c.RecordStateHash,
    }
)

_GENESIS: frozenset[type[Command]] = frozenset({c.CreateVenue})
_ALL_COMMANDS = frozenset(ROLES)
_WITHOUT_TRADE_SCOPE: frozenset[type[Command]] = frozenset({c.OpenSession})
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


class AccessTable(dict[int, Access]):
    """
    What keys may do, by key, put together when they first ask.

    It is derived from the state and part of none. Its keeper clears it when an event may have
    changed a key or an account, which only orders' events never do.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def __missing__(self, key_id: int) -> Access:
        access = self[key_id] = _access_of(key_id, self._state)
        return access


def require_use(access: Access, command: Command, state: State) -> None:
    """Refuses a key that has expired, or that is not meant for such a command."""
    if state.market_ns >= access.expires_ns:
        raise Refused(Reason.KEY_EXPIRED, state.market_ns, access.expires_ns)
    if type(command) not in access.in_scope:
        raise Refused(Reason.SCOPE, command.key_id)


def _access_of(key_id: int, state: State) -> Access:
    """What a key may do now; refuses where it is unknown or revoked. Key 0 is the exchange."""
    if key_id == 0:
        # Before the venue exists there is one thing to do.
        allowed = VENUE_COMMANDS if state.venue else _GENESIS
        return Access(VENUE_ACCOUNT_ID, _NEVER_NS, _ALL_COMMANDS, allowed)
    key = state.keys.get(key_id)
    if key is None:
        raise Refused(Reason.AUTH_REQUIRED, key_id)
    in_scope = _ALL_COMMANDS if Scope.TRADE in key.scopes else _WITHOUT_TRADE_SCOPE
    participant = state.participants[key.account_id]
    roles = frozenset(participant.roles) if participant.is_confirmed else _VENUE
    allowed = in_scope & _commands_of(roles)
    return Access(key.account_id, key.expires_ns or _NEVER_NS, in_scope, allowed)


@cache
def _commands_of(roles: frozenset[Role]) -> frozenset[type[Command]]:
    return frozenset(kind for kind, needed in ROLES.items() if not roles.isdisjoint(needed))

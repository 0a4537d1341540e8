"""
What can be asked of the exchange: imperative, one Struct a command.

Array-like, for the log: the tag, then the envelope, then the body in the order written here. A
command is a promise kept for ever, so fields are only added at the end, with a default. An unknown
field is refused when decoding: an older build must not half understand a newer command.

The envelope is what repeating a command may change without making it another one:

* `key_id`: who signed; 0 is the exchange itself (clock, sessions, marking cycle), which no client
  can be;
* `session_id`: the websocket session an order belongs to, 0 outside one;
* `valid_until_ns`: market time after which the command is refused, so that a late retry cannot run
  twice; 0 is no limit;
* `command_id`: unique per account; empty only for the exchange's own commands.

The commands of the order path hold numbers and strings only, which form no cycles, and are kept by
the million: the garbage collector need not know them (`gc=False`).
"""

from typing import Annotated

from msgspec import Meta, Struct

from .enums import (
    Currency,
    ExecInst,
    ProductKind,
    Role,
    Scope,
    SelfMatchPolicy,
    Side,
    SupplierGrade,
    TimeInForce,
    TradingMode,
    WindowKind,
)
from .reasons import RefusalCount
from .risk_parameters import RiskParameters
from .trading_sessions import SessionStart
from .units import (
    BURN_IN_NS,
    Amount,
    BandBps,
    Bps,
    Code,
    CommandId,
    Day,
    Id,
    Micro,
    Name,
    Ns,
    Ppm,
    Price,
    Qty,
    QtyOrZero,
    Reference,
    Sha256,
    WindowCount,
)


class Command(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all commands: the envelope."""

    key_id: Id = 0
    session_id: Id = 0
    valid_until_ns: Ns = 0
    command_id: CommandId = ""


class Operator(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True):
    """One of the two operators a venue begins with."""

    name: Name
    token_sha256: Sha256


class CreateVenue(Command, frozen=True, kw_only=True, tag="create_venue"):
    """Genesis; accepted once, as the first record of a log."""

    venue_id: Name
    base_day: Day
    """The first delivery day that holdings can describe."""
    market_ns: Ns
    """The market's first moment."""
    is_always_open: bool
    """No phases and no holidays; the last-trading gates stay."""
    operators: list[Operator]
    head_public_key: bytes
    """Ed25519 key with which heads of the log are signed; empty until the venue signs."""
    maker_bps: Bps
    taker_bps: Bps
    risk_parameters: RiskParameters
    command_id_retention_ns: Ns
    static_bps: BandBps = 1_000
    """Half the widths of price bands, see `PublishBandWidths`."""
    day_static_bps: BandBps = 2_000
    dynamic_bps: BandBps = 300
    burn_in_ns: Ns = BURN_IN_NS
    """Market time between the inspection of capacity and its verification."""


class AdmitParticipant(Command, frozen=True, kw_only=True, tag="admit_participant"):
    """Opens an account. An operator's or auditor's waits for a second operator."""

    name: Name
    roles: list[Role]
    affiliate_ids: list[Id] = []
    """Accounts under common control: a supplier's affiliates count as the supplier."""
    supplier_grade: SupplierGrade | None = None
    """Credit grade of a supplier; one without a grade is valued as the worst."""
    token_sha256: Sha256 | None = None
    """An operator's or auditor's first key, in force with the confirmation: so the second operator
    confirms who will hold it. Others' keys are registered afterwards."""


class ConfirmAdmission(Command, frozen=True, kw_only=True, tag="confirm_admission"):
    """The second operator's word for an operator or auditor."""

    account_id: Id


class RegisterKey(Command, frozen=True, kw_only=True, tag="register_key"):
    """
    Lets a secret act for an account; only its hash is ever sent.

    Operators register the keys of all but operators and auditors, who register their own: else one
    person could hold two persons' keys.
    """

    account_id: Id
    token_sha256: Sha256
    scopes: list[Scope]
    expires_ns: Ns = 0
    """Market time; 0 is never."""


class RevokeKey(Command, frozen=True, kw_only=True, tag="revoke_key"):
    """Ends a key at once and cancels the orders that it placed."""

    revoked_key_id: Id


class OpenSession(Command, frozen=True, kw_only=True, tag="open_session"):
    """A connection has authenticated; `key_id` is whose."""

    is_cancel_on_disconnect: bool = False
    previous_session_id: Id = 0
    """A session of the same account whose open orders move to the new one."""


class CloseSession(Command, frozen=True, kw_only=True, tag="close_session"):
    """A connection has ended; with cancel-on-disconnect its orders are cancelled."""

    closed_session_id: Id
    is_logout: bool = False
    """An explicit logout keeps the orders."""


class DefineProduct(Command, frozen=True, kw_only=True, tag="define_product"):
    """One exact SKU at one site, run by one supplier."""

    code: Code
    kind: ProductKind
    gpu_class: Code
    region: Code
    supplier_account_id: Id
    lot_qty: Qty
    maker_bps: Bps | None = None
    """Fee rates; the venue's schedule where none is given."""
    taker_bps: Bps | None = None


class PublishCalendar(Command, frozen=True, kw_only=True, tag="publish_calendar"):
    """The trading days of a year, as decreed; a higher version replaces a lower."""

    year: Id
    version: Id
    trading_days: list[Day]
    session_starts: list[SessionStart] = []
    """Of every trading day, ascending; none for trading without sessions."""
    source: Annotated[str, Meta(max_length=128)] = ""
    """The decree, or what else the table rests on."""
    is_provisional: bool = False
    """An expectation, to be replaced by a higher version when the decree is out."""


class ListInstrument(Command, frozen=True, kw_only=True, tag="list_instrument"):
    """Opens one delivery window of a product for trading."""

    product_id: Id
    kind: WindowKind
    start_day: Day
    end_day: Day
    mode: TradingMode = TradingMode.TITLE


class ScheduleListings(Command, frozen=True, kw_only=True, tag="schedule_listings"):
    """
    Leaves a product to the clock: it lists the windows ahead and settles their prices every day.

    So many windows of each kind at any time, 0 for none; given again, the counts replace those
    before. What is listed already stays.
    """

    product_id: Id
    day_count: WindowCount = 45
    """A whole month always tiles."""
    month_count: WindowCount = 36
    """Every quarter, year and strip has its months."""
    quarter_count: WindowCount = 8
    year_count: WindowCount = 2
    strip_count: WindowCount = 3
    is_balance_listed: bool = True


class PublishBandWidths(Command, frozen=True, kw_only=True, tag="publish_band_widths"):
    """Half the widths of the price bands, for settlement prices published from now on."""

    static_bps: BandBps
    day_static_bps: BandBps
    """Of single days."""
    dynamic_bps: BandBps


class PublishSettlementPrice(Command, frozen=True, kw_only=True, tag="publish_settlement_price"):
    """A window's settlement price, which moves its static band; orders outside it end."""

    instrument_id: Id
    settlement_price: Price


class HaltInstrument(Command, frozen=True, kw_only=True, tag="halt_instrument"):
    """Stops a window and every window that contains it; orders can only be cancelled."""

    instrument_id: Id


class ResumeInstrument(Command, frozen=True, kw_only=True, tag="resume_instrument"):
    """Lifts a halt; what it stopped resumes by a call auction."""

    instrument_id: Id


class DepositCash(Command, frozen=True, kw_only=True, tag="deposit_cash"):
    """Money has arrived at the venue's bank; the reference is unique among deposits."""

    account_id: Id
    deposit_amount: Amount
    external_reference: Reference
    currency: Currency = Currency.CNY


class RequestWithdrawal(Command, frozen=True, kw_only=True, tag="request_withdrawal"):
    """A holder wants cash paid out; it is set aside until an operator books or declines it."""

    withdrawal_amount: Amount
    currency: Currency = Currency.CNY


class DeclineWithdrawal(Command, frozen=True, kw_only=True, tag="decline_withdrawal"):
    """The holder takes its request back, or an operator will not pay it."""

    withdrawal_id: Id


class WithdrawCash(Command, frozen=True, kw_only=True, tag="withdraw_cash"):
    """
    Money that its holder has asked for leaves through the venue's bank.

    The operator restates the request; the reference is unique among withdrawals.
    """

    account_id: Id
    withdrawal_amount: Amount
    external_reference: Reference
    currency: Currency = Currency.CNY
    withdrawal_id: Id


class GrantCapacity(Command, frozen=True, kw_only=True, tag="grant_capacity"):
    """
    The only source of title: an operator's signature under what an auditor has verified.

    It restates the verified submission, which its evidence names; a term that differs is refused.
    """

    product_id: Id
    start_day: Day
    end_day: Day
    granted_qty: Qty
    auditor_account_id: Id
    evidence_sha256: Sha256
    """Of the inspection report."""


class PlaceOrder(Command, frozen=True, kw_only=True, gc=False, tag="place_order"):
    """A limit order; `command_id` is its client order id."""

    instrument_id: Id
    side: Side
    order_qty: Qty
    limit_price: Price
    time_in_force: TimeInForce = TimeInForce.GTC
    exec_inst: ExecInst = ExecInst.NONE
    min_qty: QtyOrZero = 0
    """At least so much trades on entry, or the order is refused; 0 for no minimum."""
    display_qty: QtyOrZero = 0
    """The most that is shown while the order rests; 0 for all. The next clip queues up anew."""
    self_match_policy: SelfMatchPolicy = SelfMatchPolicy.CANCEL_INCOMING
    expire_day: Day = 0
    """The day at whose 16:00 a good-till-date order ends, the window's last trading day at most; 0
    with every other time in force."""
    link_id: Id = 0
    """An id of the account's own: open orders with the same one are exclusive, so that a fill of
    one takes as much from each other. Up to 8 of one product, mode and side, one an instrument."""


class AmendOrder(Command, frozen=True, kw_only=True, gc=False, tag="amend_order"):
    """
    Changes an open order.

    `order_qty` is the total, filled part included, so that a retry is safe; a total that is
    already filled cancels the rest. Less quantity keeps priority; more, or another price, loses it.
    The order is named by its id or, when that is 0, by the client order id it was placed with.
    """

    order_id: Id = 0
    orig_client_order_id: CommandId = ""
    order_qty: Qty | None = None
    limit_price: Price | None = None


class CancelOrder(Command, frozen=True, kw_only=True, gc=False, tag="cancel_order"):
    """Takes an open order out of the book; named as in `AmendOrder`."""

    order_id: Id = 0
    orig_client_order_id: CommandId = ""


class MassCancel(Command, frozen=True, kw_only=True, gc=False, tag="mass_cancel"):
    """Cancels the account's open orders, oldest first; 0 stands for every instrument or side."""

    instrument_id: Id = 0
    side: Side | None = None


class PublishIndexPrice(Command, frozen=True, kw_only=True, tag="publish_index_price"):
    """An outside price of a GPU-hour, with where it came from."""

    gpu_class: Code
    region: Code
    index_micro: Micro
    """CNY; `usd_micro` converted at `usd_cny_ppm`, rounded half-even by the importer."""
    usd_micro: Micro
    usd_cny_ppm: Ppm
    observed_day: Day
    source: Reference
    row_count: Id
    file_sha256: Sha256


class PublishRiskParameters(Command, frozen=True, kw_only=True, tag="publish_risk_parameters"):
    """The model's constants from now on."""

    risk_parameters: RiskParameters


class PublishMarks(Command, frozen=True, kw_only=True, tag="publish_marks"):
    """Marks every node from recorded state; it brings no values of its own."""


class RequestPledge(Command, frozen=True, kw_only=True, tag="request_pledge"):
    """An owner offers unit-days to a bank as security."""

    product_id: Id
    start_day: Day
    end_day: Day
    pledged_qty: Qty
    bank_account_id: Id


class AcceptPledge(Command, frozen=True, kw_only=True, tag="accept_pledge"):
    """The bank takes the lien."""

    pledge_id: Id


class DeclinePledge(Command, frozen=True, kw_only=True, tag="decline_pledge"):
    """The bank declines, or the owner withdraws, a pledge that is not yet active."""

    pledge_id: Id


class ReleasePledge(Command, frozen=True, kw_only=True, tag="release_pledge"):
    """The bank lifts its lien, or that of a part of the GPUs."""

    pledge_id: Id
    released_qty: QtyOrZero = 0
    """0 for all."""


class AdvanceClock(Command, frozen=True, kw_only=True, tag="advance_clock"):
    """
    Moves market time on, at most to the next boundary.

    Every boundary (a gate, a day roll) is thus a record of its own, also when catching up; what a
    boundary causes beyond `CLOCK_BATCH` orders goes on in the next record at the same time.
    """

    market_ns: Ns


class UncrossBooks(Command, frozen=True, kw_only=True, tag="uncross_books"):
    """Trades out the books that have collected, as far as one record goes."""


class PublishSettlementPrices(Command, frozen=True, kw_only=True, tag="publish_settlement_prices"):
    """Settles the day that has closed from recorded state, as far as one record goes."""


class CountRefusals(Command, frozen=True, kw_only=True, tag="count_refusals"):
    """What a gateway refused since the last count without a record of each."""

    counts: list[RefusalCount]


class MarkState(Command, frozen=True, kw_only=True, tag="mark_state"):
    """
    The state before this record is to be hashed.

    Its hash takes longer than a commit, so another process works it out; `RecordStateHash` brings
    it later.
    """


class RecordStateHash(Command, frozen=True, kw_only=True, tag="record_state_hash"):
    """The hash of the state that was marked last."""

    marked_seq: Id
    state_sha256: Sha256

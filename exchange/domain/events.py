"""
What has happened: past tense, one Struct an event.

An event states every amount that it causes, so applying it only adds. It is a promise kept for
ever: fields are added at the end, with a default; none is removed, renamed or reinterpreted; a new
meaning is a new event. Time and sequence number belong to the frame and the record.

The first group is written by the matching core, which knows integers only: those events hold
integers and integer enums, in the order in which the core's `apply` functions take them. Such an
event is part of no cycle, so the garbage collector need not know it (`gc=False`).
"""

from msgspec import Struct

from .enums import (
    CancelReason,
    Currency,
    ExecInst,
    ProductKind,
    Role,
    Scope,
    SelfMatchPolicy,
    SessionState,
    SettlementSource,
    Side,
    SupplierGrade,
    TimeInForce,
    TradingMode,
    WindowKind,
)
from .reasons import Reason, RefusalCount
from .risk_parameters import RiskParameters
from .trading_sessions import SessionStart
from .units import BURN_IN_NS


class Event(Struct, frozen=True, array_like=True):
    """Base of all events; it has no fields."""


# -- the order path, written by the core ----------------------------------------------------------


class OrderAccepted(Event, frozen=True, gc=False, tag="order_accepted"):
    """An order passed every check; its cash or title is held, and it has not yet traded."""

    order_id: int
    account_id: int
    key_id: int
    session_id: int
    instrument_id: int
    side: Side
    order_qty: int
    limit_price: int
    time_in_force: TimeInForce
    exec_inst: ExecInst
    held_amount: int
    """Cash moved from available to held: a buy's notional and fee at the limit and the higher
    rate, rounded up; a primary sell's fee; 0 for other sells. A sell also reserves title."""
    display_qty: int = 0
    """The most that is shown of it while it rests; 0 for all."""
    self_match_policy: SelfMatchPolicy = SelfMatchPolicy.CANCEL_INCOMING
    expire_day: int = 0
    """It ends at 16:00 at the site on this day; 0 where it does not by itself."""
    link_id: int = 0
    """
    A fill takes as much from every other open order of the account with the same id, in the same
    record and before the trade: by `OrderAmended` in its place or, where nothing is left, by
    `OrderCancelled`. 0 where it is linked to none. Linked orders hold and reserve together what the
    worst sequence of fills can cost, and the amounts that their events hold and release are the
    changes of that.
    """


class OrderRested(Event, frozen=True, gc=False, tag="order_rested"):
    """
    What is left of an order joined the queue of its price.

    An iceberg shows a clip of `display_qty`, or less where less is left. When fills have used up
    the clip, the order leaves its place and joins the end of the same queue with the next one. No
    event says so, because the fills say when; a trade's quantity is never more than one clip. An
    amendment that keeps the place takes from what is hidden first.
    """

    order_id: int
    instrument_id: int
    side: Side
    limit_price: int
    leaves_qty: int
    """All that is left, hidden or not."""
    display_qty: int = 0
    """0 where the order shows all."""


class OrderAmended(Event, frozen=True, gc=False, tag="order_amended"):
    """
    An open order changed.

    With `is_requeued` it left its queue: trades may follow, and what is left rests again by
    `OrderRested`. Without, it keeps its place.
    """

    order_id: int
    account_id: int
    instrument_id: int
    order_qty: int
    limit_price: int
    leaves_qty: int
    held_delta_amount: int
    """Cash moved from available to held; negative when released. Title moves by the quantity."""
    is_requeued: int


class OrderCancelled(Event, frozen=True, gc=False, tag="order_cancelled"):
    """An order ended with this much unfilled; its hold is released in full."""

    order_id: int
    account_id: int
    instrument_id: int
    side: Side
    cancelled_qty: int
    released_amount: int
    """Cash moved from held to available. A sell also frees its title."""
    cancel_reason: CancelReason


class TradeExecuted(Event, frozen=True, gc=False, tag="trade_executed"):
    """
    Two orders met, at the maker's price.

    The buyer's hold falls by its part of the released amounts and pays notional and fee; what is
    over becomes available. The notional goes to the seller (`cash_amount`) or, in a primary sale,
    to the escrow of the delivery days (`escrow_amount`, detailed by `EscrowFunded`); the rent of a
    sublet goes in trust (`escrow_amount` too, and `SubletOpened`).
    """

    trade_id: int
    instrument_id: int
    last_price: int
    last_qty: int
    maker_order_id: int
    taker_order_id: int
    maker_account_id: int
    taker_account_id: int
    taker_side: Side
    notional_amount: int
    cash_amount: int
    escrow_amount: int
    maker_fee_amount: int
    taker_fee_amount: int
    maker_released_amount: int
    """Held cash that this fill dissolves, out of which a buyer pays notional and fee."""
    taker_released_amount: int
    maker_leaves_qty: int
    taker_leaves_qty: int


class EscrowFunded(Event, frozen=True, gc=False, tag="escrow_funded"):
    """A primary sale paid into the product's escrow, the same for each day of the span."""

    trade_id: int
    product_id: int
    start_day: int
    end_day: int
    sold_qty: int
    day_amount: int


class EscrowReturned(Event, frozen=True, gc=False, tag="escrow_returned"):
    """
    What a quantity has in the escrow of each day leaves it for an account.

    A supplier that bought back has the pooled share, rounded down. A primary sale that is busted
    or corrected has what it paid in: to the supplier, who pays the price back, or to the buyer, who
    pays the corrected one.
    """

    trade_id: int
    product_id: int
    account_id: int
    start_day: int
    end_day: int
    returned_qty: int
    day_amount: int


class SubletOpened(Event, frozen=True, gc=False, tag="sublet_opened"):
    """
    The use of owned days was granted; their rent, which the lessee has paid, is in trust.

    It follows the trade of an order on an instrument of mode `sublet`, whose id it has.
    """

    sublet_id: int
    product_id: int
    lessor_account_id: int
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int
    rent_price: int
    """Fen per GPU-hour: in all rent_price × 24 × days × sublet_qty."""


class AuctionStarted(Event, frozen=True, tag="auction_started"):
    """
    One book collects until then: an order would have traded beyond the dynamic band, or a halt
    ended.
    """

    instrument_id: int
    end_ns: int
    """Market time."""
    reference_price: int
    """The middle of the band; 0 after a halt."""
    trigger_price: int
    """The best price on the other side, out of reach; 0 after a halt."""


class AuctionUncrossed(Event, frozen=True, tag="auction_uncrossed"):
    """
    A book that collected trades at one price; the trades follow.

    In them the older order is named as the maker and the younger as the taker, and both pay the
    maker's rate. Where one record does not hold all trades, the next goes on at the same price.
    """

    instrument_id: int
    auction_price: int
    auction_qty: int
    """What trades in this record."""
    surplus_qty: int
    """What one side has left over at the price; negative on the sell side."""


# -- refusals -------------------------------------------------------------------------------------


class CommandRefused(Event, frozen=True, gc=False, tag="command_refused"):
    """The market said no; nothing changed."""

    reason: Reason
    value: int
    limit: int
    day: int


# -- venue, participants, keys, sessions ----------------------------------------------------------


class VenueCreated(Event, frozen=True, kw_only=True, tag="venue_created"):
    """The log's first event."""

    venue_id: str
    base_day: int
    market_ns: int
    is_always_open: bool
    head_public_key: bytes
    command_id_retention_ns: int
    burn_in_ns: int = BURN_IN_NS


class FeeSchedulePublished(Event, frozen=True, kw_only=True, tag="fee_schedule_published"):
    """The rates of products that name none of their own."""

    maker_bps: int
    taker_bps: int


class ParticipantAdmitted(Event, frozen=True, kw_only=True, tag="participant_admitted"):
    """An account exists."""

    account_id: int
    name: str
    roles: list[Role]
    affiliate_ids: list[int]
    proposer_account_id: int
    """Who admitted it."""
    is_confirmed: bool
    """False while an operator or auditor waits for a second operator."""
    supplier_grade: SupplierGrade | None = None
    token_sha256: bytes = b""
    """Of the key that the confirmation brings; empty where there is none."""


class AdmissionConfirmed(Event, frozen=True, kw_only=True, tag="admission_confirmed"):
    """A second operator confirmed an operator or auditor."""

    account_id: int
    confirmer_account_id: int


class KeyRegistered(Event, frozen=True, kw_only=True, tag="key_registered"):
    """A secret may act for an account."""

    key_id: int
    account_id: int
    token_sha256: bytes
    scopes: list[Scope]
    expires_ns: int


class KeyRevoked(Event, frozen=True, kw_only=True, tag="key_revoked"):
    """A key ended; the cancellation of its orders follows in the same record."""

    key_id: int
    account_id: int


class SessionOpened(Event, frozen=True, kw_only=True, tag="session_opened"):
    """A connection authenticated."""

    session_id: int
    account_id: int
    key_id: int
    is_cancel_on_disconnect: bool
    previous_session_id: int


class SessionClosed(Event, frozen=True, kw_only=True, tag="session_closed"):
    """A connection ended."""

    session_id: int
    account_id: int


# -- listing, calendar, clock ---------------------------------------------------------------------


class ProductDefined(Event, frozen=True, kw_only=True, tag="product_defined"):
    """A SKU can be granted and listed."""

    product_id: int
    code: str
    kind: ProductKind
    gpu_class: str
    region: str
    supplier_account_id: int
    lot_qty: int
    maker_bps: int
    taker_bps: int


class CalendarPublished(Event, frozen=True, kw_only=True, tag="calendar_published"):
    """The trading days of a year."""

    year: int
    version: int
    trading_days: list[int]
    session_starts: list[SessionStart] = []
    """Ascending; a year without any is continuous throughout."""
    source: str = ""
    is_provisional: bool = False


class InstrumentListed(Event, frozen=True, kw_only=True, tag="instrument_listed"):
    """A delivery window is open for trading until its gate."""

    instrument_id: int
    product_id: int
    symbol: str
    kind: WindowKind
    start_day: int
    end_day: int
    gate_closure_ns: int
    """Market time; orders are refused from then on."""
    mode: TradingMode = TradingMode.TITLE


class InstrumentExpired(Event, frozen=True, kw_only=True, tag="instrument_expired"):
    """The gate closed; the window's open orders were cancelled before this."""

    instrument_id: int


class TradingSessionChanged(Event, frozen=True, kw_only=True, tag="trading_session_changed"):
    """The venue entered another session state; auctions of single books ended with the old one."""

    session_state: SessionState


class AuctionEnded(Event, frozen=True, kw_only=True, tag="auction_ended"):
    """One book collects no longer; where it is crossed it uncrosses before it trades on."""

    instrument_id: int


class BandWidthsPublished(Event, frozen=True, kw_only=True, tag="band_widths_published"):
    """Half the widths of the bands around prices that are published from now on."""

    static_bps: int
    day_static_bps: int
    """Of single days."""
    dynamic_bps: int


class SettlementPricePublished(Event, frozen=True, kw_only=True, tag="settlement_price_published"):
    """A window's settlement price; the end of orders outside its band follows in the record."""

    instrument_id: int
    settlement_price: int
    low_limit_price: int
    """The band's lower end, rounded up; it is within."""
    high_limit_price: int
    """The band's upper end, rounded down; it is within."""
    dynamic_bps: int
    settlement_day: int = 0
    """The trading day at whose close the exchange settled it; 0 where an operator did."""
    notional_amount: int = 0
    """Over `gpu_hours` the exact price, for those of the exchange; 0 over 0 else."""
    gpu_hours: int = 0
    source: SettlementSource = SettlementSource.OPERATOR


class InstrumentHalted(Event, frozen=True, kw_only=True, tag="instrument_halted"):
    """A window takes no orders, because it or a part of it was stopped."""

    instrument_id: int
    cause_instrument_id: int


class InstrumentResumed(Event, frozen=True, kw_only=True, tag="instrument_resumed"):
    """A cause of a window's halt is gone; the halt is, when no other is left."""

    instrument_id: int
    cause_instrument_id: int


class ClockAdvanced(Event, frozen=True, kw_only=True, tag="clock_advanced"):
    """Market time is now this."""

    market_ns: int
    is_complete: bool = True
    """False where what is due now goes on in the next record; until then orders are refused."""


class RefusalsCounted(Event, frozen=True, kw_only=True, tag="refusals_counted"):
    """Refusals of protocol, authentication, limits and servers, none of which is a record."""

    counts: list[RefusalCount]


class StateMarked(Event, frozen=True, kw_only=True, tag="state_marked"):
    """The state after this record, which is the one before, is being hashed."""

    marked_seq: int


class StateHashed(Event, frozen=True, kw_only=True, tag="state_hashed"):
    """What the leader's own state hashed to: a snapshot of that record must have the same."""

    marked_seq: int
    state_sha256: bytes


class CommandIdsExpired(Event, frozen=True, kw_only=True, tag="command_ids_expired"):
    """Ids of commands recorded before this sequence number may be used again."""

    before_seq: int


# -- cash and capacity ----------------------------------------------------------------------------


class CashDeposited(Event, frozen=True, kw_only=True, tag="cash_deposited"):
    """Money came in."""

    account_id: int
    deposit_amount: int
    external_reference: str
    currency: Currency = Currency.CNY


class CapacityGranted(Event, frozen=True, kw_only=True, tag="capacity_granted"):
    """Title came into being, with the supplier."""

    grant_id: int
    product_id: int
    account_id: int
    start_day: int
    end_day: int
    granted_qty: int
    operator_account_id: int
    auditor_account_id: int
    evidence_sha256: bytes


# -- marks and pledges ----------------------------------------------------------------------------


class IndexPricePublished(Event, frozen=True, kw_only=True, tag="index_price_published"):
    """An outside price became known to the market."""

    gpu_class: str
    region: str
    index_micro: int
    usd_micro: int
    usd_cny_ppm: int
    observed_day: int
    source: str
    row_count: int
    file_sha256: bytes


class RiskParametersPublished(Event, frozen=True, kw_only=True, tag="risk_parameters_published"):
    """The model's constants from now on."""

    version: int
    risk_parameters: RiskParameters


class NodeMarked(Event, frozen=True, kw_only=True, tag="node_marked"):
    """
    The official price of a GPU-hour changed for one class, region and delivery month.

    With it what the haircut needs of that moment: the quotes and the traded hours.
    """

    gpu_class: str
    region: str
    month: int
    """Year × 100 + month."""
    mark_micro: int
    """0 where no source qualified: such a node lends nothing."""
    raw_micro: int
    """Before the guards acted."""
    level: int
    """1 to 7, the source in the order of preference; 0 where none qualified."""
    notes: list[str]
    """What the guards did, each once, in the order in which they act."""
    bid_micro: int
    ask_micro: int
    adv_hours: int
    """GPU-hours traded a day, 20-day average, down."""
    observed_day: int
    """Of the last mark that was not a mere decay of an older one; 0 before the first."""


class NodeObserved(Event, frozen=True, kw_only=True, tag="node_observed"):
    """A day's first real mark entered the node's history of volatility and basis."""

    gpu_class: str
    region: str
    month: int
    observed_day: int
    mark_micro: int
    sigma_ewma_e12: int
    sigma_stress_e12: int
    sigma_sum_e12: int
    observed_count: int
    dropped_count: int
    """How many of the oldest kept prices left the history."""
    basis_e12: int
    """Moving average of mark over index; 0 while there was never both."""


class MarksPublished(Event, frozen=True, kw_only=True, tag="marks_published"):
    """A marking cycle ended; nodes that it did not name kept their mark."""

    node_count: int
    changed_count: int


class PledgeRequested(Event, frozen=True, kw_only=True, tag="pledge_requested"):
    """An owner asked a bank to take unit-days as security; nothing is encumbered yet."""

    pledge_id: int
    account_id: int
    bank_account_id: int
    product_id: int
    start_day: int
    end_day: int
    pledged_qty: int
    loan_id: int
    """What it secures; 0 for something outside this exchange."""


class PledgeAccepted(Event, frozen=True, kw_only=True, tag="pledge_accepted"):
    """The lien is on: the unit-days cannot be sold. Use and sublets go on under it."""

    pledge_id: int


class PledgeDeclined(Event, frozen=True, kw_only=True, tag="pledge_declined"):
    """The request ended without a lien."""

    pledge_id: int


class PledgeReleased(Event, frozen=True, kw_only=True, tag="pledge_released"):
    """The lien is lifted from so many GPUs, on every day that is not closed."""

    pledge_id: int
    released_qty: int

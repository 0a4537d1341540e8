"""
The objects of the API, shared by gateway and clients: what JSON and msgpack carry, by name.

On the websocket every message has a `type`. Requests carry the client's `request_id`, which the
reply echoes. An unknown type or field is an error. Prices are fen per GPU-hour, amounts fen,
quantities GPUs, days delivery day numbers, all integers.

A private message's `position` is (log seq, event index) and `previous` the account's one before it,
so that a client sees a gap at once and can resume from any position it remembers.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from .account_wire import ProductPosition as ProductPosition
from .account_wire import Run as Run
from .account_wire import WalletView as WalletView
from .desk_wire import (
    AcceptQuote,
    ConfirmBlock,
    DeclineBlock,
    Desk,
    DeskTrades,
    ProposeBlock,
    RequestQuote,
    SubmitQuote,
    WithdrawQuote,
    WithdrawQuoteRequest,
)
from .lending_views import Loans
from .lot_wire import LotNews
from .reasons import Reason
from .units import (
    CommandId,
    Day,
    Id,
    Name,
    Ns,
    Price,
    Qty,
    QtyOrZero,
)
from .wire_words import ClientId as ClientId
from .wire_words import ExecType as ExecType
from .wire_words import Message as Message
from .wire_words import Position as Position
from .wire_words import Request as Request
from .wire_words import SelfMatchPolicyWord as SelfMatchPolicyWord
from .wire_words import SessionWord as SessionWord
from .wire_words import SideWord as SideWord
from .wire_words import Symbol as Symbol
from .wire_words import TimeInForceWord as TimeInForceWord

ModeWord = Literal["title", "sublet"]


class Auth(Request, frozen=True, kw_only=True, tag="auth"):
    """First message of a session, within five seconds; `token` is `key_id.secret`."""

    token: Annotated[str, Meta(max_length=256)]
    cancel_on_disconnect: bool = False
    previous_session_id: Id = 0
    """The session that this one continues: its orders move over."""
    resume_from: Position | None = None
    """Last private position seen; what came after is sent again with `replay`."""
    witness: Annotated[str, Meta(max_length=128)] = ""
    """The last one received: an exchange whose log lacks what it speaks of refuses, and stops."""


class PlaceOrder(Request, frozen=True, kw_only=True, tag="place_order"):
    """
    A limit order.

    `day` ends at 16:00 at the site today, `gtd` at 16:00 on `expire_day`. `all_or_none` goes with
    `ioc` and `fok`. `min_qty` is the least that must trade on entry. With `display_qty` only so
    much is shown at a time while the order rests. `ioc` and `fok` never rest, so they go with
    neither `post_only` nor `display_qty`. With `mode` `sublet` it is for the use of the days: it
    goes to the instrument whose symbol is this one's with `.SUB`.

    Open orders of the account with the same `link_id`, a number of its own, are exclusive: a fill
    of one takes as much from every other, which is told as `replaced`, or `cancelled` with the
    reason `linked_filled`. They are of one product, mode and side, of one instrument each, and 8
    at most. Together they hold and reserve what the worst sequence of fills can cost. The id is
    free again when the last of them has ended.
    """

    client_order_id: ClientId
    instrument: Symbol
    side: SideWord
    order_qty: Qty
    limit_price: Price
    time_in_force: TimeInForceWord = "gtc"
    post_only: bool = False
    valid_until_ns: Ns = 0
    expire_day: Day = 0
    all_or_none: bool = False
    min_qty: QtyOrZero = 0
    display_qty: QtyOrZero = 0
    self_match_policy: SelfMatchPolicyWord = "cancel_incoming"
    mode: ModeWord = "title"
    link_id: Id = 0


class AmendOrder(Request, frozen=True, kw_only=True, tag="amend_order"):
    """`order_qty` is the total, filled part included. Name the order by either id."""

    command_id: ClientId
    client_order_id: CommandId = ""
    order_id: Id = 0
    order_qty: Qty | None = None
    limit_price: Price | None = None
    valid_until_ns: Ns = 0


class CancelOrder(Request, frozen=True, kw_only=True, tag="cancel_order"):
    """Name the order by either id."""

    command_id: ClientId
    client_order_id: CommandId = ""
    order_id: Id = 0
    valid_until_ns: Ns = 0


class MassCancel(Request, frozen=True, kw_only=True, tag="mass_cancel"):
    """All own orders, or those of an instrument or a side."""

    command_id: ClientId
    instrument: Annotated[str, Meta(max_length=96)] = ""
    side: SideWord | None = None
    valid_until_ns: Ns = 0


class Subscribe(Request, frozen=True, kw_only=True, tag="subscribe"):
    """
    Channels: `book:<instrument>:<depth>`, `trades:<instrument>`, `orders`, `positions`,
    `balances`, `marks`, `desk`, `desk_trades`. Each answers with a snapshot first.
    """

    channels: Annotated[
        list[Annotated[str, Meta(max_length=128)]], Meta(min_length=1, max_length=64)
    ]


class Unsubscribe(Request, frozen=True, kw_only=True, tag="unsubscribe"):
    """Ends channels; those that were not subscribed are ignored."""

    channels: Annotated[
        list[Annotated[str, Meta(max_length=128)]], Meta(min_length=1, max_length=64)
    ]


class Ping(Request, frozen=True, kw_only=True, tag="ping"):
    """Answered by `pong`."""


class Logout(Request, frozen=True, kw_only=True, tag="logout"):
    """Ends the session and keeps its orders."""


AnyRequest = (
    Auth
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | MassCancel
    | RequestQuote
    | SubmitQuote
    | AcceptQuote
    | WithdrawQuote
    | WithdrawQuoteRequest
    | ProposeBlock
    | ConfirmBlock
    | DeclineBlock
    | Subscribe
    | Unsubscribe
    | Ping
    | Logout
)


# -- websocket: what the exchange sends -----------------------------------------------------------


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Sent on connecting."""

    session_nonce: str
    heartbeat_s: int
    max_message_bytes: int
    venue_id: str
    at_ns: int


class AuthOk(Message, frozen=True, kw_only=True, tag="auth_ok"):
    """The session is open."""

    request_id: int
    session_id: int
    account_id: int
    roles: list[str]
    position: Position
    """The account's latest private position."""
    market_ns: int
    resumed: bool = False
    """Everything after `resume_from` follows with `replay`; else subscribe for snapshots."""
    log_seq: int = 0
    """The log's last durable record."""
    witness: str = ""


class Ack(Message, frozen=True, kw_only=True, tag="ack"):
    """Durably sequenced and accepted; fills follow as `execution`."""

    request_id: int
    log_seq: int
    order_id: int = 0
    client_order_id: str = ""
    duplicate: bool = False
    witness: str = ""
    """Where the log stands, sealed by the venue; keep the last one, and give it back in `auth`."""


class Error(Message, frozen=True, kw_only=True, tag="error", omit_defaults=False):
    """
    A refusal or a failure; also the body of an HTTP problem.

    Every field is sent, because 0 is a value and a limit too. For a lack of means `value` is what
    would be needed and `limit` what is free; where that is days or their rent, `first_binding_day`
    is the first day that allows no more, and `free_qty` the GPUs that are free on it.
    """

    code: int
    name: str
    message: str
    request_id: int = 0
    field: str = ""
    value: int = 0
    limit: int = 0
    first_binding_day: int = 0
    free_qty: int = 0
    retry: Literal["never", "after", "now"] = "never"
    after_ms: int = 0
    log_seq: int = 0
    duplicate: bool = False


class Execution(Message, frozen=True, kw_only=True, tag="execution"):
    """Something happened to an own order."""

    position: Position
    previous: Position
    order_id: int
    client_order_id: str
    instrument: str
    side: SideWord
    exec_type: ExecType
    order_status: str
    order_qty: int
    limit_price: int
    cum_qty: int
    leaves_qty: int
    last_price: int = 0
    last_qty: int = 0
    notional_amount: int = 0
    gpu_hours: int = 0
    trade_id: int = 0
    liquidity: Literal["", "maker", "taker"] = ""
    fee_amount: int = 0
    reason: str = ""
    replay: bool = False


class Indication(Struct, frozen=True, kw_only=True):
    """What a book that collects would do if it uncrossed now; all 0 where nothing crosses."""

    indicative_price: int = 0
    indicative_qty: int = 0
    surplus_qty: int = 0
    """Left over at the price; negative on the sell side."""
    end_ns: int = 0
    """When an unscheduled auction ends; 0 where the calendar says it."""


class Book(Message, frozen=True, kw_only=True, tag="book"):
    """Levels as (price, qty, order count), best first; a snapshot replaces all, a change states
    levels anew, with quantity 0 where one is gone."""

    instrument: str
    seq: int
    bids: list[tuple[int, int, int]]
    asks: list[tuple[int, int, int]]
    snapshot: bool = False
    prev_seq: int = 0
    session_state: SessionWord = "continuous"
    indication: Indication | None = None
    """Only while the book collects."""


class Trade(Message, frozen=True, kw_only=True, tag="trade"):
    """A public trade; one that was busted, or has another price since, is told again."""

    instrument: str
    trade_id: int
    seq: int
    last_price: int
    last_qty: int
    taker_side: SideWord
    market_ns: int
    is_busted: bool = False


class Positions(Message, frozen=True, kw_only=True, tag="positions"):
    """Unit-days held, per product."""

    as_of_seq: int
    account_id: int
    positions: list[ProductPosition]


class Balances(Message, frozen=True, kw_only=True, tag="balances"):
    """Cash in fen: free, and held by open orders and offers; other currencies beside it."""

    as_of_seq: int
    account_id: int
    available_amount: int
    held_amount: int
    wallets: list[WalletView] = field(default_factory=list)


class OrderView(Struct, frozen=True, kw_only=True):
    """An own order as it stands."""

    order_id: int
    client_order_id: str
    instrument: str
    side: SideWord
    order_status: str
    order_qty: int
    limit_price: int
    cum_qty: int
    leaves_qty: int
    notional_amount: int
    """Of all fills, with `gpu_hours` the exact average price."""
    gpu_hours: int
    fee_amount: int
    time_in_force: TimeInForceWord
    expire_day: int = 0
    """The day at whose 16:00 the order ends; 0 where it does not by itself."""
    display_qty: int = 0
    """The most that others see of it at a time; 0 for all."""
    link_id: int = 0
    """Open orders with the same one are exclusive; 0 where it is linked to none."""


class Orders(Message, frozen=True, kw_only=True, tag="orders"):
    """Own orders: the open ones and the latest that ended."""

    as_of_seq: int
    account_id: int
    position: Position
    orders: list[OrderView]


class NodeMarkView(Struct, frozen=True, kw_only=True):
    """The official price of a GPU-hour in one month, for a class and region."""

    gpu_class: str
    region: str
    month: int
    mark_micro: int
    raw_micro: int
    """Before the guards acted."""
    level: int
    notes: list[str]
    mark_seq: int
    """The record that published it."""
    bid_micro: int
    """Best quotes of that moment; 0 for none."""
    ask_micro: int
    adv_hours: int
    """GPU-hours traded a day, on average."""
    observed_day: int
    """Of the last mark that was not a mere decay of an older one; 0 before the first."""


class Marks(Message, frozen=True, kw_only=True, tag="marks"):
    """Node marks."""

    as_of_seq: int
    marks: list[NodeMarkView]


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """Answers `ping`; sent unasked it is the heartbeat."""

    request_id: int = 0
    market_ns: int = 0
    log_seq: int = 0
    witness: str = ""


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """Answers requests that have nothing else to say: subscribe, unsubscribe, logout."""

    request_id: int


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """The exchange closes the session; the reason's name says why."""

    reason: str


AnyMessage = (
    Hello
    | AuthOk
    | Ack
    | Error
    | Execution
    | Book
    | Trade
    | Positions
    | Balances
    | Orders
    | Marks
    | Desk
    | DeskTrades
    | Loans
    | LotNews
    | Pong
    | Done
    | Bye
)


# -- HTTP -----------------------------------------------------------------------------------------


class AccountView(Struct, frozen=True, kw_only=True):
    """GET /v1/accounts/me: who the token speaks for."""

    account_id: int
    name: str
    roles: list[str]
    key_id: int
    affiliate_ids: list[int] = []
    scopes: list[str] = []


class ParticipantView(Struct, frozen=True, kw_only=True):
    """GET /v1/participants: an account that was admitted."""

    account_id: int
    name: str
    roles: list[str]
    affiliate_ids: list[int]
    is_confirmed: bool
    """Not before a second operator has confirmed its admission; until then it may do nothing."""


class PledgeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/pledges, by the owner."""

    product: Name
    start_day: Day
    end_day: Day
    pledged_qty: Qty
    bank_account_id: Id


class PledgeView(Struct, frozen=True, kw_only=True):
    """A pledge and where it stands."""

    pledge_id: int
    account_id: int
    bank_account_id: int
    product: str
    start_day: int
    end_day: int
    pledged_qty: int
    pledge_status: str


class LogHead(Struct, frozen=True, kw_only=True):
    """The last record that is durable."""

    log_seq: int
    market_ns: int


class Receipt(Struct, frozen=True, kw_only=True):
    """A command done over HTTP: where in the log, and the id it created, if any."""

    log_seq: int
    created_id: int = 0
    duplicate: bool = False
    witness: str = ""
    """As in an `ack`; given back in the header `Log-Witness`."""


class Health(Struct, frozen=True, kw_only=True):
    """Whether the exchange serves, and how fresh it is."""

    is_ready: bool
    log_seq: int
    market_ns: int
    tick_age_ms: int
    detail: str = ""


def error_of(
    reason: Reason,
    message: str,
    *,
    request_id: int = 0,
    field: str = "",
    value: int = 0,
    limit: int = 0,
    day: int = 0,
    log_seq: int = 0,
    duplicate: bool = False,
) -> Error:
    """The wire's words for a reason; a lack of title names the binding day and what is free."""
    is_title = reason in (Reason.TITLE, Reason.LIEN)
    is_of_days = is_title or reason in (Reason.RENT, Reason.AFFILIATE)
    return Error(
        code=int(reason),
        name=reason.name.lower(),
        message=message,
        request_id=request_id,
        field=field,
        value=value,
        limit=limit,
        first_binding_day=day if is_of_days else 0,
        free_qty=limit if is_title else 0,
        retry="after" if reason in (Reason.RATE, Reason.OVERLOAD) else "never",
        log_seq=log_seq,
        duplicate=duplicate,
    )

"""
Trades outside the books: what may be dealt, what it needs, how it is paid, when it is public.

Any window of one product may be dealt, from tomorrow on and until the gate of its first day, but no
day of a halted window: by days more or less than its own it is not got round. Nobody deals on
credit: what a side needs is checked when it becomes firm and held while it waits. The
house's sale to a stranger pays into the escrow of its days, a stranger's sale to the house returns
that of what it sells, as trades in a book do. Quoter and proposer pay the maker's rate, rounded up.

The public hears of a trade fifteen minutes later, and of no more than CNY 10 M of it.
"""

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain.desk_events import DeskTradeExecuted, DeskTradePublished, EscrowRun
from exchange.domain.enums import Purpose, Role, SessionState, Side, TradingMode, WindowKind
from exchange.domain.events import EscrowFunded, EscrowReturned, Event, ProductDefined
from exchange.domain.movements import HoldOpened, TitleTransferred, TradeSettled
from exchange.domain.reasons import Reason, require
from exchange.domain.units import BPS_WHOLE, HOURS_PER_DAY, MAX_INTEGER, NS_PER_MINUTE
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, Window, day_at, gate_ns

from .desk import DeskTrade
from .listing import last_trading_day
from .state import State
from .suppliers import require_on_sale

PUBLICATION_DELAY_NS = 15 * NS_PER_MINUTE
DISPLAY_CAP_AMOUNT = 1_000_000_000
"""The most that the public is shown of a trade: CNY 10 M, in whole lots, one at least."""


class Terms(Struct, frozen=True):
    """What two accounts deal in."""

    product_id: int
    start_day: int
    end_day: int
    qty: int
    price: int
    buyer_account_id: int
    seller_account_id: int

    @property
    def day_amount(self) -> int:
        """The price of one delivery day."""
        return self.qty * HOURS_PER_DAY * self.price

    @property
    def notional_amount(self) -> int:
        """The price of all days."""
        return self.day_amount * (self.end_day - self.start_day)


def terms_between(
    account_id: int, other_id: int, side: Side, days: tuple[int, int, int], qty: int, price: int
) -> Terms:
    """What an account deals in on a side; `days` are (product_id, start_day, end_day)."""
    buyer_id, seller_id = (account_id, other_id) if side is Side.BUY else (other_id, account_id)
    return Terms(*days, qty, price, buyer_id, seller_id)


# -- what may be dealt -----------------------------------------------------------------------------


def require_window(
    product_id: int, start_day: int, end_day: int, qty: int, state: State
) -> tuple[ProductDefined, int]:
    """The product and the gate of a window that may be dealt in now; refuses any other."""
    product = state.product(product_id)
    days = end_day - start_day
    require(0 < days <= MAX_USER_DEFINED_DAYS, Reason.BAD_WINDOW, days, MAX_USER_DEFINED_DAYS)
    today = day_at(state.market_ns)
    require(start_day > today, Reason.BAD_WINDOW, start_day, today, start_day)
    window = Window(WindowKind.USER_DEFINED, start_day, end_day)
    gate_closure_ns = gate_ns(last_trading_day(window, state))
    is_open = state.market_ns < gate_closure_ns
    require(is_open, Reason.WINDOW_CLOSED, state.market_ns, gate_closure_ns)
    require(qty % product.lot_qty == 0, Reason.LOT, qty, product.lot_qty)
    _require_no_halt(product_id, start_day, end_day, state)
    return product, gate_closure_ns


def _require_no_halt(product_id: int, start_day: int, end_day: int, state: State) -> None:
    """Refuses days of a window that was halted itself; those that only contain it do not count."""
    for instrument_id, causes in sorted(state.halts.items()):
        halted = state.instruments[instrument_id]
        is_title = halted.product_id == product_id and halted.mode is TradingMode.TITLE
        if is_title and instrument_id in causes:
            is_touched = start_day < halted.end_day and halted.start_day < end_day
            require(not is_touched, Reason.HALTED, SessionState.HALTED, instrument_id)


def require_dealer(account_id: int, product: ProductDefined, state: State) -> None:
    """Refuses who is no trader, but for the supplier of this very product."""
    roles = state.participant(account_id).roles
    is_supplier = Role.SUPPLIER in roles and product.supplier_account_id == account_id
    require(Role.TRADER in roles or is_supplier, Reason.WRONG_ROLE, account_id)


# -- what it needs ---------------------------------------------------------------------------------


def is_primary(terms: Terms, state: State) -> bool:
    """Whether the house sells to a stranger, so that the price goes to escrow."""
    return state.core.is_house(terms.product_id, terms.seller_account_id) and not (
        state.core.is_house(terms.product_id, terms.buyer_account_id)
    )


def fee_amount(notional_amount: int, bps: int) -> int:
    """A fee, rounded up: the venue gains."""
    return -(-notional_amount * bps // BPS_WHOLE)


def required_hold(
    hold_id: int, account_id: int, terms: Terms, bps: int, state: State
) -> HoldOpened:
    """
    What one side of a trade needs, as the hold that sets it aside; refuses where it is not free.

    A buyer needs price and fee, a seller the days; and the fee too in a primary sale, whose price
    goes to escrow.
    """
    notional_amount = terms.notional_amount
    require(notional_amount <= MAX_INTEGER, Reason.CASH, notional_amount, MAX_INTEGER)
    fee = fee_amount(notional_amount, bps)
    is_buyer = account_id == terms.buyer_account_id
    if state.stopped_suppliers:
        # Whoever of the two becomes firm: neither may deal in what the seller may not sell.
        require_on_sale(terms.product_id, terms.seller_account_id, Side.SELL, state)
    if is_buyer:
        held_amount = notional_amount + fee
    else:
        held_amount = fee if is_primary(terms, state) else 0
        require_free(account_id, terms, terms.qty, state)
    available_amount, _ = state.core.balances(account_id)
    require(held_amount <= available_amount, Reason.CASH, held_amount, available_amount)
    return HoldOpened(
        hold_id=hold_id,
        account_id=account_id,
        held_amount=held_amount,
        product_id=0 if is_buyer else terms.product_id,
        start_day=0 if is_buyer else terms.start_day,
        end_day=0 if is_buyer else terms.end_day,
        held_qty=0 if is_buyer else terms.qty,
    )


def require_free(account_id: int, terms: Terms, qty: int, state: State) -> None:
    """Refuses where less is free on a day of the window, and names the first such day."""
    free_qty, binding_day = state.core.sellable(
        account_id, terms.product_id, terms.start_day, terms.end_day
    )
    require(qty <= free_qty, Reason.TITLE, qty, free_qty, binding_day)


# -- how it is paid --------------------------------------------------------------------------------


def execution(terms: Terms, taker_side: Side, purpose: Purpose, state: State) -> list[Event]:
    """A trade whose id is this record's number, and what it moves; both sides' holds are closed."""
    trade_id = state.seq + 1
    product = state.products[terms.product_id]
    notional_amount = terms.notional_amount
    is_taker_buyer = taker_side is Side.BUY
    maker_fee = fee_amount(notional_amount, product.maker_bps)
    taker_fee = fee_amount(notional_amount, product.taker_bps)
    executed = DeskTradeExecuted(
        trade_id=trade_id,
        purpose=purpose,
        product_id=terms.product_id,
        start_day=terms.start_day,
        end_day=terms.end_day,
        traded_qty=terms.qty,
        trade_price=terms.price,
        buyer_account_id=terms.buyer_account_id,
        seller_account_id=terms.seller_account_id,
        taker_side=taker_side,
        notional_amount=notional_amount,
        buyer_fee_amount=taker_fee if is_taker_buyer else maker_fee,
        seller_fee_amount=maker_fee if is_taker_buyer else taker_fee,
        escrow_amount=notional_amount if is_primary(terms, state) else 0,
        returned_escrow=_returned_escrow(terms, state),
        publish_ns=state.market_ns + PUBLICATION_DELAY_NS,
        displayed_qty=_displayed_qty(terms, product.lot_qty),
    )
    return [executed, *_movements(executed, terms)]


def _movements(executed: DeskTradeExecuted, terms: Terms) -> list[Event]:
    days = {
        "product_id": executed.product_id,
        "start_day": executed.start_day,
        "end_day": executed.end_day,
    }
    parties = {
        "buyer_account_id": executed.buyer_account_id,
        "seller_account_id": executed.seller_account_id,
    }
    events: list[Event] = [
        TradeSettled(
            trade_id=executed.trade_id,
            cash_amount=executed.notional_amount - executed.escrow_amount,
            escrow_amount=executed.escrow_amount,
            buyer_fee_amount=executed.buyer_fee_amount,
            seller_fee_amount=executed.seller_fee_amount,
            purpose=executed.purpose,
            **parties,
        ),
        TitleTransferred(transferred_qty=executed.traded_qty, **days, **parties),
    ]
    if executed.escrow_amount:
        events.append(
            EscrowFunded(
                trade_id=executed.trade_id,
                sold_qty=executed.traded_qty,
                day_amount=terms.day_amount,
                **days,
            )
        )
    return events + escrow_returns(
        executed.trade_id, terms, executed.buyer_account_id, executed.returned_escrow
    )


def escrow_returns(
    trade_id: int, terms: Terms, account_id: int, runs: list[EscrowRun]
) -> list[Event]:
    """What leaves the escrow of a trade's days for a member of the house."""
    return [
        EscrowReturned(
            trade_id=trade_id,
            product_id=terms.product_id,
            account_id=account_id,
            start_day=run.start_day,
            end_day=run.end_day,
            returned_qty=terms.qty,
            day_amount=run.day_amount,
        )
        for run in runs
    ]


def _returned_escrow(terms: Terms, state: State) -> list[EscrowRun]:
    """What the escrow gives back where a stranger sells to the house."""
    is_house = state.core.is_house
    if is_house(terms.product_id, terms.seller_account_id):
        return []
    if not is_house(terms.product_id, terms.buyer_account_id):
        return []
    return escrow_share(terms, state)


def escrow_share(terms: Terms, state: State) -> list[EscrowRun]:
    """What a quantity has in the escrow of its days, rounded down."""
    shares = state.core.escrow_shares(terms.product_id, terms.start_day, terms.end_day, terms.qty)
    return [EscrowRun(*share) for share in shares]


def total_of(runs: list[EscrowRun]) -> int:
    """The amount of all days."""
    return sum(run.day_amount * (run.end_day - run.start_day) for run in runs)


def _displayed_qty(terms: Terms, lot_qty: int) -> int:
    """As much of a trade as the public is shown."""
    lot_amount = terms.notional_amount * lot_qty // terms.qty
    return min(terms.qty, max(1, DISPLAY_CAP_AMOUNT // lot_amount) * lot_qty)


# -- evolve ---------------------------------------------------------------------------------------


def terms_of(executed: DeskTradeExecuted) -> Terms:
    """What a trade was about."""
    return Terms(
        executed.product_id,
        executed.start_day,
        executed.end_day,
        executed.traded_qty,
        executed.trade_price,
        executed.buyer_account_id,
        executed.seller_account_id,
    )


def evolve_execution(event: DeskTradeExecuted, state: State) -> None:
    """The trade is on the desk's list."""
    state.desk_trades[event.trade_id] = DeskTrade(event, state.market_ns, event.trade_price)


def evolve_publication(event: DeskTradePublished, state: State) -> None:
    """The trade is public."""
    trade = state.desk_trades[event.trade_id]
    state.desk_trades[event.trade_id] = replace(trade, is_published=True)

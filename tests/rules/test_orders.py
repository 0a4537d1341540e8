"""Orders through the rules: whose they are, what they hold, and every refusal on their path."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AmendOrder,
    CancelOrder,
    DefineProduct,
    MassCancel,
)
from exchange.domain.enums import CancelReason, ExecInst, ProductKind, Role, Side, TimeInForce
from exchange.domain.events import (
    EscrowFunded,
    EscrowReturned,
    OrderAmended,
    OrderCancelled,
    TradeExecuted,
)
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.windows import parse_window
from exchange.engine.replay import replay
from exchange.rules.orders import MASS_CANCEL_LIMIT
from tests.rules.markets import assert_refused, day, events_of, order, own, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market

JANUARY = parse_window("M2701")
HOURS = 744
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


@pytest.fixture
def market() -> Market:
    """A hundred GPUs granted for January and February; both listed."""
    market = Market()
    market.grant("X270101-270301", 100)
    market.january = market.list_window("M2701")
    market.february = market.list_window("M2702")
    return market


def trades(market: Market) -> list[tuple[int, int]]:
    """Price and quantity of each trade of the last record."""
    return [(e.last_price, e.last_qty) for e in market.events if isinstance(e, TradeExecuted)]


def cash(market: Market, account_id: int) -> int:
    """An account's available cash."""
    return market.core.balances(account_id)[0]


def leave_cash(market: Market, account_id: int, amount: int) -> None:
    """Withdraws all available cash but this much."""
    spare = cash(market, account_id) - amount
    market.withdraw(account_id, spare)


# -- whose order, and of what ----------------------------------------------------------------------


def test_an_order_is_for_a_listed_window(market):
    assert_refused(market, TRADER, order(3, Side.BUY), Reason.UNKNOWN_INSTRUMENT, 3)
    assert_refused(market, TRADER, order(0, Side.BUY), Reason.UNKNOWN_INSTRUMENT, 0)


def other_product(market: Market) -> int:
    """January of another supplier's product."""
    rival = market.admit("rival", Role.SUPPLIER)
    market.do(
        1,
        DefineProduct(
            code="H100.SG2",
            kind=ProductKind.GPU_TIME,
            gpu_class="H100",
            region="SG",
            supplier_account_id=rival,
            lot_qty=8,
        ),
    )
    return market.list_window("M2701", product_id=2)


@pytest.mark.parametrize("side", list(Side))
def test_a_supplier_that_is_no_trader_trades_its_own_product_only(market, side):
    foreign = other_product(market)
    market.do(SUPPLIER, order(market.january, side))
    command = order(foreign, side, 8)
    assert_refused(market, SUPPLIER, command, Reason.WRONG_ROLE, SUPPLIER)


def test_a_supplier_that_trades_too_may_buy_of_others(market):
    both = market.admit("trading supplier", Role.SUPPLIER, Role.TRADER)
    market.deposit(both, 10**9)
    market.do(both, order(market.january, Side.BUY))


def test_a_bank_does_not_trade(market):
    assert_refused(market, BANK, order(market.january, Side.BUY), Reason.WRONG_ROLE, BANK)


def test_another_accounts_order_does_not_exist_for_anybody(market):
    foreign = other_product(market)
    order_id = market.order(TRADER, foreign, Side.BUY, 8, 100)
    amend, cancel = AmendOrder(order_id=order_id, order_qty=16), CancelOrder(order_id=order_id)
    for account_id in (SUPPLIER, OTHER):
        assert_refused(market, account_id, amend, Reason.UNKNOWN_ORDER, order_id)
        assert_refused(market, account_id, cancel, Reason.UNKNOWN_ORDER, order_id)


# -- what the core refuses -------------------------------------------------------------------------


def test_quantities_are_whole_lots():
    market = Market(lot_qty=8)
    january = market.list_window("M2701")
    for qty in (7, 9):
        assert_refused(market, TRADER, order(january, Side.BUY, qty), Reason.LOT, qty, 8)
    order_id = market.do(TRADER, order(january, Side.BUY, 8)).seq
    odd = AmendOrder(order_id=order_id, order_qty=12)
    assert_refused(market, TRADER, odd, Reason.LOT, 12, 8)
    market.do(TRADER, AmendOrder(order_id=order_id, order_qty=16))


def test_post_only_rests_one_fen_below_the_offer_and_never_takes_it(market):
    market.order(SUPPLIER, market.january, Side.SELL, 5, 100)
    taking = order(market.january, Side.BUY, 1, 100, exec_inst=ExecInst.POST_ONLY)
    assert_refused(market, TRADER, taking, Reason.WOULD_TAKE, 100, 100)
    market.do(TRADER, replace(taking, limit_price=99))


def test_fill_or_kill_fills_the_last_unit_and_is_killed_for_one_more(market):
    market.order(SUPPLIER, market.january, Side.SELL, 5, 100)
    beyond = order(market.january, Side.BUY, 6, 100, FOK)
    assert_refused(market, TRADER, beyond, Reason.CANNOT_FILL, 6, 5)
    market.do(TRADER, replace(beyond, order_qty=5))
    assert trades(market) == [(100, 5)]


def test_immediate_or_cancel_takes_what_there_is_and_cancels_the_rest(market):
    market.order(SUPPLIER, market.january, Side.SELL, 5, 100)
    market.do(TRADER, order(market.january, Side.BUY, 7, 100, IOC))
    assert trades(market) == [(100, 5)]
    (cancelled,) = [e for e in market.events if isinstance(e, OrderCancelled)]
    assert (cancelled.cancelled_qty, cancelled.cancel_reason) == (2, CancelReason.UNFILLED)
    assert market.core.open_order_count(TRADER) == 0


def test_an_account_never_trades_with_itself(market):
    own(market, TRADER, market.january, 5)
    offer = market.order(TRADER, market.january, Side.SELL, 5, 120)
    crossing = order(market.january, Side.BUY, 1, 120)
    assert_refused(market, TRADER, crossing, Reason.SELF_MATCH, offer)
    market.do(TRADER, replace(crossing, limit_price=119))


def test_a_bid_needs_its_notional_and_the_higher_fee_to_the_fen(market):
    needed = HOURS * 101 * 3 + 226  # 225,432 at 10 basis points is 225.4, rounded up
    leave_cash(market, TRADER, needed - 1)
    bid = order(market.january, Side.BUY, 3, 101)
    assert_refused(market, TRADER, bid, Reason.CASH, needed, needed - 1)
    market.deposit(TRADER, 1)
    market.do(TRADER, replace(bid, command_id="again"))
    assert market.core.balances(TRADER) == (0, needed)


def test_a_sale_needs_title_on_every_day_and_names_the_first_that_binds(market):
    own(market, TRADER, market.february, 10)
    offer = order(market.february, Side.SELL, 11)
    wanted = (Reason.TITLE, 11, 10, day("2027-02-01"))
    assert_refused(market, TRADER, offer, *wanted)
    market.do(TRADER, replace(offer, order_qty=10))
    days = market.list_window("X270130-270203")
    nothing = order(days, Side.SELL, 1, 100, IOC)
    assert_refused(market, TRADER, nothing, Reason.TITLE, 1, 0, day("2027-01-30"))


def test_the_thousandth_open_order_is_accepted_and_the_next_is_refused_but_not_recorded(market):
    engine, records = market.engine, len(market.records)
    command = order(market.january, Side.BUY, key_id=TRADER)
    for number in range(1_000):
        outcome, record = engine.execute(replace(command, command_id=f"{number}"))
        assert outcome.reason is None
        market.records.append(record)
    assert len(market.records) == records + 1_000
    assert_refused(market, TRADER, command, Reason.OPEN_ORDERS, 1_001, 1_000)
    market.do(TRADER, order(market.january, Side.BUY, time_in_force=IOC))
    market.do(OTHER, order(market.january, Side.BUY))
    assert market.core.open_order_count(TRADER) == MASS_CANCEL_LIMIT
    market.do(TRADER, MassCancel())
    assert len(market.events) == 1_000
    assert market.core.open_order_count(TRADER) == 0
    market.assert_replays()


# -- amending and cancelling -----------------------------------------------------------------------


def test_an_amendment_changes_something(market):
    order_id = market.do(TRADER, order(market.january, Side.BUY, 5)).seq
    assert_refused(market, TRADER, AmendOrder(order_id=order_id), Reason.EMPTY, order_id)
    same = AmendOrder(order_id=order_id, order_qty=5, limit_price=100)
    assert_refused(market, TRADER, same, Reason.EMPTY, order_id)


def test_less_keeps_its_place_and_another_price_loses_it(market):
    first = market.do(TRADER, order(market.january, Side.BUY, 5)).seq
    second = market.do(OTHER, order(market.january, Side.BUY, 5)).seq
    market.do(TRADER, AmendOrder(order_id=first, order_qty=4))
    assert market.core.queue(market.january, Side.BUY, 100) == [first, second]
    market.do(TRADER, AmendOrder(order_id=first, order_qty=5))
    assert market.core.queue(market.january, Side.BUY, 100) == [second, first]
    market.do(OTHER, AmendOrder(order_id=second, limit_price=101))
    assert isinstance(market.events[0], OrderAmended)
    assert market.core.queue(market.january, Side.BUY, 101) == [second]


def test_a_total_that_is_already_filled_cancels_the_rest(market):
    order_id = market.do(TRADER, order(market.january, Side.BUY, 5)).seq
    market.order(SUPPLIER, market.january, Side.SELL, 2, 100)
    market.do(TRADER, AmendOrder(order_id=order_id, order_qty=2))
    (cancelled,) = market.events
    assert (cancelled.order_id, cancelled.cancelled_qty) == (order_id, 3)


def test_an_order_is_found_by_its_client_order_id_and_only_by_its_owner(market):
    order_id = market.do(TRADER, order(market.january, Side.BUY, 5, command_id="mine")).seq
    by_name = AmendOrder(orig_client_order_id="mine", order_qty=3)
    assert_refused(market, OTHER, by_name, Reason.UNKNOWN_ORDER)
    market.do(TRADER, by_name)
    assert market.events[0].order_id == order_id


def test_an_id_that_was_no_order_names_none(market):
    market.do(TRADER, order(market.january, Side.BUY, 5, command_id="order"))
    market.do(TRADER, CancelOrder(orig_client_order_id="order", command_id="cancel"))
    for name in ("cancel", "never", ""):
        by_name = CancelOrder(orig_client_order_id=name)
        assert_refused(market, TRADER, by_name, Reason.UNKNOWN_ORDER)


def test_an_order_ends_once(market):
    order_id = market.do(TRADER, order(market.january, Side.BUY)).seq
    cancel = CancelOrder(order_id=order_id)
    market.do(TRADER, cancel)
    assert_refused(market, TRADER, cancel, Reason.UNKNOWN_ORDER, order_id)


def test_mass_cancel_takes_the_accounts_own_orders_of_an_instrument_or_a_side(market):
    own(market, TRADER, market.january, 5)
    bid = market.order(TRADER, market.january, Side.BUY, 1, 90)
    offer = market.order(TRADER, market.january, Side.SELL, 1, 110)
    elsewhere = market.order(TRADER, market.february, Side.BUY, 1, 90)
    foreign = market.order(OTHER, market.january, Side.BUY, 1, 90)
    market.do(TRADER, MassCancel(instrument_id=market.january, side=Side.SELL))
    assert [event.order_id for event in market.events] == [offer]
    market.do(TRADER, MassCancel(instrument_id=market.january))
    assert [event.order_id for event in market.events] == [bid]
    market.do(TRADER, MassCancel(side=Side.BUY))
    assert [event.order_id for event in market.events] == [elsewhere]
    assert market.events[0].cancel_reason is CancelReason.MASS_CANCEL
    assert market.core.order(foreign) is not None


def test_a_mass_cancel_that_finds_nothing_is_remembered_so_that_its_repeat_ends_nothing(market):
    command = MassCancel(key_id=TRADER, command_id="all")
    first, record = market.engine.execute(command)
    assert first == Outcome(market.state.seq)
    assert decode_body(record) == (command, [])
    market.records.append(record)
    market.order(TRADER, market.january, Side.BUY, 1, 90)
    again, nothing = market.engine.execute(command)
    assert (again, nothing) == (Outcome(first.seq, is_duplicate=True), None)
    assert len(market.core.orders_of_account(TRADER)) == 1
    recovered = replay(market.records)
    assert recovered.state.hash() == market.state.hash()
    assert recovered.execute(command) == (again, None)


# -- money -----------------------------------------------------------------------------------------


def escrow_of(market: Market) -> list[tuple[int, int, int, int]]:
    """The product's escrow by days."""
    return market.core.escrow(1)


def test_a_primary_sale_pays_into_the_escrow_of_its_days_and_not_to_the_supplier(market):
    before = cash(market, SUPPLIER)
    own(market, TRADER, market.january, 10, 100)
    notional = 10 * HOURS * 100
    (trade,) = events_of(market, TradeExecuted)
    assert (trade.cash_amount, trade.escrow_amount) == (0, notional)
    (funded,) = events_of(market, EscrowFunded)
    assert (funded.sold_qty, funded.day_amount) == (10, 10 * 24 * 100)
    assert escrow_of(market) == [(JANUARY.start_day, JANUARY.end_day, 10, 24_000)]
    assert cash(market, SUPPLIER) == before - 372
    assert cash(market, TRADER) == 10**13 - notional - 744
    assert cash(market, 0) == 372 + 744


def test_a_secondary_sale_pays_the_seller_at_once_and_leaves_the_escrow(market):
    own(market, TRADER, market.january, 10, 100)
    escrow, before = escrow_of(market), cash(market, TRADER)
    market.order(TRADER, market.january, Side.SELL, 4, 130)
    market.order(OTHER, market.january, Side.BUY, 4, 130)
    notional = 4 * HOURS * 130
    assert cash(market, TRADER) == before + notional - 194  # 193.4 of maker's fee, rounded up
    assert cash(market, OTHER) == 10**13 - notional - 387
    assert escrow_of(market) == escrow


def test_a_buy_back_returns_the_suppliers_share_of_the_escrow_and_the_days_are_unsold(market):
    own(market, TRADER, market.january, 10, 100)
    own(market, OTHER, market.january, 20, 130)
    assert escrow_of(market) == [(JANUARY.start_day, JANUARY.end_day, 30, 24_000 + 62_400)]
    market.order(TRADER, market.january, Side.SELL, 7, 90)
    before = cash(market, SUPPLIER)
    market.order(SUPPLIER, market.january, Side.BUY, 7, 90)
    returned = 86_400 * 7 // 30
    (event,) = events_of(market, EscrowReturned)
    assert (event.returned_qty, event.day_amount) == (7, returned)
    assert escrow_of(market) == [(JANUARY.start_day, JANUARY.end_day, 23, 86_400 - returned)]
    paid = 7 * HOURS * 90
    assert cash(market, SUPPLIER) == before + 31 * returned - paid - -(-paid // 1_000)
    sellable, _ = market.core.sellable(SUPPLIER, 1, **span("M2701"))
    assert sellable == 70 + 7
    market.assert_replays()


def test_buying_everything_back_empties_the_escrow(market):
    own(market, TRADER, market.january, 10, 100)
    market.order(TRADER, market.january, Side.SELL, 10, 100)
    market.order(SUPPLIER, market.january, Side.BUY, 10, 100)
    assert escrow_of(market) == []


def test_ten_small_fills_cost_no_more_than_one_large():
    market = Market()
    market.grant("X261123-261201", 100)
    tomorrow = market.list_window("D261124")
    own(market, OTHER, tomorrow, 20, 101)
    price = 101  # one GPU costs 2,424 fen; the maker's 5 basis points of it are 1.212
    fees = cash(market, 0)
    market.order(TRADER, tomorrow, Side.BUY, 10, price)
    for _ in range(10):
        market.order(OTHER, tomorrow, Side.SELL, 1, price)
    charged = [e.maker_fee_amount for e in events_of(market, TradeExecuted)][1:]
    assert charged == [2, 1, 1, 1, 2, 1, 1, 1, 1, 2]
    assert sum(charged) == 13  # 12.12, rounded up once
    assert cash(market, 0) == fees + 13 + 10 * 3
    spent = 10 * 2_424 + 13
    assert market.core.balances(TRADER) == (10**13 - spent, 0)


def test_the_fee_of_an_order_is_that_of_its_entry_and_what_is_over_is_released(market):
    market.order(SUPPLIER, market.january, Side.SELL, 5, 90)
    market.order(TRADER, market.january, Side.BUY, 5, 100)
    paid = 5 * HOURS * 90
    assert market.core.balances(TRADER) == (10**13 - paid - -(-paid // 1_000), 0)

"""Busts and corrections of trades that were made in a book, which numbers its own trades."""

import msgspec
import pytest

from exchange.domain.commands import AcceptPledge, RequestPledge
from exchange.domain.desk_commands import (
    ApproveCorrection,
    DeclineCorrection,
    RecordClaim,
    RequestBust,
    RequestCorrection,
)
from exchange.domain.desk_events import ClaimRecorded, TradeBusted
from exchange.domain.enums import Side, TradeSource, TradingMode
from exchange.domain.movements import CashPaid
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.engine.engine import Engine
from exchange.rules.desk import DISPUTE_NS
from tests.rules.deliveries import NO_FEES
from tests.rules.desk import CASH, MINUTE, SPAN, desk_market, pass_time, publish, registered
from tests.rules.markets import OtherMarket, assert_refused
from tests.rules.test_corrections import everything
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market

JUNE = 1
NOTE = "fat finger"


@pytest.fixture
def market():
    """The trader has 1000 of June; whatever a test does is replayed."""
    market = desk_market()
    yield market
    market.assert_replays()


def sold(market: Market, seller_id: int, buyer_id: int, qty: int = 10, price: int = 1_000) -> int:
    """The trade of two orders for June."""
    market.order(seller_id, JUNE, Side.SELL, qty, price)
    market.order(buyer_id, JUNE, Side.BUY, qty, price)
    return market.core.next_trade_id - 1


def ask(trade_id: int, source: TradeSource = TradeSource.BOOK) -> RequestBust:
    """A party's wish to undo a trade."""
    return RequestBust(trade_id=trade_id, note=NOTE, trade_source=source)


def bust(market: Market, trade_id: int, account_id: int) -> None:
    """Both operators agree to what a party asked."""
    wanted = market.do(account_id, ask(trade_id)).seq
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))


@pytest.mark.parametrize(
    ("seller_id", "buyer_id"),
    [(TRADER, OTHER), (SUPPLIER, OTHER), (TRADER, SUPPLIER)],
    ids=["secondary", "primary", "buy-back"],
)
@pytest.mark.parametrize("is_asked_by_buyer", [True, False])
def test_a_busted_trade_of_a_book_restores_days_cash_fees_and_escrow(
    market, seller_id, buyer_id, is_asked_by_buyer
):
    before = everything(market)
    trade_id = sold(market, seller_id, buyer_id)
    assert everything(market) != before
    bust(market, trade_id, buyer_id if is_asked_by_buyer else seller_id)
    assert everything(market) == before
    assert market.events[0] == TradeBusted(
        correction_id=market.state.seq - 2,
        trade_id=trade_id,
        operator_account_id=2,
        trade_source=TradeSource.BOOK,
    )


@pytest.mark.parametrize("price", [999, 2_000])
def test_a_busted_primary_sale_of_another_price_leaves_what_others_have_paid(market, price):
    before = everything(market)
    trade_id = sold(market, SUPPLIER, OTHER, 100, price)
    bust(market, trade_id, OTHER)
    assert everything(market) == before


def test_the_bust_of_one_primary_sale_leaves_the_other_its_escrow_to_the_fen():
    """A has 100 of June at 10.00 and B 100 at 20.00: B's 1,440,000.00 stay when A's is busted."""
    market = OtherMarket(NO_FEES)
    market.grant("M2706", 200)
    market.list_window("M2706")
    trade_id = sold(market, SUPPLIER, TRADER, 100, 1_000)
    sold(market, SUPPLIER, OTHER, 100, 2_000)
    bust(market, trade_id, TRADER)
    ((start_day, end_day, sold_qty, day_amount),) = market.core.escrow(1)
    assert (end_day - start_day, sold_qty) == (30, 100)
    assert 30 * day_amount == 144_000_000
    assert market.core.balances(TRADER) == (CASH, 0)
    market.assert_replays()


def test_a_corrected_primary_sale_pays_the_difference_into_escrow_and_keeps_to_the_band(market):
    publish(market, 1_000)
    trade_id = sold(market, SUPPLIER, OTHER, 100)
    supplier_cash = market.core.balances(SUPPLIER)
    correct = RequestCorrection(
        trade_id=trade_id, corrected_price=1_101, note=NOTE, trade_source=TradeSource.BOOK
    )
    wanted = market.do(SUPPLIER, correct).seq
    market.do(1, ApproveCorrection(correction_id=wanted))
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, 2, approve, Reason.PRICE_BAND, 1_101, 1_100)
    market.do(1, DeclineCorrection(correction_id=wanted, note="outside the band"))
    wanted = market.do(SUPPLIER, msgspec.structs.replace(correct, corrected_price=1_100)).seq
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))
    in_escrow = 24 * (1_000 * 1_000 + 100 * 1_100)
    assert market.core.day_totals(1, SPAN["start_day"]) == (2_000, 1_100, in_escrow)
    assert market.core.balances(SUPPLIER) == supplier_cash


def test_a_bust_of_a_part_that_was_filled_leaves_the_rest_of_the_order(market):
    market.order(TRADER, JUNE, Side.SELL, 10, 1_000)
    resting = market.state.seq
    market.order(OTHER, JUNE, Side.BUY, 4, 1_000)
    before = market.core.order(resting)
    bust(market, market.core.next_trade_id - 1, OTHER)
    assert market.core.order(resting) == before


def test_trades_of_books_and_of_the_desk_have_numbers_of_their_own(market):
    desk_trade_id = registered(market) + 1
    while market.core.next_trade_id <= desk_trade_id:
        sold(market, TRADER, OTHER, 1)
    wanted = market.do(OTHER, ask(desk_trade_id)).seq
    other = market.do(OTHER, ask(desk_trade_id, TradeSource.DESK)).seq
    assert market.state.corrections[wanted].requested.trade_source is TradeSource.BOOK
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))
    assert market.state.book_trades[desk_trade_id].is_busted
    assert not market.state.desk_trades[desk_trade_id].is_busted
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=other))
    assert market.state.desk_trades[desk_trade_id].is_busted


def test_a_bust_is_asked_for_by_a_party_within_ten_minutes_and_once(market):
    trade_id = sold(market, TRADER, OTHER)
    assert_refused(market, SUPPLIER, ask(trade_id), Reason.UNKNOWN_TRADE, trade_id)
    assert_refused(market, OTHER, ask(9_999), Reason.UNKNOWN_TRADE, 9_999)
    executed_ns = market.state.market_ns
    pass_time(market, DISPUTE_NS)
    bust(market, trade_id, OTHER)
    assert_refused(market, OTHER, ask(trade_id), Reason.ALREADY_DONE, trade_id)
    late_id = sold(market, TRADER, OTHER)
    pass_time(market, DISPUTE_NS + 1)
    now_ns = market.state.market_ns
    assert_refused(market, OTHER, ask(late_id), Reason.TOO_LATE, now_ns)
    latest_ns = executed_ns + DISPUTE_NS
    assert_refused(market, OTHER, ask(trade_id), Reason.ALREADY_DONE, trade_id)
    assert now_ns > latest_ns


def test_a_decision_may_take_longer_than_the_ten_minutes(market):
    before = everything(market)
    trade_id = sold(market, TRADER, OTHER)
    wanted = market.do(OTHER, ask(trade_id)).seq
    pass_time(market, 3 * DISPUTE_NS)
    assert market.state.trading_records == []
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))
    assert everything(market) == before


def test_a_bust_of_days_that_are_pledged_is_refused_and_names_the_first_binding_day(market):
    trade_id = sold(market, TRADER, OTHER)
    pledge = {**SPAN, "product_id": 1, "pledged_qty": 4, "bank_account_id": BANK}
    wanted = market.do(OTHER, ask(trade_id)).seq
    market.do(1, ApproveCorrection(correction_id=wanted))
    market.do(OTHER, RequestPledge(**pledge))
    market.do(BANK, AcceptPledge(pledge_id=1))
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, 2, approve, Reason.TITLE, 10, 6, SPAN["start_day"])
    claim = RecordClaim(correction_id=wanted, claim_amount=5, note="sold on")
    market.do(1, claim)
    (recorded,) = market.events
    assert isinstance(recorded, ClaimRecorded)
    assert (recorded.claimant_account_id, recorded.respondent_account_id) == (OTHER, TRADER)
    assert recorded.trade_source is TradeSource.BOOK


def test_a_corrected_price_moves_the_difference_alone(market):
    trade_id = sold(market, TRADER, OTHER)
    correct = RequestCorrection(
        trade_id=trade_id, corrected_price=990, note=NOTE, trade_source=TradeSource.BOOK
    )
    wanted = market.do(OTHER, correct).seq
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))
    (paid,) = [event for event in market.events if isinstance(event, CashPaid)]
    assert (paid.payer_account_id, paid.payee_account_id) == (TRADER, OTHER)
    assert paid.paid_amount == 10 * 24 * 30 * 10


def test_what_was_let_in_a_book_is_no_trade_to_be_undone(market):
    use = market.list_window("M2706", mode=TradingMode.SUBLET)
    market.order(TRADER, use, Side.SELL, 1, 500)
    market.order(OTHER, use, Side.BUY, 1, 500)
    trade_id = market.core.next_trade_id - 1
    assert_refused(market, OTHER, ask(trade_id), Reason.UNKNOWN_TRADE, trade_id)


def test_decided_trades_leave_the_table_with_the_next_day(market):
    bust(market, sold(market, TRADER, OTHER), OTHER)
    open_id = sold(market, TRADER, OTHER)
    market.do(OTHER, ask(open_id))
    pass_time(market, 24 * 60 * MINUTE)
    assert set(market.state.book_trades) == {open_id}


def test_what_was_busted_just_before_midnight_cannot_be_busted_again_after_it(market):
    pass_time(market, (24 * 60 - 3) * MINUTE)
    trade_id = sold(market, TRADER, OTHER)
    bust(market, trade_id, OTHER)
    pass_time(market, 5 * MINUTE)
    assert_refused(market, OTHER, ask(trade_id), Reason.ALREADY_DONE, trade_id)


def test_a_record_of_an_older_build_is_kept_as_it_was_written(market):
    """Verifying it writes the fields of today; the state is the one that its own bytes made."""
    sold(market, TRADER, OTHER)
    command, *events = msgspec.msgpack.decode(market.records[-1])
    assert command.pop() == 0, "the expire day, which was added last"
    shorter = msgspec.msgpack.encode([command, *events])
    assert decode_body(shorter) == decode_body(market.records[-1])
    applied, verified = Engine(), Engine()
    for record in [*market.records[:-1], shorter]:
        applied.apply(record)
        verified.verify(record)
    assert verified.state.trading_records[-1].record == shorter
    assert verified.state.hash() == applied.state.hash()

"""Requests for quote: each transition, each refusal, and what a firm quote keeps."""

import pytest

from exchange.domain.commands import (
    AcceptPledge,
    HaltInstrument,
    RequestPledge,
    ResumeInstrument,
    RevokeKey,
)
from exchange.domain.delivery_commands import SuspendSupplier
from exchange.domain.desk_commands import (
    AcceptQuote,
    WithdrawQuote,
    WithdrawQuoteRequest,
)
from exchange.domain.desk_events import (
    QuoteAccepted,
    QuoteEnded,
    QuoteRequested,
    QuoteRequestEnded,
    QuoteSubmitted,
)
from exchange.domain.enums import (
    Purpose,
    QuoteRequestStatus,
    QuoteStatus,
    Role,
    SessionState,
    Side,
    TimeInForce,
)
from exchange.domain.events import EscrowFunded, EscrowReturned, SettlementPricePublished
from exchange.domain.movements import HoldClosed, HoldOpened, TitleTransferred, TradeSettled
from exchange.domain.reasons import Reason
from exchange.domain.windows import gate_ns, start_ns
from exchange.rules.quotes import LONGEST_QUOTE_NS, LONGEST_REQUEST_NS, MAX_DESK_ITEMS
from tests.rules.desk import (
    CASH,
    HOURS,
    MINUTE,
    SPAN,
    asked,
    cash_of,
    dealt,
    desk_market,
    pass_time,
    publish,
    quote,
    quoted,
    request,
    title_of,
    trade_of,
)
from tests.rules.markets import OtherMarket, assert_refused, calendar, day, events_of, order
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER


@pytest.fixture
def market():
    """The trader has 1000 of June; whatever a test does is replayed."""
    market = desk_market()
    yield market
    market.assert_replays()


def status(market, quote_request_id):
    return market.state.quote_requests[quote_request_id].status


# -- what happens ---------------------------------------------------------------------------------


def test_a_request_is_open_then_quoted_then_executed(market):
    wanted = asked(market)
    assert status(market, wanted) is QuoteRequestStatus.OPEN
    offered = quoted(market, wanted)
    assert status(market, wanted) is QuoteRequestStatus.QUOTED
    traded = market.do(OTHER, AcceptQuote(quote_id=offered)).seq
    assert status(market, wanted) is QuoteRequestStatus.EXECUTED
    assert market.state.quotes[offered].status is QuoteStatus.ACCEPTED
    assert market.state.desk_trades[traded].executed.trade_id == traded


def test_a_request_states_who_may_see_it_and_until_when(market):
    market.do(OTHER, request(dealer_account_ids=[TRADER, TRADER]))
    assert market.events == [
        QuoteRequested(
            quote_request_id=market.state.seq,
            account_id=OTHER,
            product_id=1,
            request_qty=100,
            side=Side.BUY,
            dealer_account_ids=[TRADER],
            expires_ns=market.state.market_ns + 30 * MINUTE,
            key_id=OTHER,
            **SPAN,
        )
    ]


def test_a_quote_to_sell_holds_the_days_of_the_full_size(market):
    wanted = asked(market)
    market.do(TRADER, quote(wanted, 1_020))
    submitted, held = market.events
    assert submitted == QuoteSubmitted(
        quote_id=market.state.seq,
        quote_request_id=wanted,
        account_id=TRADER,
        side=Side.SELL,
        quote_price=1_020,
        notional_amount=100 * HOURS * 1_020,
        expires_ns=market.state.market_ns + 5 * MINUTE,
        key_id=TRADER,
    )
    assert held == HoldOpened(
        hold_id=market.state.seq,
        account_id=TRADER,
        held_amount=0,
        product_id=1,
        held_qty=100,
        **SPAN,
    )
    assert market.core.sellable(TRADER, 1, *SPAN.values()) == (900, SPAN["start_day"])


def test_a_quote_to_buy_holds_price_and_fee_in_cash(market):
    wanted = asked(market, TRADER, side=Side.SELL)
    quoted(market, wanted, OTHER, 999)
    notional = 100 * HOURS * 999
    fee = -(-notional * 5 // 10_000)
    assert market.core.balances(OTHER) == (CASH - notional - fee, notional + fee)


def test_what_a_quote_holds_cannot_be_sold_pledged_or_quoted_again(market):
    offered = quoted(market, asked(market, request_qty=950))
    june = order(1, Side.SELL, 51, 1_000)
    assert_refused(market, TRADER, june, Reason.TITLE, 51, 50, SPAN["start_day"])
    lien = RequestPledge(product_id=1, pledged_qty=51, bank_account_id=BANK, **SPAN)
    assert_refused(market, TRADER, lien, Reason.TITLE, 51, 50, SPAN["start_day"])
    again = asked(market, request_qty=51)
    assert_refused(market, TRADER, quote(again), Reason.TITLE, 51, 50, SPAN["start_day"])
    market.do(TRADER, WithdrawQuote(quote_id=offered))
    market.order(TRADER, 1, Side.SELL, 51, 1_000)


def test_what_is_pledged_or_offered_cannot_be_quoted(market):
    market.do(TRADER, RequestPledge(product_id=1, pledged_qty=600, bank_account_id=BANK, **SPAN))
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.order(TRADER, 1, Side.SELL, 300, 2_000)
    wanted = asked(market, request_qty=101)
    assert_refused(market, TRADER, quote(wanted), Reason.TITLE, 101, 100, SPAN["start_day"])
    quoted(market, asked(market, request_qty=100))


def test_an_accepted_quote_is_a_trade_and_its_payment_in_one_record(market):
    wanted = asked(market)
    offered = quoted(market, wanted)
    before = cash_of(market)
    market.do(OTHER, AcceptQuote(quote_id=offered))
    accepted, closed, ended, trade, settled, transferred = market.events
    traded = market.state.seq
    assert accepted == QuoteAccepted(quote_id=offered, trade_id=traded)
    assert closed == HoldClosed(hold_id=offered, account_id=TRADER)
    executed = QuoteRequestStatus.EXECUTED
    assert ended == QuoteRequestEnded(quote_request_id=wanted, quote_request_status=executed)
    notional = 100 * HOURS * 1_000
    assert (trade.notional_amount, trade.taker_side) == (notional, Side.BUY)
    assert settled == TradeSettled(
        trade_id=traded,
        buyer_account_id=OTHER,
        seller_account_id=TRADER,
        cash_amount=notional,
        escrow_amount=0,
        buyer_fee_amount=24_000,
        seller_fee_amount=12_000,
        purpose=Purpose.QUOTE,
    )
    assert isinstance(transferred, TitleTransferred)
    after = cash_of(market)
    assert after[OTHER] == (before[OTHER][0] - notional - 24_000, 0)
    assert after[TRADER] == (before[TRADER][0] + notional - 12_000, 0)
    assert after[0][0] == before[0][0] + 36_000
    assert (title_of(market, TRADER), title_of(market, OTHER)) == (900, 100)


def test_the_asker_may_sell_too(market):
    wanted = asked(market, TRADER, side=Side.SELL)
    offered = quoted(market, wanted, OTHER, 980)
    market.do(TRADER, AcceptQuote(quote_id=offered))
    assert trade_of(market.events).taker_side is Side.SELL
    assert (title_of(market, TRADER), title_of(market, OTHER)) == (900, 100)
    assert market.core.balances(OTHER)[1] == 0


def test_a_request_for_both_sides_takes_one_quote_of_each_from_a_dealer(market):
    wanted = asked(market, SUPPLIER, side=None)
    bid = quoted(market, wanted, TRADER, 950, side=Side.BUY)
    offer = quoted(market, wanted, TRADER, 1_050, side=Side.SELL)
    assert_refused(market, TRADER, quote(wanted, 951, side=Side.BUY), Reason.ALREADY_EXISTS, bid)
    assert_refused(market, TRADER, quote(wanted), Reason.SIDE)
    market.do(SUPPLIER, AcceptQuote(quote_id=offer))
    assert market.state.quotes[bid].status is QuoteStatus.NOT_TAKEN
    assert market.core.balances(TRADER)[1] == 0


def test_a_quote_on_the_askers_own_side_is_refused(market):
    wanted = asked(market, side=Side.BUY)
    own_side = quote(wanted, side=Side.BUY)
    assert_refused(market, TRADER, own_side, Reason.SIDE, Side.BUY, Side.SELL)
    quoted(market, wanted, side=Side.SELL)


def test_other_quotes_end_with_the_one_that_is_taken(market):
    wanted = asked(market)
    dear = quoted(market, wanted, SUPPLIER, 1_005)
    cheap = quoted(market, wanted, TRADER, 1_000)
    market.do(OTHER, AcceptQuote(quote_id=cheap))
    not_taken = QuoteEnded(quote_id=dear, quote_status=QuoteStatus.NOT_TAKEN)
    assert not_taken in market.events
    assert market.core.held_by(dear) is None


# -- the supplier ---------------------------------------------------------------------------------


def test_a_suppliers_quote_holds_its_fee_and_the_price_goes_to_escrow(market):
    offered = quoted(market, asked(market), SUPPLIER)
    notional = 100 * HOURS * 1_000
    assert market.core.held_by(offered)[1] == 12_000
    available = market.core.balances(SUPPLIER)[0]
    market.do(OTHER, AcceptQuote(quote_id=offered))
    assert trade_of(market.events).escrow_amount == notional
    (funded,) = [event for event in market.events if isinstance(event, EscrowFunded)]
    assert (funded.sold_qty, funded.day_amount * 10) == (100, notional)
    assert market.core.balances(SUPPLIER) == (available, 0)
    granted, sold, escrow = market.core.day_totals(1, SPAN["start_day"])
    assert (granted, sold, escrow) == (2_000, 1_100, 1_100 * 24 * 1_000)


def test_a_supplier_buys_back_and_its_share_of_the_escrow_returns(market):
    wanted = asked(market, SUPPLIER, side=Side.BUY)
    offered = quoted(market, wanted, TRADER, 900)
    market.do(SUPPLIER, AcceptQuote(quote_id=offered))
    trade = trade_of(market.events)
    (returned,) = [event for event in market.events if isinstance(event, EscrowReturned)]
    assert (returned.returned_qty, returned.day_amount) == (100, 100 * 24 * 1_000)
    assert (trade.escrow_amount, trade.returned_escrow[0].day_amount) == (0, returned.day_amount)
    assert market.core.day_totals(1, SPAN["start_day"])[1] == 900


def test_a_primary_quote_stays_inside_the_band(market):
    june = {"start_day": day("2027-06-01"), "end_day": day("2027-07-01")}
    publish(market, 1_000)
    (banded,) = events_of(market, SettlementPricePublished)[-1:]
    assert (banded.low_limit_price, banded.high_limit_price) == (900, 1_100)
    wanted = asked(market, **june)
    assert_refused(market, SUPPLIER, quote(wanted, 1_101), Reason.PRICE_BAND, 1_101, 1_100)
    assert_refused(market, SUPPLIER, quote(wanted, 899), Reason.PRICE_BAND, 899, 900)
    quoted(market, wanted, TRADER, 1_500)
    offered = quoted(market, wanted, SUPPLIER, 1_100)
    publish(market, 900)
    accept = AcceptQuote(quote_id=offered)
    assert_refused(market, OTHER, accept, Reason.PRICE_BAND, 1_100, 990)


def test_a_supplier_deals_in_its_own_product_alone(market):
    second = market.admit("second supplier", Role.SUPPLIER)
    assert_refused(market, second, request(), Reason.WRONG_ROLE, second)
    assert_refused(market, second, quote(asked(market)), Reason.WRONG_ROLE, second)


# -- who may see it -------------------------------------------------------------------------------


def test_a_request_exists_for_those_it_names_alone(market):
    third = market.admit("third", Role.TRADER)
    wanted = asked(market, dealer_account_ids=[TRADER])
    assert_refused(market, third, quote(wanted), Reason.UNKNOWN_QUOTE_REQUEST, wanted)
    withdrawal = WithdrawQuoteRequest(quote_request_id=wanted)
    assert_refused(market, third, withdrawal, Reason.UNKNOWN_QUOTE_REQUEST, wanted)
    assert_refused(market, TRADER, withdrawal, Reason.WRONG_ROLE, TRADER)
    quoted(market, wanted)


def test_a_quote_exists_for_its_asker_and_its_quoter_alone(market):
    third = market.admit("third", Role.TRADER)
    offered = quoted(market, asked(market))
    for account_id in (third, TRADER):
        accept = AcceptQuote(quote_id=offered)
        assert_refused(market, account_id, accept, Reason.UNKNOWN_QUOTE, offered)
    for account_id in (third, OTHER):
        withdrawal = WithdrawQuote(quote_id=offered)
        assert_refused(market, account_id, withdrawal, Reason.UNKNOWN_QUOTE, offered)
    assert_refused(market, OTHER, AcceptQuote(quote_id=999), Reason.UNKNOWN_QUOTE, 999)


def test_nobody_quotes_to_itself_or_asks_itself(market):
    assert_refused(market, OTHER, quote(asked(market)), Reason.SAME_PERSON, OTHER)
    own = request(dealer_account_ids=[OTHER])
    assert_refused(market, OTHER, own, Reason.SAME_PERSON, OTHER)


def test_only_dealers_are_asked(market):
    assert_refused(market, OTHER, request(dealer_account_ids=[BANK]), Reason.WRONG_ROLE, BANK)
    assert_refused(market, OTHER, request(dealer_account_ids=[99]), Reason.UNKNOWN_ACCOUNT, 99)


# -- the ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["accepted", "withdrawn", "expired", "not_taken"])
def test_nothing_happens_to_a_quote_that_is_over(market, end):
    wanted = asked(market)
    offered = quoted(market, wanted)
    match end:
        case "accepted":
            market.do(OTHER, AcceptQuote(quote_id=offered))
        case "withdrawn":
            market.do(TRADER, WithdrawQuote(quote_id=offered))
        case "expired":
            pass_time(market, 5 * MINUTE)
        case "not_taken":
            market.do(OTHER, WithdrawQuoteRequest(quote_request_id=wanted))
    assert market.state.quotes[offered].status.value == end
    assert market.core.held_by(offered) is None
    for account_id, command in (
        (OTHER, AcceptQuote(quote_id=offered)),
        (TRADER, WithdrawQuote(quote_id=offered)),
    ):
        assert_refused(market, account_id, command, Reason.WRONG_STATE, offered)


@pytest.mark.parametrize("end", ["executed", "withdrawn", "expired"])
def test_nothing_happens_to_a_request_that_is_over(market, end):
    wanted = asked(market)
    match end:
        case "executed":
            market.do(OTHER, AcceptQuote(quote_id=quoted(market, wanted)))
        case "withdrawn":
            market.do(OTHER, WithdrawQuoteRequest(quote_request_id=wanted))
        case "expired":
            pass_time(market, 30 * MINUTE)
    assert status(market, wanted).value == end
    assert_refused(market, TRADER, quote(wanted), Reason.WRONG_STATE, wanted)
    withdrawal = WithdrawQuoteRequest(quote_request_id=wanted)
    assert_refused(market, OTHER, withdrawal, Reason.WRONG_STATE, wanted)


def test_a_quote_is_firm_until_its_last_nanosecond_and_not_at_its_end(market):
    wanted = asked(market)
    late, early = quoted(market, wanted, lifetime_ns=2 * MINUTE), quoted(market, wanted, SUPPLIER)
    pass_time(market, 2 * MINUTE - 1)
    assert market.state.quotes[late].is_open
    pass_time(market, 1)
    assert QuoteEnded(quote_id=late, quote_status=QuoteStatus.EXPIRED) in market.events
    market.do(OTHER, AcceptQuote(quote_id=early))


def test_quotes_expire_with_their_request(market):
    wanted = asked(market, lifetime_ns=3 * MINUTE)
    offered = quoted(market, wanted)
    pass_time(market, 3 * MINUTE)
    assert market.state.quotes[offered].status is QuoteStatus.EXPIRED
    assert status(market, wanted) is QuoteRequestStatus.EXPIRED


def test_what_is_over_leaves_the_table_with_the_day(market):
    wanted = asked(market)
    quoted(market, wanted)
    dealt(market)
    pass_time(market, 24 * 60 * MINUTE)
    state = market.state
    assert (state.quote_requests, state.quotes, state.desk_trades) == ({}, {}, {})
    assert_refused(market, TRADER, quote(wanted), Reason.UNKNOWN_QUOTE_REQUEST, wanted)


def test_a_key_that_ends_takes_what_it_left_on_the_desk_with_it(market):
    wanted, theirs = asked(market), asked(market, SUPPLIER)
    to_mine = quoted(market, wanted)
    kept = quoted(market, theirs)
    market.do(1, RevokeKey(revoked_key_id=OTHER))
    assert status(market, wanted) is QuoteRequestStatus.WITHDRAWN
    assert market.state.quotes[to_mine].status is QuoteStatus.NOT_TAKEN
    assert market.state.quotes[kept].is_open
    market.do(1, RevokeKey(revoked_key_id=TRADER))
    assert market.state.quotes[kept].status is QuoteStatus.WITHDRAWN
    assert market.core.held_by(kept) is None
    assert status(market, theirs) is QuoteRequestStatus.QUOTED


# -- limits ---------------------------------------------------------------------------------------


def test_lifetimes_have_their_limits(market):
    for ns, limit in ((MINUTE - 1, MINUTE), (LONGEST_REQUEST_NS + 1, LONGEST_REQUEST_NS)):
        assert_refused(market, OTHER, request(lifetime_ns=ns), Reason.LIFETIME, ns, limit)
    wanted = asked(market, lifetime_ns=LONGEST_REQUEST_NS)
    for ns, limit in ((MINUTE - 1, MINUTE), (LONGEST_QUOTE_NS + 1, LONGEST_QUOTE_NS)):
        assert_refused(market, TRADER, quote(wanted, lifetime_ns=ns), Reason.LIFETIME, ns, limit)
    quoted(market, wanted, lifetime_ns=LONGEST_QUOTE_NS)
    quoted(market, wanted, SUPPLIER, lifetime_ns=MINUTE)


def test_windows_are_of_the_future_and_of_a_year_at_most(market):
    today = day("2026-11-23")
    empty = request(end_day=SPAN["start_day"])
    assert_refused(market, OTHER, empty, Reason.BAD_WINDOW, 0, 366)
    long = request(end_day=SPAN["start_day"] + 367)
    assert_refused(market, OTHER, long, Reason.BAD_WINDOW, 367, 366)
    begun = request(start_day=today)
    assert_refused(market, OTHER, begun, Reason.BAD_WINDOW, today, today, today)
    asked(market, start_day=today + 1, end_day=today + 2)


def test_the_gate_of_the_first_day_ends_dealing_in_a_window(market):
    tomorrow = {"start_day": day("2026-11-24"), "end_day": day("2026-11-26")}
    gate = gate_ns(day("2026-11-23"))
    market.advance(gate - 2 * MINUTE)
    wanted = asked(market, **tomorrow)
    assert market.state.quote_requests[wanted].asked.expires_ns == gate
    market.advance(gate)
    assert status(market, wanted) is QuoteRequestStatus.EXPIRED
    assert_refused(market, OTHER, request(**tomorrow), Reason.WINDOW_CLOSED, gate, gate)


def test_quantities_are_in_lots():
    market = desk_market(lot_qty=8)
    assert_refused(market, OTHER, request(request_qty=12), Reason.LOT, 12, 8)
    asked(market, request_qty=16)


def test_a_halted_part_stops_dealing_in_what_contains_it(market):
    whole = {"start_day": day("2027-05-20"), "end_day": day("2027-07-10")}
    wanted = asked(market, SUPPLIER, **whole)
    market.do(1, HaltInstrument(instrument_id=1))
    halted = (Reason.HALTED, SessionState.HALTED, 1)
    assert_refused(market, OTHER, request(**whole), *halted)
    assert_refused(market, TRADER, quote(wanted), *halted)
    market.do(1, ResumeInstrument(instrument_id=1))
    asked(market, **whole)


@pytest.mark.parametrize(
    ("first", "end"),
    [("06-01", "06-30"), ("06-02", "07-01"), ("05-20", "06-02"), ("06-30", "07-31")],
)
def test_no_day_of_a_halted_window_is_dealt_in_as_a_part_of_another_window(market, first, end):
    days = {"start_day": day(f"2027-{first}"), "end_day": day(f"2027-{end}")}
    offered = quoted(market, asked(market, **days), SUPPLIER)
    market.do(1, HaltInstrument(instrument_id=1))
    halted = (Reason.HALTED, SessionState.HALTED, 1)
    assert_refused(market, OTHER, request(**days), *halted)
    assert_refused(market, OTHER, AcceptQuote(quote_id=offered), *halted)


def test_days_beside_a_halted_one_are_dealt_in_though_it_halts_their_month(market):
    sixth = market.list_window("D270606")
    market.do(1, HaltInstrument(instrument_id=sixth))
    assert sorted(market.state.halts) == [1, sixth]
    first, last = day("2027-06-06"), day("2027-06-07")
    for start_day, end_day in ((first - 1, last), (first, last), (first, last + 1)):
        days = {"start_day": start_day, "end_day": end_day}
        halted = (Reason.HALTED, SessionState.HALTED, sixth)
        assert_refused(market, OTHER, request(**days), *halted)
    asked(market, start_day=first - 5, end_day=first)
    asked(market, start_day=last, end_day=last + 5)


def test_means_are_needed_at_the_word_of_acceptance(market):
    poor = market.admit("poor", Role.TRADER)
    offered = quoted(market, asked(market, poor))
    needed = 24_000_000 + 24_000
    accept = AcceptQuote(quote_id=offered)
    assert_refused(market, poor, accept, Reason.CASH, needed, 0)
    market.deposit(poor, needed - 1)
    assert_refused(market, poor, accept, Reason.CASH, needed, needed - 1)
    market.deposit(poor, 1)
    market.do(poor, accept)
    assert market.core.balances(poor) == (0, 0)


def test_a_quoter_without_cash_or_a_notional_beyond_all_numbers_is_refused(market):
    poor = market.admit("poor", Role.TRADER)
    wanted = asked(market, TRADER, side=Side.SELL)
    needed = 24_000_000 + 12_000
    assert_refused(market, poor, quote(wanted), Reason.CASH, needed, 0)
    huge = asked(market, TRADER, side=Side.SELL, request_qty=10_000_000)
    notional, most = 10_000_000 * HOURS * 16_000_000, 2**53 - 1
    assert_refused(market, poor, quote(huge, 16_000_000), Reason.CASH, notional, most)


def test_an_account_has_so_much_on_the_desk_at_most(market):
    for _ in range(MAX_DESK_ITEMS):
        wanted = asked(market)
    full = (Reason.DESK_ITEMS, MAX_DESK_ITEMS, MAX_DESK_ITEMS)
    assert_refused(market, OTHER, request(), *full)
    market.do(OTHER, WithdrawQuoteRequest(quote_request_id=wanted))
    asked(market)


# -- hours ----------------------------------------------------------------------------------------


def test_the_desk_keeps_its_hours_on_trading_days_and_nothing_firm_outlives_them():
    market = mainland_market()
    monday = start_ns(day("2026-11-23"))
    opens, closes = monday + 510 * MINUTE, monday + 1_080 * MINUTE
    today = day("2026-11-23")
    early = (Reason.DESK_CLOSED, opens - 1, opens, today)
    market.advance(opens - 1)
    assert_refused(market, OTHER, request(), *early)
    market.advance(opens)
    asked(market)
    market.advance(closes - 10 * MINUTE)
    wanted = asked(market)
    assert market.state.quote_requests[wanted].asked.expires_ns == closes
    offered = quoted(market, wanted, SUPPLIER, lifetime_ns=30 * MINUTE)
    market.advance(closes)
    assert market.core.held_by(offered) is None
    assert_refused(market, OTHER, request(), Reason.DESK_CLOSED, closes, closes, today)
    saturday = start_ns(day("2026-11-28")) + 600 * MINUTE
    market.advance(saturday)
    off = (Reason.DESK_CLOSED, saturday, 0, day("2026-11-28"))
    assert_refused(market, OTHER, request(), *off)
    market.assert_replays()


def mainland_market():
    """A venue with holidays; the supplier has days to sell."""
    market = OtherMarket({"is_always_open": False})
    assert_refused(market, OTHER, request(), Reason.NO_CALENDAR, 2026, 0, day("2026-11-23"))
    for year in (2026, 2027):
        market.do(1, calendar(year))
    market.grant("Y27", 2_000)
    return market


def test_an_order_that_a_quote_leaves_room_for_trades_on(market):
    quoted(market, asked(market, request_qty=400))
    market.order(TRADER, 1, Side.SELL, 600, 1_000)
    market.order(OTHER, 1, Side.BUY, 600, 1_000, TimeInForce.FOK)
    assert title_of(market, TRADER) == 400


def test_a_suspended_supplier_quotes_nothing_of_its_house(market):
    request_id = asked(market)
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    refused = market.refused(SUPPLIER, quote(request_id))
    assert (refused.reason, refused.value) == (Reason.SUSPENDED, SUPPLIER)
    quoted(market, request_id, TRADER)

"""Busts, corrections and claims: what can be undone, what stands against it, what remains."""

import pytest

from exchange.domain.commands import AcceptPledge, RequestPledge
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.desk_commands import (
    ApproveCorrection,
    ConfirmBlock,
    DeclineCorrection,
    ProposeBlock,
    RecordClaim,
    RequestBust,
    RequestCorrection,
)
from exchange.domain.desk_events import (
    ClaimRecorded,
    CorrectionApproved,
    CorrectionDeclined,
    CorrectionRequested,
    TradeBusted,
    TradePriceCorrected,
)
from exchange.domain.enums import CorrectionStatus, Purpose, Role, Side
from exchange.domain.movements import CashPaid, SubletGranted
from exchange.domain.reasons import Reason
from exchange.rules import EVOLVE
from exchange.rules.desk import DISPUTE_NS
from tests.properties.conservation import FUNCTIONS
from tests.rules.deliveries import NO_FEES
from tests.rules.desk import (
    CASH,
    HOURS,
    MINUTE,
    SPAN,
    alleged,
    cash_of,
    dealt,
    desk_market,
    pass_time,
    registered,
    title_of,
)
from tests.rules.markets import OtherMarket, assert_refused, day, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER

NOTIONAL = 500 * HOURS * 1_000


@pytest.fixture
def market():
    """The trader has 1000 of June; whatever a test does is replayed."""
    market = desk_market()
    yield market
    market.assert_replays()


def bust(market, trade_id, account_id=TRADER):
    """A bust that the first operator has approved."""
    wanted = market.do(account_id, RequestBust(trade_id=trade_id, note="wrong window")).seq
    market.do(1, ApproveCorrection(correction_id=wanted))
    return wanted


def everything(market):
    """Cash, days and escrow of everybody."""
    days = [
        market.core.day_function(account_id, 1, name)
        for account_id in market.state.participants
        for name in FUNCTIONS
    ]
    return cash_of(market), days, market.core.escrow(1)


# -- a bust ---------------------------------------------------------------------------------------


def test_a_bust_is_asked_for_and_done_by_two_operators(market):
    before = everything(market)
    traded = registered(market) + 1
    wanted = market.do(OTHER, RequestBust(trade_id=traded, note="fat finger")).seq
    assert market.events == [
        CorrectionRequested(
            correction_id=wanted,
            trade_id=traded,
            account_id=OTHER,
            corrected_price=0,
            note="fat finger",
            respondent_account_id=TRADER,
        )
    ]
    approve = ApproveCorrection(correction_id=wanted)
    market.do(1, approve)
    approved = CorrectionApproved(correction_id=wanted, operator_account_id=1)
    assert market.events == [approved]
    assert_refused(market, 1, approve, Reason.SAME_PERSON, 1)
    market.do(2, approve)
    busted = TradeBusted(correction_id=wanted, trade_id=traded, operator_account_id=2)
    assert market.events[0] == busted
    assert everything(market) == before
    assert market.state.corrections[wanted].status is CorrectionStatus.DONE


def test_no_operator_decides_about_a_trade_of_its_own_party(market):
    trading = market.admit("trading operator", Role.OPERATOR, Role.TRADER)
    friend = market.admit("friend of it", Role.OPERATOR, affiliate_ids=[trading])
    market.deposit(trading, 10**12)
    traded = registered(market, TRADER, counterparty_account_id=trading) + 1
    wanted = market.do(trading, RequestBust(trade_id=traded, note="regret")).seq
    words = [
        ApproveCorrection(correction_id=wanted),
        DeclineCorrection(correction_id=wanted, note="no"),
        RecordClaim(correction_id=wanted, claim_amount=1, note="mine"),
    ]
    for operator_id in (trading, friend):
        for word in words:
            assert_refused(market, operator_id, word, Reason.SAME_PERSON, operator_id)
    market.do(1, words[0])
    for operator_id in (trading, friend):
        again = ApproveCorrection(correction_id=wanted)
        assert_refused(market, operator_id, again, Reason.SAME_PERSON, operator_id)
    market.do(2, ApproveCorrection(correction_id=wanted))


def test_two_operators_of_one_party_are_one_person(market):
    friend = market.admit("friend of the first", Role.OPERATOR, affiliate_ids=[1])
    wanted = bust(market, registered(market) + 1)
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, friend, approve, Reason.SAME_PERSON, friend)
    market.do(2, approve)


@pytest.mark.parametrize("block_price", [1_000, 1_001, 2_000])
def test_a_busted_primary_sale_restores_the_unsold_days_and_their_escrow(market, block_price):
    """What the trader has paid for its thousand at 10.00 stays, whatever the price of the other."""
    before = everything(market)
    traded = registered(market, SUPPLIER, block_price=block_price) + 1
    assert everything(market) != before
    market.do(2, ApproveCorrection(correction_id=bust(market, traded, SUPPLIER)))
    assert everything(market) == before


def two_sales(qty, price, other_qty, other_price):
    """The supplier sells to the trader and to the other; the market and the later trade."""
    market = OtherMarket(NO_FEES)
    market.grant("M2706", 2_000)
    sold = {"block_price": price, "block_qty": qty, "counterparty_account_id": TRADER}
    registered(market, SUPPLIER, **sold)
    traded = registered(market, SUPPLIER, block_price=other_price, block_qty=other_qty) + 1
    return market, traded


def test_a_bust_after_a_buy_back_takes_all_that_is_left_with_the_last_quantity():
    """The buy-back took its share of the pool, so 15.00 are left of the 20.00 that were paid."""
    market, traded = two_sales(500, 1_000, 500, 2_000)
    back = {"counterparty_account_id": SUPPLIER, "block_price": 1_000, "block_qty": 500}
    registered(market, TRADER, **back)
    assert market.core.day_totals(1, SPAN["start_day"]) == (2_000, 500, 500 * 24 * 1_500)
    supplier_amount = market.core.balances(SUPPLIER)[0]
    market.do(2, ApproveCorrection(correction_id=bust(market, traded, OTHER)))
    assert market.core.escrow(1) == []
    assert market.core.balances(SUPPLIER)[0] == supplier_amount - 500 * HOURS * 500
    assert market.core.balances(OTHER) == (CASH, 0)
    market.assert_replays()


def test_a_bust_takes_no_more_out_of_escrow_than_buy_backs_have_left():
    """Of 1000 at 10.00 and 100 at 100.00 all but 150 are bought back, for their share."""
    market, traded = two_sales(1_000, 1_000, 100, 10_000)
    back = {"counterparty_account_id": SUPPLIER, "block_price": 1_000, "block_qty": 950}
    registered(market, TRADER, **back)
    left = 48_000_000 - 48_000_000 * 950 // 1_100
    assert market.core.day_totals(1, SPAN["start_day"])[1:] == (150, left)
    assert left < 100 * 24 * 10_000
    supplier_amount = market.core.balances(SUPPLIER)[0]
    market.do(2, ApproveCorrection(correction_id=bust(market, traded, OTHER)))
    assert market.core.day_totals(1, SPAN["start_day"])[1:] == (50, 0)
    paid_amount = 100 * HOURS * 10_000 - 10 * left
    assert market.core.balances(SUPPLIER)[0] == supplier_amount - paid_amount
    market.assert_replays()


def test_a_busted_buy_back_restores_the_sold_days_and_their_escrow(market):
    before = everything(market)
    traded = registered(market, TRADER, counterparty_account_id=SUPPLIER, block_price=900) + 1
    assert market.core.day_totals(1, SPAN["start_day"])[1] == 500
    market.do(2, ApproveCorrection(correction_id=bust(market, traded, SUPPLIER)))
    assert everything(market) == before


def test_a_trade_at_a_quote_is_busted_as_well(market):
    before = everything(market)
    market.do(2, ApproveCorrection(correction_id=bust(market, dealt(market), OTHER)))
    assert everything(market) == before


def test_a_trade_is_busted_once_and_disputed_once_at_a_time(market):
    traded = registered(market) + 1
    wanted = bust(market, traded)
    again = RequestBust(trade_id=traded, note="again")
    assert_refused(market, OTHER, again, Reason.ALREADY_EXISTS, wanted)
    market.do(2, ApproveCorrection(correction_id=wanted))
    assert_refused(market, OTHER, again, Reason.ALREADY_DONE, traded)


def test_parties_ask_within_ten_minutes_and_nobody_else(market):
    third = market.admit("third", Role.TRADER)
    traded = registered(market) + 1
    ask = RequestBust(trade_id=traded, note="late")
    assert_refused(market, third, ask, Reason.UNKNOWN_TRADE, traded)
    nowhere = RequestBust(trade_id=9_999, note="none")
    assert_refused(market, TRADER, nowhere, Reason.UNKNOWN_TRADE, 9_999)
    latest = market.state.market_ns + DISPUTE_NS
    pass_time(market, DISPUTE_NS + 1)
    assert_refused(market, TRADER, ask, Reason.TOO_LATE, latest + 1, latest)


def test_the_last_moment_of_the_ten_minutes_is_in_time(market):
    traded = registered(market) + 1
    pass_time(market, DISPUTE_NS)
    market.do(TRADER, RequestBust(trade_id=traded, note="in time"))


@pytest.mark.parametrize("obstacle", ["sold", "pledged", "offered"])
def test_a_bust_is_refused_while_a_day_is_not_free_at_the_buyer(market, obstacle):
    traded = registered(market) + 1
    later = {"start_day": SPAN["start_day"] + 4, "end_day": SPAN["end_day"]}
    if obstacle == "pledged":
        market.do(OTHER, RequestPledge(product_id=1, pledged_qty=9, bank_account_id=BANK, **later))
        market.do(BANK, AcceptPledge(pledge_id=1))
    else:
        sale = ProposeBlock(
            product_id=1,
            counterparty_account_id=SUPPLIER,
            side=Side.SELL,
            block_qty=9,
            block_price=100_000,
            **later,
        )
        proposed = market.do(OTHER, sale).seq
        if obstacle == "sold":
            market.do(SUPPLIER, ConfirmBlock(block_id=proposed))
    approve = ApproveCorrection(correction_id=bust(market, traded))
    assert_refused(market, 2, approve, Reason.TITLE, 500, 491, later["start_day"])


def test_a_bust_is_refused_while_the_seller_has_not_the_cash(market):
    poor = market.admit("poor", Role.TRADER)
    market.deposit(poor, NOTIONAL + NOTIONAL // 1_000)
    registered(market, counterparty_account_id=poor)
    sold = registered(market, poor, block_price=900)
    bid = {"counterparty_account_id": TRADER, "side": Side.BUY, "block_qty": 100}
    held = market.core.held_by(alleged(market, poor, block_price=4_200, **bid))[1]
    available = market.core.balances(poor)[0]
    approve = ApproveCorrection(correction_id=bust(market, sold + 1, OTHER))
    price = 500 * HOURS * 900
    fee = price * 5 // 10_000
    assert held > 0
    assert available + fee < price
    assert_refused(market, 2, approve, Reason.CASH, price, available + fee)


def test_days_that_have_begun_do_not_come_back():
    market = desk_market()
    tomorrow = {"start_day": day("2026-11-24"), "end_day": day("2026-12-24")}
    market.grant("X261124-261224", 1_000)
    market.advance(market.state.market_ns + 15 * 60 * MINUTE)
    traded = registered(market, SUPPLIER, **tomorrow) + 1
    wanted = bust(market, traded, SUPPLIER)
    pass_time(market, 12 * 60 * MINUTE)
    today = tomorrow["start_day"]
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, 2, approve, Reason.TOO_LATE, today, today, today)
    market.do(1, RecordClaim(correction_id=wanted, claim_amount=5, note="days begun"))
    market.assert_replays()


# -- what remains ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corrected_price", "payer_id", "payee_id"), [(1_010, OTHER, TRADER), (990, TRADER, OTHER)]
)
def test_a_corrected_price_moves_the_difference_in_cash_alone(
    market, corrected_price, payer_id, payee_id
):
    traded = registered(market) + 1
    ask = RequestCorrection(trade_id=traded, corrected_price=corrected_price, note="typo")
    wanted = market.do(TRADER, ask).seq
    market.do(2, ApproveCorrection(correction_id=wanted))
    titles = [title_of(market, account_id) for account_id in (TRADER, OTHER)]
    market.do(1, ApproveCorrection(correction_id=wanted))
    assert market.events == [
        TradePriceCorrected(
            correction_id=wanted,
            trade_id=traded,
            corrected_price=corrected_price,
            operator_account_id=1,
        ),
        CashPaid(
            payer_account_id=payer_id,
            payee_account_id=payee_id,
            paid_amount=500 * HOURS * 10,
            purpose=Purpose.CORRECTION,
        ),
    ]
    assert [title_of(market, account_id) for account_id in (TRADER, OTHER)] == titles
    same = RequestCorrection(trade_id=traded, corrected_price=corrected_price, note="again")
    assert_refused(market, TRADER, same, Reason.EMPTY, corrected_price)


def corrected(market, trade_id, corrected_price, account_id=SUPPLIER):
    """A price correction that the first operator has approved."""
    ask = RequestCorrection(trade_id=trade_id, corrected_price=corrected_price, note="typo")
    wanted = market.do(account_id, ask).seq
    market.do(1, ApproveCorrection(correction_id=wanted))
    return wanted


@pytest.mark.parametrize("corrected_price", [900, 1_100])
def test_a_corrected_primary_sale_moves_the_difference_between_buyer_and_escrow(
    market, corrected_price
):
    before = everything(market)
    trade_id = registered(market, SUPPLIER) + 1
    wanted = corrected(market, trade_id, corrected_price)
    cash = cash_of(market)
    market.do(2, ApproveCorrection(correction_id=wanted))
    paid_amount = 500 * HOURS * (corrected_price - 1_000)
    available_amount, held_amount = cash[OTHER]
    assert cash_of(market) == {**cash, OTHER: (available_amount - paid_amount, held_amount)}
    in_escrow = 1_000 * 24 * 1_000 + 500 * 24 * corrected_price
    for at_day in range(*SPAN.values()):
        assert market.core.day_totals(1, at_day) == (2_000, 1_500, in_escrow)
    market.do(2, ApproveCorrection(correction_id=bust(market, trade_id, OTHER)))
    assert everything(market) == before


def test_who_cannot_pay_the_difference_into_escrow_is_not_made_to(market):
    poor = market.admit("poor", Role.TRADER)
    market.deposit(poor, NOTIONAL + NOTIONAL // 1_000 + 500 * HOURS - 1)
    trade_id = registered(market, SUPPLIER, counterparty_account_id=poor) + 1
    approve = ApproveCorrection(correction_id=corrected(market, trade_id, 1_001))
    assert_refused(market, 2, approve, Reason.CASH, 500 * HOURS, 500 * HOURS - 1)
    market.deposit(poor, 1)
    market.do(2, approve)
    assert market.core.balances(poor) == (0, 0)


def test_a_primary_sale_has_its_price_once_its_days_begin():
    market = desk_market()
    tomorrow = {"start_day": day("2026-11-24"), "end_day": day("2026-12-24")}
    market.grant("X261124-261224", 1_000)
    market.advance(market.state.market_ns + 15 * 60 * MINUTE)
    trade_id = registered(market, SUPPLIER, **tomorrow) + 1
    wanted = corrected(market, trade_id, 1_001)
    pass_time(market, 12 * 60 * MINUTE)
    today = tomorrow["start_day"]
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, 2, approve, Reason.TOO_LATE, today, today, today)
    market.assert_replays()


def test_a_primary_sale_that_was_bought_back_keeps_its_price_and_names_the_first_such_day():
    market, trade_id = two_sales(500, 1_000, 500, 1_000)
    later = {"start_day": SPAN["start_day"] + 4, "end_day": SPAN["end_day"]}
    back = {"counterparty_account_id": SUPPLIER, "block_price": 3_000, **later}
    wanted = corrected(market, trade_id, 1_001)
    registered(market, TRADER, block_qty=500, **back)
    registered(market, OTHER, block_qty=300, **back)
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, 2, approve, Reason.TITLE, 500, 200, later["start_day"])
    market.assert_replays()


def test_a_lower_price_gives_no_more_back_than_the_escrow_has():
    """Of 1000 at 10.00 and 100 at 100.00 the share of 150 is left, less than 90.00 for 100."""
    market, trade_id = two_sales(1_000, 1_000, 100, 10_000)
    back = {"counterparty_account_id": SUPPLIER, "block_price": 1_000, "block_qty": 950}
    registered(market, TRADER, **back)
    left = 48_000_000 - 48_000_000 * 950 // 1_100
    approve = ApproveCorrection(correction_id=corrected(market, trade_id, 1_000))
    refused = (Reason.CASH, 100 * 24 * 9_000, left, SPAN["start_day"])
    assert_refused(market, 2, approve, *refused)
    market.assert_replays()


def test_nothing_is_undone_or_repriced_of_a_terminated_supplier(market):
    """Its days are final, and what they pay is on its way to those who own them."""
    first, second = (registered(market, SUPPLIER) + 1 for _ in range(2))
    wanted = corrected(market, first, 1_001), bust(market, second, OTHER)
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))
    for correction_id in wanted:
        approve = ApproveCorrection(correction_id=correction_id)
        assert_refused(market, 2, approve, Reason.SUSPENDED, SUPPLIER)


def test_a_corrected_trade_is_busted_at_its_corrected_price(market):
    before = everything(market)
    traded = registered(market) + 1
    ask = RequestCorrection(trade_id=traded, corrected_price=1_200, note="typo")
    wanted = market.do(OTHER, ask).seq
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))
    market.do(2, ApproveCorrection(correction_id=bust(market, traded)))
    assert everything(market) == before


def test_who_cannot_pay_the_difference_is_not_made_to(market):
    poor = market.admit("poor", Role.TRADER)
    market.deposit(poor, NOTIONAL + NOTIONAL // 1_000)
    traded = registered(market, counterparty_account_id=poor) + 1
    ask = RequestCorrection(trade_id=traded, corrected_price=1_001, note="typo")
    wanted = market.do(TRADER, ask).seq
    approve = ApproveCorrection(correction_id=wanted)
    market.do(1, approve)
    assert_refused(market, 2, approve, Reason.CASH, 500 * HOURS, 0)


def test_a_claim_on_record_ends_a_request_and_moves_nothing(market):
    traded = registered(market) + 1
    wanted = bust(market, traded, OTHER)
    before = everything(market)
    market.do(1, RecordClaim(correction_id=wanted, claim_amount=123, note="sold on"))
    assert market.events == [
        ClaimRecorded(
            correction_id=wanted,
            trade_id=traded,
            claimant_account_id=OTHER,
            respondent_account_id=TRADER,
            claim_amount=123,
            operator_account_id=1,
            note="sold on",
        )
    ]
    assert everything(market) == before


@pytest.mark.parametrize("end", ["done", "declined", "claimed"])
def test_nothing_happens_to_a_correction_that_is_over(market, end):
    wanted = bust(market, registered(market) + 1)
    match end:
        case "done":
            market.do(2, ApproveCorrection(correction_id=wanted))
        case "declined":
            market.do(1, DeclineCorrection(correction_id=wanted, note="no error"))
            declined = CorrectionDeclined(
                correction_id=wanted, operator_account_id=1, note="no error"
            )
            assert market.events == [declined]
        case "claimed":
            market.do(1, RecordClaim(correction_id=wanted, claim_amount=1, note="so"))
    assert market.state.corrections[wanted].status.value == end
    for command in (
        ApproveCorrection(correction_id=wanted),
        DeclineCorrection(correction_id=wanted, note="late"),
        RecordClaim(correction_id=wanted, claim_amount=1, note="late"),
    ):
        assert_refused(market, 2, command, Reason.WRONG_STATE, wanted)


def test_a_correction_that_does_not_exist_is_refused(market):
    unknown = ApproveCorrection(correction_id=9_999)
    assert_refused(market, 1, unknown, Reason.UNKNOWN_CORRECTION, 9_999)


# -- the market's worked example ------------------------------------------------------------------


def sublet_week(market, first, last, qty, rent_price):
    """A grants B the use of a week: the movement stands in for the desk that would state it."""
    granted = SubletGranted(
        sublet_id=market.state.seq,
        product_id=1,
        lessor_account_id=TRADER,
        lessee_account_id=OTHER,
        start_day=day(first),
        end_day=day(last),
        sublet_qty=qty,
        rent_price=rent_price,
    )
    EVOLVE[SubletGranted](granted, market.state)


def test_a_bust_of_the_first_trade_is_refused_nothing_is_free_from_the_tenth_of_may():
    """
    S is granted 1200 for 2027 and sells the year × 1000 to A, as a block. A sublets 200 over the
    first week of March, pledges 600 from April on, sells Q2 × 300, and sublets 650 over liened days
    of May: the first of May's days is the first of all at the window's minimum.
    """
    market = OtherMarket({"maker_bps": 0, "taker_bps": 0})
    market.grant("Y27", 1_200)
    year = ProposeBlock(
        product_id=1,
        counterparty_account_id=TRADER,
        side=Side.SELL,
        block_qty=1_000,
        block_price=1_000,
        **span("Y27"),
    )
    proposed = market.do(SUPPLIER, year).seq
    traded = market.do(TRADER, ConfirmBlock(block_id=proposed)).seq
    wanted = bust(market, traded, SUPPLIER)
    assert market.core.balances(TRADER) == (10**13 - 8_760_000_000, 0)
    sublet_week(market, "2027-03-01", "2027-03-08", 200, 1_200)
    days = {"start_day": day("2027-04-01"), "end_day": day("2028-01-01")}
    market.do(TRADER, RequestPledge(product_id=1, pledged_qty=600, bank_account_id=BANK, **days))
    market.do(BANK, AcceptPledge(pledge_id=1))
    second = market.list_window("Q272")
    market.order(TRADER, second, Side.SELL, 300, 1_000)
    market.order(OTHER, second, Side.BUY, 300, 1_000)
    sublet_week(market, "2027-05-10", "2027-05-17", 650, 950)
    approve = ApproveCorrection(correction_id=wanted)
    assert_refused(market, 2, approve, Reason.TITLE, 1_000, 0, day("2027-05-10"))
    market.do(2, RecordClaim(correction_id=wanted, claim_amount=1_000, note="nothing is free"))
    assert market.state.corrections[wanted].status is CorrectionStatus.CLAIMED

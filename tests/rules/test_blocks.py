"""Blocks: alleged, confirmed or not, waived, made public, allocated."""

import pytest

from exchange.domain.commands import (
    AcceptPledge,
    HaltInstrument,
    PublishIndexPrice,
    PublishMarks,
    PublishSettlementPrice,
    RequestPledge,
    RevokeKey,
)
from exchange.domain.desk_commands import (
    AllocateBlock,
    Allocation,
    ConfirmBlock,
    ConfirmWaiver,
    DeclineBlock,
    RequestBust,
    WaiveBand,
)
from exchange.domain.desk_events import (
    AllocatedPart,
    BandWaived,
    BandWaiverRequested,
    BlockAllocated,
    BlockEnded,
    BlockProposed,
    BlockRegistered,
    DeskTradePublished,
)
from exchange.domain.enums import BlockStatus, Purpose, Role, SessionState, Side
from exchange.domain.movements import HoldClosed, HoldOpened
from exchange.domain.reasons import Reason
from exchange.rules.blocks import LAPSE_NS, LEAST_BLOCK_AMOUNT
from exchange.rules.desk_trades import PUBLICATION_DELAY_NS
from tests.rules.desk import (
    CASH,
    HOURS,
    MINUTE,
    SPAN,
    alleged,
    asked,
    block,
    desk_market,
    pass_time,
    publish,
    quote,
    registered,
    title_of,
    trade_of,
)
from tests.rules.markets import assert_refused, day
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, secret_hash

JUNE = {"start_day": day("2027-06-01"), "end_day": day("2027-07-01")}
NOTIONAL = 500 * HOURS * 1_000


@pytest.fixture
def market():
    """The trader has 1000 of June; whatever a test does is replayed."""
    market = desk_market()
    yield market
    market.assert_replays()


# -- alleged, confirmed, declined, lapsed ---------------------------------------------------------


def test_an_alleged_block_holds_what_its_proposer_brings(market):
    market.do(TRADER, block())
    proposed, held = market.events
    assert proposed == BlockProposed(
        block_id=market.state.seq,
        account_id=TRADER,
        counterparty_account_id=OTHER,
        product_id=1,
        side=Side.SELL,
        block_qty=500,
        block_price=1_000,
        notional_amount=NOTIONAL,
        expires_ns=market.state.market_ns + LAPSE_NS,
        key_id=TRADER,
        **SPAN,
    )
    assert isinstance(held, HoldOpened)
    assert market.core.sellable(TRADER, 1, *SPAN.values())[0] == 500


def test_a_buyer_that_proposes_holds_price_and_fee(market):
    alleged(market, OTHER, counterparty_account_id=TRADER, side=Side.BUY)
    fee = NOTIONAL * 5 // 10_000
    assert market.core.balances(OTHER) == (CASH - NOTIONAL - fee, NOTIONAL + fee)


def test_a_confirmed_block_is_registered_and_paid_in_one_record(market):
    proposed = alleged(market)
    market.do(OTHER, ConfirmBlock(block_id=proposed))
    first, second, trade, *_ = market.events
    assert first == BlockRegistered(block_id=proposed, trade_id=market.state.seq)
    assert second == HoldClosed(hold_id=proposed, account_id=TRADER)
    assert (trade.purpose, trade.taker_side) == (Purpose.BLOCK, Side.BUY)
    assert market.state.blocks[proposed].status is BlockStatus.REGISTERED
    assert market.core.balances(OTHER) == (CASH - NOTIONAL - NOTIONAL * 10 // 10_000, 0)
    assert (title_of(market, TRADER), title_of(market, OTHER)) == (500, 500)


@pytest.mark.parametrize("account_id", [TRADER, OTHER])
def test_either_side_ends_an_alleged_block(market, account_id):
    proposed = alleged(market)
    market.do(account_id, DeclineBlock(block_id=proposed))
    assert market.events == [
        BlockEnded(block_id=proposed, block_status=BlockStatus.DECLINED),
        HoldClosed(hold_id=proposed, account_id=TRADER),
    ]


def test_a_block_lapses_after_fifteen_minutes(market):
    proposed = alleged(market)
    pass_time(market, LAPSE_NS - 1)
    assert market.state.blocks[proposed].is_open
    pass_time(market, 1)
    assert market.state.blocks[proposed].status is BlockStatus.LAPSED
    assert market.core.held_by(proposed) is None


def test_a_key_that_ends_takes_its_alleged_blocks_with_it_and_no_registered_one(market):
    made, waiting = registered(market), alleged(market, block_qty=450)
    market.do(1, RevokeKey(revoked_key_id=TRADER))
    assert market.state.blocks[made].status is BlockStatus.REGISTERED
    assert market.state.blocks[waiting].status is BlockStatus.DECLINED
    assert market.core.held_by(waiting) is None


@pytest.mark.parametrize("end", ["registered", "declined", "lapsed"])
def test_nothing_happens_to_a_block_that_is_over(market, end):
    proposed = alleged(market)
    match end:
        case "registered":
            market.do(OTHER, ConfirmBlock(block_id=proposed))
        case "declined":
            market.do(OTHER, DeclineBlock(block_id=proposed))
        case "lapsed":
            pass_time(market, LAPSE_NS)
    assert market.state.blocks[proposed].status.value == end
    for key_id, command in (
        (OTHER, ConfirmBlock(block_id=proposed)),
        (OTHER, DeclineBlock(block_id=proposed)),
        (TRADER, DeclineBlock(block_id=proposed)),
        (1, WaiveBand(block_id=proposed, note="late")),
        (2, ConfirmWaiver(block_id=proposed)),
    ):
        assert_refused(market, key_id, command, Reason.WRONG_STATE, proposed)


def test_a_block_exists_for_its_two_sides_alone(market):
    third = market.admit("third", Role.TRADER)
    proposed = alleged(market)
    for command in (ConfirmBlock(block_id=proposed), DeclineBlock(block_id=proposed)):
        assert_refused(market, third, command, Reason.UNKNOWN_BLOCK, proposed)
    assert_refused(market, 1, WaiveBand(block_id=99, note="none"), Reason.UNKNOWN_BLOCK, 99)


def test_the_proposer_does_not_confirm_itself(market):
    own_word = ConfirmBlock(block_id=alleged(market))
    assert_refused(market, TRADER, own_word, Reason.SAME_PERSON, TRADER)
    itself = block(counterparty_account_id=TRADER)
    assert_refused(market, TRADER, itself, Reason.SAME_PERSON, TRADER)


def test_both_sides_of_a_block_are_dealers(market):
    with_bank = block(counterparty_account_id=BANK)
    assert_refused(market, TRADER, with_bank, Reason.WRONG_ROLE, BANK)


def test_a_block_has_a_notional_of_a_million_at_least(market):
    lot = 10 * HOURS
    assert LEAST_BLOCK_AMOUNT == 100_000_000
    small = block(block_qty=10, block_price=41_666)
    least = Reason.SMALL_BLOCK
    assert_refused(market, TRADER, small, least, 41_666 * lot, LEAST_BLOCK_AMOUNT)
    alleged(market, block_qty=10, block_price=41_667)


def test_every_check_is_made_again_on_confirmation(market):
    alleged_june = alleged(market, **JUNE, block_qty=200)
    market.do(1, HaltInstrument(instrument_id=1))
    confirm = ConfirmBlock(block_id=alleged_june)
    assert_refused(market, OTHER, confirm, Reason.HALTED, SessionState.HALTED, 1)


def test_the_other_side_needs_its_means_when_it_confirms(market):
    poor = market.admit("poor", Role.TRADER)
    proposed = alleged(market, counterparty_account_id=poor)
    needed = NOTIONAL + NOTIONAL // 1_000
    assert_refused(market, poor, ConfirmBlock(block_id=proposed), Reason.CASH, needed, 0)
    bid = alleged(market, OTHER, counterparty_account_id=poor, side=Side.BUY)
    nothing = (Reason.TITLE, 500, 0, SPAN["start_day"])
    assert_refused(market, poor, ConfirmBlock(block_id=bid), *nothing)


# -- the band and its waiver ----------------------------------------------------------------------


def test_a_block_in_a_listed_window_keeps_to_the_band_of_its_orders(market):
    publish(market, 1_000)
    edge = alleged(market, **JUNE, block_price=1_100)
    market.do(OTHER, ConfirmBlock(block_id=edge))
    beyond = alleged(market, **JUNE, block_price=1_101, block_qty=400)
    confirm = ConfirmBlock(block_id=beyond)
    assert_refused(market, OTHER, confirm, Reason.PRICE_BAND, 1_101, 1_100)


def marked(market, index_micro=10_000_000):
    """June's official price, from an index."""
    market.do(
        1,
        PublishIndexPrice(
            gpu_class="A100-80-SXM",
            region="SG",
            index_micro=index_micro,
            usd_micro=index_micro,
            usd_cny_ppm=1_000_000,
            observed_day=day("2026-11-23"),
            source="test",
            row_count=1,
            file_sha256=secret_hash("index"),
        ),
    )
    market.do(1, PublishMarks())


def test_another_window_has_a_band_around_the_official_price_of_its_months(market):
    marked(market)
    low = alleged(market, block_price=900, block_qty=480)
    market.do(OTHER, ConfirmBlock(block_id=low))
    for price, limit in ((1_101, 1_100), (899, 900)):
        confirm = ConfirmBlock(block_id=alleged(market, block_price=price, block_qty=480))
        assert_refused(market, OTHER, confirm, Reason.PRICE_BAND, price, limit)
        market.do(OTHER, DeclineBlock(block_id=confirm.block_id))


def test_a_window_without_an_official_price_has_a_band_around_the_settlement_prices_of_its_days(
    market,
):
    """June is settled at 10.00, the narrower fifth of it at 19.00: 10.90 for the ten."""
    publish(market, 1_000)
    fifth = market.list_window("D270605")
    market.do(1, PublishSettlementPrice(instrument_id=fifth, settlement_price=1_900))
    for price, limit in ((1_200, 1_199), (980, 981)):
        confirm = ConfirmBlock(block_id=alleged(market, block_price=price, block_qty=480))
        assert_refused(market, OTHER, confirm, Reason.PRICE_BAND, price, limit)
        market.do(OTHER, DeclineBlock(block_id=confirm.block_id))
    registered(market, block_price=1_199, block_qty=480)


def test_days_without_any_price_take_the_average_of_the_others(market):
    """A window that reaches into July, of which nothing is known, is no way around June's band."""
    publish(market, 1_000)
    longer = {"start_day": day("2027-06-30"), "end_day": day("2027-07-31")}
    wanted = asked(market, **longer)
    far_off = quote(wanted, 200_000)
    assert_refused(market, SUPPLIER, far_off, Reason.PRICE_BAND, 200_000, 1_100)
    market.do(SUPPLIER, quote(wanted, 1_100))


def test_without_a_settlement_price_or_a_mark_there_is_no_band(market):
    registered(market, block_price=9_999)


def test_two_operators_waive_the_band_for_one_block(market):
    publish(market, 1_000)
    proposed = alleged(market, **JUNE, block_price=1_200)
    market.do(1, WaiveBand(block_id=proposed, note="strategic stake"))
    assert market.events == [
        BandWaiverRequested(block_id=proposed, operator_account_id=1, note="strategic stake")
    ]
    confirm = ConfirmBlock(block_id=proposed)
    assert_refused(market, OTHER, confirm, Reason.PRICE_BAND, 1_200, 1_100)
    again = WaiveBand(block_id=proposed, note="again")
    assert_refused(market, 2, again, Reason.ALREADY_DONE, proposed)
    alone = ConfirmWaiver(block_id=proposed)
    assert_refused(market, 1, alone, Reason.SAME_PERSON, 1)
    market.do(2, alone)
    assert market.events == [BandWaived(block_id=proposed, operator_account_id=2)]
    assert_refused(market, 2, alone, Reason.WRONG_STATE, proposed)
    market.do(OTHER, confirm)


def test_no_operator_waives_the_band_for_a_block_of_its_own_party(market):
    publish(market, 1_000)
    trading = market.admit("trading operator", Role.OPERATOR, Role.TRADER)
    friend = market.admit("friend of it", Role.OPERATOR, affiliate_ids=[trading])
    market.deposit(trading, 10**12)
    proposed = alleged(market, counterparty_account_id=trading, **JUNE, block_price=1_200)
    waive, confirm = WaiveBand(block_id=proposed, note="cheap"), ConfirmWaiver(block_id=proposed)
    for operator_id in (trading, friend):
        assert_refused(market, operator_id, waive, Reason.SAME_PERSON, operator_id)
    market.do(1, waive)
    for operator_id in (trading, friend):
        assert_refused(market, operator_id, confirm, Reason.SAME_PERSON, operator_id)
    market.do(2, confirm)


def test_a_waiver_nobody_asked_for_is_not_confirmed(market):
    proposed = alleged(market)
    assert_refused(market, 2, ConfirmWaiver(block_id=proposed), Reason.WRONG_STATE, proposed)


def test_no_waiver_lets_a_primary_sale_leave_the_band(market):
    publish(market, 1_000)
    proposed = alleged(market, SUPPLIER, **JUNE, block_price=1_101)
    waive = WaiveBand(block_id=proposed, note="no")
    assert_refused(market, 1, waive, Reason.PRICE_BAND, 1_101, 1_100)


def test_a_waiver_that_a_primary_sale_has_inside_the_band_ends_nowhere_outside_it(market):
    publish(market, 1_000)
    proposed = alleged(market, SUPPLIER, **JUNE, block_price=1_000)
    market.do(1, WaiveBand(block_id=proposed, note="in the band"))
    market.do(2, ConfirmWaiver(block_id=proposed))
    publish(market, 900)
    confirm = ConfirmBlock(block_id=proposed)
    assert_refused(market, OTHER, confirm, Reason.PRICE_BAND, 1_000, 990)
    publish(market, 910)
    market.do(OTHER, confirm)


# -- publication ----------------------------------------------------------------------------------


def test_a_block_is_public_after_fifteen_minutes_and_no_more_than_ten_million_of_it(market):
    registered(market, block_qty=800, block_price=10_000)
    trade = trade_of(market.events)
    assert trade.notional_amount == 1_920_000_000
    assert trade.displayed_qty == 416
    assert trade.publish_ns == market.state.market_ns + PUBLICATION_DELAY_NS
    pass_time(market, PUBLICATION_DELAY_NS - 1)
    assert not market.state.desk_trades[trade.trade_id].is_published
    pass_time(market, 1)
    assert market.events[-1] == DeskTradePublished(trade_id=trade.trade_id)
    assert market.state.desk_trades[trade.trade_id].is_published


def test_a_small_block_is_shown_whole_and_a_dear_lot_is_shown_as_one(market):
    registered(market)
    assert trade_of(market.events).displayed_qty == 500
    registered(market, block_qty=2, block_price=8_000_000)
    assert trade_of(market.events).displayed_qty == 1


# -- allocation -----------------------------------------------------------------------------------


def with_funds(market, count=2):
    """The other trader's funds, each with money."""
    funds = []
    for number in range(count):
        fund = market.admit(f"fund {number}", Role.TRADER, affiliate_ids=[OTHER])
        market.deposit(fund, 10**9)
        funds.append(fund)
    return funds


def allocation(block_id, *parts):
    return AllocateBlock(block_id=block_id, allocations=[Allocation(*part) for part in parts])


def test_a_block_is_spread_over_accounts_of_the_buyers_party_who_pay_their_part(market):
    first, second = with_funds(market)
    bought = registered(market, block_price=1_003)
    notional, paid = 500 * HOURS * 1_003, trade_of(market.events).buyer_fee_amount
    cash = market.core.balances(OTHER)[0]
    market.do(OTHER, allocation(bought, (first, 167), (second, 133), (OTHER, 200)))
    parts = market.events[0].parts
    assert market.events[0] == BlockAllocated(block_id=bought, parts=parts)
    assert [part.account_id for part in parts] == [first, second, OTHER]
    assert sum(part.paid_amount for part in parts) == notional + paid
    assert parts[0] == AllocatedPart(first, 167, 167 * HOURS * 1_003 + 40_201)
    got = parts[0].paid_amount + parts[1].paid_amount
    assert market.core.balances(OTHER)[0] == cash + got
    assert [title_of(market, a) for a in (first, second, OTHER)] == [167, 133, 200]
    again = allocation(bought, (OTHER, 500))
    assert_refused(market, OTHER, again, Reason.ALREADY_DONE, bought)


def test_allocations_add_up_and_name_each_of_at_most_twenty_accounts_once(market):
    (fund,) = with_funds(market, 1)
    bought = registered(market)
    for parts, value, limit in (
        ([(fund, 499)], 499, 500),
        ([(fund, 501)], 501, 500),
        ([(fund, 250), (fund, 250)], 2, 1),
        ([(fund, 1)] * 21, 21, 20),
    ):
        assert_refused(market, OTHER, allocation(bought, *parts), Reason.ALLOCATION, value, limit)


def test_twenty_accounts_are_not_too_many(market):
    funds = with_funds(market, 20)
    bought = registered(market)
    market.do(OTHER, allocation(bought, *((fund, 25) for fund in funds)))


def test_strangers_get_no_part_and_the_seller_gives_none(market):
    bought = registered(market)
    to_supplier = allocation(bought, (SUPPLIER, 500))
    assert_refused(market, OTHER, to_supplier, Reason.WRONG_ROLE, SUPPLIER)
    by_seller = allocation(bought, (TRADER, 500))
    assert_refused(market, TRADER, by_seller, Reason.WRONG_ROLE, TRADER)
    unknown = allocation(bought, (99, 500))
    assert_refused(market, OTHER, unknown, Reason.UNKNOWN_ACCOUNT, 99)


def test_allocation_is_of_the_same_day_of_registered_blocks_and_of_free_days(market):
    (fund,) = with_funds(market, 1)
    waiting = alleged(market, block_qty=450)
    assert_refused(market, OTHER, allocation(waiting, (fund, 450)), Reason.WRONG_STATE, waiting)
    bought = registered(market)
    market.do(OTHER, RequestPledge(product_id=1, pledged_qty=1, bank_account_id=BANK, **SPAN))
    market.do(BANK, AcceptPledge(pledge_id=1))
    whole = allocation(bought, (fund, 500))
    assert_refused(market, OTHER, whole, Reason.TITLE, 500, 499, SPAN["start_day"])
    poor = market.admit("poor fund", Role.TRADER, affiliate_ids=[OTHER])
    part = allocation(bought, (poor, 500))
    assert_refused(market, OTHER, part, Reason.CASH, NOTIONAL + NOTIONAL // 1_000, 0)
    market.do(TRADER, RequestBust(trade_id=bought + 1, note="wrong size"))
    disputed = allocation(bought, (fund, 499), (OTHER, 1))
    assert_refused(market, OTHER, disputed, Reason.WRONG_STATE, bought + 1)
    pass_time(market, 24 * 60 * MINUTE)
    assert_refused(market, OTHER, disputed, Reason.UNKNOWN_BLOCK, bought)


def test_parts_are_in_lots():
    market = desk_market(lot_qty=8)
    (fund,) = with_funds(market, 1)
    bought = registered(market, block_qty=480)
    odd = allocation(bought, (fund, 100), (OTHER, 380))
    assert_refused(market, OTHER, odd, Reason.LOT, 100, 8)


@pytest.mark.parametrize("role", [Role.INVESTOR, Role.AUDITOR, Role.BANK, Role.SUPPLIER])
def test_no_days_are_allocated_to_who_may_not_buy_them(market, role):
    member = market.admit("member", role, affiliate_ids=[OTHER])
    market.deposit(member, 10**12)
    parts = allocation(registered(market), (member, 200), (OTHER, 300))
    assert_refused(market, OTHER, parts, Reason.WRONG_ROLE, member)


def test_a_suppliers_affiliate_that_is_of_its_house_takes_a_part_of_a_buy_back(market):
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.deposit(affiliate, 10**9)
    bought = registered(market, TRADER, counterparty_account_id=SUPPLIER)
    market.do(SUPPLIER, allocation(bought, (affiliate, 200), (SUPPLIER, 300)))
    assert title_of(market, affiliate) == 200

"""Between a cycle's marks of nodes and those of pledges nobody gains from the older ones."""

import msgspec
from msgspec.structs import replace

from exchange.domain.commands import Command, ReleasePledge
from exchange.domain.enums import LadderStatus, LoanStatus
from exchange.domain.events import CommandRefused, PledgeReleased
from exchange.domain.lending_commands import AddCollateral, DrawLoan, SubstituteCollateral
from exchange.domain.lending_events import (
    LoanApproved,
    LoanCured,
    LoanDrawn,
    MarginCallEnded,
    MarginCallIssued,
    PledgeMarked,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.units import PPM_WHOLE
from exchange.marks_replay import MarksReplay
from exchange.rules.loan_cover import cover_of, marks_of, owed_amount
from exchange.rules.valuation import taken_mark
from tests.rules.lending import (
    APPLICATION,
    YUAN,
    LendingMarket,
    mark_nodes,
    mark_some_pledges,
    offer,
    repay,
    terms,
)
from tests.rules.liquidations import LiquidationMarket
from tests.rules.markets import assert_refused, events_of
from tests.rules.two_suppliers import two_suppliers
from tests.scenario import BANK, TRADER

HIGH, LOW = 10 * YUAN, 6 * YUAN
DRAW = DrawLoan(loan_id=1)


def nodes_fall(market: LendingMarket, index_micro: int = LOW) -> None:
    """The nodes are marked at a lower price, and no pledge is yet."""
    market.publish_price(index_micro)
    mark_nodes(market)


def finish(market: LendingMarket) -> None:
    """The rest of the cycle."""
    while mark_some_pledges(market):
        pass


def lendable_amount(market: LendingMarket) -> int:
    """What the first pledge lends at the mark in force."""
    return market.state.pledges[1].mark.lendable_amount


def base_amount(market: LendingMarket) -> int:
    """The first loan's borrowing base at the marks in force."""
    return cover_of(marks_of(market.loan, market.state).values()).base_amount


def asked_for() -> LendingMarket:
    """A loan that waits for its bank's word."""
    market = LendingMarket()
    market.do(TRADER, APPLICATION)
    return market


def half_repaid() -> LendingMarket:
    """A loan with two pledges, of which one carries what is still owed."""
    market = LendingMarket()
    market.drawn(collateral=[offer(), offer()])
    market.mark()
    market.do(TRADER, repay(market.loan.principal_amount // 2 + 1))
    return market


def called() -> LendingMarket:
    """A loan of all that its pledge lends, called since the price fell."""
    market = LendingMarket()
    market.drawn()
    market.mark()
    market.price(84 * YUAN // 10)
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    return market


# -- before it is drawn ---------------------------------------------------------------------------


def test_a_loan_is_not_drawn_on_marks_older_than_the_price():
    market = asked_for()
    before_amount = lendable_amount(market)
    market.do(BANK, terms(before_amount))
    nodes_fall(market)
    refused = market.refused(TRADER, DRAW)
    assert (refused.reason, refused.value) == (Reason.LENDABLE, before_amount)
    finish(market)
    assert lendable_amount(market) == refused.limit < before_amount
    assert market.loan.status is LoanStatus.APPROVED
    market.assert_replays()


def test_terms_are_not_offered_on_marks_older_than_the_price():
    market = asked_for()
    before_amount = lendable_amount(market)
    nodes_fall(market)
    refused = market.refused(BANK, terms(before_amount))
    assert isinstance(market.events[0], CommandRefused)
    finish(market)
    lent_amount = lendable_amount(market)
    assert_refused(
        market, BANK, terms(lent_amount + 1), Reason.LENDABLE, lent_amount + 1, lent_amount
    )
    assert refused.limit == lent_amount


def test_what_is_offered_and_drawn_rests_on_marks_that_are_in_the_same_record():
    market = asked_for()
    nodes_fall(market)
    market.do(BANK, terms(1_000))
    mark, approved, _ = market.events
    assert isinstance(mark, PledgeMarked)
    assert isinstance(approved, LoanApproved)
    assert mark.curve_marks_micro == [LOW] * 3
    assert approved.value_amount == mark.value_amount
    assert approved.lendable_amount == mark.lendable_amount
    market.mark()
    nodes_fall(market, 5 * YUAN)
    market.do(TRADER, DRAW)
    mark, drawn, *_ = market.events
    assert isinstance(mark, PledgeMarked)
    assert isinstance(drawn, LoanDrawn)
    assert (drawn.value_amount, drawn.drawn_ltv_ppm) == (mark.value_amount, mark.ltv_ppm)
    assert mark.curve_marks_micro == [5 * YUAN] * 3
    market.assert_replays()


def test_marks_that_say_what_those_in_force_say_are_not_published_again():
    market = asked_for()
    market.mark()
    market.do(BANK, terms(1_000))
    market.do(TRADER, DRAW)
    assert len(events_of(market, PledgeMarked)) == 2, "of the request, and of the offer"


# -- releases and changes of collateral -----------------------------------------------------------


def test_a_pledge_is_not_released_on_marks_older_than_the_price():
    market = half_repaid()
    owed = owed_amount(market.loan, market.state)
    nodes_fall(market, 95 * YUAN // 10)
    whole = ReleasePledge(pledge_id=2)
    refused = market.refused(BANK, whole)
    assert (refused.reason, refused.value) == (Reason.NOT_COVERED, owed)
    half = ReleasePledge(pledge_id=2, released_qty=50)
    market.do(BANK, half)
    other, released, left = market.events
    assert isinstance(released, PledgeReleased)
    assert [(mark.pledge_id, mark.pledged_qty) for mark in (other, left)] == [(1, 100), (2, 50)]
    finish(market)
    assert owed <= base_amount(market)
    market.assert_replays()


def test_a_cycle_under_way_finds_nothing_new_in_what_a_release_has_marked():
    market = half_repaid()
    nodes_fall(market, 95 * YUAN // 10)
    assert mark_some_pledges(market)
    market.do(BANK, ReleasePledge(pledge_id=2, released_qty=50))
    marks = [market.state.pledges[each].mark for each in (1, 2)]
    finish(market)
    assert [market.state.pledges[each].mark for each in (1, 2)] == marks


def test_a_substitution_counts_what_stays_at_the_price_of_the_moment():
    market = LendingMarket()
    market.drawn(collateral=[offer(), offer()])
    market.mark()
    market.do(TRADER, repay(1_000_000))
    same = SubstituteCollateral(pledge_id=2, collateral=offer())
    nodes_fall(market, 9 * YUAN)
    refused = market.refused(TRADER, same)
    assert refused.reason is Reason.NOT_COVERED
    finish(market)
    worth = sum(mark.value_amount for mark in marks_of(market.loan, market.state).values())
    assert refused.limit == worth * market.loan.drawn_ltv_ppm // PPM_WHOLE


def test_added_days_end_no_call_at_marks_older_than_the_price():
    market = called()
    enough = market.loan.call.call_collateral_amount
    qty = -(-100 * enough // market.state.pledges[1].mark.value_amount)
    nodes_fall(market, 8 * YUAN)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer(pledged_qty=qty)))
    assert events_of(market, MarginCallEnded) == []
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    finish(market)
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    market.assert_replays()


# -- payments and sales ---------------------------------------------------------------------------


def test_a_payment_brings_no_loan_back_to_its_ratio_at_marks_older_than_the_price():
    market = called()
    market.price(9 * YUAN)
    worth_amount = market.state.pledges[1].mark.value_amount
    back_amount = worth_amount * market.loan.drawn_ltv_ppm // PPM_WHOLE
    nodes_fall(market, 84 * YUAN // 10)
    market.do(TRADER, repay(owed_amount(market.loan, market.state) - back_amount))
    assert owed_amount(market.loan, market.state) == back_amount
    assert events_of(market, MarginCallEnded) == []
    assert market.loan.ladder_status is LadderStatus.WATCH
    finish(market)
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    market.assert_replays()


def test_a_loan_in_order_is_not_valued_for_a_payment():
    market = half_repaid()
    nodes_fall(market)
    market.do(TRADER, repay(1))
    assert not any(isinstance(event, PledgeMarked) for event in market.events)


def test_a_sale_cures_no_loan_at_marks_older_than_the_price():
    """What is left of the pledge that is sold is valued anew anyway; the other one decides."""
    market = LiquidationMarket(is_drawn=False)
    market.drawn(collateral=[offer(), offer()])
    market.enforce(7 * YUAN)
    lot_id = market.offered(pledge_id=2, lot_qty=60)
    nodes_fall(market, 64 * YUAN // 10)
    market.bought(lot_id)
    assert market.loan.status is LoanStatus.LIQUIDATING
    marks = [event for event in market.events if isinstance(event, PledgeMarked)]
    assert [(mark.pledge_id, mark.pledged_qty) for mark in marks] == [(1, 100), (2, 40)]
    finish(market)
    assert events_of(market, LoanCured) == []
    market.assert_replays()


# -- the ladder -----------------------------------------------------------------------------------


def test_a_record_that_marks_calls_nothing_and_the_cycle_under_way_does():
    market = LendingMarket()
    market.drawn()
    market.mark()
    nodes_fall(market, 84 * YUAN // 10)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer(pledged_qty=1)))
    assert market.state.pledges[1].mark.curve_marks_micro == [84 * YUAN // 10] * 3
    assert events_of(market, MarginCallIssued) == []
    finish(market)
    assert len(events_of(market, MarginCallIssued)) == 1
    market.assert_replays()


# -- the bank's pool ------------------------------------------------------------------------------


def test_a_release_counts_the_share_of_the_pool_that_what_is_left_will_have():
    """When the second supplier's days are gone, all that is left is of the first."""
    market = two_suppliers()
    market.drawn(96_000_000, collateral=[offer(), offer(product_id=2), offer(product_id=2)])
    market.mark()
    market.mark()
    market.do(BANK, ReleasePledge(pledge_id=2))
    kept = market.state.pledges[1].mark
    assert kept.value_amount * kept.applied_ltv_ppm // PPM_WHOLE > 96_000_000
    refused = market.refused(BANK, ReleasePledge(pledge_id=3))
    assert (refused.reason, refused.value) == (Reason.NOT_COVERED, 96_000_000)
    market.do(TRADER, repay(96_000_000 - refused.limit))
    market.do(BANK, ReleasePledge(pledge_id=3))
    market.mark()
    assert base_amount(market) == refused.limit == owed_amount(market.loan, market.state)
    market.assert_replays()


def test_a_loan_lends_what_its_pledges_will_lend_in_one_pool():
    """Each pledge is marked as if the other were not offered on; both come under lien at once."""
    market = two_suppliers()
    market.drawn(1_000, collateral=[offer(pledged_qty=300)])
    market.mark()
    market.do(TRADER, replace(APPLICATION, collateral=[offer(product_id=2)] * 2))
    alone = [taken_mark(market.state.pledges[each], market.state) for each in (2, 3)]
    alone_amount = sum(mark.lendable_amount for mark in alone)
    refused = market.refused(BANK, terms(alone_amount, 2))
    assert (refused.reason, refused.value) == (Reason.LENDABLE, alone_amount)
    market.do(BANK, terms(refused.limit, 2))
    market.do(TRADER, DrawLoan(loan_id=2))
    market.mark()
    marks = marks_of(market.state.loans[2], market.state).values()
    assert cover_of(marks).lendable_amount == refused.limit
    market.assert_replays()


# -- computed again -------------------------------------------------------------------------------


def test_marks_of_such_records_are_computed_again_from_the_log():
    market = half_repaid()
    nodes_fall(market, 98 * YUAN // 10)
    market.do(BANK, ReleasePledge(pledge_id=2, released_qty=20))
    replay = MarksReplay()
    for seq, body in enumerate(market.records, start=1):
        replay.take(Record(seq, 0, Command(), decode_body(body)[1]))
    marks = msgspec.json.decode(replay.answer(replay.at_seq, BANK))
    assert [(mark["pledge_id"], mark["as_of_seq"]) for mark in marks] == [
        (pledge_id, len(market.records)) for pledge_id in (1, 2)
    ]
    assert [mark["value_amount"] for mark in marks] == [
        market.state.pledges[pledge_id].mark.value_amount for pledge_id in (1, 2)
    ]

"""A bank's pool in a mark: of no figure before the bank's word, and in the share after it."""

import pytest
from msgspec.structs import asdict, replace

from exchange.domain.commands import AcceptPledge, DefineProduct, RequestPledge
from exchange.domain.enums import MarkLine, ProductKind, Role
from exchange.domain.lending_commands import AddCollateral, DisputeMark, DrawLoan
from exchange.domain.lending_events import NO_LTV_PPM, LoanApproved, PledgeMarked
from exchange.domain.reasons import Reason
from exchange.domain.units import PPM_WHOLE
from exchange.genesis import risk_parameters
from exchange.rules.loan_cover import cover_of
from exchange.rules.valuation import is_known, market_figures, product_market
from tests.rules.lending import APPLICATION, LendingMarket, offer, repay, terms
from tests.rules.markets import assert_refused, span
from tests.scenario import BANK, PRODUCT, TRADER, secret_hash

PARAMETERS = risk_parameters()
CONCENTRATION_LINE = 5
OF_THE_RECORD = {"market_ns", "mark_seqs", "spot_seq"}


def market_with(other_qty: int) -> LendingMarket:
    """A bank that holds so many GPUs of another supplier, as a cycle has found; none for 0."""
    market = LendingMarket()
    supplier_id = market.admit("second supplier", Role.SUPPLIER, Role.TRADER)
    market.do(
        1,
        DefineProduct(
            code=f"{PRODUCT}-2",
            kind=ProductKind.GPU_TIME,
            gpu_class="A100-80-SXM",
            region="SG",
            supplier_account_id=supplier_id,
            lot_qty=1,
        ),
    )
    market.grant("Y27", 20_000, product_id=2)
    if other_qty:
        market.do(supplier_id, asked(other_qty, product_id=2))
        market.do(BANK, AcceptPledge(pledge_id=1))
    market.mark()
    market.mark()
    return market


@pytest.fixture
def market() -> LendingMarket:
    """The bank's pool is 400 GPUs of another supplier."""
    return market_with(400)


def asked(qty: int, **fields: int) -> RequestPledge:
    """A request for the first quarter."""
    command = RequestPledge(product_id=1, pledged_qty=qty, bank_account_id=BANK, **span("Q271"))
    return replace(command, **fields)


def last_mark(market: LendingMarket) -> PledgeMarked:
    """Of the youngest pledge."""
    mark = market.state.pledges[market.state.pledge_count].mark
    assert mark is not None
    return mark


def pool_amount(market: LendingMarket) -> int:
    """What the bank holds as of the last cycle."""
    return sum(market.state.pools[BANK].values())


def told(mark: PledgeMarked) -> dict[str, object]:
    """All figures of a mark but its number, and where and when it is from."""
    return {k: v for k, v in asdict(mark).items() if k not in OF_THE_RECORD | {"pledge_id"}}


# -- before the bank's word ------------------------------------------------------------------------


@pytest.mark.parametrize("qty", [1, 150, 1_000])
def test_a_request_and_an_application_say_the_same_whatever_the_bank_holds(qty):
    said = []
    for other_qty in (0, 300, 20_000):
        market = market_with(other_qty)
        market.do(TRADER, asked(qty))
        of_request = last_mark(market)
        market.do(TRADER, replace(APPLICATION, collateral=[offer(pledged_qty=qty)]))
        said.append((told(of_request), told(last_mark(market))))
    assert said[0] == said[1] == said[2]


def test_what_was_merely_asked_is_charged_as_if_it_were_alone(market):
    market.do(TRADER, asked(100))
    mark = last_mark(market)
    assert mark.pool_share_ppm == PPM_WHOLE
    assert mark.lines_ppm[CONCENTRATION_LINE] == PARAMETERS.concentration_cap_ppm


def test_no_cycle_and_no_dispute_tells_of_the_pool_before_the_banks_word(market):
    market.do(TRADER, asked(100))
    market.do(TRADER, APPLICATION)
    first_id = market.state.pledge_count - 1
    marked = [e for e in market.price(9_000_000) if isinstance(e, PledgeMarked)]
    shares = {mark.pledge_id: mark.pool_share_ppm for mark in marked}
    assert shares[first_id] == shares[first_id + 1] == PPM_WHOLE
    for pledge_id in (first_id, first_id + 1):
        market.do(TRADER, disputed(market, pledge_id))
        pledge = market.state.pledges[pledge_id]
        assert (pledge.mark.is_disputed, pledge.mark.pool_share_ppm) == (True, PPM_WHOLE)


def disputed(market: LendingMarket, pledge_id: int) -> DisputeMark:
    """The owner disputes the mark in force."""
    return DisputeMark(
        pledge_id=pledge_id,
        mark_seq=market.state.pledges[pledge_id].mark_seq,
        line=MarkLine.CONCENTRATION,
        claimed_amount=1,
        evidence_sha256=secret_hash("proof"),
    )


def test_a_larger_pool_makes_no_news_of_what_was_merely_asked(market):
    market.do(TRADER, asked(100))
    market.mark()
    pledge = market.state.pledges[2]
    market.state.pools = {BANK: {99: 10**13}}
    figures = market_figures(pledge.request, 100, market.state, product_market(1, market.state))
    assert is_known(figures, pledge, market.state)


# -- with it ---------------------------------------------------------------------------------------


def test_acceptance_marks_in_the_pool_and_the_ratio_glides_from_there(market):
    market.do(TRADER, asked(100))
    before = last_mark(market)
    market.do(BANK, AcceptPledge(pledge_id=2))
    mark = last_mark(market)
    value_amount = mark.value_amount
    share_ppm = -(-value_amount * PPM_WHOLE // (pool_amount(market) + value_amount))
    assert (mark.pool_share_ppm, before.pool_share_ppm) == (share_ppm, PPM_WHOLE)
    assert share_ppm < PARAMETERS.concentration_free_ppm
    assert mark.lines_ppm[CONCENTRATION_LINE] == 0
    assert mark.ltv_raw_ppm == before.ltv_raw_ppm + PARAMETERS.concentration_cap_ppm
    assert (mark.opening_ltv_ppm, mark.applied_ltv_ppm) == (NO_LTV_PPM, mark.ltv_ppm)
    market.mark()
    market.mark()
    assert pool_amount(market) > value_amount
    assert last_mark(market).lines_ppm[CONCENTRATION_LINE] == 0
    market.assert_replays()


def test_an_offer_is_measured_at_marks_in_the_banks_own_pool(market):
    market.do(TRADER, replace(APPLICATION, collateral=[offer(), offer("M2702", 50)]))
    alone_amount = sum(market.state.pledges[each].mark.lendable_amount for each in (2, 3))
    assert_refused(market, BANK, terms(10**11), Reason.LENDABLE, 10**11, most_amount(market))
    assert most_amount(market) > alone_amount
    market.do(BANK, terms(most_amount(market)))
    *marks, approved, _ = market.events
    assert [mark.pledge_id for mark in marks] == market.loan.pledge_ids
    assert all(mark.pool_share_ppm < PPM_WHOLE for mark in marks)
    assert isinstance(approved, LoanApproved)
    cover = cover_of(marks)
    assert approved.value_amount == cover.value_amount
    assert approved.lendable_amount == approved.principal_amount == cover.lendable_amount
    market.assert_replays()


def most_amount(market: LendingMarket) -> int:
    """What a refused offer says the collateral lends."""
    outcome = market.execute(BANK, terms(10**11))
    assert outcome.reason is Reason.LENDABLE
    return outcome.limit


def test_terms_stand_on_the_share_until_the_loan_is_drawn_and_after(market):
    market.do(TRADER, APPLICATION)
    market.do(BANK, terms(most_amount(market)))
    offered = last_mark(market)
    market.mark()
    assert last_mark(market).lines_ppm == offered.lines_ppm
    market.do(TRADER, DrawLoan(loan_id=1))
    market.mark()
    market.mark()
    assert last_mark(market).lines_ppm == offered.lines_ppm
    market.do(TRADER, repay(1_000))
    market.assert_replays()


def test_terms_that_its_fallen_collateral_no_longer_carries_are_not_taken(market):
    market.do(TRADER, APPLICATION)
    most = most_amount(market)
    market.price(8_000_000)
    assert market.execute(BANK, terms(most)).reason is Reason.LENDABLE
    market.do(BANK, terms(most_amount(market)))


def test_what_is_added_to_a_loan_is_under_lien_at_once_and_has_its_share(market):
    market.drawn(1_000)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer(pledged_qty=50)))
    assert last_mark(market).pool_share_ppm < PPM_WHOLE

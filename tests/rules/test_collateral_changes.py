"""The collateral of a drawn loan changes: added, substituted, released, and never uncovered."""

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.domain.commands import HaltInstrument, PublishRiskParameters, ReleasePledge
from exchange.domain.enums import CallEnd, LoanStatus, PledgeStatus, Role
from exchange.domain.events import PledgeAccepted, PledgeReleased, PledgeRequested
from exchange.domain.lending_commands import (
    MAX_COLLATERAL,
    AddCollateral,
    SubstituteCollateral,
)
from exchange.domain.lending_events import NO_LTV_PPM, MarginCallEnded, PledgeMarked
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at, start_ns
from exchange.projections import Projections
from exchange.rules.lending_state import Pledge
from exchange.rules.loan_cover import cover_of, marks_of, owed_amount
from exchange.rules.mark_history import held_back
from exchange.rules.valuation import mark_of
from tests.rules.lending import YUAN, LendingMarket, disputed, offer, repay, ruled
from tests.rules.markets import assert_refused, cross, day, events_of
from tests.scenario import BANK, FIRST_DAY, OTHER, TRADER

PARAMETERS = genesis.risk_parameters()
FIRST = day("2027-01-01")
TODAY = FIRST_DAY + 1


@pytest.fixture
def market() -> LendingMarket:
    """A loan of all that 100 GPUs lend is drawn and has been looked at."""
    market = LendingMarket()
    market.drawn()
    market.mark()
    return market


def add(pledged_qty: int, code: str = "Q271") -> AddCollateral:
    """More days of the trader."""
    return AddCollateral(loan_id=1, collateral=offer(code, pledged_qty))


def substitute(pledged_qty: int, code: str = "Q271", pledge_id: int = 1) -> SubstituteCollateral:
    """Other days of the trader."""
    return SubstituteCollateral(pledge_id=pledge_id, collateral=offer(code, pledged_qty))


def next_day(market: LendingMarket) -> None:
    """The first moment of the next day, and its marks at the same price."""
    cross(market, start_ns(day_at(market.state.market_ns) + 1))
    market.price(10 * YUAN)


# -- added -----------------------------------------------------------------------------------------


def test_what_is_added_is_valued_and_under_lien_in_one_record(market):
    market.do(TRADER, add(50))
    request, mark, accepted = market.events
    assert isinstance(request, PledgeRequested)
    assert (request.pledge_id, request.loan_id, request.bank_account_id) == (2, 1, BANK)
    assert isinstance(mark, PledgeMarked)
    assert mark.pledged_qty == 50
    assert accepted == PledgeAccepted(pledge_id=2)
    assert market.loan.pledge_ids == [1, 2]
    assert market.core.day_function(TRADER, 1, "lien") == [(FIRST, FIRST + 90, 150)]
    market.assert_replays()


def test_what_is_added_is_free_and_to_come(market):
    assert_refused(market, TRADER, add(901), Reason.TITLE, 901, 900, FIRST)
    begun = AddCollateral(loan_id=1, collateral=offer(start_day=TODAY))
    assert_refused(market, TRADER, begun, Reason.BAD_WINDOW, TODAY, TODAY)
    market.do(TRADER, add(900))


def test_a_loan_has_so_many_pledges_and_no_more(market):
    for _ in range(MAX_COLLATERAL - 1):
        market.do(TRADER, add(1))
    count = MAX_COLLATERAL
    assert_refused(market, TRADER, add(1), Reason.LIEN, count + 1, count)
    market.do(TRADER, repay(10**12))
    assert len(market.state.pledges) == count


def test_the_borrower_alone_adds_and_substitutes(market):
    for command in (add(1), substitute(500)):
        reason = (
            Reason.UNKNOWN_LOAN if isinstance(command, AddCollateral) else Reason.UNKNOWN_PLEDGE
        )
        assert_refused(market, OTHER, command, reason, 1)
    both = market.admit("trading bank", Role.TRADER, Role.BANK)
    market.deposit(both, 10**10)
    market.drawn(1_000, bank_account_id=BANK)
    assert_refused(market, both, replace(add(1), loan_id=2), Reason.UNKNOWN_LOAN, 2)
    assert_refused(market, TRADER, substitute(1, pledge_id=99), Reason.UNKNOWN_PLEDGE, 99)


# -- substituted -----------------------------------------------------------------------------------


def test_a_substitution_releases_one_and_takes_the_other_in_one_record(market):
    market.do(TRADER, substitute(120))
    released, request, mark, accepted = market.events
    assert released == PledgeReleased(pledge_id=1, released_qty=100)
    assert isinstance(request, PledgeRequested)
    assert isinstance(mark, PledgeMarked)
    assert accepted == PledgeAccepted(pledge_id=2)
    states = [market.state.pledges[number].status for number in (1, 2)]
    assert states == [PledgeStatus.RELEASED, PledgeStatus.ACTIVE]
    assert market.core.day_function(TRADER, 1, "lien") == [(FIRST, FIRST + 90, 120)]
    market.assert_replays()


def test_a_substitution_leaves_the_loan_at_its_ratio_or_below(market):
    owed = owed_amount(market.loan, market.state)
    command = substitute(99)
    request = replace(market.state.pledges[1].request, pledge_id=2)
    value_amount = mark_of(request, 99, market.state).value_amount
    covered_amount = value_amount * market.loan.drawn_ltv_ppm // PPM_WHOLE
    assert covered_amount < owed
    assert_refused(market, TRADER, command, Reason.NOT_COVERED, owed, covered_amount)
    market.do(TRADER, substitute(100))
    market.do(TRADER, repay(10_000_000))
    market.do(TRADER, substitute(99, pledge_id=2))


def after_stress(market: LendingMarket) -> PledgeMarked:
    """
    The mark of a loan that is half repaid, the day after six days of stress.

    Its applied ratio is twelve points down, and rises by a half.
    """
    first = market.state.pledges[1].mark.applied_ltv_ppm
    market.do(TRADER, repay(market.loan.principal_amount // 2))
    worse = replace(PARAMETERS, base_ppm=550_000)
    market.do(1, PublishRiskParameters(risk_parameters=worse))
    for _ in range(6):
        next_day(market)
    market.do(1, PublishRiskParameters(risk_parameters=PARAMETERS))
    next_day(market)
    mark = market.state.pledges[1].mark
    low = first - 6 * PARAMETERS.glide_up_ppm + PARAMETERS.glide_down_ppm
    assert mark.applied_ltv_ppm == low < mark.ltv_ppm - 100_000
    return mark


def test_an_exchange_is_no_way_around_the_glide_or_out_of_stress(market):
    before = after_stress(market)
    low = before.applied_ltv_ppm
    assert before.recovery_days_count > 0
    market.do(TRADER, substitute(100))
    after = market.state.pledges[2].mark
    assert after.applied_ltv_ppm == low
    assert (after.regime, after.recovery_days_count) == ("STRESS", before.recovery_days_count)
    market.mark()
    assert market.state.pledges[2].mark.applied_ltv_ppm == low
    next_day(market)
    assert market.state.pledges[2].mark.applied_ltv_ppm == low + PARAMETERS.glide_down_ppm
    market.assert_replays()


def test_adding_and_then_releasing_is_no_way_around_the_glide(market):
    before = after_stress(market)
    kept_amount = cover_of(marks_of(market.loan, market.state).values()).base_amount
    market.do(TRADER, add(100))
    first = market.state.pledges[2].mark
    assert first.opening_ltv_ppm == before.opening_ltv_ppm < first.ltv_ppm
    assert first.applied_ltv_ppm == before.applied_ltv_ppm
    market.do(BANK, ReleasePledge(pledge_id=1))
    assert cover_of(marks_of(market.loan, market.state).values()).base_amount == kept_amount
    next_day(market)
    risen_ppm = before.applied_ltv_ppm + PARAMETERS.glide_down_ppm
    assert market.state.pledges[2].mark.applied_ltv_ppm == risen_ppm
    market.assert_replays()


def test_what_is_added_glides_without_the_ruling_of_what_is_held_back(market):
    ruled(market, disputed(market), ruled_ppm=7)
    low_ppm = after_stress(market).applied_ltv_ppm
    market.do(TRADER, add(100))
    held, first = (market.state.pledges[each].mark for each in (1, 2))
    assert (held.ruled_ppm, first.ruled_ppm, first.applied_ltv_ppm) == (7, 0, low_ppm)


def test_what_is_added_goes_on_with_the_lowest_ratio_that_is_held_back(market):
    def pledge(
        applied_ppm: int, own_ppm: int, status: PledgeStatus = PledgeStatus.ACTIVE
    ) -> Pledge:
        found = market.state.pledges[1]
        mark = replace(found.mark, applied_ltv_ppm=applied_ppm, ltv_ppm=own_ppm)
        return replace(found, mark=mark, status=status)

    low_of_itself, gliding_down = pledge(300_000, 300_000), pledge(350_000, 200_000)
    released = pledge(200_000, 600_000, PledgeStatus.RELEASED)
    less, more = pledge(500_000, 500_001), pledge(400_000, 600_000)
    others = [low_of_itself, gliding_down, released, replace(less, mark=None)]
    assert held_back(others) is None
    assert held_back([less, *others]) is less
    assert held_back([less, *others, more]) is more


def test_what_is_added_begins_at_its_own_ratio_where_nothing_is_after_stress(market):
    first = market.state.pledges[1].mark
    market.do(1, PublishRiskParameters(risk_parameters=replace(PARAMETERS, base_ppm=550_000)))
    next_day(market)
    market.do(TRADER, add(100))
    old, new = (market.state.pledges[number].mark for number in (1, 2))
    assert old.applied_ltv_ppm == first.applied_ltv_ppm - PARAMETERS.glide_up_ppm > old.ltv_ppm
    assert (new.opening_ltv_ppm, new.applied_ltv_ppm) == (NO_LTV_PPM, new.ltv_ppm)


def test_days_that_are_worse_than_those_they_replace_count_at_their_own_ratio(market):
    before = market.state.pledges[1].mark
    market.do(TRADER, repay(market.loan.principal_amount * 9 // 10))
    market.do(1, HaltInstrument(instrument_id=market.february))
    market.do(TRADER, substitute(800, "M2702"))
    after = market.state.pledges[2].mark
    assert after.ltv_ppm < before.applied_ltv_ppm
    assert (after.opening_ltv_ppm, after.applied_ltv_ppm) == (NO_LTV_PPM, after.ltv_ppm)


@pytest.mark.parametrize("code", ["Q271", "Q272"])
def test_an_exchange_is_no_way_around_a_ruled_charge(market, code):
    market.do(TRADER, repay(market.loan.principal_amount // 2))
    ruled(market, disputed(market, key_id=BANK), ruled_ppm=200_000)
    before = market.state.pledges[1].mark
    market.do(TRADER, substitute(100, code))
    market.do(TRADER, substitute(100, pledge_id=2))
    after = market.state.pledges[3].mark
    assert (after.ruled_ppm, after.lines_ppm[-1]) == (200_000, 200_000)
    assert after.ltv_ppm == before.ltv_ppm
    next_day(market)
    assert market.state.pledges[3].mark.ruled_ppm == 200_000, "until another ruling"
    ruled(market, disputed(market, pledge_id=3))
    assert market.state.pledges[3].mark.ruled_ppm == 0
    market.assert_replays()


def test_a_charge_that_was_carried_over_names_the_records_of_its_ruling(market):
    dispute_id = disputed(market, key_id=BANK)
    ruled(market, dispute_id, ruled_ppm=1)
    ruled_seq = market.state.seq
    market.do(TRADER, substitute(101))
    market.do(TRADER, substitute(102, pledge_id=2))
    projections = Projections()
    for seq, record in enumerate(market.records, start=1):
        projections.apply(Record(seq, market.state.market_ns, *decode_body(record)))
    known = projections.collateral_marks
    for pledge_id in (1, 2, 3):
        assert known.ruling_seqs(pledge_id, market.state.seq) == [dispute_id, ruled_seq]
    later_id = disputed(market, pledge_id=3)
    seq, record = len(market.records), market.records[-1]
    projections.apply(Record(seq, market.state.market_ns, *decode_body(record)))
    assert known.ruling_seqs(3, seq) == [dispute_id, ruled_seq, later_id]
    assert known.ruling_seqs(1, seq) == [dispute_id, ruled_seq]


@pytest.mark.parametrize("key_id", [TRADER, BANK])
def test_a_pledge_whose_mark_is_disputed_keeps_its_place(market, key_id):
    market.do(TRADER, add(100))
    dispute_id = disputed(market, key_id=key_id)
    assert_refused(market, TRADER, substitute(100), Reason.MARK_DISPUTED, 1, dispute_id)
    market.do(TRADER, substitute(100, pledge_id=2))
    ruled(market, dispute_id)
    market.do(TRADER, substitute(100))


def test_a_pledge_keeps_its_place_on_the_day_for_which_its_value_is_ruled(market):
    market.do(TRADER, repay(market.loan.principal_amount // 2))
    value_amount = market.state.pledges[1].mark.value_amount
    ruled(market, disputed(market, key_id=BANK), value_amount * 3 // 4)
    assert_refused(market, TRADER, substitute(100), Reason.NOT_YET, TODAY, TODAY + 1)
    cross(market, start_ns(TODAY + 1))
    market.do(TRADER, substitute(100))


def test_the_new_days_must_be_free_before_the_old_ones_are(market):
    assert_refused(market, TRADER, substitute(901), Reason.TITLE, 901, 900, FIRST)


def test_a_pledge_that_is_over_is_not_substituted(market):
    market.do(TRADER, substitute(120))
    assert_refused(market, TRADER, substitute(120), Reason.WRONG_STATE, 1)


def test_a_substitution_can_meet_a_call(market):
    market.price(8 * YUAN)
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    market.do(TRADER, substitute(200))
    assert events_of(market, MarginCallEnded)[-1].end is CallEnd.MET
    assert market.loan.status is LoanStatus.PERFORMING


def test_in_default_nothing_is_substituted(market):
    market.price(7 * YUAN)
    owed = owed_amount(market.loan, market.state)
    assert_refused(market, TRADER, substitute(500), Reason.IN_DEFAULT, 0, owed)


# -- released --------------------------------------------------------------------------------------


def test_a_bank_releases_what_the_loan_does_not_need_and_no_more(market):
    market.do(TRADER, repay(market.loan.principal_amount // 2))
    owed = owed_amount(market.loan, market.state)
    request = market.state.pledges[1].request
    least_qty = next(
        qty
        for qty in range(1, 101)
        if cover_of([mark_of(request, qty, market.state)]).base_amount >= owed
    )
    short = cover_of([mark_of(request, least_qty - 1, market.state)]).base_amount
    too_much = ReleasePledge(pledge_id=1, released_qty=101 - least_qty)
    assert_refused(market, BANK, too_much, Reason.NOT_COVERED, owed, short)
    market.do(BANK, replace(too_much, released_qty=100 - least_qty))
    released, mark = market.events
    assert released == PledgeReleased(pledge_id=1, released_qty=100 - least_qty)
    assert mark.pledged_qty == least_qty
    pledge = market.state.pledges[1]
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.PARTLY_RELEASED, least_qty)
    base_amount = cover_of(marks_of(market.loan, market.state).values()).base_amount
    assert owed_amount(market.loan, market.state) <= base_amount
    market.assert_replays()


def test_the_only_pledge_of_a_loan_that_owes_is_not_released_whole(market):
    market.do(TRADER, repay(market.loan.principal_amount - 1))
    assert_refused(market, BANK, ReleasePledge(pledge_id=1), Reason.NOT_COVERED, 1, 0)


def test_a_pledge_is_released_whole_where_the_others_carry_the_loan(market):
    market.do(TRADER, add(150))
    market.mark()
    market.do(BANK, ReleasePledge(pledge_id=1))
    assert market.events == [PledgeReleased(pledge_id=1, released_qty=100)]


def test_a_called_loan_has_nothing_to_release(market):
    market.price(8 * YUAN)
    one = ReleasePledge(pledge_id=1, released_qty=1)
    assert market.refused(BANK, one).reason is Reason.NOT_COVERED


def test_a_loan_in_default_has_nothing_to_release(market):
    market.price(7 * YUAN)
    one = ReleasePledge(pledge_id=1, released_qty=1)
    assert market.refused(BANK, one).reason is Reason.NOT_COVERED


def test_interest_of_the_day_counts_against_a_release(market):
    market.do(TRADER, add(1))
    market.do(BANK, ReleasePledge(pledge_id=2))
    market.do(TRADER, add(1))
    cross(market, start_ns(TODAY + 20))
    market.mark()
    assert market.refused(BANK, ReleasePledge(pledge_id=3)).reason is Reason.NOT_COVERED

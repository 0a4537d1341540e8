"""Pledges: their life with every wrong turn refused, and what a lien does to the days under it."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AcceptPledge,
    DeclinePledge,
    DefineProduct,
    ReleasePledge,
    RequestPledge,
)
from exchange.domain.enums import PledgeStatus, ProductKind, Role, Side, TimeInForce
from exchange.domain.events import (
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
)
from exchange.domain.reasons import Reason
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, start_ns
from exchange.rules.pledges import MAX_REQUESTS
from tests.rules.markets import assert_refused, cross, day, order, own, span
from tests.scenario import BANK, FIRST_DAY, OTHER, SUPPLIER, TRADER, Market


@pytest.fixture
def market() -> Market:
    """The trader owns 10 GPUs for January to March."""
    market = Market()
    market.grant("Y27", 100)
    market.grant("Y28", 100)
    market.quarter = market.list_window("Q271")
    market.february = market.list_window("M2702")
    own(market, TRADER, market.quarter, 10)
    market.other_bank = market.admit("other bank", Role.BANK)
    return market


def request(start: str | int, end: str | int, qty: int = 4, **fields: object) -> RequestPledge:
    """A request for the days between two dates, to the first bank."""
    days = [day(at) if isinstance(at, str) else at for at in (start, end)]
    command = RequestPledge(
        product_id=1,
        start_day=days[0],
        end_day=days[1],
        pledged_qty=qty,
        bank_account_id=BANK,
    )
    return replace(command, **fields)


FEBRUARY = request("2027-02-01", "2027-03-01")


def pledged(market: Market, *steps: type) -> int:
    """A pledge of February that has gone through these steps, by its bank."""
    market.do(TRADER, FEBRUARY)
    pledge_id = len(market.state.pledges)
    for step in steps:
        market.do(BANK, step(pledge_id=pledge_id))
    return pledge_id


# -- the request -----------------------------------------------------------------------------------


def test_a_request_states_what_is_offered_and_to_whom(market):
    market.do(TRADER, FEBRUARY)
    assert market.events[:1] == [
        PledgeRequested(
            pledge_id=1,
            account_id=TRADER,
            bank_account_id=BANK,
            product_id=1,
            start_day=day("2027-02-01"),
            end_day=day("2027-03-01"),
            pledged_qty=4,
            loan_id=0,
        )
    ]


def test_a_request_encumbers_nothing(market):
    for _ in range(3):
        market.do(TRADER, request("2027-01-01", "2027-04-01", 10))
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.do(TRADER, order(market.quarter, Side.SELL, 10))


def test_a_request_is_for_a_known_product_and_a_bank_in_force(market):
    no_product = replace(FEBRUARY, product_id=2)
    assert_refused(market, TRADER, no_product, Reason.UNKNOWN_PRODUCT, 2)
    nobody = replace(FEBRUARY, bank_account_id=99)
    assert_refused(market, TRADER, nobody, Reason.UNKNOWN_ACCOUNT, 99)
    for account_id in (OTHER, SUPPLIER, 1):
        no_bank = replace(FEBRUARY, bank_account_id=account_id)
        assert_refused(market, TRADER, no_bank, Reason.WRONG_ROLE, account_id)


def test_nobody_pledges_to_itself(market):
    both = market.admit("trading bank", Role.TRADER, Role.BANK)
    to_itself = replace(FEBRUARY, bank_account_id=both)
    assert_refused(market, both, to_itself, Reason.SAME_PERSON, both)


def test_an_owner_has_so_many_open_requests_and_no_more(market):
    early = request("2027-01-05", "2027-01-06")
    market.do(TRADER, early)
    for _ in range(MAX_REQUESTS - 1):
        market.do(TRADER, FEBRUARY)
    full = (Reason.DESK_ITEMS, MAX_REQUESTS, MAX_REQUESTS)
    assert_refused(market, TRADER, FEBRUARY, *full)
    market.do(BANK, AcceptPledge(pledge_id=2))
    market.do(BANK, ReleasePledge(pledge_id=2))
    market.do(TRADER, FEBRUARY)
    assert_refused(market, TRADER, FEBRUARY, *full)
    cross(market, start_ns(early.start_day))
    market.do(TRADER, FEBRUARY)
    assert_refused(market, TRADER, FEBRUARY, *full)


def test_a_pledge_spans_a_day_at_least_and_a_leap_year_at_most(market):
    first = day("2027-01-01")
    for days in (-1, 0, MAX_USER_DEFINED_DAYS + 1):
        command = request(first, first + days)
        assert_refused(market, SUPPLIER, command, Reason.BAD_WINDOW, days, MAX_USER_DEFINED_DAYS)
    market.do(SUPPLIER, request(first, first + 1))
    market.do(SUPPLIER, request(first, first + MAX_USER_DEFINED_DAYS))


def test_a_pledge_begins_tomorrow_at_the_earliest(market):
    market.grant("X261123-261201", 5)
    for start_day in (FIRST_DAY - 1, FIRST_DAY):
        late = request(start_day, FIRST_DAY + 3)
        assert_refused(market, SUPPLIER, late, Reason.BAD_WINDOW, start_day, FIRST_DAY)
    market.do(SUPPLIER, request(FIRST_DAY + 1, FIRST_DAY + 3))


def test_a_pledge_is_in_whole_lots(market):
    market.do(
        1,
        DefineProduct(
            code="nodes",
            kind=ProductKind.GPU_TIME,
            gpu_class="A100",
            region="SG",
            supplier_account_id=SUPPLIER,
            lot_qty=8,
        ),
    )
    for qty in (7, 9):
        odd = replace(FEBRUARY, product_id=2, pledged_qty=qty)
        assert_refused(market, SUPPLIER, odd, Reason.LOT, qty, 8)
    first = day("2027-02-01")
    whole = replace(FEBRUARY, product_id=2, pledged_qty=8)
    assert_refused(market, SUPPLIER, whole, Reason.TITLE, 8, 0, first)


def test_the_last_free_gpu_can_be_pledged_and_the_first_binding_day_is_named(market):
    beyond = request("2027-02-01", "2027-03-01", 11)
    assert_refused(market, TRADER, beyond, Reason.TITLE, 11, 10, day("2027-02-01"))
    longer = request("2027-03-01", "2027-05-01", 1)
    assert_refused(market, TRADER, longer, Reason.TITLE, 1, 0, day("2027-04-01"))
    nothing = request("2027-02-01", "2027-03-01", 1)
    assert_refused(market, OTHER, nothing, Reason.TITLE, 1, 0, day("2027-02-01"))
    market.do(TRADER, request("2027-02-01", "2027-03-01", 10))


def test_what_is_offered_for_sale_cannot_be_pledged(market):
    market.order(TRADER, market.february, Side.SELL, 7, 200)
    too_much = request("2027-01-01", "2027-04-01", 4)
    assert_refused(market, TRADER, too_much, Reason.TITLE, 4, 3, day("2027-02-01"))
    market.do(TRADER, request("2027-01-01", "2027-04-01", 3))


# -- its life --------------------------------------------------------------------------------------


def test_a_pledge_is_requested_then_active_then_released(market):
    pledge_id = pledged(market)
    assert market.state.pledges[pledge_id].status is PledgeStatus.REQUESTED
    market.do(BANK, AcceptPledge(pledge_id=pledge_id))
    accepted, mark = market.events
    assert accepted == PledgeAccepted(pledge_id=pledge_id)
    assert (mark.pledge_id, mark.pledged_qty) == (pledge_id, 4), "it is valued in the bank's pool"
    assert market.state.pledges[pledge_id].status is PledgeStatus.ACTIVE
    market.do(BANK, ReleasePledge(pledge_id=pledge_id))
    assert market.events == [PledgeReleased(pledge_id=pledge_id, released_qty=4)]
    assert market.state.pledges[pledge_id].status is PledgeStatus.RELEASED
    market.assert_replays()


def test_a_part_of_a_pledge_is_released_in_lots(market):
    market.do(TRADER, request("2027-02-01", "2027-03-01", 6))
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=2))
    released, mark = market.events
    assert released == PledgeReleased(pledge_id=1, released_qty=2)
    assert mark.pledged_qty == 4, "what is left is valued anew"
    pledge = market.state.pledges[1]
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.PARTLY_RELEASED, 4)
    free_qty, _ = market.state.core.sellable(TRADER, 1, day("2027-02-01"), day("2027-03-01"))
    assert free_qty == 6
    too_much = ReleasePledge(pledge_id=1, released_qty=5)
    assert_refused(market, BANK, too_much, Reason.LIEN, 5, 4)
    market.do(BANK, ReleasePledge(pledge_id=1))
    assert market.events == [PledgeReleased(pledge_id=1, released_qty=4)]
    assert pledge.status is PledgeStatus.RELEASED
    market.assert_replays()


@pytest.mark.parametrize("account_id", [BANK, TRADER])
def test_either_side_ends_a_request(market, account_id):
    pledge_id = pledged(market)
    market.do(account_id, DeclinePledge(pledge_id=pledge_id))
    assert market.events == [PledgeDeclined(pledge_id=pledge_id)]
    assert market.state.pledges[pledge_id].status is PledgeStatus.DECLINED


WRONG_TURNS = [
    ((), ReleasePledge),
    ((AcceptPledge,), AcceptPledge),
    ((AcceptPledge,), DeclinePledge),
    ((DeclinePledge,), AcceptPledge),
    ((DeclinePledge,), DeclinePledge),
    ((DeclinePledge,), ReleasePledge),
    ((AcceptPledge, ReleasePledge), AcceptPledge),
    ((AcceptPledge, ReleasePledge), DeclinePledge),
    ((AcceptPledge, ReleasePledge), ReleasePledge),
]


@pytest.mark.parametrize(("steps", "wrong"), WRONG_TURNS)
def test_every_other_turn_is_refused(market, steps, wrong):
    pledge_id = pledged(market, *steps)
    status = market.state.pledges[pledge_id].status
    assert_refused(market, BANK, wrong(pledge_id=pledge_id), Reason.WRONG_STATE, pledge_id)
    assert market.state.pledges[pledge_id].status is status


def test_an_active_pledge_is_not_the_owners_to_end(market):
    pledge_id = pledged(market, AcceptPledge)
    decline = DeclinePledge(pledge_id=pledge_id)
    assert_refused(market, TRADER, decline, Reason.WRONG_STATE, pledge_id)


@pytest.mark.parametrize("step", [AcceptPledge, DeclinePledge, ReleasePledge])
def test_a_pledge_exists_for_its_parties_only(market, step):
    pledge_id = pledged(market, *[AcceptPledge] * (step is ReleasePledge))
    known, unknown = step(pledge_id=pledge_id), step(pledge_id=99)
    assert_refused(market, market.other_bank, known, Reason.UNKNOWN_PLEDGE, pledge_id)
    assert_refused(market, BANK, unknown, Reason.UNKNOWN_PLEDGE, 99)
    if step is DeclinePledge:
        assert_refused(market, OTHER, known, Reason.UNKNOWN_PLEDGE, pledge_id)
    market.do(BANK, known)


def test_an_owner_that_is_a_bank_too_neither_accepts_nor_releases_its_own_pledge(market):
    both = market.admit("trading bank", Role.TRADER, Role.BANK)
    market.deposit(both, 10**10)
    own(market, both, market.quarter, 10)
    market.do(both, FEBRUARY)
    accept, release = AcceptPledge(pledge_id=1), ReleasePledge(pledge_id=1)
    assert_refused(market, both, accept, Reason.UNKNOWN_PLEDGE, 1)
    market.do(BANK, accept)
    assert_refused(market, both, release, Reason.UNKNOWN_PLEDGE, 1)


# -- the lien --------------------------------------------------------------------------------------


def test_acceptance_checks_the_title_again(market):
    pledge_id = pledged(market)
    market.order(TRADER, market.february, Side.SELL, 7, 200)
    accept = AcceptPledge(pledge_id=pledge_id)
    assert_refused(market, BANK, accept, Reason.TITLE, 4, 3, day("2027-02-01"))
    assert market.state.pledges[pledge_id].status is PledgeStatus.REQUESTED


def test_two_requests_for_the_same_days_cannot_both_be_accepted(market):
    first, second = request("2027-02-01", "2027-03-01", 6), request("2027-01-15", "2027-02-02", 6)
    market.do(TRADER, first)
    market.do(TRADER, replace(second, bank_account_id=market.other_bank))
    market.do(BANK, AcceptPledge(pledge_id=1))
    again = AcceptPledge(pledge_id=2)
    assert_refused(market, market.other_bank, again, Reason.TITLE, 6, 4, day("2027-02-01"))


def test_a_request_can_be_accepted_until_the_day_before_its_first(market):
    market.grant("X261123-261201", 5)
    start_day = FIRST_DAY + 2
    market.do(SUPPLIER, request(start_day, start_day + 3))
    market.do(SUPPLIER, request(start_day, start_day + 3, 1))
    cross(market, start_ns(start_day) - 1)
    market.do(BANK, AcceptPledge(pledge_id=1))
    cross(market, start_ns(start_day))
    late = AcceptPledge(pledge_id=2)
    assert_refused(market, BANK, late, Reason.TOO_LATE, start_day, start_day)
    market.do(BANK, DeclinePledge(pledge_id=2))


def test_liened_days_can_be_neither_sold_nor_pledged_again(market):
    pledged(market, AcceptPledge)
    first = day("2027-02-01")
    lien = market.core.day_function(TRADER, 1, "lien")
    assert lien == [(first, day("2027-03-01"), 4)]
    sale = order(market.quarter, Side.SELL, 7)
    assert_refused(market, TRADER, sale, Reason.TITLE, 7, 6, first)
    again = request("2027-01-01", "2027-03-01", 7)
    assert_refused(market, TRADER, again, Reason.TITLE, 7, 6, first)
    market.do(TRADER, replace(sale, order_qty=6))


def test_days_outside_the_lien_stay_free(market):
    pledged(market, AcceptPledge)
    for code in ("X270101-270201", "X270301-270401"):
        assert market.core.sellable(TRADER, 1, **span(code))[0] == 10


def test_released_days_are_free_again_to_sell_and_to_pledge(market):
    before = market.core.sellable(TRADER, 1, **span("Q271"))
    pledge_id = pledged(market, AcceptPledge)
    market.do(BANK, ReleasePledge(pledge_id=pledge_id))
    assert market.core.sellable(TRADER, 1, **span("Q271")) == before
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.do(TRADER, request("2027-02-01", "2027-03-01", 10))
    market.order(TRADER, market.quarter, Side.SELL, 10, 100)
    market.do(OTHER, order(market.quarter, Side.BUY, 10, 100, TimeInForce.FOK))


def test_liens_on_the_same_days_add_up_and_are_lifted_one_by_one(market):
    first, second = pledged(market, AcceptPledge), pledged(market, AcceptPledge)
    days = (day("2027-02-01"), day("2027-03-01"))
    assert market.core.day_function(TRADER, 1, "lien") == [(*days, 8)]
    market.do(BANK, ReleasePledge(pledge_id=first))
    assert market.core.day_function(TRADER, 1, "lien") == [(*days, 4)]
    market.do(BANK, ReleasePledge(pledge_id=second))
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.assert_replays()


def test_a_lien_can_be_lifted_after_its_days_have_begun(market):
    market.grant("X261123-261201", 5)
    market.do(SUPPLIER, request(FIRST_DAY + 1, FIRST_DAY + 3))
    market.do(BANK, AcceptPledge(pledge_id=1))
    cross(market, start_ns(FIRST_DAY + 2))
    market.do(BANK, ReleasePledge(pledge_id=1))
    assert market.core.day_function(SUPPLIER, 1, "lien") == []

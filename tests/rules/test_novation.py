"""The sale of pledged days: lien, title and sublets in one movement, and what stays as it was."""

import random

import pytest

from exchange.domain.commands import AcceptPledge, MassCancel, RequestPledge
from exchange.domain.enums import CancelReason, PledgeStatus, Role, Side, TradingMode, Trust
from exchange.domain.events import EscrowReturned, OrderCancelled
from exchange.domain.letting import (
    AcceptSublet,
    ConsentToSublet,
    EndSublet,
    OpenSublet,
    SubletLapsed,
)
from exchange.domain.movements import CollateralSold, HoldClosed, SubletPart, TrustReleased
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import (
    Record,
    decode_body,
    encode_command,
    encode_event,
    join_record,
)
from exchange.projections import Projections
from exchange.rules import EVOLVE
from exchange.rules.collateral_sale import collateral_sale
from exchange.rules.letting import FIRST_SUBLET_ID
from tests.projections.test_against_engine import assert_free
from tests.properties.conservation import Ledger
from tests.rules.markets import day, own, span
from tests.rules.test_letting import YUAN, mark
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market

JUNE = (day("2027-06-01"), day("2027-07-01"))
NAMES = ("title", "lien", "sublet_out", "sublet_in", "reserved_sale", "reserved_sublet")


@pytest.fixture
def market() -> Market:
    """The trader owns ten of June and has pledged six of them; the buyer is a new participant."""
    return pledged_market(6)


def pledged_market(pledged_qty: int) -> Market:
    """As the fixture says."""
    market = Market()
    market.grant("Y27", 100)
    market.june = market.list_window("M2706")
    own(market, TRADER, market.june, 10, 1_000)
    market.use = market.list_window("M2706", mode=TradingMode.SUBLET)
    market.buyer = market.admit("buyer", Role.TRADER)
    market.deposit(market.buyer, 10**12)
    request = RequestPledge(
        product_id=1, pledged_qty=pledged_qty, bank_account_id=BANK, **span("M2706")
    )
    market.do(TRADER, request)
    market.do(BANK, AcceptPledge(pledge_id=1))
    mark(market, 10 * YUAN)
    return market


def let(market: Market, qty: int, days: tuple[int, int] = JUNE, lessee_id: int = OTHER) -> int:
    """A sublet of the trader's, with the bank's word where it is needed; its id."""
    offer = OpenSublet(
        product_id=1,
        lessee_account_id=lessee_id,
        start_day=days[0],
        end_day=days[1],
        sublet_qty=qty,
        rent_price=600,
    )
    offer_id = market.do(TRADER, offer).seq
    if market.state.sublet_offers[offer_id].offer.consent_bank_ids:
        market.do(BANK, ConsentToSublet(offer_id=offer_id))
    market.do(lessee_id, AcceptSublet(offer_id=offer_id))
    return market.events[0].sublet_id


def sell(market: Market, qty: int, buyer_id: int = 0, start_day: int = JUNE[0]) -> list:
    """The sale's events, taken in by the engine's state as the rules will."""
    state = market.state
    events = collateral_sale(state.pledges[1], buyer_id or market.buyer, start_day, qty, state)
    state.seq += 1
    for event in events:
        EVOLVE[type(event)](event, state)
    market.core.check()
    return events


def folded(market: Market, events: list) -> Projections:
    """The market's records and the sale, folded."""
    projections = Projections()
    bodies = [decode_body(record) for record in market.records]
    for seq, body in enumerate([*bodies, (bodies[-1][0], events)], start=1):
        projections.apply(Record(seq, market.state.market_ns, *body))
    return projections


def assert_agree(market: Market, projections: Projections) -> None:
    """The read models say of every account what the engine holds."""
    for account_id in market.state.participants:
        balance = projections.balances.of(account_id)
        found = (balance.available_amount, balance.held_amount)
        assert found == market.core.balances(account_id)
        positions = projections.positions.of(account_id)
        for name in NAMES:
            steps = [(r.start_day, r.end_day, r.qty) for p in positions for r in getattr(p, name)]
            assert steps == market.core.day_function(account_id, 1, name), (account_id, name)
        for position in positions:
            assert_free(market, account_id, position)
    views = projections.sublets.of(None).sublets
    assert {view.sublet_id for view in views} == set(market.state.sublets)
    for view in views:
        sublet = market.state.sublets[view.sublet_id]
        for name in ("lessor_account_id", "lessee_account_id", "start_day", "end_day"):
            assert getattr(view, name) == getattr(sublet, name)
        assert (view.sublet_qty, view.rent_price) == (sublet.sublet_qty, sublet.rent_price)
    pledge, view = market.state.pledges[1], projections.pledges.pledges[1]
    assert (pledge.status, pledge.pledged_qty) == (view.status, view.pledged_qty)
    restored = Projections.restore(projections.checkpoint())
    assert restored.digest() == projections.digest()


# -- lien and title --------------------------------------------------------------------------------


def test_sold_days_leave_their_lien_and_are_the_buyers(market):
    (sold,) = events = sell(market, 4)
    assert isinstance(sold, CollateralSold)
    assert (sold.novated, sold.kept) == ([], [])
    core = market.core
    assert core.day_function(TRADER, 1, "title") == [(*JUNE, 6)]
    assert core.day_function(TRADER, 1, "lien") == [(*JUNE, 2)]
    assert core.day_function(market.buyer, 1, "title") == [(*JUNE, 4)]
    assert core.sellable(market.buyer, 1, *JUNE)[0] == 4
    pledge = market.state.pledges[1]
    assert (pledge.pledged_qty, pledge.status) == (2, PledgeStatus.ACTIVE)
    assert_agree(market, folded(market, events))


def test_a_pledge_is_enforced_when_the_last_of_it_is_sold(market):
    events = sell(market, 6)
    assert market.state.pledges[1].status is PledgeStatus.ENFORCED
    assert market.core.day_function(TRADER, 1, "lien") == []
    assert_agree(market, folded(market, events))


def test_the_lien_stays_on_days_before_those_that_are_sold(market):
    middle = day("2027-06-11")
    events = sell(market, 6, start_day=middle)
    pledge = market.state.pledges[1]
    assert market.core.day_function(TRADER, 1, "lien") == [(JUNE[0], middle, 6)]
    assert (pledge.liened_qty(middle - 1), pledge.liened_qty(middle)) == (6, 0)
    assert_agree(market, folded(market, events))


# -- sublets ---------------------------------------------------------------------------------------


def test_what_the_sellers_other_title_covers_stays_with_the_seller(market):
    sublet_id = let(market, 4)
    (sold,) = sell(market, 6)
    assert sold.novated == []
    assert market.state.sublets[sublet_id].lessor_account_id == TRADER


def test_a_sublet_goes_with_the_days_as_far_as_the_sellers_title_falls_short(market):
    sublet_id = let(market, 7)
    trust_amount = market.core.trust_amount(Trust.RENT)
    seq = market.state.seq + 1
    events = sell(market, 6)
    new_id = 2 * FIRST_SUBLET_ID + seq
    part = SubletPart(sublet_id, new_id, OTHER, *JUNE, 3, 600)
    assert events[0].novated == [part]
    assert events[0].kept == [SubletPart(sublet_id, sublet_id, OTHER, *JUNE, 4, 600)]
    sublets = market.state.sublets
    assert (sublets[new_id].lessor_account_id, sublets[new_id].sublet_qty) == (market.buyer, 3)
    assert (sublets[sublet_id].lessor_account_id, sublets[sublet_id].sublet_qty) == (TRADER, 4)
    assert market.core.trust_amount(Trust.RENT) == trust_amount
    assert market.core.day_function(market.buyer, 1, "sublet_out") == [(*JUNE, 3)]
    assert market.core.day_function(OTHER, 1, "sublet_in") == [(*JUNE, 7)]
    assert_agree(market, folded(market, events))


def test_the_sublets_with_the_highest_ids_go_first_and_are_divided_by_days(market):
    first = let(market, 6)
    week = (day("2027-06-07"), day("2027-06-14"))
    second = let(market, 4, week)
    sold = sell(market, 6)[0]
    seq = market.state.seq
    late = [2 * FIRST_SUBLET_ID + seq + FIRST_SUBLET_ID * step for step in range(5)]
    assert sold.novated == [
        SubletPart(first, late[0], OTHER, JUNE[0], JUNE[1], 2, 600),
        SubletPart(second, late[1], OTHER, *week, 4, 600),
    ]
    assert sold.kept == [SubletPart(first, first, OTHER, *JUNE, 4, 600)]
    assert second not in market.state.sublets


def test_the_parts_of_a_divided_sublet_have_ids_of_their_own_but_for_the_first(market):
    sublet_id = let(market, 8)
    middle = day("2027-06-11")
    events = sell(market, 6, start_day=middle)
    sold, seq = events[0], market.state.seq
    assert [(p.new_sublet_id, p.start_day, p.end_day, p.sublet_qty) for p in sold.novated] == [
        (2 * FIRST_SUBLET_ID + seq, middle, JUNE[1], 4)
    ]
    assert [(p.new_sublet_id, p.start_day, p.end_day, p.sublet_qty) for p in sold.kept] == [
        (sublet_id, JUNE[0], middle, 8),
        (3 * FIRST_SUBLET_ID + seq, middle, JUNE[1], 4),
    ]
    assert_agree(market, folded(market, events))


def test_the_buyers_own_sublet_is_over_and_its_rent_goes_back(market):
    let(market, 10, lessee_id=market.buyer)
    available_amount, _ = market.core.balances(market.buyer)
    events = sell(market, 6)
    rent_amount = 600 * 24 * 30 * 6
    assert [part.new_sublet_id for part in events[0].novated] == [0]
    (released,) = [event for event in events if isinstance(event, TrustReleased)]
    assert (released.account_id, released.released_amount) == (market.buyer, rent_amount)
    assert market.core.balances(market.buyer)[0] == available_amount + rent_amount
    assert market.core.trust_amount(Trust.RENT) == 600 * 24 * 30 * 4
    assert_agree(market, folded(market, events))


def test_a_side_that_wanted_a_sublet_to_end_asks_its_new_lessor_again(market):
    sublet_id = let(market, 10)
    market.do(OTHER, EndSublet(sublet_id=sublet_id))
    events = sell(market, 6)
    assert market.state.sublet_ends == {}
    views = folded(market, events).sublets.of(OTHER).sublets
    assert [view.end_asked_account_id for view in views] == [0, 0]


# -- offers of the seller's ------------------------------------------------------------------------


def test_use_that_is_only_on_offer_ends_before_a_sublet_is_divided(market):
    let(market, 3)
    order_id = market.order(TRADER, market.use, Side.SELL, 1, 600)
    offer = OpenSublet(
        product_id=1, lessee_account_id=OTHER, sublet_qty=3, rent_price=600, **span("M2706")
    )
    offer_id = market.do(TRADER, offer).seq
    events = sell(market, 6)
    assert [type(event) for event in events] == [
        OrderCancelled,
        SubletLapsed,
        HoldClosed,
        CollateralSold,
    ]
    assert (events[0].order_id, events[0].cancel_reason) == (
        order_id,
        CancelReason.COLLATERAL_SOLD,
    )
    assert events[1].offer_id == offer_id
    assert events[-1].novated == []
    assert_agree(market, folded(market, events))


def test_offers_that_the_remaining_title_covers_go_on(market):
    market.order(TRADER, market.use, Side.SELL, 4, 600)
    (sold,) = sell(market, 6)
    assert isinstance(sold, CollateralSold)
    assert market.core.day_function(TRADER, 1, "reserved_sublet") == [(*JUNE, 4)]


def test_days_on_sale_elsewhere_stay_on_sale(market):
    market.order(TRADER, market.june, Side.SELL, 4, 2_000)
    let(market, 6)
    (sold,) = events = sell(market, 6)
    assert [part.sublet_qty for part in sold.novated] == [6]
    assert market.core.day_function(TRADER, 1, "reserved_sale") == [(*JUNE, 4)]
    assert_agree(market, folded(market, events))


# -- the house -------------------------------------------------------------------------------------


def test_a_buyer_of_the_house_has_the_escrow_of_the_days_back(market):
    member = market.admit("member", Role.TRADER, affiliate_ids=[SUPPLIER])
    events = sell(market, 6, member)
    (returned,) = [event for event in events if isinstance(event, EscrowReturned)]
    assert (returned.account_id, returned.day_amount) == (member, 6 * 24 * 1_000)
    assert market.core.day_totals(1, JUNE[0])[1] == 4


def test_the_house_does_not_become_a_lessor(market):
    member = market.admit("member", Role.TRADER, affiliate_ids=[SUPPLIER])
    let(market, 8)
    with pytest.raises(Refused) as found:
        collateral_sale(market.state.pledges[1], member, JUNE[0], 6, market.state)
    assert (found.value.reason, found.value.value) == (Reason.SUPPLIER_LETS, member)


# -- at random -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_value_is_conserved_and_the_read_models_agree_whatever_was_let(seed):
    dice = random.Random(seed)
    market, ledger = pledged_market(dice.randint(1, 10)), Ledger()
    for _ in range(dice.randint(0, 6)):
        start_day = dice.randint(JUNE[0], JUNE[1] - 1)
        days = (start_day, dice.randint(start_day + 1, JUNE[1]))
        free_qty, _ = market.core.sublettable(TRADER, 1, *days)
        if free_qty:
            lessee_id = dice.choice([OTHER, market.buyer])
            let(market, dice.randint(1, free_qty), days, lessee_id)
    if dice.random() < 0.5 and (free_qty := market.core.sublettable(TRADER, 1, *JUNE)[0]):
        market.order(TRADER, market.use, Side.SELL, dice.randint(1, free_qty), 100_000)
    for record in market.records:
        ledger.take(*decode_body(record))
    rents = rents_of(market)
    while (left_qty := market.state.pledges[1].pledged_qty) and dice.random() < 0.8:
        start_day = dice.randint(JUNE[0], JUNE[1] - 1)
        events = sell(market, dice.randint(1, left_qty), start_day=start_day)
        ledger.take(None, events)
        ledger.compare(market.state)
        back_amount = sum(e.released_amount for e in events if isinstance(e, TrustReleased))
        assert rents_of(market) == rents - back_amount
        rents -= back_amount
        market.records.append(_record(events))
        assert_agree(market, folded(market, []))


def rents_of(market: Market) -> int:
    """The rent of all that is let, as the sublets state it."""
    found = sum(
        s.rent_price * 24 * (s.end_day - s.start_day) * s.sublet_qty
        for s in market.state.sublets.values()
    )
    assert found == market.core.trust_amount(Trust.RENT)
    return found


def _record(events: list) -> bytes:
    """The sale on the log, behind some command."""
    encoded = b"".join(map(encode_event, events))
    return join_record(encode_command(MassCancel()), len(events), encoded)

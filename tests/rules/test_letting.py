"""Sublets between two named participants, from the offer to the end."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AcceptPledge,
    AdvanceClock,
    PublishIndexPrice,
    PublishMarks,
    RegisterKey,
    RequestPledge,
    RevokeKey,
)
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import (
    CancelReason,
    Purpose,
    Role,
    Scope,
    Side,
    TradingMode,
    Trust,
)
from exchange.domain.letting import (
    AcceptSublet,
    ConsentToSublet,
    DeclineSublet,
    EndSublet,
    OpenSublet,
    RentFloorPublished,
    SubletAccepted,
    SubletDeclined,
    SubletEndAsked,
    SubletLapsed,
)
from exchange.domain.movements import (
    HoldClosed,
    SubletEnded,
    SubletGranted,
    TradeSettled,
    TrustFunded,
    TrustReleased,
)
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import day_at, parse_window, start_ns
from exchange.rules import clock
from exchange.rules.letting import FIRST_SUBLET_ID, OFFER_NS
from tests.rules.markets import assert_refused, cross, day, events_of, order, own, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

LESSOR, LESSEE = TRADER, OTHER
JUNE = parse_window("M2706")
WEEK = {"start_day": day("2027-06-07"), "end_day": day("2027-06-14")}
HOURS = 7 * 24
YUAN = 1_000_000


@pytest.fixture
def market():
    """The lessor owns ten of June, whose mark is ten yuan."""
    market = Market()
    market.grant("Y27", 100)
    own(market, LESSOR, market.list_window("M2706"), 10, 1000)
    mark(market, 10 * YUAN)
    yield market
    market.assert_replays()


def mark(market: Market, index_micro: int) -> None:
    """An index price, and the marks that come of it."""
    market.do(
        1,
        PublishIndexPrice(
            gpu_class="A100-80-SXM",
            region="SG",
            index_micro=index_micro,
            usd_micro=index_micro,
            usd_cny_ppm=1_000_000,
            observed_day=day_at(market.state.market_ns),
            source="test",
            row_count=1,
            file_sha256=secret_hash("file"),
        ),
    )
    market.do(0, PublishMarks())


def pledge(market: Market, qty: int, bank_account_id: int = BANK) -> None:
    """A lien on the lessor's June."""
    request = RequestPledge(
        product_id=1, pledged_qty=qty, bank_account_id=bank_account_id, **span("M2706")
    )
    market.do(LESSOR, request)
    market.do(bank_account_id, AcceptPledge(pledge_id=len(market.state.pledges)))


def terms(qty: int = 4, rent_price: int = 600, **fields) -> OpenSublet:
    """An offer to the lessee, of a week."""
    offer = OpenSublet(
        product_id=1, lessee_account_id=LESSEE, sublet_qty=qty, rent_price=rent_price, **WEEK
    )
    return replace(offer, **fields)


def offered(market: Market, qty: int = 4, rent_price: int = 600, **fields) -> int:
    """A standing offer's id."""
    return market.do(LESSOR, terms(qty, rent_price, **fields)).seq


def let(market: Market, **fields) -> int:
    """A granted sublet's id."""
    market.do(LESSEE, AcceptSublet(offer_id=offered(market, **fields)))
    return market.events[0].sublet_id


def run_of(market: Market, account_id: int, name: str) -> list[int]:
    """The quantities of a day function in the week."""
    found = market.core.day_function(account_id, 1, name)
    return [qty for start_day, _, qty in found if start_day == WEEK["start_day"]]


# -- the offer -------------------------------------------------------------------------------------


def test_an_offer_keeps_the_days_and_the_lessors_fee_and_moves_nothing(market):
    available_amount, _ = market.core.balances(LESSOR)
    fee_amount = -(-600 * HOURS * 4 * 5 // 10_000)
    offer_id = offered(market)
    assert market.core.balances(LESSOR) == (available_amount - fee_amount, fee_amount)
    assert run_of(market, LESSOR, "reserved_sublet") == [4]
    assert market.core.trust_amount(Trust.RENT) == 0
    assert set(market.state.sublet_offers) == {offer_id}
    assert market.events[0].lapse_ns == market.state.market_ns + OFFER_NS


def test_with_the_key_that_made_it_an_offer_ends(market):
    register = RegisterKey(
        account_id=LESSOR, token_sha256=secret_hash("second key"), scopes=[Scope.TRADE]
    )
    market.do(1, register)
    key_id = market.state.key_count
    offer_id, kept_id = market.do(key_id, terms()).seq, offered(market)
    market.do(1, RevokeKey(revoked_key_id=key_id))
    assert SubletDeclined(offer_id=offer_id, account_id=LESSOR) in market.events
    assert set(market.state.sublet_offers) == {kept_id}
    assert run_of(market, LESSOR, "reserved_sublet") == [4]


def test_what_is_on_offer_is_neither_sold_nor_pledged_nor_let_twice(market):
    offered(market, qty=8)
    wanted = (Reason.TITLE, 3, 2, WEEK["start_day"])
    assert_refused(market, LESSOR, order(1, Side.SELL, 3, 1000), *wanted)
    june = span("M2706")
    request = RequestPledge(product_id=1, pledged_qty=3, bank_account_id=BANK, **june)
    assert_refused(market, LESSOR, request, *wanted)
    assert_refused(market, LESSOR, terms(3), *wanted)
    offered(market, qty=2)


def test_only_owned_days_are_let_and_those_received_are_not(market):
    let(market)
    resale = terms(1, lessee_account_id=LESSOR)
    assert_refused(market, LESSEE, resale, Reason.TITLE, 1, 0, WEEK["start_day"])


def test_the_supplier_sells_its_days_and_lets_none(market):
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER])
    assert_refused(market, affiliate, terms(1), Reason.SUPPLIER_LETS, affiliate)
    assert_refused(market, SUPPLIER, terms(1), Reason.WRONG_ROLE, SUPPLIER)
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    offer = order(book, Side.SELL, 1, 1000)
    assert_refused(market, affiliate, offer, Reason.SUPPLIER_LETS, affiliate)
    assert_refused(market, SUPPLIER, offer, Reason.WRONG_ROLE, SUPPLIER)
    market.order(LESSOR, book, Side.SELL, 1, 1000)


def test_an_offer_is_to_another_trader(market):
    assert_refused(market, LESSOR, terms(lessee_account_id=LESSOR), Reason.SAME_PERSON, LESSOR)
    assert_refused(market, LESSOR, terms(lessee_account_id=BANK), Reason.WRONG_ROLE, BANK)
    assert_refused(market, LESSOR, terms(lessee_account_id=99), Reason.UNKNOWN_ACCOUNT, 99)


def test_an_offer_is_of_known_days_to_come(market):
    today = day_at(market.state.market_ns)
    assert_refused(market, LESSOR, terms(product_id=2), Reason.UNKNOWN_PRODUCT, 2)
    backwards = terms(start_day=WEEK["end_day"], end_day=WEEK["start_day"])
    assert_refused(market, LESSOR, backwards, Reason.BAD_WINDOW, -7, 366)
    begun = terms(start_day=today, end_day=today + 1)
    assert_refused(market, LESSOR, begun, Reason.BAD_WINDOW, today, today)


def test_an_offer_takes_the_lessors_fee_to_the_last_fen(market):
    available_amount, _ = market.core.balances(LESSOR)
    priceless = terms(10, 16_000_000, start_day=JUNE.start_day, end_day=JUNE.end_day)
    fee_amount = 16_000_000 * 720 * 10 * 5 // 10_000
    offer_id = market.do(LESSOR, priceless).seq
    assert market.core.balances(LESSOR)[1] == fee_amount < available_amount
    market.do(LESSOR, DeclineSublet(offer_id=offer_id))
    market.withdraw(LESSOR, available_amount - fee_amount + 1)
    again = replace(priceless, command_id="again")
    assert_refused(market, LESSOR, again, Reason.CASH, fee_amount, fee_amount - 1)
    offered(market)


# -- its end ---------------------------------------------------------------------------------------


def test_the_lessee_pays_the_rent_into_trust_and_has_the_use(market):
    offer_id = offered(market)
    lessor_amount = sum(market.core.balances(LESSOR))
    lessee_amount, venue_amount = market.core.balances(LESSEE)[0], market.core.balances(0)[0]
    market.do(LESSEE, AcceptSublet(offer_id=offer_id))
    rent_amount = 600 * HOURS * 4
    lessor_fee, lessee_fee = -(-rent_amount * 5 // 10_000), -(-rent_amount * 10 // 10_000)
    sublet_id = FIRST_SUBLET_ID + offer_id
    sides = {"lessor_account_id": LESSOR, "lessee_account_id": LESSEE}
    assert market.events == [
        SubletAccepted(
            offer_id=offer_id,
            sublet_id=sublet_id,
            rent_amount=rent_amount,
            lessee_fee_amount=lessee_fee,
        ),
        HoldClosed(hold_id=offer_id, account_id=LESSOR),
        TrustFunded(
            account_id=LESSEE, trust=Trust.RENT, funded_amount=rent_amount, purpose=Purpose.RENT
        ),
        TradeSettled(
            trade_id=sublet_id,
            buyer_account_id=LESSEE,
            seller_account_id=LESSOR,
            cash_amount=0,
            escrow_amount=0,
            buyer_fee_amount=lessee_fee,
            seller_fee_amount=lessor_fee,
            purpose=Purpose.RENT,
        ),
        SubletGranted(
            sublet_id=sublet_id, product_id=1, sublet_qty=4, rent_price=600, **sides, **WEEK
        ),
    ]
    assert market.core.trust_amount(Trust.RENT) == rent_amount
    assert market.core.balances(LESSOR) == (lessor_amount - lessor_fee, 0)
    assert market.core.balances(LESSEE)[0] == lessee_amount - rent_amount - lessee_fee
    assert market.core.balances(0)[0] == venue_amount + lessor_fee + lessee_fee
    assert run_of(market, LESSOR, "sublet_out") == run_of(market, LESSEE, "sublet_in") == [4]
    assert run_of(market, LESSOR, "reserved_sublet") == []
    assert list(market.state.sublets) == [sublet_id]
    assert market.state.sublet_offers == {}


def test_a_sublet_of_a_book_and_one_of_an_offer_never_share_a_number(market):
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    for _ in range(3):
        market.order(LESSOR, book, Side.SELL, 1, 1000)
        market.order(LESSEE, book, Side.BUY, 1, 1000)
    let(market, qty=1)
    assert len(market.state.sublets) == 4


def test_an_offer_concerns_its_two_sides_only(market):
    offer_id = offered(market)
    third = market.admit("third", Role.TRADER)
    for command in (AcceptSublet(offer_id=offer_id), DeclineSublet(offer_id=offer_id)):
        assert_refused(market, third, command, Reason.UNKNOWN_SUBLET, offer_id)
    accept = AcceptSublet(offer_id=offer_id)
    assert_refused(market, LESSOR, accept, Reason.UNKNOWN_SUBLET, offer_id)
    assert_refused(market, LESSEE, AcceptSublet(offer_id=99), Reason.UNKNOWN_SUBLET, 99)


@pytest.mark.parametrize("account_id", [LESSOR, LESSEE])
def test_either_side_ends_an_offer_and_what_it_held_is_free(market, account_id):
    before = market.core.snapshot()
    offer_id = offered(market)
    market.do(account_id, DeclineSublet(offer_id=offer_id))
    assert market.events == [
        SubletDeclined(offer_id=offer_id, account_id=account_id),
        HoldClosed(hold_id=offer_id, account_id=LESSOR),
    ]
    assert market.core.snapshot() == before
    again = AcceptSublet(offer_id=offer_id)
    assert_refused(market, LESSEE, again, Reason.UNKNOWN_SUBLET, offer_id)


def test_an_offer_lapses_after_fifteen_minutes_in_a_record_at_that_moment(market):
    offer_id = offered(market)
    lapse_ns = market.state.market_ns + OFFER_NS
    market.do(0, AdvanceClock(market_ns=lapse_ns - 1))
    assert offer_id in market.state.sublet_offers
    market.do(0, AdvanceClock(market_ns=lapse_ns + NS_PER_DAY))
    assert market.state.market_ns == lapse_ns
    assert market.events[1:] == [
        SubletLapsed(offer_id=offer_id),
        HoldClosed(hold_id=offer_id, account_id=LESSOR),
    ]
    assert run_of(market, LESSOR, "reserved_sublet") == []


def test_more_offers_than_a_record_holds_lapse_in_several(monkeypatch, market):
    offers = [offered(market, qty=1) for _ in range(5)]
    monkeypatch.setattr(clock, "CLOCK_BATCH", 2)
    lapse_ns = market.state.market_ns + OFFER_NS
    records = cross(market, lapse_ns)
    lapsed = [[e.offer_id for e in events if isinstance(e, SubletLapsed)] for events in records]
    assert lapsed == [offers[:2], offers[2:4], offers[4:]]
    assert not market.core.is_catching_up


def test_an_offer_is_not_taken_once_its_first_day_runs(market):
    last_evening_ns = start_ns(JUNE.start_day) - OFFER_NS // 2
    cross(market, last_evening_ns)
    offer_id = offered(market, start_day=JUNE.start_day, end_day=JUNE.start_day + 1)
    cross(market, start_ns(JUNE.start_day))
    today = JUNE.start_day
    accept = AcceptSublet(offer_id=offer_id)
    assert_refused(market, LESSEE, accept, Reason.TOO_LATE, today, today)


def test_a_lessee_without_the_cash_is_told_what_it_takes(market):
    poor = market.admit("poor", Role.TRADER)
    offer_id = offered(market, lessee_account_id=poor)
    rent_amount = 600 * HOURS * 4
    needed_amount = rent_amount + -(-rent_amount * 10 // 10_000)
    accept = AcceptSublet(offer_id=offer_id)
    market.deposit(poor, needed_amount - 1)
    assert_refused(market, poor, accept, Reason.CASH, needed_amount, needed_amount - 1)
    market.deposit(poor, 1)
    market.do(poor, replace(accept, command_id="again"))
    assert market.core.balances(poor) == (0, 0)


# -- pledged days ----------------------------------------------------------------------------------


def test_pledged_days_are_let_at_half_the_mark_without_asking_anybody(market):
    pledge(market, 8)
    assert let(market, qty=5, rent_price=500)


def test_below_half_the_mark_the_pledgee_must_agree(market):
    pledge(market, 8)
    offer_id = offered(market, qty=5, rent_price=499)
    accept = AcceptSublet(offer_id=offer_id)
    assert_refused(market, LESSEE, accept, Reason.RENT, 499, 500, WEEK["start_day"])
    market.do(BANK, ConsentToSublet(offer_id=offer_id))
    again = ConsentToSublet(offer_id=offer_id)
    assert_refused(market, BANK, again, Reason.ALREADY_DONE, offer_id)
    market.do(LESSEE, replace(accept, command_id="again"))
    assert run_of(market, LESSEE, "sublet_in") == [5]


def test_days_that_are_free_of_liens_are_let_at_any_rent(market):
    pledge(market, 8)
    assert let(market, qty=2, rent_price=1)


def test_without_a_mark_no_rent_is_known_to_be_fair():
    market = Market()
    market.grant("Y27", 100)
    own(market, LESSOR, market.list_window("M2706"), 10, 1000)
    pledge(market, 10)
    offer_id = offered(market, rent_price=16_000)
    accept = AcceptSublet(offer_id=offer_id)
    assert_refused(market, LESSEE, accept, Reason.RENT, 16_000, 0, WEEK["start_day"])


def test_every_bank_with_a_lien_there_must_agree_and_no_other(market):
    second = market.admit("second bank", Role.BANK)
    elsewhere = market.admit("third bank", Role.BANK)
    pledge(market, 4)
    pledge(market, 4, second)
    offer_id = offered(market, qty=5, rent_price=1)
    consent = ConsentToSublet(offer_id=offer_id)
    assert_refused(market, elsewhere, consent, Reason.UNKNOWN_SUBLET, offer_id)
    market.do(second, consent)
    accept = AcceptSublet(offer_id=offer_id)
    assert_refused(market, LESSEE, accept, Reason.RENT, 1, 500, WEEK["start_day"])
    market.do(BANK, consent)
    market.do(LESSEE, replace(accept, command_id="again"))


def test_pledged_days_are_not_let_to_an_affiliate_at_any_rent(market):
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[LESSOR])
    pledge(market, 8)
    to_affiliate = terms(5, 10_000, lessee_account_id=affiliate)
    wanted = (Reason.AFFILIATE, affiliate, LESSOR, WEEK["start_day"])
    assert_refused(market, LESSOR, to_affiliate, *wanted)
    market.deposit(affiliate, 10**6)
    offer_id = offered(market, qty=2, lessee_account_id=affiliate)
    market.do(affiliate, AcceptSublet(offer_id=offer_id))


def test_two_sides_that_become_affiliates_while_pledged_days_are_on_offer_do_not_close(market):
    pledge(market, 8)
    offer_id = offered(market, qty=5)
    market.admit("owner of both", Role.TRADER, affiliate_ids=[LESSOR, LESSEE])
    accept = AcceptSublet(offer_id=offer_id)
    wanted = (Reason.AFFILIATE, LESSEE, LESSOR, WEEK["start_day"])
    assert_refused(market, LESSEE, accept, *wanted)


# -- the floor of a book ---------------------------------------------------------------------------


def test_a_book_of_sublets_opens_with_the_floor_of_its_marks_and_follows_them(market):
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    assert market.events[1] == RentFloorPublished(instrument_id=book, rent_floor_price=500)
    pledge(market, 10)
    wanted = (Reason.RENT, 499, 500, JUNE.start_day)
    assert_refused(market, LESSOR, order(book, Side.SELL, 1, 499), *wanted)
    market.order(LESSOR, book, Side.SELL, 1, 500)
    cross(market, market.state.market_ns + 3 * NS_PER_DAY)
    mark(market, 9 * YUAN)
    assert market.events[-1] == RentFloorPublished(instrument_id=book, rent_floor_price=450)
    market.order(LESSOR, book, Side.SELL, 1, 450)


def test_a_floor_that_rises_ends_the_offers_of_pledged_days_below_it_and_no_others(market):
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    own(market, OTHER, 1, 5, 1000)
    bidder = market.admit("bidder", Role.TRADER)
    market.deposit(bidder, 10**12)
    pledge(market, 8)
    free = market.order(OTHER, book, Side.SELL, 5, 500)
    low = market.order(LESSOR, book, Side.SELL, 3, 549)
    fair = market.order(LESSOR, book, Side.SELL, 2, 550)
    bid = market.order(bidder, book, Side.BUY, 1, 100)
    cross(market, market.state.market_ns + 3 * NS_PER_DAY)
    mark(market, 11 * YUAN)
    floor, ended = market.events[-2:]
    assert floor == RentFloorPublished(instrument_id=book, rent_floor_price=550)
    assert (ended.order_id, ended.cancel_reason) == (low, CancelReason.RENT_FLOOR)
    assert [market.core.order(o) is not None for o in (free, low, fair, bid)] == [1, 0, 1, 1]


def test_a_floor_that_rises_leaves_the_offers_of_an_owner_with_enough_free_days(market):
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    pledge(market, 8)
    low = market.order(LESSOR, book, Side.SELL, 2, 500)
    cross(market, market.state.market_ns + 3 * NS_PER_DAY)
    mark(market, 11 * YUAN)
    assert market.core.order(low) is not None


def test_a_named_offer_of_pledged_days_below_a_floor_that_has_risen_is_not_taken(market):
    pledge(market, 8)
    cross(market, market.state.market_ns + 3 * NS_PER_DAY)
    offers = [offered(market, qty=q, rent_price=500) for q in (2, 3)]
    agreed = offered(market, qty=2, rent_price=499)
    market.do(BANK, ConsentToSublet(offer_id=agreed))
    mark(market, 11 * YUAN)
    low = AcceptSublet(offer_id=offers[1])
    assert_refused(market, LESSEE, low, Reason.RENT, 500, 550, WEEK["start_day"])
    market.do(LESSEE, AcceptSublet(offer_id=offers[0]))
    market.do(LESSEE, AcceptSublet(offer_id=agreed))


def test_marks_that_leave_a_floor_as_it_is_say_nothing_of_it(market):
    market.list_window("M2706", mode=TradingMode.SUBLET)
    count = len(events_of(market, RentFloorPublished))
    cross(market, market.state.market_ns + 3 * NS_PER_DAY)
    mark(market, 10 * YUAN - 1)
    assert len(events_of(market, RentFloorPublished)) == count


def test_a_book_without_marks_has_no_floor():
    market = Market()
    market.list_window("M2706")
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    assert market.state.rent_floors == {}
    mark(market, 10 * YUAN)
    assert market.state.rent_floors == {book: 500}
    market.assert_replays()


# -- ending it early -------------------------------------------------------------------------------


def test_both_sides_end_a_sublet_and_the_rent_of_days_to_come_goes_back(market):
    sublet_id = let(market)
    market.do(LESSOR, EndSublet(sublet_id=sublet_id))
    assert market.events == [
        SubletEndAsked(
            sublet_id=sublet_id,
            account_id=LESSOR,
            lapse_ns=market.state.market_ns + OFFER_NS,
        )
    ]
    assert run_of(market, LESSEE, "sublet_in") == [4]
    before_amount = market.core.balances(LESSEE)[0]
    market.do(LESSEE, EndSublet(sublet_id=sublet_id))
    rent_amount = 600 * HOURS * 4
    assert market.events[1:] == [
        SubletEnded(
            sublet_id=sublet_id,
            product_id=1,
            lessor_account_id=LESSOR,
            lessee_account_id=LESSEE,
            sublet_qty=4,
            **WEEK,
        ),
        TrustReleased(
            account_id=LESSEE,
            trust=Trust.RENT,
            released_amount=rent_amount,
            purpose=Purpose.RENT_REFUND,
        ),
    ]
    assert market.core.balances(LESSEE)[0] == before_amount + rent_amount
    assert run_of(market, LESSOR, "sublet_out") == []
    assert (market.state.sublets, market.state.sublet_ends) == ({}, {})
    again = EndSublet(sublet_id=sublet_id)
    assert_refused(market, LESSOR, again, Reason.UNKNOWN_SUBLET, sublet_id)


def test_days_that_have_begun_stay_let_and_their_rent_in_trust(market):
    sublet_id = let(market)
    cross(market, start_ns(WEEK["start_day"] + 2))
    for account_id in (LESSEE, LESSOR):
        market.do(account_id, EndSublet(sublet_id=sublet_id))
    assert market.core.trust_amount(Trust.RENT) == 3 * 24 * 4 * 600
    assert market.state.sublets[sublet_id].end_day == WEEK["start_day"] + 3
    held = market.core.day_function(LESSEE, 1, "sublet_in")
    assert held == [(WEEK["start_day"], WEEK["start_day"] + 3, 4)]
    late = EndSublet(sublet_id=sublet_id)
    wanted = (Reason.TOO_LATE, WEEK["start_day"] + 3, WEEK["start_day"] + 3)
    assert_refused(market, LESSOR, late, *wanted)


def test_one_side_alone_ends_nothing_and_its_word_holds_for_fifteen_minutes(market):
    sublet_id = let(market)
    end = EndSublet(sublet_id=sublet_id)
    market.do(LESSOR, end)
    assert_refused(market, LESSOR, end, Reason.SAME_PERSON, LESSOR)
    cross(market, market.state.market_ns + OFFER_NS)
    market.do(LESSEE, end)
    assert isinstance(market.events[0], SubletEndAsked), "the first word is too old"
    market.do(LESSOR, end)
    assert market.state.sublets == {}


def test_a_sublet_of_a_book_ends_the_same_way(market):
    book = market.list_window("M2706", mode=TradingMode.SUBLET)
    market.order(LESSOR, book, Side.SELL, 1, 1000)
    market.order(LESSEE, book, Side.BUY, 1, 1000)
    (sublet_id,) = market.state.sublets
    third = market.admit("third", Role.TRADER)
    end = EndSublet(sublet_id=sublet_id)
    assert_refused(market, third, end, Reason.UNKNOWN_SUBLET, sublet_id)
    market.do(LESSEE, end)
    market.do(LESSOR, end)
    assert market.core.trust_amount(Trust.RENT) == 0
    assert market.state.sublets == {}


def test_the_days_of_a_terminated_supplier_are_neither_let_nor_given_back(market):
    sublet_id = let(market)
    offer_id = offered(market, 1)
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(2, TerminateSupplier(supplier_account_id=SUPPLIER))
    for key_id, command in (
        (LESSOR, terms(1, 600)),
        (LESSEE, AcceptSublet(offer_id=offer_id)),
        (LESSEE, EndSublet(sublet_id=sublet_id)),
    ):
        assert_refused(market, key_id, command, Reason.SUSPENDED, SUPPLIER)

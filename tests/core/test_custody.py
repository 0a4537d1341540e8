"""What rules do to cash, title and use outside the books."""

import pytest

from exchange.domain.reasons import Reason
from matching_core.venue import CoreError, Venue
from tests.core.venues import BASE_DAY, BUY, GTC, IOC, SELL, Market, decode, prefixes, rows

START, END = BASE_DAY + 10, BASE_DAY + 20
HOUSE, STRANGER, OTHER, THIRD = 1, 3, 4, 5
SUBLETS = 3
RENT, BOND = 0, 1


@pytest.fixture
def market():
    """The stranger 3 has bought 40 of the window; sublets of it trade as instrument 3."""
    market = Market()
    market.venue.add_instrument(SUBLETS, 1, START, END, True, 2**63 - 1, True)
    assert market.place(HOUSE, SELL, 40, 100) == 0
    assert market.place(STRANGER, BUY, 40, 100) == 0
    market.venue.take_events()
    yield market
    market.venue.check()
    assert Venue.restore(market.venue.snapshot(), prefixes()).snapshot() == market.venue.snapshot()


def runs(market, account_id, name):
    """A day function of product 1."""
    return market.venue.day_function(account_id, 1, name)


def test_a_hold_keeps_cash_and_title_as_an_order_does_and_gives_all_back(market):
    venue = market.venue
    before = venue.snapshot()
    available_amount, _ = venue.balances(STRANGER)
    venue.open_hold(77, STRANGER, 1_000, 1, START, END, 30)
    assert venue.balances(STRANGER) == (available_amount - 1_000, 1_000)
    assert venue.sellable(STRANGER, 1, START, END) == (10, START)
    assert runs(market, STRANGER, "reserved_sale") == [(START, END, 30)]
    assert venue.held_by(77) == (STRANGER, 1_000, 1, START, END, 30, False)
    assert market.place(STRANGER, SELL, 11, 100) == Reason.TITLE
    venue.check()
    assert Venue.restore(venue.snapshot(), prefixes()).held_by(77) == venue.held_by(77)
    venue.close_hold(77)
    assert venue.held_by(77) is None
    assert venue.snapshot() == before


def test_a_hold_asks_for_what_is_there(market):
    venue = market.venue
    before = venue.snapshot()
    for arguments in (
        (1, STRANGER, 0, 1, START, END, 41),
        (1, STRANGER, 10**12, 0, 0, 0, 0),
        (1, STRANGER, 0),
        (1, STRANGER, 5, 0, START, END, 1),
        (1, OTHER, 0, 1, START, END, 1),
        (0, STRANGER, 1),
    ):
        with pytest.raises(CoreError):
            venue.open_hold(*arguments)
        assert venue.snapshot() == before
    with pytest.raises(CoreError, match="no hold"):
        venue.close_hold(1)


def test_two_holds_do_not_share_an_id(market):
    market.venue.open_hold(1, STRANGER, 5)
    with pytest.raises(CoreError, match="new"):
        market.venue.open_hold(1, STRANGER, 5)


def test_a_trade_of_use_leaves_the_title_and_puts_the_rent_in_trust(market):
    venue = market.venue
    cash = {account_id: venue.balances(account_id)[0] for account_id in (STRANGER, OTHER)}
    assert market.place(STRANGER, SELL, 10, 50, instrument_id=SUBLETS) == 0
    assert runs(market, STRANGER, "reserved_sublet") == [(START, END, 10)]
    assert market.place(OTHER, BUY, 4, 60, instrument_id=SUBLETS) == 0
    rent_amount = 4 * 240 * 50
    assert rows(decode(venue.take_events()))[-1] == (
        "sublet_opened", 2, 1, STRANGER, OTHER, START, END, 4, 50,
    )  # fmt: skip
    assert venue.take_sublets() == [(2, 1, STRANGER, OTHER, START, END, 4, 50)]
    assert venue.take_sublets() == []
    assert venue.trust_amount(RENT) == rent_amount
    assert venue.balances(STRANGER)[0] == cash[STRANGER]
    assert venue.balances(OTHER)[0] == cash[OTHER] - rent_amount
    assert runs(market, STRANGER, "title") == [(START, END, 40)]
    assert runs(market, STRANGER, "sublet_out") == [(START, END, 4)]
    assert runs(market, STRANGER, "reserved_sublet") == [(START, END, 6)]
    assert runs(market, OTHER, "sublet_in") == [(START, END, 4)]
    assert runs(market, OTHER, "title") == []


def test_what_is_sublet_in_is_not_sublet_again(market):
    market.venue.sublet(1, STRANGER, OTHER, START, END, 10)
    assert market.place(OTHER, SELL, 1, 50, instrument_id=SUBLETS) == Reason.TITLE
    with pytest.raises(CoreError, match="free days"):
        market.venue.sublet(1, OTHER, THIRD, START, END, 1)


def test_days_that_are_let_cannot_be_sold_and_pledged_days_can_be_let(market):
    venue = market.venue
    venue.add_lien(STRANGER, 1, START, END, 30)
    venue.set_rent_floor(SUBLETS, 50)
    assert venue.sublettable(STRANGER, 1, START, END) == (40, START)
    assert market.place(STRANGER, SELL, 25, 50, instrument_id=SUBLETS) == 0
    assert market.place(OTHER, BUY, 25, 50, IOC, instrument_id=SUBLETS) == 0
    assert venue.sellable(STRANGER, 1, START, END) == (0, START)
    assert market.place(STRANGER, SELL, 1, 100) == Reason.TITLE
    assert venue.sublettable(STRANGER, 1, START, END) == (15, START)


@pytest.mark.parametrize(
    ("floor_price", "price", "answer"), [(51, 50, Reason.RENT), (51, 51, 0), (0, 51, Reason.RENT)]
)
def test_pledged_days_are_let_for_no_less_than_the_floor(market, floor_price, price, answer):
    venue = market.venue
    venue.add_lien(STRANGER, 1, START + 3, END, 30)
    if floor_price:
        venue.set_rent_floor(SUBLETS, floor_price)
    assert market.place(STRANGER, SELL, 10, 1, instrument_id=SUBLETS) == 0, "the first are free"
    assert market.place(STRANGER, SELL, 1, price, instrument_id=SUBLETS) == answer
    if answer:
        assert venue.refusal == (price, floor_price, START + 3)


def test_an_amendment_cannot_slip_under_the_floor(market):
    market.venue.add_lien(STRANGER, 1, START, END, 40)
    market.venue.set_rent_floor(SUBLETS, 50)
    assert market.place(STRANGER, SELL, 10, 50, instrument_id=SUBLETS) == 0
    assert market.venue.amend(market.last_order_id, STRANGER, -1, 49) == Reason.RENT
    assert market.venue.amend(market.last_order_id, STRANGER, -1, 55) == 0


def test_a_lessor_holds_its_fee_in_cash_because_the_rent_goes_in_trust():
    market = Market(maker_bps=10, taker_bps=20)
    market.venue.add_instrument(SUBLETS, 1, START, END, True, 2**63 - 1, True)
    assert market.place(HOUSE, SELL, 40, 100) == 0
    assert market.place(STRANGER, BUY, 40, 100) == 0
    available_amount, _ = market.venue.balances(STRANGER)
    assert market.place(STRANGER, SELL, 10, 50, instrument_id=SUBLETS) == 0
    fee_amount = 10 * 240 * 50 * 20 // 10_000
    assert market.venue.balances(STRANGER) == (available_amount - fee_amount, fee_amount)
    assert market.place(OTHER, BUY, 10, 50, instrument_id=SUBLETS) == 0
    assert market.venue.balances(STRANGER) == (available_amount - fee_amount // 2, 0)
    market.venue.check()


def test_affiliates_do_not_let_to_each_other(market):
    venue = market.venue
    venue.join_party(OTHER, STRANGER)
    venue.join_party(OTHER, THIRD)
    assert venue.parties_are_one(THIRD, STRANGER)
    assert not venue.parties_are_one(THIRD, HOUSE)
    assert market.place(STRANGER, SELL, 10, 50, instrument_id=SUBLETS) == 0
    assert market.place(THIRD, BUY, 10, 50, instrument_id=SUBLETS) == Reason.SELF_MATCH
    assert market.place(STRANGER, SELL, 10, 90) == 0
    assert market.place(THIRD, BUY, 10, 90) == 0, "title they may sell each other"


def test_affiliates_do_not_let_to_each_other_in_an_auction_either(market):
    venue = market.venue
    venue.join_party(STRANGER, THIRD)
    venue.set_session(2)
    assert market.place(STRANGER, SELL, 10, 50, GTC, instrument_id=SUBLETS) == 0
    assert market.place(THIRD, BUY, 10, 50, GTC, instrument_id=SUBLETS) == 0
    venue.set_session(3)
    venue.uncross(10)
    assert venue.order(market.last_order_id) is None
    assert venue.trust_amount(RENT) == 0
    assert runs(market, STRANGER, "reserved_sublet") == [(START, END, 10)]


def test_money_in_trust_is_nobodys_balance_and_comes_out_once(market):
    venue = market.venue
    available_amount, _ = venue.balances(HOUSE)
    venue.pay_into_trust(HOUSE, BOND, 500)
    assert venue.trust_amount(BOND) == 500
    venue.check()
    venue.pay_out_of_trust(BOND, STRANGER, 200)
    venue.pay_out_of_trust(BOND, HOUSE, 300)
    assert venue.balances(HOUSE)[0] == available_amount - 200
    with pytest.raises(CoreError, match="trust"):
        venue.pay_out_of_trust(BOND, HOUSE, 1)
    with pytest.raises(CoreError, match="covered"):
        venue.pay_into_trust(HOUSE, BOND, 10**13)


def test_a_day_ends_when_its_escrow_is_paid_out(market):
    venue = market.venue
    assert venue.day_totals(1, START) == (1_000, 40, 40 * 24 * 100)
    assert venue.holders(1, START) == [(HOUSE, True, 960, 0, 0, 0), (STRANGER, False, 40, 0, 0, 0)]
    with pytest.raises(CoreError, match="empty escrow"):
        venue.close_day(1, START)
    available_amount, _ = venue.balances(HOUSE)
    venue.release_escrow(1, START, STRANGER, 1_000)
    venue.release_escrow(1, START, HOUSE, 95_000)
    assert venue.balances(HOUSE)[0] == available_amount + 95_000
    with pytest.raises(CoreError, match="escrow"):
        venue.release_escrow(1, START, HOUSE, 1)
    venue.close_day(1, START)
    assert venue.holders(1, START) == []
    assert venue.day_totals(1, START) == (0, 0, 0)
    assert runs(market, STRANGER, "title") == [(START + 1, END, 40)]


def test_a_day_that_is_on_offer_does_not_end(market):
    market.venue.open_hold(5, HOUSE, 0, 1, BASE_DAY + 25, BASE_DAY + 27, 1)
    with pytest.raises(CoreError, match="on offer"):
        market.venue.close_day(1, BASE_DAY + 26)


def test_unsold_capacity_can_be_withdrawn_and_sold_not(market):
    venue = market.venue
    venue.withdraw_capacity(1, HOUSE, START, END, 960)
    assert venue.day_totals(1, START)[:2] == (40, 40)
    assert runs(market, HOUSE, "title") == [(BASE_DAY, START, 1_000), (END, BASE_DAY + 30, 1_000)]
    for arguments in ((1, HOUSE, START, END, 1), (1, STRANGER, START, END, 1)):
        with pytest.raises(CoreError):
            venue.withdraw_capacity(*arguments)


def test_a_primary_sale_outside_a_book_is_a_transfer_and_an_escrow(market):
    venue = market.venue
    amount = 5 * 24 * 120
    cash = {account_id: venue.balances(account_id)[0] for account_id in (HOUSE, OTHER)}
    venue.transfer_title(1, HOUSE, OTHER, START, START + 2, 5)
    venue.settle_trade(OTHER, HOUSE, 0, 2 * amount, 7, 3)
    with pytest.raises(CoreError):
        venue.check()
    venue.escrow_funded(9, 1, START, START + 2, 5, amount)
    venue.check()
    assert venue.balances(OTHER)[0] == cash[OTHER] - 2 * amount - 7
    assert venue.balances(HOUSE)[0] == cash[HOUSE] - 3
    assert venue.balances(0)[0] == 10
    assert venue.day_totals(1, START)[1:] == (45, 96_000 + amount)
    assert venue.escrow_shares(1, START, START + 3, 40) == [
        (START, START + 2, (96_000 + amount) * 40 // 45),
        (START + 2, START + 3, 96_000),
    ]


def test_pledged_title_is_sold_from_under_its_lien_while_the_rest_stays_let(market):
    """All is pledged and all but five let: what is sold need not be free, only not let."""
    venue = market.venue
    venue.add_lien(STRANGER, 1, START, END, 40)
    venue.sublet(1, STRANGER, OTHER, START, END, 35)
    assert venue.sellable(STRANGER, 1, START, END) == (0, START)
    venue.transfer_pledged(1, STRANGER, THIRD, START, END, 5)
    assert runs(market, STRANGER, "title") == [(START, END, 35)]
    assert runs(market, STRANGER, "lien") == [(START, END, 35)]
    assert runs(market, STRANGER, "sublet_out") == [(START, END, 35)]
    assert runs(market, THIRD, "title") == [(START, END, 5)]
    venue.check()


def test_what_is_sold_from_under_a_lien_is_under_it_and_neither_let_nor_the_houses(market):
    venue = market.venue
    venue.add_lien(STRANGER, 1, START, END, 20)
    venue.add_lien(HOUSE, 1, START, END, 20)
    venue.sublet(1, STRANGER, OTHER, START, START + 1, 25)
    before = venue.snapshot()
    for arguments in (
        (STRANGER, THIRD, START, END, 21),
        (STRANGER, THIRD, START, END, 16),
        (STRANGER, STRANGER, START, END, 1),
        (STRANGER, 0, START, END, 1),
        (OTHER, THIRD, START, END, 1),
        (HOUSE, THIRD, START, END, 1),
    ):
        with pytest.raises(CoreError):
            venue.transfer_pledged(1, *arguments)
        assert venue.snapshot() == before
    venue.transfer_pledged(1, STRANGER, THIRD, START, END, 15)


def test_a_sale_outside_a_book_is_paid_in_full_or_not_at_all(market):
    before = market.venue.snapshot()
    for arguments in ((OTHER, STRANGER, 10**12, 0, 1, 0), (OTHER, STRANGER, 1, 0, 0, 10**13)):
        with pytest.raises(CoreError):
            market.venue.settle_trade(*arguments)
        assert market.venue.snapshot() == before

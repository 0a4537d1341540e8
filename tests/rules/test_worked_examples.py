"""
The market's worked examples, to the fen, through commands and the engine.

The inventory example goes as far as its bust, which is the desk's.
"""

import pytest

from exchange.domain.commands import (
    AcceptPledge,
    PublishIndexPrice,
    PublishMarks,
    RequestPledge,
)
from exchange.domain.enums import Role, Side, TimeInForce, Trust
from exchange.domain.events import EscrowFunded, TradeExecuted
from exchange.domain.letting import AcceptSublet, OpenSublet
from exchange.domain.reasons import Reason
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import parse_window
from exchange.rules.rent import encumbered_qty, swept_amount
from tests.properties.conservation import FUNCTIONS
from tests.rules.markets import OtherMarket, assert_refused, day, events_of, order, own, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market

A, B = TRADER, OTHER
NO_FEES = {"maker_bps": 0, "taker_bps": 0}
TEN_YUAN = 1_000


def fen(text: str) -> int:
    """An amount as the text writes it, like 87,600,000.00."""
    return int(text.replace(",", "").replace(".", ""))


# -- notional --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "hours", "notional"),
    [
        ("Y27", 8_760, "87,600,000.00"),
        ("S2703", 8_784, "87,840,000.00"),
        ("X270301-280301", 8_784, "87,840,000.00"),
        ("D270305", 24, "240,000.00"),
    ],
)
def test_a_thousand_gpus_at_ten_yuan_cost_what_their_hours_say(code, hours, notional):
    market = OtherMarket(NO_FEES)
    market.grant("Y27", 1_000)
    market.grant("Y28", 1_000)
    sold = market.list_window({"X270301-280301": "S2703"}.get(code, code))
    own(market, A, sold, 1_000, TEN_YUAN)
    assert parse_window(code).hours == hours
    (trade,) = events_of(market, TradeExecuted)
    assert trade.notional_amount == trade.escrow_amount == fen(notional)
    assert market.core.balances(A) == (10**13 - fen(notional), 0)
    (funded,) = events_of(market, EscrowFunded)
    assert funded.day_amount * (hours // HOURS_PER_DAY) == fen(notional)


def test_the_year_at_the_venues_rates_costs_a_thousandth_more():
    market = Market()
    market.grant("Y27", 1_000)
    own(market, A, market.list_window("Y27"), 1_000, TEN_YUAN)
    assert market.core.balances(A) == (10**13 - fen("87,687,600.00"), 0)
    assert market.core.balances(0) == (fen("87,600.00") + fen("43,800.00"), 0)


# -- inventory -------------------------------------------------------------------------------------


@pytest.fixture
def market() -> OtherMarket:
    """Supplier S is granted 1200 for 2027 and sells Y27 × 1000 to A."""
    market = OtherMarket(NO_FEES)
    market.grant("Y27", 1_200)
    market.year = market.list_window("Y27")
    own(market, A, market.year, 1_000, TEN_YUAN)
    return market


def pledge_of_nine_months(market: Market) -> None:
    """A pledges 600 on [2027-04-01, 2028-01-01)."""
    days = {"start_day": day("2027-04-01"), "end_day": day("2028-01-01")}
    market.do(A, RequestPledge(product_id=1, pledged_qty=600, bank_account_id=BANK, **days))
    market.do(BANK, AcceptPledge(pledge_id=1))


def title(market: Market, account_id: int) -> list[tuple[int, int, int]]:
    """What an account owns, day by day."""
    return market.core.day_function(account_id, 1, "title")


def free(market: Market, account_id: int, code: str) -> int:
    """What an account could sell or pledge over a window."""
    return market.core.sellable(account_id, 1, **span(code))[0]


def test_the_supplier_is_left_with_two_hundred_and_a_owns_a_thousand(market):
    year = parse_window("Y27")
    assert title(market, SUPPLIER) == [(year.start_day, year.end_day, 200)]
    assert title(market, A) == [(year.start_day, year.end_day, 1_000)]


def test_the_supplier_sells_300_of_june_and_is_refused_with_200_free_from_the_first_of_june(market):
    june = market.list_window("M2706")
    offer = order(june, Side.SELL, 300, TEN_YUAN)
    assert_refused(market, SUPPLIER, offer, Reason.TITLE, 300, 200, day("2027-06-01"))
    market.order(SUPPLIER, june, Side.SELL, 200, TEN_YUAN)


def test_a_pledges_600_for_275_days_undiscounted_39_600_000(market):
    pledge_of_nine_months(market)
    ((start_day, end_day, pledged_qty),) = market.core.day_function(A, 1, "lien")
    hours = (end_day - start_day) * HOURS_PER_DAY
    assert (end_day - start_day, hours, pledged_qty) == (275, 6_600, 600)
    assert pledged_qty * hours * TEN_YUAN == fen("39,600,000.00")


def test_a_sells_500_across_the_lien_and_is_refused_with_400_free_from_the_first_of_april(market):
    pledge_of_nine_months(market)
    window = market.list_window("X270315-270701")
    offer = order(window, Side.SELL, 500, TEN_YUAN, TimeInForce.IOC)
    assert_refused(market, A, offer, Reason.TITLE, 500, 400, day("2027-04-01"))


def test_a_sells_300_of_the_second_quarter_and_keeps_100_free_there_and_400_after_it(market):
    pledge_of_nine_months(market)
    second = market.list_window("Q272")
    market.order(A, second, Side.SELL, 300, TEN_YUAN)
    market.order(B, second, Side.BUY, 300, TEN_YUAN)
    year, quarter = parse_window("Y27"), parse_window("Q272")
    assert title(market, A) == [
        (year.start_day, quarter.start_day, 1_000),
        (quarter.start_day, quarter.end_day, 700),
        (quarter.end_day, year.end_day, 1_000),
    ]
    assert (free(market, A, "Q272"), free(market, A, "Q273")) == (100, 400)
    assert free(market, A, "Q271") == 1_000
    market.assert_replays()


def sublet(market: Market, lessee_id: int, qty: int, rent_price: int, *days: str) -> None:
    """A sublets GPUs to somebody, between two dates."""
    start_day, end_day = map(day, days)
    offer = OpenSublet(
        product_id=1,
        lessee_account_id=lessee_id,
        start_day=start_day,
        end_day=end_day,
        sublet_qty=qty,
        rent_price=rent_price,
    )
    market.do(lessee_id, AcceptSublet(offer_id=market.do(A, offer).seq))


def usable(market: Market, account_id: int, date_text: str) -> int:
    """What an account may use on a day."""
    day_number = day(date_text)
    owned = {row[0]: row for row in market.core.holders(1, day_number)}
    _, _, title_qty, _, sublet_out_qty, sublet_in_qty = owned[account_id]
    return title_qty - sublet_out_qty + sublet_in_qty


def test_a_sublets_200_to_b_for_a_week_and_the_rent_is_403_200(market):
    sublet(market, B, 200, 1_200, "2027-03-01", "2027-03-08")
    assert market.core.trust_amount(Trust.RENT) == fen("403,200.00")
    assert 200 * 7 * HOURS_PER_DAY == 33_600
    assert (usable(market, A, "2027-03-01"), usable(market, B, "2027-03-01")) == (800, 200)
    assert usable(market, A, "2027-03-08") == 1_000
    year = parse_window("Y27")
    assert title(market, A) == [(year.start_day, year.end_day, 1_000)]


def sold_quarter(market: Market) -> None:
    """A has pledged nine months and sells Q272 × 300; the mark of May is ten yuan."""
    pledge_of_nine_months(market)
    market.list_window("M2705")
    index = PublishIndexPrice(
        gpu_class="A100-80-SXM",
        region="SG",
        index_micro=10_000_000,
        usd_micro=10_000_000,
        usd_cny_ppm=1_000_000,
        observed_day=day("2026-11-23"),
        source="test",
        row_count=1,
        file_sha256=bytes(32),
    )
    market.do(1, index)
    market.do(0, PublishMarks())
    second = market.list_window("Q272")
    market.order(A, second, Side.SELL, 300, TEN_YUAN)
    market.order(B, second, Side.BUY, 300, TEN_YUAN)


def test_a_sublets_650_over_liened_days_and_877_800_of_the_rent_are_the_banks(market):
    sold_quarter(market)
    other = market.admit("sublessee", Role.TRADER)
    market.deposit(other, 10**12)
    assert (free(market, A, "Q272"), free(market, A, "Q273")) == (100, 400)
    sublet(market, other, 650, 950, "2027-05-10", "2027-05-17")
    rent_amount = market.core.trust_amount(Trust.RENT)
    assert rent_amount == fen("1,037,400.00")
    owned = {row[0]: row for row in market.core.holders(1, day("2027-05-10"))}
    _, _, title_qty, lien_qty, sublet_out_qty, _ = owned[A]
    pledged_qty = encumbered_qty(title_qty, lien_qty, sublet_out_qty)
    assert (title_qty, lien_qty, sublet_out_qty, pledged_qty) == (700, 600, 650, 550)
    swept = 7 * swept_amount(rent_amount // 7, pledged_qty, sublet_out_qty)
    assert (swept, rent_amount - swept) == (fen("877,800.00"), fen("159,600.00"))
    # A bust of the first trade would need A's days back.
    wanted = (0, day("2027-05-10"))
    assert market.core.sellable(A, 1, **span("Y27")) == wanted
    market.assert_replays()


# -- positions -------------------------------------------------------------------------------------


def functions(market: Market) -> dict[tuple[int, str], list[tuple[int, int, int]]]:
    """All six functions of everybody."""
    return {
        (account_id, name): market.core.day_function(account_id, 1, name)
        for account_id in market.state.participants
        for name in FUNCTIONS
    }


@pytest.mark.parametrize("code", ["Y27", "Q272", "M2706", "D270305"])
def test_buying_and_then_selling_the_same_window_restores_everything_exactly(market, code):
    pledge_of_nine_months(market)
    traded = market.list_window(code) if code != "Y27" else market.year
    held, escrow, cash = functions(market), market.core.escrow(1), market.core.balances(B)
    market.order(A, traded, Side.SELL, 50, TEN_YUAN)
    market.order(B, traded, Side.BUY, 50, TEN_YUAN)
    assert functions(market) != held
    market.order(B, traded, Side.SELL, 50, TEN_YUAN)
    market.order(A, traded, Side.BUY, 50, TEN_YUAN)
    assert functions(market) == held
    assert market.core.escrow(1) == escrow
    assert market.core.balances(B) == cash


def test_buying_of_the_supplier_and_selling_back_restores_its_unsold_days_and_the_escrow(market):
    june = market.list_window("M2706")
    held, escrow = functions(market), market.core.escrow(1)
    own(market, B, june, 50, TEN_YUAN)
    market.order(B, june, Side.SELL, 50, TEN_YUAN)
    market.order(SUPPLIER, june, Side.BUY, 50, TEN_YUAN)
    assert (functions(market), market.core.escrow(1)) == (held, escrow)


def test_twelve_months_or_four_quarters_or_the_year_are_the_same_position():
    quarters = [f"Q27{number}" for number in range(1, 5)]
    months = [f"M27{number:02}" for number in range(1, 13)]
    markets = []
    for codes in (["Y27"], quarters, months):
        market = OtherMarket(NO_FEES)
        market.grant("Y27", 1_200)
        for code in codes:
            own(market, A, market.list_window(code), 1_000, TEN_YUAN)
        markets.append(market)
    year, by_quarter, by_month = markets
    assert functions(year) == functions(by_quarter) == functions(by_month)
    assert year.core.escrow(1) == by_quarter.core.escrow(1) == by_month.core.escrow(1)
    balances = {tuple(m.core.balances(A)) for m in markets}
    assert balances == {(10**13 - fen("87,600,000.00"), 0)}


def test_selling_march_out_of_a_year_leaves_a_hole_and_not_a_spread(market):
    march = market.list_window("M2703")
    market.order(A, march, Side.SELL, 1_000, TEN_YUAN)
    market.order(B, march, Side.BUY, 1_000, TEN_YUAN)
    year, window = parse_window("Y27"), parse_window("M2703")
    assert title(market, A) == [
        (year.start_day, window.start_day, 1_000),
        (window.end_day, year.end_day, 1_000),
    ]

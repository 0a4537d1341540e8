"""The market's worked examples, to the fen and to the day."""

from datetime import date

import pytest

from exchange.domain.events import EscrowFunded, TradeExecuted
from exchange.domain.reasons import Reason
from exchange.domain.windows import day_of, parse_window
from matching_core.venue import Venue
from tests.core.venues import BUY, GTC, SELL, decode, new_venue

SUPPLIER, A, B = 1, 2, 3
PRODUCT = 1
SYMBOLS = ["Y27", "S2703", "D270305", "M2706", "Q272", "X270315-270701"]


def day(text: str) -> int:
    """The day number of a date like 2027-03-15."""
    return day_of(date.fromisoformat(text))


class Example:
    """A product with lot 1, every window of the examples, and cash without worry."""

    def __init__(self, granted_qty: int, years: int = 1) -> None:
        self.venue: Venue = new_venue(base_day=day("2026-12-01"))
        for account_id in (SUPPLIER, A, B):
            self.venue.add_account(account_id)
            self.venue.deposit(account_id, 10**11)
        self.venue.add_product(PRODUCT, SUPPLIER, 1, 0, 0)
        for instrument_id, symbol in enumerate(SYMBOLS, start=1):
            window = parse_window(symbol)
            self.venue.add_instrument(
                instrument_id, PRODUCT, window.start_day, window.end_day, True
            )
        start_day = day("2027-01-01")
        end_day = parse_window(f"Y{26 + years}").end_day
        self.venue.grant(PRODUCT, SUPPLIER, start_day, end_day, granted_qty)
        self.last_order_id = 0

    def place(self, account_id: int, symbol: str, side: int, qty: int, price: int) -> int:
        """A limit order."""
        self.last_order_id += 1
        instrument_id = SYMBOLS.index(symbol) + 1
        return self.venue.place(
            self.last_order_id, account_id, 1, 0, instrument_id, side, qty, price, GTC, 0
        )

    def trade(self, seller_id: int, buyer_id: int, symbol: str, qty: int, price: int) -> None:
        """A sale from one to the other."""
        assert self.place(seller_id, symbol, SELL, qty, price) == 0
        assert self.place(buyer_id, symbol, BUY, qty, price) == 0
        self.venue.check()

    def title(self, account_id: int) -> list[tuple[int, int, int]]:
        """What an account owns, day by day."""
        return self.venue.day_function(account_id, PRODUCT, "title")


@pytest.mark.parametrize(
    ("symbol", "notional_amount"),
    [("Y27", 87_600_000_00), ("S2703", 87_840_000_00), ("D270305", 240_000_00)],
)
def test_a_thousand_gpus_at_ten_yuan_cost_what_their_hours_say(symbol, notional_amount):
    example = Example(granted_qty=1_000, years=2)
    example.trade(SUPPLIER, A, symbol, 1_000, 1_000)
    trade, funded = decode(example.venue.take_events())[-2:]
    assert isinstance(trade, TradeExecuted)
    assert isinstance(funded, EscrowFunded)
    assert trade.notional_amount == trade.escrow_amount == notional_amount
    assert funded.day_amount == 1_000 * 24 * 1_000
    window = parse_window(symbol)
    assert (funded.start_day, funded.end_day) == (window.start_day, window.end_day)
    assert funded.day_amount * (window.end_day - window.start_day) == notional_amount
    assert example.venue.balances(A) == (10**11 - notional_amount, 0)


@pytest.fixture
def sold() -> Example:
    """Granted 1200 for 2027, and the year sold 1000 times to A."""
    example = Example(granted_qty=1_200)
    example.trade(SUPPLIER, A, "Y27", 1_000, 1_000)
    return example


def test_the_year_sold_leaves_the_supplier_with_the_rest(sold):
    year = parse_window("Y27")
    assert sold.title(SUPPLIER) == [(year.start_day, year.end_day, 200)]
    assert sold.title(A) == [(year.start_day, year.end_day, 1_000)]


def test_june_cannot_be_sold_beyond_what_the_year_left(sold):
    assert sold.place(SUPPLIER, "M2706", SELL, 300, 1_000) == Reason.TITLE
    assert sold.venue.refusal == (300, 200, day("2027-06-01"))
    assert sold.place(SUPPLIER, "M2706", SELL, 200, 1_000) == 0


def test_a_lien_binds_a_sale_from_its_first_day_on(sold):
    sold.venue.add_lien(A, PRODUCT, day("2027-04-01"), day("2028-01-01"), 600)
    assert sold.place(A, "X270315-270701", SELL, 500, 1_000) == Reason.TITLE
    assert sold.venue.refusal == (500, 400, day("2027-04-01"))
    assert sold.place(A, "X270315-270701", SELL, 400, 1_000) == 0


def test_a_quarter_sold_leaves_a_hole_and_not_a_spread(sold):
    sold.venue.add_lien(A, PRODUCT, day("2027-04-01"), day("2028-01-01"), 600)
    sold.trade(A, B, "Q272", 300, 1_000)
    quarter, year = parse_window("Q272"), parse_window("Y27")
    assert sold.title(A) == [
        (year.start_day, quarter.start_day, 1_000),
        (quarter.start_day, quarter.end_day, 700),
        (quarter.end_day, year.end_day, 1_000),
    ]
    assert sold.title(B) == [(quarter.start_day, quarter.end_day, 300)]
    free_in_quarter = sold.venue.sellable(A, PRODUCT, quarter.start_day, quarter.end_day)
    assert free_in_quarter == (100, day("2027-04-01"))
    assert sold.venue.sellable(A, PRODUCT, quarter.end_day, quarter.end_day + 92)[0] == 400
    assert sold.venue.sellable(A, PRODUCT, year.start_day, year.end_day) == (
        100,
        day("2027-04-01"),
    )

"""How agents keep their quotes and count their title, without an exchange."""

from clients.import_report import ImportReport
from clients.index_prices import DayPrice
from exchange.demo.participant import OpenOrder, Quote, _is_off
from exchange.demo.prices import PriceTable
from exchange.demo.reference_price import ReferencePrice
from exchange.domain.enums import WindowKind
from exchange.domain.windows import Window


def resting(limit_price: int, leaves_qty: int) -> OpenOrder:
    return OpenOrder("c", "A:M2703", "buy", limit_price, leaves_qty, 0)


def test_a_quote_within_the_tolerance_is_let_alone():
    assert not _is_off(resting(1_000, 16), Quote(1_004, 16))
    assert _is_off(resting(1_000, 16), Quote(1_005, 16))


def test_a_quote_with_less_than_half_its_quantity_is_refilled():
    assert not _is_off(resting(1_000, 8), Quote(1_000, 16))
    assert _is_off(resting(1_000, 7), Quote(1_000, 16))


def test_a_longer_term_is_cheaper_and_a_price_is_at_least_one_fen():
    report = ImportReport("m", bytes(32))
    table = PriceTable([DayPrice(0, 2_000_000, (2_000_000,), 1)], report, 100, 7_000_000)
    reference = ReferencePrice(table, 100)
    day = Window(WindowKind.DAY, 101, 102)
    year = Window(WindowKind.YEAR, 200, 565)
    assert reference.price(day, 100, 1_000_000) == 1_400
    assert reference.price(year, 100, 1_000_000) == 1_316
    assert reference.price(day, 100, 1) == 1


def test_agents_go_on_with_the_last_price_when_there_is_none():
    report = ImportReport("m", bytes(32))
    days = [DayPrice(0, 2_000_000, (2_000_000,), 1), DayPrice(9, 3_000_000, (3_000_000,), 1)]
    reference = ReferencePrice(PriceTable(days, report, 100, 7_000_000), 100)
    assert [reference.at(100 + day).usd_micro for day in (3, 6, 9)] == [
        2_000_000,
        2_000_000,
        3_000_000,
    ]

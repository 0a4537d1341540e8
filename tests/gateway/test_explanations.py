"""A refusal for lack of means says what would be needed, what is free, and from which day on."""

import pytest

from exchange.domain.commands import (
    AcceptPledge,
    DepositCash,
    PublishIndexPrice,
    PublishMarks,
    RequestPledge,
    RequestWithdrawal,
)
from exchange.domain.enums import Role, Side, TradingMode
from exchange.domain.letting import AcceptSublet, OpenSublet
from exchange.domain.reasons import Reason
from exchange.domain.windows import date_of, day_at, parse_window
from exchange.gateway.refusals import describe, error_of_outcome
from tests.rules.markets import order, own, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

from .conftest import SYMBOL, buy, sell

JUNE = parse_window("M2706")
WEEK = {"start_day": JUNE.start_day + 6, "end_day": JUNE.start_day + 13}
FIRST, MONDAY = "first binding day 2027-06-01", "first binding day 2027-06-07"


class Explained:
    """What a refused command tells the one who gave it."""

    def __init__(self, market: Market, account_id: int, command) -> None:
        outcome = market.refused(account_id, command)
        self.error = error_of_outcome(outcome)
        self.numbers = (outcome.reason, outcome.value, outcome.limit, outcome.day)

    def says(self, *words: str) -> None:
        """All of these words are in its message."""
        for word in words:
            assert word in self.error.message, self.error.message


@pytest.fixture
def market() -> Market:
    """The trader owns ten of June, six of them pledged; its mark is ten yuan."""
    market = Market()
    market.grant("Y27", 100)
    own(market, TRADER, market.list_window("M2706"), 10, 1_000)
    market.list_window("M2706", mode=TradingMode.SUBLET)
    request = RequestPledge(product_id=1, pledged_qty=6, bank_account_id=BANK, **span("M2706"))
    market.do(TRADER, request)
    market.do(BANK, AcceptPledge(pledge_id=1))
    index = PublishIndexPrice(
        gpu_class="A100-80-SXM",
        region="SG",
        index_micro=10_000_000,
        usd_micro=10_000_000,
        usd_cny_ppm=1_000_000,
        observed_day=day_at(market.state.market_ns),
        source="test",
        row_count=1,
        file_sha256=secret_hash("file"),
    )
    market.do(1, index)
    market.do(0, PublishMarks())
    return market


def terms(qty: int, rent_price: int, lessee_id: int = OTHER) -> OpenSublet:
    """The trader's offer of a week."""
    return OpenSublet(
        product_id=1,
        lessee_account_id=lessee_id,
        sublet_qty=qty,
        rent_price=rent_price,
        **WEEK,
    )


def test_a_sale_beyond_what_is_free(market):
    told = Explained(market, TRADER, order(1, Side.SELL, 5, 1_000))
    assert told.numbers == (Reason.TITLE, 5, 4, JUNE.start_day)
    assert (told.error.first_binding_day, told.error.free_qty) == (JUNE.start_day, 4)
    told.says("5 GPUs are wanted and 4 are free", FIRST)


def test_a_pledge_beyond_what_is_free(market):
    request = RequestPledge(product_id=1, pledged_qty=5, bank_account_id=BANK, **WEEK)
    told = Explained(market, TRADER, request)
    assert told.numbers == (Reason.TITLE, 5, 4, WEEK["start_day"])
    told.says("5 GPUs are wanted and 4 are free", MONDAY)


def test_an_acceptance_of_a_pledge_whose_days_are_gone(market):
    request = RequestPledge(product_id=1, pledged_qty=4, bank_account_id=BANK, **WEEK)
    market.do(TRADER, request)
    market.order(TRADER, 1, Side.SELL, 1, 1_000)
    told = Explained(market, BANK, AcceptPledge(pledge_id=2))
    assert told.numbers == (Reason.TITLE, 4, 3, WEEK["start_day"])


def test_a_sublet_in_the_book_or_to_one_beyond_what_is_free(market):
    told = Explained(market, TRADER, order(2, Side.SELL, 11, 1_000))
    assert told.numbers == (Reason.TITLE, 11, 10, JUNE.start_day)
    told = Explained(market, TRADER, terms(11, 1_000))
    assert told.numbers == (Reason.TITLE, 11, 10, WEEK["start_day"])
    told.says("11 GPUs are wanted and 10 are free", MONDAY)


def test_a_rent_below_the_least_in_the_book_or_to_one(market):
    told = Explained(market, TRADER, order(2, Side.SELL, 5, 499))
    assert told.numbers == (Reason.RENT, 499, 500, JUNE.start_day)
    assert (told.error.first_binding_day, told.error.free_qty) == (JUNE.start_day, 0)
    told.says("a rent of 499 fen", "500 fen", FIRST)
    offer_id = market.do(TRADER, terms(5, 499)).seq
    told = Explained(market, OTHER, AcceptSublet(offer_id=offer_id))
    assert told.numbers == (Reason.RENT, 499, 500, WEEK["start_day"])
    told.says(MONDAY)


def test_pledged_days_to_an_affiliate(market):
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[TRADER])
    told = Explained(market, TRADER, terms(5, 9_000, affiliate))
    assert told.numbers == (Reason.AFFILIATE, affiliate, TRADER, WEEK["start_day"])
    assert told.error.first_binding_day == WEEK["start_day"]
    told.says(f"account {affiliate}", MONDAY)


def test_more_capacity_than_a_day_can_have(market):
    told = describe(Reason.TITLE, 10_000_001, 10_000_000, JUNE.start_day)
    assert told == f"10000001 GPUs are wanted and 10000000 are free; {FIRST}"
    assert f"{date_of(JUNE.start_day)}" in told


@pytest.mark.parametrize("needed", ["order", "primary fee", "withdrawal", "rent", "lessor's fee"])
def test_a_lack_of_cash_says_what_is_needed_and_what_there_is(market, needed):
    poor = market.admit("poor", Role.TRADER)
    hours_amount = 24 * 7 * 4 * 1_000
    match needed:
        case "order":
            told = Explained(market, poor, order(1, Side.BUY, 1, 1_000))
            expected = (720_720, 0)
        case "primary fee":
            left, _ = market.core.balances(SUPPLIER)
            market.withdraw(SUPPLIER, left)
            told = Explained(market, SUPPLIER, order(1, Side.SELL, 1, 1_000))
            expected = (720, 0)
        case "withdrawal":
            market.deposit(poor, 99)
            told = Explained(market, poor, RequestWithdrawal(withdrawal_amount=100))
            expected = (100, 99)
        case "rent":
            offer_id = market.do(TRADER, terms(4, 1_000, poor)).seq
            told = Explained(market, poor, AcceptSublet(offer_id=offer_id))
            expected = (hours_amount + hours_amount // 1_000, 0)
        case "lessor's fee":
            left, _ = market.core.balances(TRADER)
            market.withdraw(TRADER, left)
            told = Explained(market, TRADER, terms(4, 1_000))
            expected = (hours_amount // 2_000, 0)
    assert told.numbers == (Reason.CASH, *expected, 0)
    assert (told.error.value, told.error.limit) == expected
    told.says(f"{expected[0]} fen are needed and {expected[1]} fen are available")
    assert told.error.first_binding_day == 0, "cash is not of a day"


def test_a_reference_that_was_used_names_its_record(market):
    deposit = DepositCash(account_id=TRADER, deposit_amount=1, external_reference="once")
    seq = market.do(1, deposit).seq
    Explained(market, 1, deposit).says(f"record {seq} has that already")


async def test_the_wire_says_who_wanted_what(house):
    seller, trader = await house.session(SUPPLIER), await house.session(TRADER)
    await seller.ask(sell("s", 2))
    await trader.ask(buy("b", 2, 1_000))
    refusal = await trader.ask(sell("naked", 3))
    assert refusal.message == (
        f"sell 3 of {SYMBOL}: 3 GPUs are wanted and 2 are free; first binding day 2027-06-01"
    )
    assert (refusal.value, refusal.limit) == (3, 2)
    assert (refusal.first_binding_day, refusal.free_qty) == (JUNE.start_day, 2)
    body = {"product": "A100-80-SXM.SG1", "pledged_qty": 3, "bank_account_id": BANK, **WEEK}
    status, problem = await house.post("/v1/pledges", body, TRADER, "p")
    assert (status, problem["first_binding_day"], problem["free_qty"]) == (
        409,
        WEEK["start_day"],
        2,
    )
    assert problem["message"].startswith("pledge 3 of A100-80-SXM.SG1: 3 GPUs are wanted")

"""Statements of account: opening and lines make the closing, whatever the market did."""

import csv
import io

import pytest

from exchange.domain.commands import DepositCash, RequestWithdrawal, WithdrawCash
from exchange.domain.enums import Currency, Side
from exchange.domain.events import EscrowFunded, SubletOpened
from exchange.domain.letting import AcceptSublet, EndSublet, OpenSublet
from exchange.domain.movements import HoldClosed, HoldOpened
from exchange.domain.record import decode_body
from exchange.domain.statement import Statement, StatementAsked, csv_of
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import day_at, start_ns
from exchange.projections import Projections
from exchange.projections.balances import Balances
from exchange.projections.statement import CASH_EVENTS, movements_of
from tests.memory_history import statement_of, timed
from tests.properties.test_market import run
from tests.rules.markets import cross, own, span
from tests.scenario import FIRST_DAY, OTHER, SUPPLIER, TRADER, Market

ORDERS_ONLY = {"OrderAccepted", "OrderAmended", "OrderCancelled"}
"""They move cash between available and held."""


def asked(account_id: int = TRADER, **fields) -> StatementAsked:
    """A statement of the trader's, of all days, unless said."""
    return StatementAsked(account_id=account_id, **fields)


def assert_adds_up(statement: Statement) -> None:
    """Every line's balance is the one before and its amount, from the opening to the closing."""
    balance_amount = statement.opening_amount
    for line in statement.lines:
        assert line.amount != 0
        balance_amount += line.amount
        assert line.balance_amount == balance_amount
    assert statement.closing_amount == balance_amount
    places = [(line.seq, line.event_index) for line in statement.lines]
    assert places == sorted(places)


def words_of(statement: Statement) -> list[tuple[str, int]]:
    """The purposes and amounts."""
    return [(line.purpose, line.amount) for line in statement.lines]


# -- random markets --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_opening_and_lines_make_the_closing_of_every_wallet_on_any_days(seed):
    market = run(seed)
    last_day = day_at(market.state.market_ns)
    for account_id in market.state.participants:
        for currency in Currency:
            whole = statement_of(asked(account_id, currency=currency), market.records)
            assert_adds_up(whole)
            assert (whole.opening_amount, whole.is_complete) == (0, True)
            assert whole.closing_amount == held(market, account_id, currency)
            parts = [
                statement_of(
                    asked(account_id, currency=currency, from_day=day, to_day=day + 1),
                    market.records,
                )
                for day in range(FIRST_DAY, last_day + 1)
            ]
            at_amount = 0
            for part in parts:
                assert_adds_up(part)
                assert part.opening_amount == at_amount
                at_amount = part.closing_amount
            assert [line for part in parts for line in part.lines] == whole.lines


@pytest.mark.parametrize("seed", range(8))
def test_an_answer_in_parts_is_the_answer_in_one(seed):
    market = run(seed)
    whole = statement_of(asked(), market.records)
    lines, after_seq, opening_amount = [], 0, 0
    while True:
        part = statement_of(asked(after_seq=after_seq), market.records, max_lines=3)
        assert_adds_up(part)
        assert part.opening_amount == opening_amount
        lines += part.lines
        if part.is_complete:
            break
        assert len(part.lines) >= 3
        after_seq, opening_amount = part.through_seq, part.closing_amount
    assert lines == whole.lines
    assert part.closing_amount == whole.closing_amount


@pytest.mark.parametrize("seed", range(4))
def test_what_all_accounts_lines_say_is_what_came_in_less_escrow_and_trust(seed):
    market = run(seed)
    projections = Projections()
    total = dict.fromkeys(Currency, 0)
    for record in timed(market.records):
        for event in record.events:
            for moved in movements_of(event, projections.listings):
                total[moved.currency] += moved.amount
        projections.apply(record)
    balances = projections.balances
    kept = sum(balances.escrow_amounts.values()) + sum(balances.trust_amounts.values())
    assert total[Currency.CNY] == balances.deposited_amount - kept
    assert total[Currency.CNH] == balances.deposited_amounts.get(Currency.CNH, 0)


def held(market: Market, account_id: int, currency: Currency) -> int:
    """What the engine says that the account has."""
    if currency is Currency.CNY:
        return sum(market.core.balances(account_id))
    return market.state.wallets.get(account_id, {}).get(currency, 0)


def test_a_statement_knows_every_event_that_changes_what_an_account_has():
    kept_elsewhere = {EscrowFunded, SubletOpened, HoldOpened, HoldClosed}
    orders = {kind for kind in Balances().handlers if kind.__name__ in ORDERS_ONLY}
    assert set(Balances().handlers) - orders - kept_elsewhere == CASH_EVENTS


# -- what a line says ------------------------------------------------------------------------------


@pytest.fixture
def market() -> Market:
    """The trader owns ten of June, with a thousand yuan to spare."""
    market = Market(deposit_amount=0)
    market.grant("Y27", 100)
    for account_id in (SUPPLIER, TRADER, OTHER):
        market.deposit(account_id, 10_000_000)
    own(market, TRADER, market.list_window("M2706"), 10)
    return market


def test_a_trade_is_its_price_and_its_fee_and_names_the_instrument(market):
    statement = statement_of(asked(), market.records)
    assert words_of(statement) == [("deposit", 10_000_000), ("trade", -720_000), ("fee", -720)]
    trade = statement.lines[1]
    assert trade.description == "bought 10 of A100-80-SXM.SG1:M2706 at 1.00, trade 1"
    assert decode_body(market.records[trade.seq - 1])[1][trade.event_index].trade_id == 1
    sold = statement_of(asked(SUPPLIER), market.records)
    assert words_of(sold) == [("deposit", 10_000_000), ("fee", -360)], "the price is in escrow"


def test_a_hold_is_no_line(market):
    before = statement_of(asked(), market.records)
    market.order(TRADER, 1, Side.BUY, 1, 50)
    offer = OpenSublet(
        product_id=1, lessee_account_id=OTHER, sublet_qty=1, rent_price=50, **span("M2706")
    )
    market.do(TRADER, offer)
    assert market.core.balances(TRADER)[1] > 0
    after = statement_of(asked(), market.records)
    assert (after.lines, after.closing_amount) == (before.lines, before.closing_amount)


def test_rent_and_its_refund_are_named(market):
    offer = OpenSublet(
        product_id=1, lessee_account_id=OTHER, sublet_qty=1, rent_price=50, **span("M2706")
    )
    offer_id = market.do(TRADER, offer).seq
    market.do(OTHER, AcceptSublet(offer_id=offer_id))
    (sublet_id,) = market.state.sublets
    for account_id in (TRADER, OTHER):
        market.do(account_id, EndSublet(sublet_id=sublet_id))
    statement = statement_of(asked(OTHER), market.records)
    rent = ("rent", -36_000), ("fee", -36), ("rent_refund", 36_000)
    assert words_of(statement)[1:] == [*rent]
    assert statement.lines[1].description == "into trust, rent"
    assert_adds_up(statement)


def test_a_statement_is_of_one_currency_and_of_its_days(market):
    market.do(
        1,
        DepositCash(
            account_id=TRADER,
            deposit_amount=500,
            external_reference="offshore",
            currency=Currency.CNH,
        ),
    )
    cross(market, start_ns(FIRST_DAY + 1))
    market.do(TRADER, RequestWithdrawal(withdrawal_amount=1_000))
    withdrawal = WithdrawCash(
        account_id=TRADER,
        withdrawal_amount=1_000,
        external_reference="o",
        withdrawal_id=market.state.seq,
    )
    market.do(1, withdrawal)
    cross(market, start_ns(FIRST_DAY + 3) + NS_PER_DAY // 2)
    first = statement_of(asked(to_day=FIRST_DAY + 1), market.records)
    second = statement_of(asked(from_day=FIRST_DAY + 1, to_day=FIRST_DAY + 2), market.records)
    third = statement_of(asked(from_day=FIRST_DAY + 2), market.records)
    assert words_of(second) == [("withdrawal", -1_000)]
    assert second.lines[0].description == "reference o"
    assert (first.opening_amount, third.lines) == (0, [])
    assert first.closing_amount == second.opening_amount
    assert second.closing_amount == third.opening_amount == third.closing_amount
    offshore = statement_of(asked(currency=Currency.CNH), market.records)
    assert words_of(offshore) == [("deposit", 500)]
    never = statement_of(asked(from_day=FIRST_DAY + 90), market.records)
    assert (never.opening_amount, never.lines) == (third.closing_amount, [])


def test_a_csv_has_the_opening_each_line_and_the_closing(market):
    statement = statement_of(asked(), market.records)
    rows = list(csv.DictReader(io.StringIO(csv_of(statement))))
    assert [row["purpose"] for row in rows] == ["opening", "deposit", "trade", "fee", "closing"]
    assert [int(row["balance_amount"]) for row in rows] == [
        0, 10_000_000, 9_280_000, 9_279_280, 9_279_280,
    ]  # fmt: skip
    assert rows[2]["market_date"] == "2026-11-23"
    assert rows[2]["description"] == statement.lines[1].description, "its comma is kept"
    assert int(rows[2]["seq"]) == statement.lines[1].seq
    part = statement_of(asked(), market.records, max_lines=1)
    assert csv_of(part).splitlines()[-1].split(",")[4] == "carried_forward"

"""Cash in and out, and capacity: references, limits to the fen, and what is held stays."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    CancelOrder,
    DefineProduct,
    DepositCash,
    GrantCapacity,
    PlaceOrder,
    WithdrawCash,
)
from exchange.domain.enums import Currency, ProductKind, Role, Side
from exchange.domain.events import CapacityGranted, CashDeposited, CashWithdrawn
from exchange.domain.reasons import Reason
from exchange.domain.units import MAX_INTEGER, MAX_QTY, NS_PER_DAY
from exchange.rules.treasury import MAX_GRANT_DAYS
from tests.rules.markets import assert_refused, cross, day
from tests.scenario import (
    AUDITOR,
    BANK,
    FIRST_DAY,
    OTHER,
    SUPPLIER,
    TRADER,
    Market,
    secret_hash,
)

OPERATOR = 1


@pytest.fixture
def market() -> Market:
    """Nobody has cash yet."""
    return Market(deposit_amount=0)


def deposit(amount: int, reference: str = "in 1", account_id: int = TRADER) -> DepositCash:
    """Money in, for the trader unless said."""
    return DepositCash(account_id=account_id, deposit_amount=amount, external_reference=reference)


def withdrawal(amount: int, reference: str = "out 1", account_id: int = TRADER) -> WithdrawCash:
    """Money out, of the trader unless said."""
    return WithdrawCash(
        account_id=account_id, withdrawal_amount=amount, external_reference=reference
    )


# -- cash ------------------------------------------------------------------------------------------


def test_a_deposit_is_available_at_once_and_a_withdrawal_gone(market):
    market.do(OPERATOR, deposit(100))
    assert market.events == [
        CashDeposited(account_id=TRADER, deposit_amount=100, external_reference="in 1")
    ]
    assert market.core.balances(TRADER) == (100, 0)
    market.do(OPERATOR, withdrawal(99))
    assert market.events == [
        CashWithdrawn(account_id=TRADER, withdrawal_amount=99, external_reference="out 1")
    ]
    assert market.core.balances(TRADER) == (1, 0)


def test_a_reference_is_good_for_one_deposit_of_anybody(market):
    market.do(OPERATOR, deposit(100))
    first_seq = market.state.seq
    assert_refused(market, OPERATOR, deposit(100), Reason.ALREADY_EXISTS, first_seq)
    other = deposit(5, account_id=OTHER)
    assert_refused(market, 2, other, Reason.ALREADY_EXISTS, first_seq)
    offshore = replace(other, currency=Currency.CNH, command_id="offshore")
    assert_refused(market, 2, offshore, Reason.ALREADY_EXISTS, first_seq)
    market.do(OPERATOR, deposit(5, "in 2", OTHER))


def test_deposits_and_withdrawals_have_references_of_their_own(market):
    market.do(OPERATOR, deposit(100, "same"))
    market.do(OPERATOR, withdrawal(10, "same"))
    seq = market.state.seq
    assert_refused(market, OPERATOR, withdrawal(10, "same"), Reason.ALREADY_EXISTS, seq)


def test_a_refused_payment_does_not_use_its_reference_up(market):
    assert_refused(market, OPERATOR, withdrawal(1), Reason.CASH, 1, 0)
    market.do(OPERATOR, deposit(1))
    market.do(OPERATOR, withdrawal(1))


@pytest.mark.parametrize("account_id", [0, 99])
def test_cash_moves_for_participants_only(market, account_id):
    paid_in, paid_out = deposit(1, "a", account_id), withdrawal(1, "a", account_id)
    assert_refused(market, OPERATOR, paid_in, Reason.UNKNOWN_ACCOUNT, account_id)
    assert_refused(market, OPERATOR, paid_out, Reason.UNKNOWN_ACCOUNT, account_id)


def test_all_cash_of_the_venue_stays_an_integer_that_a_browser_holds(market):
    market.do(OPERATOR, deposit(MAX_INTEGER - 10))
    beyond = deposit(11, "in 2", OTHER)
    assert_refused(market, OPERATOR, beyond, Reason.CASH, MAX_INTEGER + 1, MAX_INTEGER)
    market.do(OPERATOR, deposit(10, "in 2", OTHER))
    full = deposit(1, "in 3", OTHER)
    assert_refused(market, OPERATOR, full, Reason.CASH, MAX_INTEGER + 1, MAX_INTEGER)
    market.do(OPERATOR, withdrawal(1, "out 1"))
    market.do(OPERATOR, replace(full, command_id="again"))


def test_the_last_fen_can_leave_and_not_one_more(market):
    market.do(OPERATOR, deposit(100))
    assert_refused(market, OPERATOR, withdrawal(101), Reason.CASH, 101, 100)
    market.do(OPERATOR, withdrawal(100))
    assert market.core.balances(TRADER) == (0, 0)


def test_what_an_open_order_holds_cannot_leave(market):
    month = market.list_window("M2701")
    market.do(OPERATOR, deposit(1_000_000))
    order_id = market.order(TRADER, month, Side.BUY, 1, 1_000)
    held = 744 * 1_000 + 744
    assert market.core.balances(TRADER) == (1_000_000 - held, held)
    too_much = withdrawal(1_000_000 - held + 1)
    wanted = (Reason.CASH, 1_000_000 - held + 1, 1_000_000 - held)
    assert_refused(market, OPERATOR, too_much, *wanted)
    market.do(OPERATOR, withdrawal(1_000_000 - held))
    market.do(TRADER, CancelOrder(order_id=order_id))
    market.do(OPERATOR, withdrawal(held, "out 2"))
    assert market.core.balances(TRADER) == (0, 0)
    market.assert_replays()


# -- wallets ---------------------------------------------------------------------------------------


def offshore(command: DepositCash | WithdrawCash) -> DepositCash | WithdrawCash:
    """The same in yuan offshore."""
    return replace(command, currency=Currency.CNH)


def test_a_wallet_of_another_currency_comes_in_and_goes_out_and_buys_nothing(market):
    market.do(OPERATOR, offshore(deposit(100)))
    assert market.events[0].currency is Currency.CNH
    assert market.state.wallets == {TRADER: {Currency.CNH: 100}}
    assert market.core.balances(TRADER) == (0, 0)
    assert market.core.deposits_amount == 0
    month = market.list_window("M2701")
    assert_refused(market, TRADER, bid(month), Reason.CASH, 745, 0)
    market.do(OPERATOR, offshore(withdrawal(99)))
    assert market.state.wallets == {TRADER: {Currency.CNH: 1}}
    market.do(OPERATOR, offshore(withdrawal(1, "out 2")))
    assert market.state.wallets == {}
    market.assert_replays()


def test_no_wallet_is_overdrawn_and_none_pays_for_another(market):
    market.do(OPERATOR, deposit(100))
    assert_refused(market, OPERATOR, offshore(withdrawal(1)), Reason.CASH, 1, 0)
    market.do(OPERATOR, offshore(deposit(50, "in 2")))
    assert_refused(market, OPERATOR, offshore(withdrawal(51)), Reason.CASH, 51, 50)
    assert_refused(market, OPERATOR, withdrawal(101), Reason.CASH, 101, 100)
    others = offshore(withdrawal(1, account_id=OTHER))
    assert_refused(market, OPERATOR, others, Reason.CASH, 1, 0)


def test_all_cash_of_a_currency_stays_an_integer_that_a_browser_holds(market):
    market.do(OPERATOR, deposit(MAX_INTEGER))
    market.do(OPERATOR, offshore(deposit(MAX_INTEGER - 1, "in 2")))
    beyond = offshore(deposit(2, "in 3", OTHER))
    assert_refused(market, OPERATOR, beyond, Reason.CASH, MAX_INTEGER + 1, MAX_INTEGER)
    market.do(OPERATOR, offshore(deposit(1, "in 3", OTHER)))


def bid(instrument_id: int) -> PlaceOrder:
    """One GPU at the least price."""
    return PlaceOrder(instrument_id=instrument_id, side=Side.BUY, order_qty=1, limit_price=1)


# -- capacity --------------------------------------------------------------------------------------


def grant(start: str | int, end: str | int, qty: int = 8, **fields: object) -> GrantCapacity:
    """Capacity of the first product between two dates."""
    days = [day(at) if isinstance(at, str) else at for at in (start, end)]
    command = GrantCapacity(
        product_id=1,
        start_day=days[0],
        end_day=days[1],
        granted_qty=qty,
        auditor_account_id=AUDITOR,
        evidence_sha256=secret_hash(f"report of {start} to {end}, {qty}"),
    )
    return replace(command, **fields)


def test_a_grant_makes_title_with_the_supplier_and_states_who_stands_for_it(market):
    market.do(OPERATOR, grant("2027-03-01", "2027-04-01"))
    assert market.events == [
        CapacityGranted(
            grant_id=1,
            product_id=1,
            account_id=SUPPLIER,
            start_day=day("2027-03-01"),
            end_day=day("2027-04-01"),
            granted_qty=8,
            operator_account_id=OPERATOR,
            auditor_account_id=AUDITOR,
            evidence_sha256=secret_hash("report of 2027-03-01 to 2027-04-01, 8"),
        )
    ]
    title = market.core.day_function(SUPPLIER, 1, "title")
    assert title == [(day("2027-03-01"), day("2027-04-01"), 8)]
    market.do(2, grant("2027-03-15", "2027-03-16"))
    assert market.events[0].grant_id == 2
    assert (day("2027-03-15"), day("2027-03-16"), 16) in market.core.granted(1)


def test_a_report_proves_capacity_once(market):
    first = grant("2027-03-01", "2027-04-01")
    market.do(OPERATOR, first)
    again = replace(first, start_day=day("2027-05-01"), end_day=day("2027-06-01"))
    assert_refused(market, OPERATOR, again, Reason.ALREADY_EXISTS, market.state.seq)


def test_a_grant_is_of_a_known_product(market):
    unknown = grant("2027-03-01", "2027-04-01", product_id=2)
    assert_refused(market, OPERATOR, unknown, Reason.UNKNOWN_PRODUCT, 2)


def test_a_grant_names_an_auditor_in_force(market):
    march = grant("2027-03-01", "2027-04-01")
    unknown = replace(march, auditor_account_id=99)
    assert_refused(market, OPERATOR, unknown, Reason.UNKNOWN_ACCOUNT, 99)
    for account_id in (SUPPLIER, BANK, 2):
        wrong = replace(march, auditor_account_id=account_id)
        assert_refused(market, OPERATOR, wrong, Reason.WRONG_ROLE, account_id)


def test_operator_and_auditor_of_a_grant_are_two_persons(market):
    both = market.admit("operator and auditor", Role.OPERATOR, Role.AUDITOR)
    march = grant("2027-03-01", "2027-04-01", auditor_account_id=both)
    assert_refused(market, both, march, Reason.SAME_PERSON, both)
    market.do(OPERATOR, march)


def test_a_grant_spans_ten_years_at_most_and_a_day_at_least(market):
    start_day = day("2027-01-01")
    for days in (0, MAX_GRANT_DAYS + 1):
        command = grant(start_day, start_day + days)
        assert_refused(market, OPERATOR, command, Reason.BAD_WINDOW, days, MAX_GRANT_DAYS)
    backwards = grant(start_day, start_day - 1)
    assert_refused(market, OPERATOR, backwards, Reason.BAD_WINDOW, -1, MAX_GRANT_DAYS)
    market.do(OPERATOR, grant(start_day, start_day + 1))
    market.do(OPERATOR, grant(start_day, start_day + MAX_GRANT_DAYS))


def test_a_grant_begins_today_at_the_earliest(market):
    cross(market, market.state.market_ns + 5 * NS_PER_DAY)
    today = FIRST_DAY + 5
    past = grant(today - 1, today + 1)
    assert_refused(market, OPERATOR, past, Reason.BAD_WINDOW, today - 1, today)
    market.do(OPERATOR, grant(today, today + 1))


def test_a_grant_is_in_whole_lots(market):
    market.do(
        OPERATOR,
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
        odd = grant("2027-03-01", "2027-04-01", qty, product_id=2)
        assert_refused(market, OPERATOR, odd, Reason.LOT, qty, 8)
    market.do(OPERATOR, grant("2027-03-01", "2027-04-01", 8, product_id=2))


def test_the_capacity_of_a_day_is_bounded_and_the_first_day_beyond_is_named(market):
    market.do(OPERATOR, grant("2027-03-01", "2027-04-01", MAX_QTY - 8))
    beyond = grant("2027-02-15", "2027-03-05", 9)
    wanted = (Reason.TITLE, MAX_QTY + 1, MAX_QTY, day("2027-03-01"))
    assert_refused(market, OPERATOR, beyond, *wanted)
    inside = grant("2027-03-10", "2027-05-01", 9)
    wanted = (Reason.TITLE, MAX_QTY + 1, MAX_QTY, day("2027-03-10"))
    assert_refused(market, OPERATOR, inside, *wanted)
    market.do(OPERATOR, grant("2027-02-15", "2027-03-05", 8))
    market.do(OPERATOR, grant("2027-04-01", "2027-05-01", MAX_QTY))
    market.do(OPERATOR, grant("2027-02-01", "2027-02-15", MAX_QTY))

"""Cash in and out: references, limits to the fen, and what is held stays."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    CancelOrder,
    DepositCash,
    PlaceOrder,
    WithdrawCash,
)
from exchange.domain.enums import Currency, Side
from exchange.domain.events import CashDeposited, CashWithdrawn
from exchange.domain.reasons import Reason
from exchange.domain.units import MAX_INTEGER
from tests.rules.markets import assert_refused
from tests.scenario import (
    OTHER,
    TRADER,
    Market,
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

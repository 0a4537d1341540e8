"""Cash in and out: two words for the way out, references, limits to the fen, what is held stays."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    CancelOrder,
    DeclineWithdrawal,
    DepositCash,
    PlaceOrder,
    RequestWithdrawal,
    WithdrawCash,
)
from exchange.domain.enums import Currency, Role, Side
from exchange.domain.events import (
    CashDeposited,
)
from exchange.domain.movements import (
    HoldClosed,
    HoldOpened,
)
from exchange.domain.reasons import Reason
from exchange.domain.units import MAX_INTEGER
from exchange.domain.withdrawal_events import CashWithdrawn, WithdrawalDeclined, WithdrawalRequested
from exchange.rules.withdrawals import MAX_OPEN_WITHDRAWALS
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


def wish(amount: int, currency: Currency = Currency.CNY) -> RequestWithdrawal:
    """What a holder asks for."""
    return RequestWithdrawal(withdrawal_amount=amount, currency=currency)


def booking(market: Market, reference: str = "out 1") -> WithdrawCash:
    """What an operator books, of the last request."""
    asked = market.state.withdrawals[max(market.state.withdrawals)]
    return WithdrawCash(
        account_id=asked.account_id,
        withdrawal_amount=asked.withdrawal_amount,
        external_reference=reference,
        currency=asked.currency,
        withdrawal_id=asked.withdrawal_id,
    )


def withdraw(market: Market, amount: int, reference: str = "out 1") -> None:
    """Both words for some of the trader's cash."""
    market.do(TRADER, wish(amount))
    market.do(OPERATOR, booking(market, reference))


# -- cash ------------------------------------------------------------------------------------------


def test_a_deposit_is_available_at_once_and_a_withdrawal_gone_when_it_is_booked(market):
    market.do(OPERATOR, deposit(100))
    assert market.events == [
        CashDeposited(account_id=TRADER, deposit_amount=100, external_reference="in 1")
    ]
    withdrawal_id = market.do(TRADER, wish(99)).seq
    assert market.events == [
        WithdrawalRequested(withdrawal_id=withdrawal_id, account_id=TRADER, withdrawal_amount=99),
        HoldOpened(hold_id=withdrawal_id, account_id=TRADER, held_amount=99),
    ]
    assert market.core.balances(TRADER) == (1, 99)
    market.do(OPERATOR, booking(market))
    assert market.events == [
        HoldClosed(hold_id=withdrawal_id, account_id=TRADER),
        CashWithdrawn(
            account_id=TRADER,
            withdrawal_amount=99,
            external_reference="out 1",
            withdrawal_id=withdrawal_id,
        ),
    ]
    assert market.core.balances(TRADER) == (1, 0)
    assert market.state.withdrawals == {}
    market.assert_replays()


def test_no_operator_books_what_its_holder_has_not_asked_for(market):
    market.do(OPERATOR, deposit(100))
    unasked = WithdrawCash(
        account_id=TRADER, withdrawal_amount=100, external_reference="out", withdrawal_id=99
    )
    assert_refused(market, OPERATOR, unasked, Reason.UNKNOWN_WITHDRAWAL, 99)
    withdrawal_id = market.do(TRADER, wish(60)).seq
    asked = booking(market)
    for other in (
        replace(asked, withdrawal_amount=61),
        replace(asked, account_id=OTHER),
        replace(asked, currency=Currency.CNH),
    ):
        assert_refused(market, OPERATOR, other, Reason.EVIDENCE, withdrawal_id)
    market.do(OPERATOR, asked)
    again = replace(asked, external_reference="out 2")
    assert_refused(market, OPERATOR, again, Reason.UNKNOWN_WITHDRAWAL, withdrawal_id)


def test_no_operator_books_cash_of_its_own_party(market):
    both = market.admit("trading operator", Role.OPERATOR, Role.TRADER)
    friend = market.admit("friend of it", Role.OPERATOR, affiliate_ids=[both])
    market.do(OPERATOR, deposit(10, account_id=both))
    market.do(both, wish(10))
    for operator_id in (both, friend):
        own = booking(market)
        assert_refused(market, operator_id, own, Reason.SAME_PERSON, operator_id)
    market.do(OPERATOR, booking(market))


@pytest.mark.parametrize("by", [TRADER, OPERATOR])
def test_what_is_declined_by_its_holder_or_an_operator_is_available_again(market, by):
    market.do(OPERATOR, deposit(100))
    withdrawal_id = market.do(TRADER, wish(60)).seq
    decline = DeclineWithdrawal(withdrawal_id=withdrawal_id)
    assert_refused(market, OTHER, decline, Reason.UNKNOWN_WITHDRAWAL, withdrawal_id)
    market.do(by, decline)
    assert market.events[0] == WithdrawalDeclined(withdrawal_id=withdrawal_id, account_id=by)
    assert market.core.balances(TRADER) == (100, 0)
    assert_refused(market, by, decline, Reason.UNKNOWN_WITHDRAWAL, withdrawal_id)
    market.assert_replays()


def test_an_account_asks_for_twenty_payments_at_a_time(market):
    market.do(OPERATOR, deposit(100))
    for _ in range(MAX_OPEN_WITHDRAWALS):
        market.do(TRADER, wish(1))
    assert_refused(market, TRADER, wish(1), Reason.DESK_ITEMS, 20, 20)
    market.do(OPERATOR, booking(market))
    market.do(TRADER, wish(1))


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
    withdraw(market, 10, "same")
    seq = market.state.seq
    market.do(TRADER, wish(10))
    assert_refused(market, OPERATOR, booking(market, "same"), Reason.ALREADY_EXISTS, seq)
    market.do(OPERATOR, booking(market, "another"))


@pytest.mark.parametrize("account_id", [0, 99])
def test_cash_comes_in_for_participants_only(market, account_id):
    paid_in = deposit(1, "a", account_id)
    assert_refused(market, OPERATOR, paid_in, Reason.UNKNOWN_ACCOUNT, account_id)


def test_all_cash_of_the_venue_stays_an_integer_that_a_browser_holds(market):
    market.do(OPERATOR, deposit(MAX_INTEGER - 10))
    beyond = deposit(11, "in 2", OTHER)
    assert_refused(market, OPERATOR, beyond, Reason.CASH, MAX_INTEGER + 1, MAX_INTEGER)
    market.do(OPERATOR, deposit(10, "in 2", OTHER))
    full = deposit(1, "in 3", OTHER)
    assert_refused(market, OPERATOR, full, Reason.CASH, MAX_INTEGER + 1, MAX_INTEGER)
    withdraw(market, 1)
    market.do(OPERATOR, replace(full, command_id="again"))


def test_the_last_fen_can_leave_and_not_one_more(market):
    market.do(OPERATOR, deposit(100))
    assert_refused(market, TRADER, wish(101), Reason.CASH, 101, 100)
    withdraw(market, 100)
    assert market.core.balances(TRADER) == (0, 0)


def test_what_an_open_order_holds_cannot_leave(market):
    month = market.list_window("M2701")
    market.do(OPERATOR, deposit(1_000_000))
    order_id = market.order(TRADER, month, Side.BUY, 1, 1_000)
    held = 744 * 1_000 + 744
    assert market.core.balances(TRADER) == (1_000_000 - held, held)
    wanted = (Reason.CASH, 1_000_000 - held + 1, 1_000_000 - held)
    assert_refused(market, TRADER, wish(1_000_000 - held + 1), *wanted)
    withdraw(market, 1_000_000 - held)
    market.do(TRADER, CancelOrder(order_id=order_id))
    withdraw(market, held, "out 2")
    assert market.core.balances(TRADER) == (0, 0)
    market.assert_replays()


def test_what_is_asked_for_buys_nothing(market):
    month = market.list_window("M2701")
    market.do(OPERATOR, deposit(745))
    market.do(TRADER, wish(1))
    assert_refused(market, TRADER, bid(month), Reason.CASH, 745, 744)


# -- wallets ---------------------------------------------------------------------------------------


def offshore(command: DepositCash) -> DepositCash:
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
    market.do(TRADER, wish(99, Currency.CNH))
    assert_refused(market, TRADER, wish(2, Currency.CNH), Reason.CASH, 2, 1)
    market.do(OPERATOR, booking(market))
    assert market.state.wallets == {TRADER: {Currency.CNH: 1}}
    market.do(TRADER, wish(1, Currency.CNH))
    market.do(TRADER, DeclineWithdrawal(withdrawal_id=market.state.seq))
    market.do(TRADER, wish(1, Currency.CNH))
    market.do(OPERATOR, booking(market, "out 2"))
    assert market.state.wallets == {}
    market.assert_replays()


def test_no_wallet_is_overdrawn_and_none_pays_for_another(market):
    market.do(OPERATOR, deposit(100))
    assert_refused(market, TRADER, wish(1, Currency.CNH), Reason.CASH, 1, 0)
    market.do(OPERATOR, offshore(deposit(50, "in 2")))
    assert_refused(market, TRADER, wish(51, Currency.CNH), Reason.CASH, 51, 50)
    assert_refused(market, TRADER, wish(101), Reason.CASH, 101, 100)
    assert_refused(market, OTHER, wish(1, Currency.CNH), Reason.CASH, 1, 0)


def test_all_cash_of_a_currency_stays_an_integer_that_a_browser_holds(market):
    market.do(OPERATOR, deposit(MAX_INTEGER))
    market.do(OPERATOR, offshore(deposit(MAX_INTEGER - 1, "in 2")))
    beyond = offshore(deposit(2, "in 3", OTHER))
    assert_refused(market, OPERATOR, beyond, Reason.CASH, MAX_INTEGER + 1, MAX_INTEGER)
    market.do(OPERATOR, offshore(deposit(1, "in 3", OTHER)))


def bid(instrument_id: int) -> PlaceOrder:
    """One GPU at the least price."""
    return PlaceOrder(instrument_id=instrument_id, side=Side.BUY, order_qty=1, limit_price=1)

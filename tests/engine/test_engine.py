"""The engine on a small market: idempotency, keys, lateness, faults, and that replay is exact."""

from typing import get_args

import pytest
from msgspec.structs import replace

from exchange import rules
from exchange.domain.commands import (
    AcceptPledge,
    AmendOrder,
    CancelOrder,
    DepositCash,
    OpenSession,
    PlaceOrder,
    RegisterKey,
    RequestPledge,
    RevokeKey,
)
from exchange.domain.enums import CancelReason, Scope, Side, TimeInForce
from exchange.domain.events import CommandRefused, KeyRevoked, OrderCancelled
from exchange.domain.reasons import Reason
from exchange.domain.record import EVENT_TYPES, AnyCommand, decode_body
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import gate_ns, parse_window
from exchange.engine.engine import Difference, Engine
from exchange.rules import DECIDE, EVOLVE, ORDER_PATH, ROLES
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

JUNE = parse_window("M2706")


@pytest.fixture
def market():
    """1200 GPUs granted for 2027; year and June listed; the supplier offers 1000 of the year."""
    market = Market()
    market.grant("Y27", 1200)
    market.year = market.list_window("Y27")
    market.june = market.list_window("M2706")
    return market


def buy(market: Market, qty: int = 10, price: int = 1000) -> PlaceOrder:
    """A resting bid for June."""
    return PlaceOrder(instrument_id=market.june, side=Side.BUY, order_qty=qty, limit_price=price)


def test_every_command_has_a_decider_and_roles_and_every_event_an_evolver():
    commands = set(get_args(AnyCommand))
    assert set(DECIDE) | set(ORDER_PATH) == commands
    assert set(ROLES) == commands
    assert set(EVOLVE) == set(EVENT_TYPES.values())


def test_a_repeated_command_gets_the_first_answer_and_no_second_record(market):
    order = replace(buy(market), command_id="mine")
    first = market.do(TRADER, order)
    count = len(market.records)
    again = market.do(TRADER, replace(order, session_id=99, valid_until_ns=1))
    assert (again.seq, again.is_duplicate) == (first.seq, True)
    assert len(market.records) == count


def test_a_repeated_refusal_gets_the_first_refusal(market):
    order = replace(buy(market, qty=10**7, price=10**7), command_id="too much")
    first = market.refused(TRADER, order)
    market.deposit(TRADER, 10**14)
    again = market.refused(TRADER, order)
    assert again == replace(first, is_duplicate=True)


def test_another_body_under_a_used_id_is_a_conflict_and_not_recorded(market):
    market.do(TRADER, replace(buy(market), command_id="mine"))
    count = len(market.records)
    outcome = market.refused(TRADER, replace(buy(market, qty=11), command_id="mine"))
    assert (outcome.reason, outcome.seq) == (Reason.ID_CONFLICT, 0)
    assert len(market.records) == count


def test_two_accounts_may_use_the_same_id(market):
    first = market.do(TRADER, replace(buy(market), command_id="mine"))
    second = market.do(OTHER, replace(buy(market), command_id="mine"))
    assert first.seq != second.seq


def test_a_command_is_late_one_nanosecond_after_its_validity(market):
    market.advance(market.state.market_ns + 1_000)
    now_ns = market.state.market_ns
    market.do(TRADER, replace(buy(market), valid_until_ns=now_ns))
    outcome = market.refused(TRADER, replace(buy(market), valid_until_ns=now_ns - 1))
    assert (outcome.reason, outcome.value, outcome.limit) == (Reason.TOO_LATE, now_ns, now_ns - 1)


def test_a_validity_reaches_to_a_day_before_its_id_could_be_forgotten(market):
    latest_ns = market.state.market_ns + NS_PER_DAY
    market.do(TRADER, replace(buy(market), valid_until_ns=latest_ns))
    outcome = market.refused(TRADER, replace(buy(market), valid_until_ns=latest_ns + 1))
    assert (outcome.reason, outcome.limit) == (Reason.VALIDITY, latest_ns)


def test_a_command_that_cannot_be_recorded_changes_nothing_and_stops_nothing(market):
    before = market.state.hash()
    outcome = market.refused(TRADER, replace(buy(market), command_id="\udcff"))
    assert (outcome.reason, outcome.seq) == (Reason.SCHEMA, 0)
    assert market.state.hash() == before


def test_a_key_that_may_only_read_takes_no_session_over_and_cancels_nothing(market):
    session_id = market.do(TRADER, OpenSession()).seq
    order_id = market.do(TRADER, replace(buy(market), session_id=session_id)).seq
    market.do(1, RegisterKey(account_id=TRADER, token_sha256=secret_hash("r"), scopes=[Scope.READ]))
    key_id = market.state.key_count
    market.do(key_id, OpenSession(previous_session_id=session_id, is_cancel_on_disconnect=True))
    (opened,) = market.events
    assert (opened.previous_session_id, opened.is_cancel_on_disconnect) == (0, False)
    assert market.core.session_of(order_id) == session_id
    assert session_id in market.state.sessions


def test_an_unknown_key_is_refused_and_not_recorded(market):
    count = len(market.records)
    assert market.refused(77, buy(market)).reason is Reason.AUTH_REQUIRED
    assert len(market.records) == count


def test_a_read_only_key_may_open_a_session_and_nothing_else(market):
    key = RegisterKey(account_id=TRADER, token_sha256=secret_hash("read"), scopes=[Scope.READ])
    market.do(1, key)
    key_id = market.state.key_count
    market.do(key_id, OpenSession())
    assert market.refused(key_id, buy(market)).reason is Reason.SCOPE


def test_a_key_works_until_the_moment_before_it_expires(market):
    expires_ns = market.state.market_ns + 1_000
    market.do(
        1,
        RegisterKey(
            account_id=TRADER,
            token_sha256=secret_hash("short"),
            scopes=[Scope.TRADE],
            expires_ns=expires_ns,
        ),
    )
    key_id = market.state.key_count
    market.advance(expires_ns - 1)
    market.do(key_id, buy(market))
    market.advance(expires_ns)
    assert market.refused(key_id, buy(market)).reason is Reason.KEY_EXPIRED


def test_revoking_a_key_cancels_its_orders_and_nobody_elses(market):
    market.do(
        1,
        RegisterKey(account_id=TRADER, token_sha256=secret_hash("b"), scopes=[Scope.TRADE]),
    )
    second_key_id = market.state.key_count
    kept = market.do(TRADER, buy(market)).seq
    gone = market.do(second_key_id, buy(market)).seq
    market.do(TRADER, RevokeKey(revoked_key_id=second_key_id))
    revoked, cancelled = market.events
    assert isinstance(revoked, KeyRevoked)
    assert (cancelled.order_id, cancelled.cancel_reason) == (gone, CancelReason.KEY_REVOKED)
    assert market.core.order(kept) is not None
    assert market.refused(second_key_id, buy(market)).reason is Reason.AUTH_REQUIRED
    market.assert_replays()


def test_a_key_can_revoke_itself_and_the_record_still_replays(market):
    market.do(TRADER, RevokeKey(revoked_key_id=TRADER))
    market.assert_replays()


@pytest.mark.parametrize("how", ["execute", "apply"])
def test_a_key_that_has_just_traded_is_refused_from_its_revocation_on(market, how):
    engine = Engine()
    for record in market.records:
        engine.apply(record)
    order = replace(buy(market), key_id=TRADER, command_id="before")
    assert engine.execute(order)[0].reason is None
    market.do(TRADER, order)
    market.do(1, RevokeKey(revoked_key_id=TRADER))
    if how == "apply":
        engine.apply(market.records[-1])
    else:
        engine.execute(decode_body(market.records[-1])[0])
    assert engine.state.hash() == market.state.hash()
    outcome, record = engine.execute(replace(order, command_id="after"))
    assert (outcome.reason, record) == (Reason.AUTH_REQUIRED, None)


def test_an_order_can_be_cancelled_by_its_client_order_id(market):
    order_id = market.do(TRADER, replace(buy(market), command_id="mine")).seq
    market.do(TRADER, CancelOrder(orig_client_order_id="mine"))
    assert market.events == [OrderCancelled(*market_cancelled(order_id, market))]


def market_cancelled(order_id: int, market: Market) -> tuple[int, ...]:
    """What a cancelled bid of ten for June releases: notional and the taker's fee, rounded up."""
    notional = 1000 * 720 * 10
    return (order_id, TRADER, market.june, Side.BUY, 10, notional + notional // 1000, 1)


def test_a_cancel_that_finds_nothing_is_answered_and_not_recorded(market):
    count = len(market.records)
    assert market.refused(TRADER, CancelOrder(order_id=3)).reason is Reason.UNKNOWN_ORDER
    outcome = market.refused(TRADER, CancelOrder(orig_client_order_id="never"))
    assert outcome.reason is Reason.UNKNOWN_ORDER
    assert len(market.records) == count


def test_another_accounts_order_does_not_exist(market):
    order_id = market.do(TRADER, buy(market)).seq
    outcome = market.refused(OTHER, AmendOrder(order_id=order_id, order_qty=5))
    assert outcome.reason is Reason.UNKNOWN_ORDER


def test_an_order_is_refused_from_the_gate_on(market):
    market.day = market.list_window("D261125")
    gate = gate_ns(parse_window("D261125").start_day - 1)
    order = PlaceOrder(instrument_id=market.day, side=Side.BUY, order_qty=1, limit_price=5)
    market.advance(gate - 1)
    resting = market.do(TRADER, order).seq
    market.advance(gate)
    assert market.core.order(resting) is None
    assert market.refused(TRADER, order).reason is Reason.WINDOW_CLOSED
    market.assert_replays()


def test_a_rule_that_raises_is_recorded_as_an_internal_error_and_trading_goes_on(
    market, monkeypatch
):
    def broken(command, state, account_id):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setitem(rules.DECIDE, DepositCash, broken)
    command = DepositCash(
        key_id=1, command_id="x", account_id=TRADER, deposit_amount=1, external_reference="x"
    )
    outcome, record = market.engine.execute(command)
    assert outcome.reason is Reason.INTERNAL_ERROR
    assert decode_body(record)[1] == [CommandRefused(Reason.INTERNAL_ERROR, 0, 0, 0)]
    [(seq, fault)] = market.engine.faults
    assert (seq, type(fault)) == (market.state.seq, ZeroDivisionError)
    market.engine.faults.clear()
    market.do(TRADER, buy(market))


def test_a_changed_event_is_found_by_verify_and_named(market):
    market.order(SUPPLIER, market.june, Side.SELL, 10, 900)
    market.order(TRADER, market.june, Side.BUY, 10, 1000, TimeInForce.IOC)
    traded = market.records[-1]
    forged = traded.replace((900).to_bytes(2, "big"), (901).to_bytes(2, "big"))
    assert forged != traded
    engine = Engine()
    for record in market.records[:-1]:
        engine.verify(record)
    with pytest.raises(Difference) as found:
        engine.verify(forged)
    assert (found.value.seq, found.value.event_index) == (len(market.records), 1)
    assert "901" in found.value.recorded
    assert "900" in found.value.decided


def test_live_state_is_the_state_by_events_and_by_commands(market):
    market.order(SUPPLIER, market.year, Side.SELL, 1000, 1000)
    market.order(TRADER, market.year, Side.BUY, 600, 1001)
    market.order(OTHER, market.june, Side.BUY, 5, 990)
    market.do(
        TRADER,
        RequestPledge(
            product_id=1,
            start_day=JUNE.start_day,
            end_day=JUNE.end_day,
            pledged_qty=100,
            bank_account_id=BANK,
        ),
    )
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.order(TRADER, market.june, Side.SELL, 3, 980)
    market.advance(market.state.market_ns + 3 * 86_400 * 10**9)
    market.assert_replays()

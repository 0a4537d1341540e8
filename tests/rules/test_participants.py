"""Genesis, admission by two persons, keys and sessions: every refusal, and each limit twice."""

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.domain.commands import (
    AdmitParticipant,
    CancelOrder,
    CloseSession,
    ConfirmAdmission,
    CreateVenue,
    DefineProduct,
    DepositCash,
    OpenSession,
    Operator,
    RegisterKey,
    RevokeKey,
)
from exchange.domain.enums import CancelReason, ProductKind, Role, Scope, Side, SupplierGrade
from exchange.domain.events import (
    AdmissionConfirmed,
    KeyRevoked,
    OrderCancelled,
    ParticipantAdmitted,
    SessionClosed,
    SessionOpened,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import start_ns
from exchange.engine.engine import Engine
from tests.rules.markets import assert_refused, order, own
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

FIRST, SECOND = 1, 2

GENESIS = CreateVenue(
    venue_id="test",
    base_day=FIRST_DAY,
    market_ns=start_ns(FIRST_DAY),
    is_always_open=True,
    operators=[
        Operator(name="first", token_sha256=secret_hash("1")),
        Operator(name="second", token_sha256=secret_hash("2")),
    ],
    head_public_key=b"",
    maker_bps=5,
    taker_bps=10,
    risk_parameters=genesis.risk_parameters(),
    command_id_retention_ns=NS_PER_DAY,
)


@pytest.fixture
def market() -> Market:
    """January can be bid for; the supplier has some of it."""
    market = Market()
    market.grant("M2701", 100)
    market.january = market.list_window("M2701")
    return market


def bid(market: Market, **fields: object):
    """A bid for January."""
    return order(market.january, Side.BUY, **fields)


def key_for(account_id: int, name: str, *scopes: Scope, expires_ns: int = 0) -> RegisterKey:
    """A new key for an account, by default one that trades."""
    return RegisterKey(
        account_id=account_id,
        token_sha256=secret_hash(name),
        scopes=list(scopes) or [Scope.TRADE],
        expires_ns=expires_ns,
    )


# -- genesis ---------------------------------------------------------------------------------------


def refusal_of_genesis(command: CreateVenue) -> tuple[Reason | None, int, int, int]:
    """What an empty engine answers."""
    outcome, _ = Engine().execute(command)
    return outcome.reason, outcome.value, outcome.limit, outcome.day


def test_genesis_makes_two_operators_with_a_key_each_and_publishes_fees_and_parameters():
    outcome, record = Engine().execute(GENESIS)
    assert (outcome.reason, outcome.seq) == (None, 1)
    tags = [type(event).__struct_config__.tag for event in decode_body(record)[1]]
    operator = ["participant_admitted", "key_registered"]
    assert tags == [
        "venue_created", "fee_schedule_published", "band_widths_published",
        "risk_parameters_published", *operator, *operator
    ]  # fmt: skip


def test_a_venue_is_created_once(market):
    assert_refused(market, 0, GENESIS, Reason.ALREADY_EXISTS)


def test_nobody_with_a_key_can_create_a_venue(market):
    assert_refused(market, FIRST, replace(GENESIS, command_id="x"), Reason.WRONG_ROLE, FIRST)


def test_before_genesis_no_key_is_known():
    outcome, record = Engine().execute(replace(GENESIS, key_id=1))
    assert (outcome.reason, record) == (Reason.AUTH_REQUIRED, None)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_genesis_takes_exactly_two_operators(count):
    operators = [Operator(name=str(n), token_sha256=secret_hash(str(n))) for n in range(count)]
    command = replace(GENESIS, operators=operators)
    assert refusal_of_genesis(command) == (Reason.SAME_PERSON, count, 2, 0)


def test_the_two_operators_differ_in_name_and_in_secret():
    first, second = GENESIS.operators
    for twin in (replace(second, name=first.name), replace(second, token_sha256=secret_hash("1"))):
        command = replace(GENESIS, operators=[first, twin])
        assert refusal_of_genesis(command) == (Reason.SAME_PERSON, 0, 0, 0)


def test_holdings_begin_no_later_than_the_market():
    assert refusal_of_genesis(replace(GENESIS, base_day=FIRST_DAY - 1))[0] is None
    late = replace(GENESIS, base_day=FIRST_DAY + 1)
    wanted = (Reason.BAD_WINDOW, FIRST_DAY + 1, FIRST_DAY, FIRST_DAY + 1)
    assert refusal_of_genesis(late) == wanted


# -- admission -------------------------------------------------------------------------------------


def test_a_participant_without_roles_is_not_admitted(market):
    assert_refused(market, FIRST, AdmitParticipant(name="idle", roles=[]), Reason.EMPTY)


def test_a_name_is_good_for_one_participant(market):
    again = AdmitParticipant(name="trader", roles=[Role.BANK])
    assert_refused(market, FIRST, again, Reason.ALREADY_EXISTS)
    market.do(FIRST, replace(again, name="Trader"))


def test_affiliates_are_known_and_confirmed_participants(market):
    unknown = AdmitParticipant(name="new", roles=[Role.TRADER], affiliate_ids=[TRADER, 8])
    assert_refused(market, FIRST, unknown, Reason.UNKNOWN_ACCOUNT, 8)
    market.do(FIRST, AdmitParticipant(name="third", roles=[Role.OPERATOR]))
    assert_refused(market, FIRST, unknown, Reason.UNKNOWN_ACCOUNT, 8)
    market.do(SECOND, ConfirmAdmission(account_id=8))
    market.do(FIRST, unknown)


def test_roles_and_affiliates_are_recorded_once_each_and_in_order(market):
    market.do(
        FIRST,
        AdmitParticipant(
            name="new",
            roles=[Role.TRADER, Role.SUPPLIER, Role.TRADER],
            affiliate_ids=[5, 4, 5],
            supplier_grade=SupplierGrade.C,
        ),
    )
    assert market.events == [
        ParticipantAdmitted(
            account_id=8,
            name="new",
            roles=[Role.SUPPLIER, Role.TRADER],
            affiliate_ids=[4, 5],
            proposer_account_id=FIRST,
            is_confirmed=True,
            supplier_grade=SupplierGrade.C,
        )
    ]


@pytest.mark.parametrize("role", list(Role))
def test_only_operators_and_auditors_wait_for_a_second_person(market, role):
    market.do(FIRST, AdmitParticipant(name="new", roles=[role, Role.TRADER]))
    is_confirmed = role not in (Role.OPERATOR, Role.AUDITOR)
    assert market.state.participants[8].is_confirmed is is_confirmed


def test_who_waits_has_no_account_that_money_or_a_key_could_be_for(market):
    market.do(FIRST, AdmitParticipant(name="new auditor", roles=[Role.AUDITOR]))
    assert_refused(market, FIRST, key_for(8, "new"), Reason.UNKNOWN_ACCOUNT, 8)
    deposit = DepositCash(account_id=8, deposit_amount=1, external_reference="x")
    assert_refused(market, FIRST, deposit, Reason.UNKNOWN_ACCOUNT, 8)
    market.do(SECOND, ConfirmAdmission(account_id=8))
    assert market.events == [AdmissionConfirmed(account_id=8, confirmer_account_id=SECOND)]


def test_the_second_operator_confirms_the_first_key_with_its_holder(market):
    admission = AdmitParticipant(
        name="new auditor", roles=[Role.AUDITOR], token_sha256=secret_hash("new")
    )
    market.do(FIRST, admission)
    assert market.state.key_count == 7
    market.do(SECOND, ConfirmAdmission(account_id=8))
    confirmed, first_key = market.events
    assert confirmed == AdmissionConfirmed(account_id=8, confirmer_account_id=SECOND)
    assert (first_key.account_id, first_key.token_sha256) == (8, secret_hash("new"))
    market.do(8, key_for(8, "an auditor's second key is its own to register"))
    market.assert_replays()


def test_one_operator_cannot_hold_the_keys_of_two_persons(market):
    market.do(FIRST, AdmitParticipant(name="third", roles=[Role.OPERATOR]))
    assert_refused(market, FIRST, key_for(SECOND, "mine"), Reason.WRONG_ROLE, FIRST)
    assert_refused(market, FIRST, key_for(AUDITOR, "mine"), Reason.WRONG_ROLE, FIRST)
    assert_refused(market, AUDITOR, key_for(TRADER, "mine"), Reason.WRONG_ROLE, AUDITOR)
    market.do(SECOND, ConfirmAdmission(account_id=8))
    assert_refused(market, FIRST, key_for(8, "mine"), Reason.WRONG_ROLE, FIRST)


def test_only_an_operator_or_auditor_brings_its_first_key(market):
    admission = AdmitParticipant(name="new", roles=[Role.TRADER], token_sha256=secret_hash("n"))
    assert_refused(market, FIRST, admission, Reason.WRONG_ROLE, FIRST)


def test_a_first_key_that_was_used_elsewhere_is_refused_then_or_at_the_confirmation(market):
    used = AdmitParticipant(name="a", roles=[Role.AUDITOR], token_sha256=secret_hash("3"))
    assert_refused(market, FIRST, used, Reason.ALREADY_EXISTS)
    market.do(FIRST, replace(used, token_sha256=secret_hash("new")))
    market.do(FIRST, key_for(TRADER, "new"))
    assert_refused(market, SECOND, ConfirmAdmission(account_id=8), Reason.ALREADY_EXISTS)


def test_two_persons_are_two_accounts_and_not_two_keys(market):
    market.do(FIRST, AdmitParticipant(name="third", roles=[Role.OPERATOR]))
    market.do(FIRST, key_for(FIRST, "second key of the first operator"))
    second_key_id = market.state.key_count
    confirmation = ConfirmAdmission(account_id=8)
    assert_refused(market, FIRST, confirmation, Reason.SAME_PERSON, FIRST)
    assert_refused(market, second_key_id, confirmation, Reason.SAME_PERSON, FIRST)
    market.do(SECOND, confirmation)


def test_an_unknown_account_cannot_be_confirmed_nor_a_confirmed_one_again(market):
    assert_refused(market, SECOND, ConfirmAdmission(account_id=8), Reason.UNKNOWN_ACCOUNT, 8)
    done = ConfirmAdmission(account_id=AUDITOR)
    assert_refused(market, SECOND, done, Reason.ALREADY_DONE, AUDITOR)
    assert_refused(market, FIRST, ConfirmAdmission(account_id=TRADER), Reason.ALREADY_DONE, TRADER)


# -- affiliates ------------------------------------------------------------------------------------


def product_of(account_id: int, code: str = "H100.SG1") -> DefineProduct:
    """Another product, of this supplier."""
    return DefineProduct(
        code=code,
        kind=ProductKind.GPU_TIME,
        gpu_class="H100",
        region="SG",
        supplier_account_id=account_id,
        lot_qty=8,
    )


def test_who_names_the_supplier_counts_as_the_supplier_of_all_its_products(market):
    market.admit("daughter", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.do(FIRST, product_of(SUPPLIER))
    assert [market.core.is_house(product_id, 8) for product_id in (1, 2)] == [True, True]
    assert not market.core.is_house(2, TRADER)


def test_whom_the_supplier_names_counts_as_the_supplier_too(market):
    market.admit("new supplier", Role.SUPPLIER, affiliate_ids=[TRADER])
    market.do(FIRST, product_of(8))
    assert market.core.is_house(2, TRADER)
    assert not market.core.is_house(2, OTHER)
    market.assert_replays()


def test_an_affiliate_of_an_affiliate_counts_as_the_supplier_too(market):
    daughter = market.admit("daughter", Role.TRADER, affiliate_ids=[SUPPLIER])
    granddaughter = market.admit("granddaughter", Role.TRADER, affiliate_ids=[daughter])
    market.do(FIRST, product_of(SUPPLIER))
    assert [market.core.is_house(product_id, granddaughter) for product_id in (1, 2)] == [True] * 2
    market.assert_replays()


def test_who_names_two_parties_makes_them_one_house(market):
    friend = market.admit("friend of the other", Role.TRADER, affiliate_ids=[OTHER])
    market.admit("owner of both", Role.TRADER, affiliate_ids=[SUPPLIER, OTHER])
    assert [market.core.is_house(1, account_id) for account_id in (OTHER, friend)] == [True, True]
    assert not market.core.is_house(1, TRADER)
    market.assert_replays()


@pytest.mark.parametrize("affiliate_ids", [[SUPPLIER, OTHER], [SUPPLIER, 8]])
def test_who_has_days_of_a_stranger_does_not_become_one_house_with_it(market, affiliate_ids):
    market.admit("friend of the other", Role.TRADER, affiliate_ids=[OTHER])
    market.grant("M2701", 10)
    own(market, OTHER, 1, 10, 1_000)
    both = AdmitParticipant(name="both", roles=[Role.TRADER], affiliate_ids=affiliate_ids)
    assert_refused(market, FIRST, both, Reason.HOUSE, OTHER, SUPPLIER)
    market.order(OTHER, 1, Side.SELL, 10, 1_000)
    market.order(SUPPLIER, 1, Side.BUY, 10, 1_000)
    market.do(FIRST, replace(both, command_id="again"))
    assert market.core.is_house(1, OTHER)


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_for_a_known_account_and_for_something(market):
    assert_refused(market, FIRST, key_for(8, "x"), Reason.UNKNOWN_ACCOUNT, 8)
    assert_refused(market, FIRST, key_for(0, "x"), Reason.UNKNOWN_ACCOUNT, 0)
    assert_refused(market, FIRST, replace(key_for(TRADER, "x"), scopes=[]), Reason.EMPTY)


def test_a_secret_is_good_for_one_key_and_never_again(market):
    used = key_for(TRADER, str(OTHER))
    assert_refused(market, FIRST, used, Reason.ALREADY_EXISTS)
    market.do(FIRST, RevokeKey(revoked_key_id=OTHER))
    assert_refused(market, FIRST, used, Reason.ALREADY_EXISTS)
    market.do(FIRST, key_for(OTHER, "a new one"))


def test_a_key_expires_after_now_at_the_earliest(market):
    market.advance(market.state.market_ns + 1_000)
    now_ns = market.state.market_ns
    late = key_for(TRADER, "late", expires_ns=now_ns)
    assert_refused(market, FIRST, late, Reason.TOO_LATE, now_ns, now_ns)
    market.do(FIRST, key_for(TRADER, "late", expires_ns=now_ns + 1))


def test_an_unknown_key_and_a_revoked_key_cannot_be_revoked(market):
    assert_refused(market, FIRST, RevokeKey(revoked_key_id=99), Reason.UNKNOWN_KEY, 99)
    market.do(FIRST, RevokeKey(revoked_key_id=OTHER))
    again = RevokeKey(revoked_key_id=OTHER)
    assert_refused(market, FIRST, again, Reason.UNKNOWN_KEY, OTHER)


def test_a_strangers_key_does_not_exist_to_anyone_but_an_operator(market):
    stranger = RevokeKey(revoked_key_id=OTHER)
    assert_refused(market, TRADER, stranger, Reason.UNKNOWN_KEY, OTHER)
    market.do(FIRST, stranger)


def test_an_operator_revokes_a_traders_key_and_its_orders_end(market):
    order_id = market.do(TRADER, bid(market)).seq
    market.do(FIRST, RevokeKey(revoked_key_id=TRADER))
    revoked, cancelled = market.events
    assert revoked == KeyRevoked(key_id=TRADER, account_id=TRADER)
    assert (cancelled.order_id, cancelled.cancel_reason) == (order_id, CancelReason.KEY_REVOKED)
    assert market.core.balances(TRADER) == (10**13, 0)


def test_the_sessions_of_a_revoked_key_end_with_it(market):
    session_id = market.do(TRADER, OpenSession()).seq
    market.do(FIRST, RevokeKey(revoked_key_id=TRADER))
    assert session_id not in market.state.sessions
    market.assert_replays()


def test_one_of_two_operators_can_go_and_the_last_cannot(market):
    market.do(FIRST, RevokeKey(revoked_key_id=SECOND))
    last = RevokeKey(revoked_key_id=FIRST)
    assert_refused(market, FIRST, last, Reason.LAST_OPERATOR, FIRST)


def test_the_last_operator_can_change_its_key(market):
    market.do(FIRST, RevokeKey(revoked_key_id=SECOND))
    market.do(FIRST, key_for(FIRST, "new"))
    market.do(market.state.key_count, RevokeKey(revoked_key_id=FIRST))
    assert market.refused(FIRST, bid(market)).reason is Reason.AUTH_REQUIRED


@pytest.mark.parametrize(
    ("scope", "expires_ns"),
    [(Scope.READ, 0), (Scope.TRADE, start_ns(FIRST_DAY) + NS_PER_DAY)],
    ids=["read only", "expiring"],
)
def test_a_key_that_cannot_act_or_will_end_leaves_no_operator(market, scope, expires_ns):
    market.do(FIRST, RevokeKey(revoked_key_id=SECOND))
    market.do(FIRST, key_for(FIRST, "weak", scope, expires_ns=expires_ns))
    last = RevokeKey(revoked_key_id=FIRST)
    assert_refused(market, FIRST, last, Reason.LAST_OPERATOR, FIRST)


def test_a_new_operator_counts_once_it_has_a_key(market):
    third = AdmitParticipant(name="third", roles=[Role.OPERATOR], token_sha256=secret_hash("third"))
    market.do(FIRST, third)
    market.do(FIRST, AdmitParticipant(name="fourth, without a key", roles=[Role.OPERATOR]))
    market.do(SECOND, ConfirmAdmission(account_id=9))
    spare_key = key_for(SECOND, "spare")
    market.do(SECOND, spare_key)
    market.do(FIRST, RevokeKey(revoked_key_id=FIRST))
    market.do(SECOND, RevokeKey(revoked_key_id=SECOND))
    spare_key_id = market.state.key_count
    last = RevokeKey(revoked_key_id=spare_key_id)
    assert_refused(market, spare_key_id, last, Reason.LAST_OPERATOR, spare_key_id)
    market.do(spare_key_id, ConfirmAdmission(account_id=8))
    market.do(spare_key_id, replace(last, command_id="again"))


# -- sessions --------------------------------------------------------------------------------------


def open_session(market: Market, account_id: int, **fields: object) -> int:
    """A new session's id."""
    return market.do(account_id, OpenSession(**fields)).seq


def cancelled(market: Market) -> list[tuple[int, CancelReason]]:
    """Which orders the last record cancelled, and why."""
    return [
        (event.order_id, event.cancel_reason)
        for event in market.events
        if isinstance(event, OrderCancelled)
    ]


def test_a_session_is_its_records_number_and_the_exchange_itself_has_none(market):
    session_id = open_session(market, TRADER, is_cancel_on_disconnect=True)
    assert market.events == [
        SessionOpened(
            session_id=session_id,
            account_id=TRADER,
            key_id=TRADER,
            is_cancel_on_disconnect=True,
            previous_session_id=0,
        )
    ]
    assert_refused(market, 0, OpenSession(), Reason.WRONG_ROLE, 0)


def test_cancel_on_disconnect_ends_the_orders_of_that_session_only(market):
    session_id = open_session(market, TRADER, is_cancel_on_disconnect=True)
    sister_id = open_session(market, TRADER, is_cancel_on_disconnect=True)
    gone = [market.do(TRADER, bid(market, session_id=session_id)).seq for _ in range(2)]
    kept = [
        market.do(TRADER, bid(market, session_id=sister_id)).seq,
        market.do(TRADER, bid(market)).seq,
        market.do(OTHER, bid(market)).seq,
    ]
    market.do(0, CloseSession(closed_session_id=session_id))
    assert market.events[0] == SessionClosed(session_id=session_id, account_id=TRADER)
    assert cancelled(market) == [(order_id, CancelReason.SESSION_CLOSED) for order_id in gone]
    assert all(market.core.order(order_id) for order_id in kept)
    assert set(market.state.sessions) == {sister_id}
    market.assert_replays()


@pytest.mark.parametrize(
    ("is_cancel_on_disconnect", "is_logout"), [(True, True), (False, False), (False, True)]
)
def test_a_logout_keeps_the_orders_and_so_does_a_session_that_did_not_ask(
    market, is_cancel_on_disconnect, is_logout
):
    session_id = open_session(market, TRADER, is_cancel_on_disconnect=is_cancel_on_disconnect)
    order_id = market.do(TRADER, bid(market, session_id=session_id)).seq
    market.do(0, CloseSession(closed_session_id=session_id, is_logout=is_logout))
    assert market.events == [SessionClosed(session_id=session_id, account_id=TRADER)]
    assert market.core.order(order_id) is not None


def test_a_continued_session_takes_the_orders_over(market):
    first_id = open_session(market, TRADER, is_cancel_on_disconnect=True)
    order_id = market.do(TRADER, bid(market, session_id=first_id)).seq
    second_id = open_session(
        market, TRADER, previous_session_id=first_id, is_cancel_on_disconnect=True
    )
    assert market.core.session_of(order_id) == second_id
    gone = CloseSession(closed_session_id=first_id)
    assert_refused(market, 0, gone, Reason.UNKNOWN_SESSION, first_id)
    market.do(0, CloseSession(closed_session_id=second_id))
    assert cancelled(market) == [(order_id, CancelReason.SESSION_CLOSED)]
    market.assert_replays()


def test_a_session_that_has_ended_can_still_be_continued(market):
    first_id = open_session(market, TRADER)
    order_id = market.do(TRADER, bid(market, session_id=first_id)).seq
    market.do(0, CloseSession(closed_session_id=first_id))
    second_id = open_session(market, TRADER, previous_session_id=first_id)
    assert market.core.session_of(order_id) == second_id


def test_another_accounts_session_is_not_continued(market):
    first_id = open_session(market, TRADER)
    order_id = market.do(TRADER, bid(market, session_id=first_id)).seq
    open_session(market, OTHER, previous_session_id=first_id)
    assert market.events[0].previous_session_id == 0
    assert market.core.session_of(order_id) == first_id
    assert first_id in market.state.sessions


def test_a_session_is_closed_once_by_its_account_or_the_exchange(market):
    session_id = open_session(market, TRADER)
    close = CloseSession(closed_session_id=session_id)
    assert_refused(market, OTHER, close, Reason.UNKNOWN_SESSION, session_id)
    assert_refused(market, FIRST, close, Reason.UNKNOWN_SESSION, session_id)
    market.do(TRADER, close)
    assert_refused(market, 0, close, Reason.UNKNOWN_SESSION, session_id)


def test_a_bank_may_hold_a_session_too(market):
    assert open_session(market, BANK) in market.state.sessions


def test_orders_survive_the_revocation_of_a_sister_key(market):
    market.do(FIRST, key_for(TRADER, "sister"))
    order_id = market.do(TRADER, bid(market)).seq
    market.do(TRADER, RevokeKey(revoked_key_id=market.state.key_count))
    assert cancelled(market) == []
    market.do(TRADER, CancelOrder(order_id=order_id))

"""The state's bytes: what they bring back, and that no other bytes are ever taken for a state."""

import random
from dataclasses import fields

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.domain.commands import (
    AcceptPledge,
    AdmitParticipant,
    AdvanceClock,
    DepositCash,
    HaltInstrument,
    MarkState,
    OpenSession,
    PublishCalendar,
    PublishMarks,
    PublishSettlementPrice,
    RequestPledge,
    RequestWithdrawal,
    RevokeKey,
)
from exchange.domain.delivery_commands import SuspendSupplier
from exchange.domain.desk_commands import RequestBust
from exchange.domain.enums import Currency, MarkLine, Role, Side, TradeSource, TradingMode
from exchange.domain.lending_commands import ApplyForLoan, CollateralOffer, DisputeMark, MarkPledges
from exchange.domain.lending_events import LotOffered
from exchange.domain.letting import EndSublet, OpenSublet
from exchange.domain.substitution import OfferSubstitution
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.windows import day_at, gate_ns, last_gated_day
from exchange.rules.lots import evolve_offered
from exchange.rules.state import State, StateUnreadable
from matching_core.venue import CoreError
from tests.properties.test_deliveries import deliver_step
from tests.properties.test_desk import desk_step, fund_desk
from tests.properties.test_market import new_market, step
from tests.rules.markets import own
from tests.scenario import BANK, OTHER, PRODUCT, SUPPLIER, TRADER, Market

GENESIS = State()


def full_market() -> Market:
    """Something in every field of the state."""
    market = new_market()
    fund_desk(market)
    market.do(1, PublishCalendar(year=2027, version=2, trading_days=[20_820, 20_821]))
    market.do(1, AdmitParticipant(name="waiting", roles=[Role.AUDITOR]))
    market.do(1, RevokeKey(revoked_key_id=OTHER))
    market.do(TRADER, OpenSession(is_cancel_on_disconnect=True))
    market.do(1, PublishSettlementPrice(instrument_id=4, settlement_price=102))
    rng = random.Random(21)
    for _ in range(60):
        market.execute(*step(rng, market))
    while not (market.state.claims and market.state.pledges):
        market.execute(*deliver_step(rng, market))
    march = market.state.instrument_ids[f"{PRODUCT}:M2703"]
    market.list_window("M2703", mode=TradingMode.SUBLET)
    own(market, TRADER, march, 1)
    market.order(TRADER, march, Side.BUY, 1, 1_000)
    market.order(SUPPLIER, march, Side.SELL, 1, 1_050)
    market.do(0, PublishMarks())
    market.do(TRADER, OpenSession())
    market.do(1, DepositCash(account_id=TRADER, deposit_amount=9, external_reference="más"))
    market.uncross()
    market.advance(gate_ns(last_gated_day(market.state.market_ns) + 1) - NS_PER_MINUTE)
    own(market, TRADER, market.state.gates[-1][1], 1)
    bought_id = market.core.next_trade_id - 1
    source = TradeSource.BOOK
    market.do(TRADER, RequestBust(trade_id=bought_id, note="typo", trade_source=source))
    market.do(
        1,
        DepositCash(
            account_id=TRADER,
            deposit_amount=9,
            external_reference="offshore",
            currency=Currency.CNH,
        ),
    )
    market.do(TRADER, RequestWithdrawal(withdrawal_amount=1))
    tomorrow = day_at(market.state.market_ns) + 1
    free_day = next(
        at for at in range(tomorrow, 20_900) if market.core.sublettable(TRADER, 1, at, at + 1)[0]
    )
    offer = OpenSublet(
        product_id=1,
        lessee_account_id=OTHER,
        start_day=free_day,
        end_day=free_day + 1,
        sublet_qty=1,
        rent_price=100,
    )
    market.do(TRADER, offer)
    sublet = next(iter(market.state.sublets.values()))
    market.execute(sublet.lessor_account_id, EndSublet(sublet_id=sublet.sublet_id))
    swap = OfferSubstitution(
        holder_account_id=TRADER,
        product_id=1,
        start_day=free_day,
        end_day=free_day + 1,
        substituted_qty=1,
        other_product_id=1,
        other_start_day=next(
            at
            for at in range(tomorrow, 20_900)
            if at != free_day and market.core.sellable(SUPPLIER, 1, at, at + 1)[0]
        ),
    )
    market.do(SUPPLIER, swap)
    for _ in range(200):
        key_id, command = desk_step(rng, market)
        if not isinstance(command, AdvanceClock):
            market.execute(key_id, command)
    if not market.state.halts:
        market.do(1, HaltInstrument(instrument_id=market.state.gates[0][1]))
    market.execute(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.list_window("Q272")
    today = day_at(market.state.market_ns)
    free_day = next(
        at for at in range(today + 1, 20_900) if market.core.sellable(SUPPLIER, 1, at, at + 1)[0]
    )
    request = RequestPledge(
        product_id=1, start_day=free_day, end_day=free_day + 1, pledged_qty=1, bank_account_id=BANK
    )
    market.do(SUPPLIER, request)
    pledge_id = len(market.state.pledges)
    market.do(BANK, AcceptPledge(pledge_id=pledge_id))
    dispute = DisputeMark(
        pledge_id=pledge_id,
        mark_seq=market.state.pledges[pledge_id].mark_seq,
        line=MarkLine.VALUE,
        claimed_amount=1,
        evidence_sha256=bytes(32),
    )
    market.do(SUPPLIER, dispute)
    loan_day, borrower_id = next(
        (at, account_id)
        for at in range(today + 1, 20_900)
        for account_id in (TRADER, OTHER)
        if market.core.sellable(account_id, 1, at, at + 1)[0]
    )
    days = CollateralOffer(product_id=1, start_day=loan_day, end_day=loan_day + 1, pledged_qty=1)
    application = ApplyForLoan(
        bank_account_id=BANK, principal_amount=1, maturity_day=loan_day, collateral=[days]
    )
    market.do(borrower_id, application)
    while market.state.marking_left:
        market.do(0, MarkPledges())
    market.do(0, MarkPledges())
    # How a lot comes to stand is the business of `test_lots`.
    evolve_offered(
        LotOffered(
            lot_id=7,
            loan_id=1,
            pledge_id=pledge_id,
            mode=TradingMode.TITLE,
            product_id=1,
            start_day=loan_day,
            end_day=loan_day + 1,
            lot_qty=1,
            start_price=2,
            floor_price=1,
            step_price=1,
            step_ns=NS_PER_MINUTE,
            offered_ns=market.state.market_ns,
            end_ns=market.state.market_ns + 3 * NS_PER_MINUTE,
            buyer_account_id=0,
        ),
        market.state,
    )
    market.state.swept_sublets[sublet.sublet_id] = pledge_id
    market.do(0, MarkState())
    return market


FULL = full_market()
DATA = FULL.state.canonical()


def changed(name: str, value: object) -> bytes:
    """The full state's bytes with another value at a fact."""
    facts, core = msgspec.msgpack.decode(DATA)
    return msgspec.msgpack.encode([{**facts, name: value}, core])


def test_every_field_comes_back_as_it_was():
    again = State.restore(DATA)
    for field in fields(State):
        if field.name != "core":
            value = getattr(FULL.state, field.name)
            assert value, f"{field.name} is empty, so this shows nothing"
            assert getattr(again, field.name) == value
            assert type(getattr(again, field.name)) is type(value)
    assert again.core.snapshot() == FULL.core.snapshot()
    assert again.canonical() == DATA
    assert again.hash() == FULL.state.hash()


def test_the_state_before_genesis_is_restored_too():
    assert State.restore(GENESIS.canonical()).canonical() == GENESIS.canonical()


def test_commands_are_remembered_as_what_they_were():
    again = State.restore(DATA)
    entries = [
        (entry, again.seen[account_id][command_id])
        for account_id, seen in FULL.state.seen.items()
        for command_id, entry in seen.items()
    ]
    assert len({type(entry.read()) for entry, _ in entries}) > 4
    assert any(entry.refusal for entry, _ in entries)
    for entry, restored in entries:
        assert type(restored.read()) is type(entry.read())
        assert restored == entry
        assert restored != replace(entry, command=replace(entry.read(), command_id="other"))


def test_a_restored_core_can_write_events():
    again = State.restore(DATA)
    instrument_id = next(number for _, number in again.gates if number not in again.halts)
    order_id = again.seq + 1
    assert again.core.place(order_id, TRADER, 1, 0, instrument_id, Side.BUY, 1, 98, 1, 0) == 0
    count, data = again.core.take_events()
    assert count == 2
    assert b"order_accepted" in data
    assert b"order_rested" in data


# -- bytes that are no state -----------------------------------------------------------------------


def test_every_shortened_or_lengthened_state_is_refused():
    for length in range(0, len(DATA), 7):
        with pytest.raises(StateUnreadable):
            State.restore(DATA[:length])
    with pytest.raises(StateUnreadable):
        State.restore(DATA + b"\0")


@given(st.integers(0, len(DATA) - 1), st.integers(0, 7))
@settings(max_examples=1_500, deadline=None)
def test_a_flipped_bit_is_refused_or_another_state_with_these_very_bytes(place, bit):
    damaged = bytearray(DATA)
    damaged[place] ^= 1 << bit
    try:
        state = State.restore(bytes(damaged))
    except StateUnreadable:
        return
    assert state.canonical() == bytes(damaged)


@given(st.binary(max_size=100))
def test_bytes_of_chance_are_refused(data):
    with pytest.raises(StateUnreadable):
        State.restore(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seq", "7"),
        ("seq", 7.0),
        ("seq", None),
        ("venue", {}),
        ("keys", {}),
        ("keys", [[1, None]]),
        ("token_hashes", ["text"]),
        ("references", [[b"bytes", 1]]),
        ("sessions", [[1, ["session_closed", 1, 1]]]),
        ("seen", [[1, [["c", {"seq": "1", "command": ["mark_state"], "refusal": None}]]]]),
        ("pledges", [[1, {"request": None, "status": "lost"}]]),
        ("unknown", 1),
    ],
)
def test_a_fact_of_another_type_is_refused(name, value):
    with pytest.raises(StateUnreadable):
        State.restore(changed(name, value))


def test_a_missing_fact_is_refused():
    facts, core = msgspec.msgpack.decode(DATA)
    for name in facts:
        rest = {key: value for key, value in facts.items() if key != name}
        with pytest.raises(StateUnreadable):
            State.restore(msgspec.msgpack.encode([rest, core]))


@pytest.mark.parametrize("name", ["participants", "references", "seen", "instruments"])
def test_rows_that_are_doubled_or_out_of_order_are_refused(name):
    facts, _ = msgspec.msgpack.decode(DATA)
    assert State.restore(changed(name, facts[name]))
    for rows in ([*facts[name], facts[name][-1]], facts[name][::-1]):
        with pytest.raises(StateUnreadable, match="form"):
            State.restore(changed(name, rows))


def test_an_entry_with_an_unknown_field_is_refused():
    facts, _ = msgspec.msgpack.decode(DATA)
    (pledge_id, pledge), *rest = facts["pledges"]
    rows = [(pledge_id, {**pledge, "more": 1}), *rest]
    with pytest.raises(StateUnreadable, match="form"):
        State.restore(changed("pledges", rows))


def test_a_core_that_is_not_sound_is_refused_by_name():
    facts, core = msgspec.msgpack.decode(DATA)
    data = msgspec.msgpack.encode([facts, core[:-1]])
    with pytest.raises(StateUnreadable) as caught:
        State.restore(data)
    assert isinstance(caught.value.__cause__, CoreError)


def test_a_length_of_what_is_not_there_is_refused_at_once():
    """An array of 2**32 - 1 rows, in a few bytes."""
    with pytest.raises(StateUnreadable):
        State.restore(b"\x92\x81\xa9calendars\xdd\xff\xff\xff\xff")


def test_deep_nesting_is_refused():
    with pytest.raises(StateUnreadable):
        State.restore(b"\x91" * 100_000)
    with pytest.raises(StateUnreadable):
        State.restore(b"\x92\x81\xa7unknown" + b"\x91" * 100_000)

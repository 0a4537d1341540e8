"""
A market whose people also deal at the desk: conserved after every record, and replayed exactly.

Their words come in any order, so most transitions of the desk are tried in most states.
"""

import random
from collections import Counter
from typing import Any

import pytest

from exchange.domain import desk_commands as d
from exchange.domain import desk_events
from exchange.domain.commands import AdvanceClock, Command, UncrossBooks
from exchange.domain.enums import SessionState, Side
from exchange.domain.events import Event
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import parse_window, start_ns
from exchange.rules.desk_hours import DESK_CLOSES_NS, DESK_OPENS_NS
from tests.properties.conservation import Ledger
from tests.properties.test_market import ACCOUNTS, AFFILIATE, REFUSALS, new_market, step
from tests.scenario import OTHER, SUPPLIER, TRADER, Market

STEPS_COUNT = 250
SEEDS = range(24)
MAY = parse_window("M2705").start_day
NOTES = ("fat finger", "wrong window")
EVENTS = {
    kind
    for kind in vars(desk_events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}


def fund_desk(market: Market) -> None:
    """Cash, and days of May 2027, that make blocks; each has bought some from the supplier."""
    market.grant("M2705", 4_000)
    instrument_id = market.list_window("M2705")
    while not (is_open(market) and market.core.session_state == SessionState.CONTINUOUS):
        market.execute(0, AdvanceClock(market_ns=market.state.market_ns + 30 * NS_PER_MINUTE))
        market.uncross()
    for account_id in ACCOUNTS:
        market.deposit(account_id, 200_000_000_000)
        if account_id != SUPPLIER:
            market.order(SUPPLIER, instrument_id, Side.SELL, 900, 1_000)
            market.order(account_id, instrument_id, Side.BUY, 900, 1_000)


def desk_step(rng: random.Random, market: Market) -> tuple[int, Command]:
    """The next word at the desk; while it is closed, time passes."""
    if market.core.is_uncrossing:
        return 0, UncrossBooks()
    if not is_open(market):
        return 0, AdvanceClock(market_ns=market.state.market_ns + 30 * NS_PER_MINUTE)
    account_id = rng.choice(ACCOUNTS)
    kind = rng.choices(range(10), weights=[10, 16, 9, 2, 10, 12, 3, 5, 18, 6])[0]
    match kind:
        case 0:
            return account_id, _request(rng)
        case 1:
            return account_id, _quote(rng, market)
        case 2:
            quote_id = _one_of(rng, market.state.quotes)
            return _asker_of(quote_id, market), d.AcceptQuote(quote_id=quote_id)
        case 3 if rng.random() < 0.5:
            request_id = _one_of(rng, market.state.quote_requests)
            return account_id, d.WithdrawQuoteRequest(quote_request_id=request_id)
        case 3:
            return account_id, d.WithdrawQuote(quote_id=_one_of(rng, market.state.quotes))
        case 4:
            return account_id, _block(rng, account_id)
        case 5:
            return _answer_block(rng, market)
        case 6:
            return 0, AdvanceClock(
                market_ns=market.state.market_ns + rng.randint(1, 12) * NS_PER_MINUTE
            )
        case 7:
            return _waive(rng, market)
        case 8:
            return _dispute(rng, market, account_id)
    return _allocate(rng, market)


def is_open(market: Market) -> bool:
    """Whether the desk may be open: holidays are found out by being refused."""
    if market.state.venue.is_always_open:
        return True
    into_day_ns = (market.state.market_ns - start_ns(0)) % NS_PER_DAY
    return DESK_OPENS_NS <= into_day_ns < DESK_CLOSES_NS


def _one_of(rng: random.Random, table: dict[int, Any]) -> int:
    """Mostly one of the latest, and mostly one that is not over."""
    latest = sorted(table)[-6:]
    waiting = [key for key in latest if getattr(table[key], "is_open", True)]
    chance = rng.random()
    if chance < 0.7 and waiting:
        return rng.choice(waiting)
    return rng.choice(latest) if chance < 0.97 and latest else 1


def _span(rng: random.Random) -> dict[str, int]:
    start_day = MAY + rng.randint(0, 6)
    return {"product_id": 1, "start_day": start_day, "end_day": start_day + rng.randint(4, 20)}


def _request(rng: random.Random) -> Command:
    dealers = rng.choice([[], [], [TRADER], [SUPPLIER, OTHER]])
    return d.RequestQuote(
        request_qty=rng.randint(1, 300),
        side=rng.choice([None, *Side]),
        dealer_account_ids=dealers,
        lifetime_ns=rng.choice([5, 30]) * NS_PER_MINUTE,
        **_span(rng),
    )


def _quote(rng: random.Random, market: Market) -> Command:
    return d.SubmitQuote(
        quote_request_id=_one_of(rng, market.state.quote_requests),
        quote_price=rng.randint(900, 1_100),
        side=rng.choice([None, None, *Side]),
        lifetime_ns=rng.choice([1, 5]) * NS_PER_MINUTE,
    )


def _asker_of(quote_id: int, market: Market) -> int:
    quote = market.state.quotes.get(quote_id)
    if quote is None:
        return TRADER
    return market.state.quote_requests[quote.submitted.quote_request_id].asked.account_id


def _block(rng: random.Random, account_id: int) -> Command:
    return d.ProposeBlock(
        counterparty_account_id=rng.choice([a for a in ACCOUNTS if a != account_id]),
        side=rng.choice(list(Side)),
        block_qty=rng.randint(200, 1_200),
        block_price=rng.randint(900, 1_100),
        **_span(rng),
    )


def _answer_block(rng: random.Random, market: Market) -> tuple[int, Command]:
    block_id = _one_of(rng, market.state.blocks)
    block = market.state.blocks.get(block_id)
    account_id = TRADER if block is None else block.proposed.counterparty_account_id
    if rng.random() < 0.15:
        return account_id, d.DeclineBlock(block_id=block_id)
    return account_id, d.ConfirmBlock(block_id=block_id)


def _waive(rng: random.Random, market: Market) -> tuple[int, Command]:
    """A waiver, or the word of either operator for one that was asked for."""
    block_id = _one_of(rng, market.state.blocks)
    block = market.state.blocks.get(block_id)
    if block is not None and block.waiver_operator_id:
        return rng.choice([1, 2]), d.ConfirmWaiver(block_id=block_id)
    return rng.choice([1, 2]), d.WaiveBand(block_id=block_id, note="agreed")


def _dispute(rng: random.Random, market: Market, account_id: int) -> tuple[int, Command]:
    trade_id = _one_of(rng, market.state.desk_trades)
    correction_id = _one_of(rng, market.state.corrections)
    operator_id, note = rng.choice([1, 2]), rng.choice(NOTES)
    match rng.randint(0, 9):
        case 0:
            return account_id, d.RequestBust(trade_id=trade_id, note=note)
        case 1 | 2:
            return account_id, d.RequestCorrection(
                trade_id=trade_id, corrected_price=rng.randint(900, 1_100), note=note
            )
        case 3:
            return operator_id, d.DeclineCorrection(correction_id=correction_id, note=note)
        case 4:
            return operator_id, d.RecordClaim(
                correction_id=correction_id, claim_amount=1, note=note
            )
    return operator_id, d.ApproveCorrection(correction_id=correction_id)


def _allocate(rng: random.Random, market: Market) -> tuple[int, Command]:
    """A block that the supplier's affiliate or the supplier bought is shared by the two."""
    registered = {key: block for key, block in market.state.blocks.items() if block.trade_id}
    block_id = _one_of(rng, registered)
    block = registered.get(block_id)
    if block is None:
        return SUPPLIER, d.AllocateBlock(block_id=block_id, allocations=[])
    kept_qty = block.proposed.block_qty // 3
    allocations = [
        d.Allocation(SUPPLIER, kept_qty),
        d.Allocation(AFFILIATE, block.proposed.block_qty - kept_qty),
    ]
    buyer_id = market.state.desk_trades[block.trade_id].executed.buyer_account_id
    return buyer_id, d.AllocateBlock(block_id=block_id, allocations=allocations)


def run(seed: int) -> Market:
    """One run, with the books' own trading in between; refusals are the market's own."""
    rng, market, ledger = random.Random(seed), new_market(has_sessions=seed % 4 == 1), Ledger()
    fund_desk(market)
    for record in market.records:
        ledger.take(*decode_body(record))
    for _ in range(STEPS_COUNT):
        count = len(market.records)
        is_desk = rng.random() < 0.9
        outcome = market.execute(*(desk_step if is_desk else step)(rng, market))
        assert outcome.reason is None or outcome.reason in REFUSALS
        for record in market.records[count:]:
            ledger.take(*decode_body(record))
        ledger.compare(market.state)
    return market


@pytest.mark.parametrize("seed", SEEDS)
def test_the_desk_conserves_value_after_every_record_and_replay_is_the_identity(seed):
    run(seed).assert_replays()


def test_the_random_desk_reaches_every_event_of_the_desk():
    seen = Counter(
        type(event)
        for seed in range(12)
        for record in run(seed).records
        for event in decode_body(record)[1]
    )
    assert EVENTS - set(seen) == set()
    assert seen[desk_events.DeskTradeExecuted] > 70

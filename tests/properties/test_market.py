"""
A whole market under random commands: conserved after every record, and replayed exactly.

One seed is one run, so a failure is reproduced by its seed. The scripts are drawn by plain weights
rather than by hypothesis' own strategies, which prefer small and repeated values and so hardly ever
make two orders meet.
"""

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from exchange.domain import capacity_events, delivery_events, substitution
from exchange.domain import desk_events as desk
from exchange.domain.commands import (
    AcceptPledge,
    AdvanceClock,
    AmendOrder,
    CancelOrder,
    CloseSession,
    Command,
    DeclinePledge,
    DeclineWithdrawal,
    DepositCash,
    HaltInstrument,
    MassCancel,
    OpenSession,
    PlaceOrder,
    PublishIndexPrice,
    PublishMarks,
    PublishSettlementPrice,
    ReleasePledge,
    RequestPledge,
    RequestWithdrawal,
    ResumeInstrument,
    ScheduleListings,
    WithdrawCash,
)
from exchange.domain.enums import (
    CancelReason,
    Currency,
    ExecInst,
    Role,
    SelfMatchPolicy,
    Side,
    TimeInForce,
    TradingMode,
)
from exchange.domain.events import Event, OrderCancelled
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.letting import (
    AcceptSublet,
    ConsentToSublet,
    DeclineSublet,
    EndSublet,
    OpenSublet,
)
from exchange.domain.movements import (
    CapacityWithdrawn,
    CashPaid,
    DeliveryDayClosed,
    EscrowReleased,
    TitleTransferred,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import EVENT_TYPES, decode_body
from exchange.domain.trading_sessions import TRADING_DAY
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import day_at, parse_window
from exchange.rules.clock import owed_before
from tests.core.venues import tag_of
from tests.properties.conservation import Ledger
from tests.rules.markets import OtherMarket, calendar
from tests.scenario import BANK, OTHER, PRODUCT, SUPPLIER, TRADER, Market, secret_hash

# Few prices, small sizes and overlapping windows, so that orders meet, share days and run short.
WINDOWS = ("D261128", "D261129", "X261128-261201", "M2612", "Q271", "D261201")
SCHEDULE = ScheduleListings(
    product_id=1, day_count=2, month_count=4, quarter_count=1, year_count=0, strip_count=0
)
"""The windows above and a few more, listed and settled by the clock."""
AFFILIATE = 8
ACCOUNTS = (SUPPLIER, TRADER, OTHER, AFFILIATE)
STEPS_COUNT = 240
SEEDS = range(60)
DELIVERY = {
    capacity_events.__name__,
    delivery_events.__name__,
    substitution.__name__,
    "exchange.domain.movements",
}
"""Their events are the business of `test_deliveries` and `tests.whole_market`."""
LENDING = "exchange.domain.lending_events"
"""Of which only the marks of pledges are made here."""
REFUSALS = set(Reason) - {Reason.INTERNAL_ERROR, Reason.AUTH_REQUIRED}


def new_market(*, has_sessions: bool = False) -> Market:
    """Little money and little title, so that means run out, and bands that prices leave."""
    genesis = {"is_always_open": not has_sessions, "static_bps": 200, "dynamic_bps": 100}
    market = OtherMarket(genesis, deposit_amount=0)
    affiliate_id = market.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER])
    assert affiliate_id == AFFILIATE
    for account_id in ACCOUNTS:
        market.deposit(account_id, 40_000_000)
    market.grant("X261128-270401", 30)
    for year in (2026, 2027):
        market.do(1, calendar(year))
    for code in WINDOWS:
        market.list_window(code)
    market.list_window("M2612", mode=TradingMode.SUBLET)
    month = market.state.instrument_ids[f"{PRODUCT}:M2612"]
    for account_id in (TRADER, OTHER):
        market.order(SUPPLIER, month, Side.SELL, 3, 100)
        market.order(account_id, month, Side.BUY, 3, 100)
    market.order(TRADER, len(WINDOWS) + 1, Side.SELL, 1, 100)
    market.order(OTHER, len(WINDOWS) + 1, Side.BUY, 1, 100)
    end_day = parse_window("M2612").end_day
    request = RequestPledge(
        product_id=1,
        start_day=end_day - 15,
        end_day=end_day,
        pledged_qty=2,
        bank_account_id=BANK,
    )
    market.do(OTHER, request)
    market.do(BANK, AcceptPledge(pledge_id=1))
    if has_sessions:
        for year in (2026, 2027):
            later = calendar(year, version=2, holidays=("2026-12-31",))
            market.do(1, replace(later, session_starts=TRADING_DAY))
    market.do(1, SCHEDULE)
    return market


def place(rng: random.Random, market: Market, account_id: int) -> Command:
    """An order near the others', in the account's last session if it has one."""
    sessions = [s.session_id for s in market.state.sessions.values() if s.account_id == account_id]
    time_in_force = rng.choice([TimeInForce.GTC] * 4 + list(TimeInForce))
    expire_day = day_at(market.state.market_ns) + rng.randint(0, 3)
    is_immediate = time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return PlaceOrder(
        session_id=sessions[-1] if sessions else 0,
        instrument_id=rng.choice([1, 2, 3, 4, 4, 4, 5, 5, 6, 6, 7, 99]),
        side=rng.choice(list(Side)),
        order_qty=rng.randint(1, 6),
        limit_price=rng.randint(98, 102),
        time_in_force=time_in_force,
        exec_inst=rng.choice(
            [ExecInst.NONE, ExecInst.ALL_OR_NONE]
            if is_immediate and rng.random() < 0.5
            else [ExecInst.NONE] * 4 + [ExecInst.POST_ONLY]
        ),
        min_qty=rng.choice([0] * 6 + [1, 2]),
        display_qty=rng.choice([0] * 4 + [1, 2]),
        self_match_policy=rng.choice(list(SelfMatchPolicy)),
        expire_day=expire_day if time_in_force is TimeInForce.GTD else 0,
    )


def touch(rng: random.Random, market: Market, account_id: int) -> Command:
    """An amendment or a cancel of an own order, where there is one."""
    own = market.core.orders_of_account(account_id) or [1]
    if rng.random() < 0.3:
        return CancelOrder(order_id=rng.choice(own))
    return AmendOrder(
        order_id=rng.choice(own),
        order_qty=rng.choice([None, rng.randint(1, 8)]),
        limit_price=rng.choice([None, rng.randint(98, 102)]),
    )


def pledge(rng: random.Random, market: Market, account_id: int) -> Command:
    """A request for some December days."""
    first_day = parse_window("M2612").start_day
    start_day = first_day + rng.randint(0, 5)
    return RequestPledge(
        product_id=1,
        start_day=start_day,
        end_day=start_day + rng.randint(0, 20),
        pledged_qty=rng.randint(1, 4),
        bank_account_id=BANK,
    )


def letting(rng: random.Random, market: Market, account_id: int) -> tuple[int, Command]:
    """A sublet between two: offered, taken, declined, consented to or ended, by whoever may."""
    state = market.state
    offers = [offered.offer for offered in state.sublet_offers.values()]
    roll = rng.random()
    awaiting = [offer for offer in offers if offer.consent_bank_ids]
    if awaiting and roll < 0.2:
        return BANK, ConsentToSublet(offer_id=awaiting[-1].offer_id)
    if offers and roll < 0.45:
        offer = rng.choice(offers)
        return offer.lessee_account_id, AcceptSublet(offer_id=offer.offer_id)
    if offers and roll < 0.5:
        offer = rng.choice(offers)
        sides = (offer.lessor_account_id, offer.lessee_account_id)
        return rng.choice(sides), DeclineSublet(offer_id=offer.offer_id)
    if state.sublets and roll < 0.6:
        sublet = rng.choice(list(state.sublets.values()))
        sides = (sublet.lessor_account_id, sublet.lessee_account_id)
        return rng.choice(sides), EndSublet(sublet_id=sublet.sublet_id)
    start_day = parse_window("M2612").start_day + rng.randint(0, 25)
    lessor_id = rng.choice([account_id, TRADER, OTHER])
    return lessor_id, OpenSublet(
        product_id=1,
        lessee_account_id=rng.choice([TRADER, OTHER, OTHER, AFFILIATE]),
        start_day=start_day,
        end_day=start_day + rng.randint(1, 9),
        sublet_qty=rng.randint(1, 3),
        rent_price=rng.choice([10, 100]),
    )


def transfer(rng: random.Random, market: Market, account_id: int) -> tuple[int, Command]:
    """Money in or out, in either currency, under one of few references."""
    currency = rng.choice(list(Currency))
    if rng.random() < 0.5:
        return 1, DepositCash(
            account_id=account_id,
            deposit_amount=rng.randint(1, 10**6),
            external_reference=rng.choice("abcdefgh"),
            currency=currency,
        )
    return payout(rng, market, account_id, currency)


def payout(
    rng: random.Random, market: Market, account_id: int, currency: Currency
) -> tuple[int, Command]:
    """A holder's wish to have cash, or what becomes of such a wish."""
    found = [asked for _, asked in sorted(market.state.withdrawals.items())]
    if not found or rng.random() < 0.4:
        amount = rng.randint(1, 10**6)
        return account_id, RequestWithdrawal(withdrawal_amount=amount, currency=currency)
    asked = rng.choice(found)
    if rng.random() < 0.2:
        key_id = rng.choice([1, account_id])
        return key_id, DeclineWithdrawal(withdrawal_id=asked.withdrawal_id)
    return 1, WithdrawCash(
        account_id=asked.account_id,
        withdrawal_amount=asked.withdrawal_amount + rng.choice([0, 0, 0, 1]),
        external_reference=rng.choice("abcdefgh"),
        currency=asked.currency,
        withdrawal_id=asked.withdrawal_id,
    )


def supervise(rng: random.Random) -> Command:
    """What an operator does to a window."""
    instrument_id = rng.randint(1, len(WINDOWS))
    match rng.randint(0, 3):
        case 0:
            return HaltInstrument(instrument_id=instrument_id)
        case 1 | 2:
            return ResumeInstrument(instrument_id=instrument_id)
    return PublishSettlementPrice(
        instrument_id=instrument_id, settlement_price=rng.randint(99, 101)
    )


def step(rng: random.Random, market: Market) -> tuple[int, Command]:
    """The next command and whose key it comes under."""
    account_id = rng.choice(ACCOUNTS)
    owed = owed_before(market.state)
    if owed is not None and rng.random() < 0.8:
        return 0, owed
    pledge_id = rng.randint(1, max(1, len(market.state.pledges)))
    kind = rng.choices(range(14), weights=[60, 15, 4, 4, 3, 1, 7, 3, 3, 1, 1, 5, 14, 3])[0]
    match kind:
        case 0:
            return account_id, place(rng, market, account_id)
        case 1:
            return account_id, touch(rng, market, account_id)
        case 2:
            return account_id, pledge(rng, market, account_id)
        case 3:
            return BANK, AcceptPledge(pledge_id=pledge_id)
        case 4:
            return BANK, ReleasePledge(pledge_id=pledge_id)
        case 5:
            return rng.choice([account_id, BANK]), DeclinePledge(pledge_id=pledge_id)
        case 6 if not market.state.venue.is_always_open:
            return 0, AdvanceClock(market_ns=market.state.market_ns + NS_PER_DAY)
        case 6:
            return 0, AdvanceClock(
                market_ns=market.state.market_ns
                + rng.choice([rng.randint(1, 3 * NS_PER_DAY)] * 2 + [10 * NS_PER_MINUTE])
            )
        case 7:
            return 0, rng.choice([PublishMarks(), MarkPledges()])
        case 8 if market.state.sessions and rng.random() < 0.5:
            return 0, CloseSession(closed_session_id=rng.choice(list(market.state.sessions)))
        case 8:
            return account_id, OpenSession(is_cancel_on_disconnect=rng.random() < 0.5)
        case 9:
            return account_id, MassCancel(side=rng.choice([None, *Side]))
        case 11:
            return 1, supervise(rng)
        case 12:
            return letting(rng, market, account_id)
        case 13:
            return transfer(rng, market, account_id)
    if rng.random() < 0.5:
        return payout(rng, market, account_id, Currency.CNY)
    index_micro = rng.randint(500_000, 1_500_000)
    return 1, PublishIndexPrice(
        gpu_class="A100-80-SXM",
        region="SG",
        index_micro=index_micro,
        usd_micro=index_micro,
        usd_cny_ppm=1_000_000,
        observed_day=day_at(market.state.market_ns),
        source="test",
        row_count=1,
        file_sha256=secret_hash("file"),
    )


def linked_step(rng: random.Random, market: Market) -> tuple[int, Command]:
    """The same, where some orders are exclusive."""
    key_id, command = step(rng, market)
    if isinstance(command, PlaceOrder):
        command = replace(command, link_id=rng.choice([0, 0, 1, 2, 3]))
    return key_id, command


def custody_events() -> list[type[Event]]:
    """Movements outside the order path that no command here makes."""
    return [CapacityWithdrawn, CashPaid, DeliveryDayClosed, EscrowReleased, TitleTransferred]


def desk_events() -> list[type[Event]]:
    """What happens at the desk, see `test_desk`."""
    return [kind for kind in EVENT_TYPES.values() if kind.__module__ == desk.__name__]


def run(seed: int) -> Market:
    """One run: every record conserves value, and refusals are the market's own."""
    rng, market, ledger = random.Random(seed), new_market(has_sessions=seed % 2 == 1), Ledger()
    for record in market.records:
        ledger.take(*decode_body(record))
    for _ in range(STEPS_COUNT):
        count = len(market.records)
        outcome = market.execute(*linked_step(rng, market))
        assert outcome.reason is None or outcome.reason in REFUSALS
        for record in market.records[count:]:
            ledger.take(*decode_body(record))
        ledger.compare(market.state)
    return market


@pytest.mark.parametrize("seed", SEEDS)
def test_value_is_conserved_after_every_record_and_replay_is_the_identity(seed):
    run(seed).assert_replays()


def test_the_random_market_reaches_every_event_of_trading_and_lending():
    events = [
        event for seed in SEEDS for record in run(seed).records for event in decode_body(record)[1]
    ]
    seen = Counter(type(event).__struct_config__.tag for event in events)
    reasons = Counter(e.cancel_reason for e in events if isinstance(e, OrderCancelled))
    assert reasons[CancelReason.SELF_MATCH] > 10
    assert reasons[CancelReason.EXPIRED] > 5
    assert reasons[CancelReason.PRICE_BAND] > 0
    elsewhere = {"key_revoked", "refusals_counted", "state_marked", "state_hashed"}
    elsewhere |= set(map(tag_of, [*custody_events(), *desk_events()]))
    elsewhere |= {tag_of(kind) for kind in EVENT_TYPES.values() if kind.__module__ in DELIVERY}
    elsewhere |= {tag_of(kind) for kind in EVENT_TYPES.values() if kind.__module__ == LENDING}
    elsewhere -= {"pledge_marked", "pledges_marked"}
    assert set(seen) >= set(EVENT_TYPES) - elsewhere
    assert seen["trade_executed"] > 50

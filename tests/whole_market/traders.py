"""What people do in the books, with their cash and their keys: random, mostly sensible commands."""

import random
from collections.abc import Sequence

from exchange.domain.commands import (
    AcceptPledge,
    AmendOrder,
    CancelOrder,
    CloseSession,
    Command,
    DeclinePledge,
    DeclineWithdrawal,
    DepositCash,
    HaltInstrument,
    ListInstrument,
    MassCancel,
    OpenSession,
    PlaceOrder,
    PublishBandWidths,
    PublishMarks,
    PublishSettlementPrice,
    RegisterKey,
    ReleasePledge,
    RequestPledge,
    RequestWithdrawal,
    ResumeInstrument,
    RevokeKey,
    WithdrawCash,
)
from exchange.domain.enums import (
    Currency,
    ExecInst,
    Scope,
    SelfMatchPolicy,
    Side,
    TimeInForce,
    TradingMode,
    WindowKind,
)
from exchange.domain.events import InstrumentListed
from exchange.domain.windows import month_of, parse_window
from tests.scenario import BANK, SUPPLIER, secret_hash
from tests.whole_market.market import (
    AFFILIATE,
    COUSIN,
    DEALERS,
    PRICE,
    SECOND_SUPPLIER,
    TRADERS,
    WholeMarket,
)

OPERATORS = (1, 2)
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
Keyed = tuple[int, Command]
"""A command and the key that it comes under; a test's keys have the numbers of their accounts."""


def order(rng: random.Random, market: WholeMarket) -> Keyed:
    """An order near the others', of whoever has what it takes."""
    listed = _listed(rng, market)
    if listed is None:
        return user_window(rng, market)
    is_use = listed.mode is TradingMode.SUBLET
    account_id = rng.choice(TRADERS if is_use else dealers_of(listed.product_id))
    is_dear = listed.mode is TradingMode.TITLE
    time_in_force = rng.choice([TimeInForce.GTC] * 5 + list(TimeInForce))
    if listed.kind is WindowKind.USER_DEFINED:
        time_in_force = rng.choice(IMMEDIATE)
    is_immediate = time_in_force in IMMEDIATE
    middle = PRICE if is_dear else 700
    exec_inst = rng.choice([ExecInst.NONE] * 5 + [ExecInst.POST_ONLY])
    if is_immediate:
        exec_inst = rng.choice([ExecInst.NONE, ExecInst.ALL_OR_NONE])
    suppliers = set(DEALERS) - set(TRADERS)
    is_seller = rng.random() < (0.85 if account_id in suppliers else 0.35)
    sessions = [s.session_id for s in market.state.sessions.values() if s.account_id == account_id]
    return account_id, PlaceOrder(
        session_id=sessions[-1] if sessions and rng.random() < 0.5 else 0,
        instrument_id=listed.instrument_id,
        side=Side.SELL if is_seller else Side.BUY,
        order_qty=rng.randint(1, 12),
        limit_price=middle + rng.randint(-20, 20),
        time_in_force=time_in_force,
        exec_inst=exec_inst,
        min_qty=rng.choice([0] * 6 + [1, 2]),
        display_qty=rng.choice([0] * 4 + [1, 2]),
        self_match_policy=rng.choice(list(SelfMatchPolicy)),
        expire_day=market.today + rng.randint(0, 3) if time_in_force is TimeInForce.GTD else 0,
        link_id=rng.choice([0, 0, market.state.seq]),
    )


def take(rng: random.Random, market: WholeMarket) -> Keyed:
    """What somebody has in a book, taken at its price or a little beyond."""
    resting = [i for account_id in DEALERS for i in market.core.orders_of_account(account_id)]
    if rng.random() < 0.4:
        resting = _linked(market) or resting
    found = market.core.order(rng.choice(resting)) if resting else None
    if found is None:
        return order(rng, market)
    instrument_id, side, limit_price, leaves_qty = found[4], found[5], found[7], found[10]
    listed = market.state.instruments[instrument_id]
    is_use = listed.mode is TradingMode.SUBLET
    account_id = rng.choice(TRADERS if is_use else dealers_of(listed.product_id))
    is_buy = side == Side.SELL
    return account_id, PlaceOrder(
        instrument_id=instrument_id,
        side=Side.BUY if is_buy else Side.SELL,
        order_qty=max(1, leaves_qty + rng.randint(-2, 3)),
        limit_price=limit_price + rng.randint(0, 5) * (1 if is_buy else -1),
        time_in_force=rng.choice([TimeInForce.GTC, TimeInForce.IOC]),
        self_match_policy=rng.choice(list(SelfMatchPolicy)),
    )


def _linked(market: WholeMarket) -> list[int]:
    """The open orders that may have siblings."""
    open_ids = [i for account_id in DEALERS for i in market.core.orders_of_account(account_id)]
    return [order_id for order_id in open_ids if market.core.order(order_id)[-1]]


def alternative(rng: random.Random, market: WholeMarket) -> Keyed:
    """An order in another window, exclusive with one that is open."""
    linked = _linked(market)
    if not linked:
        return order(rng, market)
    open_order = market.core.order(rng.choice(linked))
    account_id, instrument_id, side, link_id = (open_order[place] for place in (1, 4, 5, -1))
    wanted = market.state.instruments[instrument_id]
    others = [market.state.instruments[each] for _, each in market.state.gates]
    alike = [
        each.instrument_id
        for each in others
        if (each.product_id, each.mode) == (wanted.product_id, wanted.mode)
    ]
    return account_id, PlaceOrder(
        instrument_id=rng.choice(alike or [instrument_id]),
        side=Side(side),
        order_qty=rng.randint(1, 12),
        limit_price=open_order[7] + rng.randint(-10, 10),
        display_qty=rng.choice([0] * 4 + [1, 2]),
        link_id=link_id,
    )


def dealers_of(product_id: int) -> list[int]:
    """Who trades in a product: suppliers in their own only."""
    supplier_id = SUPPLIER if product_id == 1 else SECOND_SUPPLIER
    return [supplier_id, COUSIN, AFFILIATE, *TRADERS]


def _listed(rng: random.Random, market: WholeMarket) -> InstrumentListed | None:
    gates = market.state.gates
    return market.state.instruments[rng.choice(gates)[1]] if gates else None


def user_window(rng: random.Random, market: WholeMarket) -> Keyed:
    """A window that is listed on request, or the book of sublets of days to come."""
    start_day = market.today + rng.randint(2, 20)
    end_day = start_day + rng.randint(2, 25)
    if rng.random() < 0.5:
        kind, mode = WindowKind.USER_DEFINED, TradingMode.TITLE
    else:
        kind, mode = WindowKind.DAY, TradingMode.SUBLET
        end_day = start_day + 1
    return 1, ListInstrument(
        product_id=_product(rng), kind=kind, start_day=start_day, end_day=end_day, mode=mode
    )


def touch(rng: random.Random, market: WholeMarket) -> Keyed:
    """An amendment or a cancel of an own order, where there is one."""
    account_id = rng.choice(DEALERS)
    own = market.core.orders_of_account(account_id) or [1]
    chance = rng.random()
    if chance < 0.05:
        return account_id, MassCancel(side=rng.choice([None, *Side]))
    if chance < 0.4:
        return account_id, CancelOrder(order_id=rng.choice(own))
    return account_id, AmendOrder(
        order_id=rng.choice(own),
        order_qty=rng.choice([None, rng.randint(1, 16)]),
        limit_price=rng.choice([None, PRICE + rng.randint(-20, 20)]),
    )


def pledge(rng: random.Random, market: WholeMarket) -> Keyed:
    """A word about some pledge, or a request for another."""
    pledges = [p.request for p in market.state.pledges.values()]
    latest = rng.choice(pledges[-6:]) if pledges else None
    match rng.randint(0, 7):
        case 0 | 1 | 2 if latest is not None:
            return BANK, AcceptPledge(pledge_id=latest.pledge_id)
        case 3 if latest is not None:
            return BANK, ReleasePledge(pledge_id=latest.pledge_id)
        case 4 if latest is not None:
            account_id = rng.choice([BANK, latest.account_id])
            return account_id, DeclinePledge(pledge_id=latest.pledge_id)
    start_day = market.today + rng.randint(1, 30)
    return rng.choice(TRADERS), RequestPledge(
        product_id=_product(rng),
        start_day=start_day,
        end_day=start_day + rng.randint(1, 30),
        pledged_qty=rng.randint(1, 6),
        bank_account_id=BANK,
    )


def transfer(rng: random.Random, market: WholeMarket) -> Keyed:
    """Money in or out, in either currency; now and then under a reference that was used."""
    account_id, currency = rng.choice(DEALERS), rng.choice(list(Currency))
    reference = f"wire {rng.randint(1, 500)}"
    if rng.random() < 0.7:
        return 1, DepositCash(
            account_id=account_id,
            deposit_amount=rng.randint(1, 10**8),
            external_reference=reference,
            currency=currency,
        )
    amount = rng.randint(1, 10**7)
    open_withdrawals = market.state.withdrawals
    if not open_withdrawals:
        return account_id, RequestWithdrawal(withdrawal_amount=amount, currency=currency)
    asked = open_withdrawals[min(open_withdrawals)]
    if amount % 5 == 0:
        return asked.account_id, DeclineWithdrawal(withdrawal_id=asked.withdrawal_id)
    return 1, WithdrawCash(
        account_id=asked.account_id,
        withdrawal_amount=asked.withdrawal_amount,
        external_reference=reference,
        currency=asked.currency,
        withdrawal_id=asked.withdrawal_id,
    )


def supervise(rng: random.Random, market: WholeMarket) -> Keyed:
    """What an operator does to a window, or the width of every band."""
    listed = _listed(rng, market)
    if listed is None or rng.random() < 0.05:
        bps = rng.choice([800, 1_000])
        return 1, PublishBandWidths(static_bps=bps, day_static_bps=2_000, dynamic_bps=100)
    halted = sorted(market.state.halts)
    if halted and rng.random() < 0.8:
        return 1, ResumeInstrument(instrument_id=rng.choice(halted))
    if rng.random() < 0.4:
        return 1, HaltInstrument(instrument_id=listed.instrument_id)
    price = PRICE if listed.mode is TradingMode.TITLE else 700
    return 1, PublishSettlementPrice(
        instrument_id=listed.instrument_id, settlement_price=price + rng.randint(-15, 60)
    )


def connect(rng: random.Random, market: WholeMarket) -> Keyed:
    """Sessions come and go, and so do second keys."""
    sessions = list(market.state.sessions)
    account_id = rng.choice(DEALERS)
    extra = [key_id for key_id, key in market.state.keys.items() if key_id != key.account_id]
    match rng.randint(0, 5):
        case 0 | 1 if sessions:
            is_logout = rng.random() < 0.5
            return 0, CloseSession(closed_session_id=rng.choice(sessions), is_logout=is_logout)
        case 2:
            return 1, RegisterKey(
                account_id=account_id,
                token_sha256=secret_hash(f"key {rng.random()}"),
                scopes=[Scope.READ, Scope.TRADE],
            )
        case 3 if extra:
            return 1, RevokeKey(revoked_key_id=extra[-1])
    key_ids = [*extra, account_id]
    return rng.choice(key_ids), OpenSession(is_cancel_on_disconnect=rng.random() < 0.5)


def publish(rng: random.Random, market: WholeMarket) -> Keyed:
    """An outside price, or the marks that follow from those."""
    if rng.random() < 0.5:
        return 0, PublishMarks()
    gpu_class, region = rng.choice([("A100-80-SXM", "SG"), ("H100-80-SXM", "SZ")])
    return 1, market.index_price(gpu_class, region, 10_000_000 + rng.randint(-800_000, 800_000))


def months_to_let(market: WholeMarket) -> Sequence[ListInstrument]:
    """The books of sublets of the next month, one for each product."""
    at = market.today + 32
    window = parse_window(f"M{month_of(at) % 10_000:04}")
    return [
        ListInstrument(
            product_id=product_id,
            kind=window.kind,
            start_day=window.start_day,
            end_day=window.end_day,
            mode=TradingMode.SUBLET,
        )
        for product_id in market.state.products
    ]


def _product(rng: random.Random) -> int:
    return rng.choice([1, 1, 2])

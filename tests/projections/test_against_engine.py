"""The read models against the engine's own books: two ways of adding up the same events."""

import random

import pytest

from exchange.domain.commands import AmendOrder, CancelOrder, MassCancel, PlaceOrder
from exchange.domain.enums import Currency, ExecInst, SelfMatchPolicy, Side, TimeInForce
from exchange.domain.record import Record, decode_body
from exchange.domain.wire import ProductPosition, Run
from exchange.projections import Projections
from tests.properties.test_market import run
from tests.scenario import OTHER, SUPPLIER, TRADER, Market

ACCOUNTS = (SUPPLIER, TRADER, OTHER)


def folded(market: Market) -> Projections:
    """Every record of the market, folded."""
    projections = Projections()
    for seq, body in enumerate(market.records, start=1):
        projections.apply(Record(seq, market.state.market_ns, *decode_body(body)))
    return projections


def assert_free(market: Market, account_id: int, position: ProductPosition) -> None:
    """What a position says can be sold or let on a day is what the core would allow."""
    days = {day for run in position.title for day in (run.start_day, run.end_day - 1, run.end_day)}
    for day in days:
        for name, ask in (
            ("sellable", market.core.sellable),
            ("sublettable", market.core.sublettable),
        ):
            free_qty, _ = ask(account_id, 1, day, day + 1)
            assert qty_on(getattr(position, name), day) == free_qty, (account_id, name, day)
        owned = {row[0]: row[2:] for row in market.core.holders(1, day)}
        title, _, sublet_out, sublet_in = owned.get(account_id, (0, 0, 0, 0))
        assert qty_on(position.usable, day) == title - sublet_out + sublet_in


def qty_on(runs: list[Run], day: int) -> int:
    """A day function on one day."""
    return sum(run.qty for run in runs if run.start_day <= day < run.end_day)


@pytest.mark.parametrize("seed", range(12))
def test_wallets_and_positions_agree_with_the_engine_in_a_market_of_everything(seed):
    market = run(seed)
    projections = folded(market)
    for account_id in (0, *market.state.participants):
        balance = projections.balances.of(account_id)
        found = (balance.available_amount, balance.held_amount)
        assert found == market.core.balances(account_id), account_id
        wallets = projections.balances.wallets_of(account_id)
        assert wallets == market.state.wallets.get(account_id, {})
        for position in projections.positions.of(account_id):
            assert_free(market, account_id, position)
    assert projections.balances.total_amount() == projections.balances.deposited_amount
    for currency in set(Currency) - {Currency.CNY}:
        total = sum(wallet.get(currency, 0) for wallet in market.state.wallets.values())
        assert projections.balances.deposited_amounts.get(currency, 0) == total
    restored = Projections.restore(projections.checkpoint())
    assert restored.digest() == projections.digest()


def random_command(dice: random.Random, instruments: list[int], seq: int):
    """Mostly orders that meet; some that change or leave."""
    roll = dice.random()
    if roll < 0.7:
        return PlaceOrder(
            instrument_id=dice.choice(instruments),
            side=dice.choice(list(Side)),
            order_qty=dice.randint(1, 9),
            limit_price=dice.randint(98, 102),
            time_in_force=dice.choice(
                [TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK]
            ),
            exec_inst=dice.choice([ExecInst.NONE, ExecInst.NONE, ExecInst.POST_ONLY]),
            min_qty=dice.choice([0, 0, 0, 2]),
            display_qty=dice.choice([0, 0, 1, 2, 3]),
            self_match_policy=dice.choice(list(SelfMatchPolicy)),
            link_id=dice.choice([0, 0, 1, 2]),
        )
    order_id = dice.randint(max(1, seq - 40), seq)
    if roll < 0.85:
        return AmendOrder(
            order_id=order_id,
            order_qty=dice.randint(1, 12),
            limit_price=dice.choice([None, dice.randint(98, 102)]),
        )
    return CancelOrder(order_id=order_id) if roll < 0.97 else MassCancel()


@pytest.mark.parametrize("seed", range(5))
def test_projections_agree_with_the_engine(seed):
    dice = random.Random(seed)
    market = Market()
    instruments = [market.list_window(code) for code in ("M2704", "M2705", "Q272")]
    market.grant("Q272", 40)
    for _ in range(400):
        command = random_command(dice, instruments, len(market.records))
        market.execute(dice.choice(ACCOUNTS), command)
    projections = folded(market)
    assert any(projections.trades.latest(instrument_id, 1) for instrument_id in instruments)
    for instrument_id in instruments:
        for side, levels in (
            (Side.BUY, projections.depth.bids(instrument_id, 99)),
            (Side.SELL, projections.depth.asks(instrument_id, 99)),
        ):
            assert levels == market.core.levels(instrument_id, side, 99)
    for account_id in (0, *ACCOUNTS):
        balance = projections.balances.of(account_id)
        found = (balance.available_amount, balance.held_amount)
        assert found == market.core.balances(account_id), account_id
    for account_id in ACCOUNTS:
        opened = {o.order_id for o in projections.orders.of(account_id) if o.leaves_qty}
        assert opened == set(market.core.orders_of_account(account_id))
        for position in projections.positions.of(account_id):
            for name in ("title", "lien", "reserved_sale"):
                steps = [(r.start_day, r.end_day, r.qty) for r in getattr(position, name)]
                assert steps == market.core.day_function(account_id, 1, name), (account_id, name)
            assert_free(market, account_id, position)
    assert projections.balances.total_amount() == projections.balances.deposited_amount
    ((product_id),) = market.state.products
    window = market.state.instruments[instruments[2]]
    assert [
        (r.start_day, r.end_day, r.qty) for r in projections.positions.total_title(product_id)
    ] == [(window.start_day, window.end_day, 40)]


def told(projections: Projections, account_id: int) -> list[object]:
    """What the account can ask of its orders."""
    orders = projections.orders
    views = orders.of(account_id)
    first = orders.position(account_id)
    return [
        views,
        first,
        orders.since(account_id, (1, 0)),
        orders.open_count(account_id),
        [orders.open_order(account_id, 0, view.client_order_id) for view in views],
        [orders.open_order(account_id, view.order_id, "") for view in views],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_read_models_restored_again_and_again_answer_as_those_that_never_stopped(seed):
    """Whether somebody asked before or not: what was restored is read only then."""
    dice = random.Random(seed)
    market = Market()
    instruments = [market.list_window(code) for code in ("M2704", "M2705", "Q272")]
    market.grant("Q272", 40)
    for _ in range(400):
        command = random_command(dice, instruments, len(market.records))
        market.execute(dice.choice(ACCOUNTS), command)
    whole, restored = Projections(), Projections()
    for seq, body in enumerate(market.records, start=1):
        record = Record(seq, market.state.market_ns, *decode_body(body))
        whole.apply(record)
        restored.apply(record)
        roll = dice.random()
        if roll < 0.1:
            restored = Projections.restore(restored.checkpoint())
        elif roll < 0.2:
            account_id, instrument_id = dice.choice(ACCOUNTS), dice.choice(instruments)
            assert told(restored, account_id) == told(whole, account_id)
            assert restored.depth.bids(instrument_id, 9) == whole.depth.bids(instrument_id, 9)
            assert restored.depth.asks(instrument_id, 9) == whole.depth.asks(instrument_id, 9)
    assert restored.digests() == whole.digests()
    for account_id in ACCOUNTS:
        assert told(restored, account_id) == told(whole, account_id)

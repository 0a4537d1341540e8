"""
What a trade costs by the length of its window: one day against twelve months.

Three accounts trade one GPU at a time at one price: a supplier to a trader, which pays the escrow
of every day, and that trader to another one. Timed is the order that trades, with its record's
bytes; the two windows take turns, so that a neighbour on the machine disturbs both alike.
"""

import gc
import hashlib
import time
from itertools import count

from msgspec.structs import replace

from exchange.domain.capacity_commands import InspectCapacity, SubmitCapacity, VerifyCapacity
from exchange.domain.commands import Command, GrantCapacity, ListInstrument, PlaceOrder
from exchange.domain.enums import Side, TimeInForce, WindowKind
from exchange.domain.windows import Window, add_months, date_of, day_of
from exchange.engine.engine import Engine
from load_tests.measure import significant
from load_tests.trading_desks import AUDITOR_ACCOUNT_ID, DAYS_COUNT, engine_with, make_desks

TURNS_COUNT, BATCH_COUNT = 40, 100
PRICE, OPERATOR = 1_000, 1


def us_by_window(today: int) -> dict[str, dict[str, float]]:
    """Microseconds a trade by who sells and by the window, and the longer over the shorter."""
    market = _Market(today)
    supplier, trader, _, other = market.desks
    pairs = {
        "primary": (supplier.key_id, trader.key_id),
        "secondary": (trader.key_id, other.key_id),
    }
    found: dict[str, dict[str, float]] = {}
    for name, (seller_key, buyer_key) in pairs.items():
        spent_s = [0.0, 0.0]
        for turn in range(2 * TURNS_COUNT):
            which = turn % 2
            spent_s[which] += market.trade(seller_key, buyer_key, market.instrument_ids[which])
        trades_count = TURNS_COUNT * BATCH_COUNT
        day_us, year_us = (1e6 * each / trades_count for each in spent_s)
        found[name] = {
            "day_us": significant(day_us),
            "twelve_months_us": significant(year_us),
            "ratio": significant(year_us / day_us),
        }
    return found


class _Market:
    """Two desks' venue with a year more of capacity, a day and a strip of twelve months."""

    def __init__(self, today: int) -> None:
        self.desks = make_desks(today, 2)
        self.engine: Engine = engine_with(self.desks, today)[0]
        self._ids = count(1)
        first = add_months(date_of(today), 1)
        months = Window(WindowKind.STRIP, day_of(first), day_of(add_months(first, 12)))
        self._grant(today + 1 + DAYS_COUNT, months.end_day)
        day = Window(WindowKind.DAY, today + 5, today + 6)
        self.instrument_ids = [self._list(window) for window in (day, months)]

    def trade(self, seller_key: int, buyer_key: int, instrument_id: int) -> float:
        """Processor time of a batch of trades against an order that rests."""
        sell = PlaceOrder(
            instrument_id=instrument_id,
            side=Side.SELL,
            order_qty=BATCH_COUNT,
            limit_price=PRICE,
        )
        self._do(seller_key, sell)
        buy = replace(sell, side=Side.BUY, order_qty=1, time_in_force=TimeInForce.IOC)
        commands = [self._keyed(buyer_key, buy) for _ in range(BATCH_COUNT)]
        execute = self.engine.execute
        gc.collect()
        started = time.process_time()
        for command in commands:
            execute(command)
        spent_s = time.process_time() - started
        assert not self.engine.state.core.orders_of_instrument(instrument_id, 1), "all has traded"
        return spent_s

    def _grant(self, start_day: int, end_day: int) -> None:
        days = {"product_id": 1, "start_day": start_day, "end_day": end_day}
        evidence_sha256 = hashlib.sha256(b"inspected again").digest()
        qty = 10 * TURNS_COUNT * BATCH_COUNT
        self._do(self.desks[0].key_id, SubmitCapacity(submitted_qty=qty, **days))
        grant_id = self.engine.state.grant_count
        inspect = InspectCapacity(grant_id=grant_id, evidence_sha256=evidence_sha256)
        self._do(AUDITOR_ACCOUNT_ID, inspect)
        self._do(AUDITOR_ACCOUNT_ID, VerifyCapacity(grant_id=grant_id))
        granted = GrantCapacity(
            granted_qty=qty,
            auditor_account_id=AUDITOR_ACCOUNT_ID,
            evidence_sha256=evidence_sha256,
            **days,
        )
        self._do(OPERATOR, granted)

    def _list(self, window: Window) -> int:
        days = {"start_day": window.start_day, "end_day": window.end_day}
        self._do(OPERATOR, ListInstrument(product_id=1, kind=window.kind, **days))
        return len(self.engine.state.instruments)

    def _keyed(self, key_id: int, command: Command) -> Command:
        return replace(command, key_id=key_id, command_id=f"window {next(self._ids)}")

    def _do(self, key_id: int, command: Command) -> None:
        outcome, _ = self.engine.execute(self._keyed(key_id, command))
        assert outcome.reason is None, f"{command} was refused: {outcome}"

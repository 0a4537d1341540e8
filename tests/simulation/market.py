"""The market that every run begins with: a small log, made once, a day before deliveries."""

import functools

from exchange.domain.enums import Role, Side
from exchange.domain.windows import parse_window, start_ns
from exchange.log import EpochBarrier, Head, LogName, encode_barrier, encode_records
from tests.properties.test_market import ACCOUNTS, AFFILIATE
from tests.rules.markets import OtherMarket, calendar
from tests.scenario import OTHER, SUPPLIER, TRADER
from tests.simulation.fake_stream import Entry

NAME = LogName("test")
WINDOWS = ("D261128", "D261129", "X261128-261201", "M2612", "D261202")
"""Numbered as in `tests.properties.test_market`, whose random commands are used; fewer days."""
_GRANTED = "X261128-270101"
_MONTH_ID = 4


@functools.cache
def first_records() -> tuple[bytes, ...]:
    """Participants with little money and title, some trades, and half a day before deliveries."""
    bands = {"is_always_open": True, "static_bps": 200, "dynamic_bps": 100}
    market = OtherMarket(bands, deposit_amount=0)
    assert market.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER]) == AFFILIATE
    for account_id in ACCOUNTS:
        market.deposit(account_id, 40_000_000)
    market.grant(_GRANTED, 30)
    market.do(1, calendar(2026))
    for code in WINDOWS:
        market.list_window(code)
    for account_id in (TRADER, OTHER):
        market.order(SUPPLIER, _MONTH_ID, Side.SELL, 3, 100)
        market.order(account_id, _MONTH_ID, Side.BUY, 3, 100)
    market.advance(start_ns(parse_window("D261127").start_day) - 1)
    return tuple(market.records)


@functools.cache
def first_entries() -> tuple[Entry, ...]:
    """The same as a log of two frames, from genesis on."""
    barrier = EpochBarrier("init", bytes(16), "simulated", bytes(32), 1)
    opening = encode_barrier(NAME, NAME.genesis, 0, barrier)
    frame = encode_records(NAME, opening.head, 0, first_records())
    return (_entry(opening.head, opening.data), _entry(frame.head, frame.data))


def _entry(head: Head, data: bytes) -> Entry:
    return head.position, data

"""
One run: a year of the market, day by day, from one seed.

The people come at the hours of a trading day; between them the clock goes from boundary to boundary
as the exchange's own does. In one seed of three the second supplier is terminated in autumn.
"""

import random
from collections.abc import Callable

from exchange.domain.desk_commands import AcceptQuote, RequestQuote, SubmitQuote
from exchange.domain.enums import Side
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import start_ns
from tests.whole_market import dealers, site, traders
from tests.whole_market.market import (
    DAYS_COUNT,
    FIRST_DAY,
    PRICE,
    TRADERS,
    WholeMarket,
    date_text,
)
from tests.whole_market.traders import Keyed

STEPS: dict[Callable[[random.Random, WholeMarket], Keyed], int] = {
    traders.order: 24,
    traders.take: 24,
    traders.touch: 8,
    traders.alternative: 8,
    traders.user_window: 2,
    traders.pledge: 7,
    traders.transfer: 2,
    traders.supervise: 2,
    traders.connect: 3,
    traders.publish: 3,
    dealers.quote: 8,
    dealers.block: 8,
    dealers.dispute: 6,
    dealers.let: 8,
    site.bond: 4,
    site.standing: 1,
    site.capacity: 4,
    site.substitute: 3,
}
"""How often people do what."""
AFTERNOON = 14 * 60
VISITS = (9 * 60 + 20, AFTERNOON, 15 * 60 + 50, 17 * 60)
"""Minutes of the day: the opening, an afternoon, the closing auction, the desk alone."""
STEPS_COUNT = 6
"""Of one visit."""
TIMES = (1, 1, 5)
"""How often in a row: words that answer each other come close together."""
LAST_DAYS_COUNT = 12
"""After the last granted day, until everything that was disputed is paid."""
TERMINATION_DAY, NEW_HOLIDAY_DAY = 260, 100


class YearFailed(AssertionError):
    """An equation did not hold; the message has the seed, the day and what it was."""


def run(seed: int, days_count: int = DAYS_COUNT) -> WholeMarket:
    """A year, or so many days of it; raises `YearFailed` with the seed."""
    market: WholeMarket | None = None
    try:
        market = WholeMarket(has_sessions=seed % 2 == 1)
        live(market, random.Random(seed), days_count, is_terminated=seed % 3 == 2)
        finish(market, random.Random(seed))
        market.compare_all()
    except Exception as failed:
        day = "genesis" if market is None else date_text(market.today)
        raise YearFailed(
            f"seed {seed} on {day}: {failed!r}; `python -m tests.whole_market {seed}` repeats it"
        ) from failed
    return market


def live(market: WholeMarket, rng: random.Random, days_count: int, *, is_terminated: bool) -> None:
    """So many days, with the clock at the start of the next one in the end."""
    kinds, weights = list(STEPS), list(STEPS.values())
    for day in range(FIRST_DAY, FIRST_DAY + days_count):
        if is_terminated and day == FIRST_DAY + TERMINATION_DAY:
            _do(market, site.terminate(market))
        if day == FIRST_DAY + NEW_HOLIDAY_DAY:
            market.publish_holiday(day + 5)
        if day % 28 == 0:
            _do(market, [(1, listing) for listing in traders.months_to_let(market)])
            market.housekeep()
        for minute in VISITS:
            market.advance(start_ns(day) + minute * NS_PER_MINUTE)
            _do(market, site.deliver(rng, market))
            if day % 7 == 0 and minute == AFTERNOON:
                there_and_back(market, rng.sample(TRADERS, 2), market.today + rng.randint(2, 30))
            for act in rng.choices(kinds, weights, k=STEPS_COUNT):
                for _ in range(rng.choice(TIMES)):
                    _do(market, [act(rng, market)])
                    market.uncross()
                if rng.random() < 0.1:
                    market.advance(market.state.market_ns + rng.randint(1, 9) * NS_PER_MINUTE)
        market.advance(start_ns(day + 1))
        market.drain()


def finish(market: WholeMarket, rng: random.Random) -> None:
    """Nobody trades any more; the days that are granted are delivered, ruled on and paid."""
    granted_days = [day for (_, day), qty in market.ledger.granted.items() if qty]
    last_day = max(granted_days, default=0)
    while market.today < last_day + LAST_DAYS_COUNT:
        _do(market, site.deliver(rng, market))
        market.advance(start_ns(market.today) + NS_PER_DAY // 2)
        _do(market, site.deliver(rng, market))
        market.advance(start_ns(market.today + 1))
        market.drain()


def there_and_back(market: WholeMarket, pair: list[int], start_day: int) -> None:
    """What is sold and bought back over the same days leaves both as they were."""
    seller_id, buyer_id = pair
    span = (start_day, start_day + 12)
    qty = min(5, market.core.sellable(seller_id, 1, *span)[0])
    if qty == 0 or market.core.is_uncrossing:
        return
    before = market.functions_of(seller_id), market.functions_of(buyer_id)
    if _deal(market, buyer_id, seller_id, span, qty) and _deal(
        market, seller_id, buyer_id, span, qty
    ):
        after = market.functions_of(seller_id), market.functions_of(buyer_id)
        assert after == before, f"(8) there and back of accounts {pair}"
        market.returns_count += 1


def _deal(
    market: WholeMarket, buyer_id: int, seller_id: int, span: tuple[int, int], qty: int
) -> bool:
    """A purchase by request for quote; whether it came about."""
    days = {"product_id": 1, "start_day": span[0], "end_day": span[1]}
    asked = market.execute(buyer_id, RequestQuote(request_qty=qty, side=Side.BUY, **days))
    quoted = market.execute(seller_id, SubmitQuote(quote_request_id=asked.seq, quote_price=PRICE))
    return market.execute(buyer_id, AcceptQuote(quote_id=quoted.seq)).reason is None


def _do(market: WholeMarket, steps: list[Keyed]) -> None:
    for key_id, command in steps:
        market.execute(key_id, command)

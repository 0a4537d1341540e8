"""
What the log of a market that is over says about it, while every command is decided again.

A market that was wound up leaves nothing behind: what was paid into escrow was released to the
supplier or refunded to the owners, no rent is kept, and no balance is negative.
"""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from exchange.domain.delivery_events import DeliveryCancelled, DeliveryFinalized
from exchange.domain.enums import Purpose, Trust
from exchange.domain.events import EscrowFunded, EscrowReturned, Event, SubletOpened, TradeExecuted
from exchange.domain.movements import DeliveryDayClosed, EscrowReleased, SubletGranted
from exchange.engine.engine import Engine
from exchange.rules import State


class Reckoning(Struct, frozen=True, kw_only=True):
    """Counts and sums over a whole log. Amounts are fen."""

    seq: int
    """The last record; all up to it were decided again and gave the same events."""
    state_hash: str
    trade_count: int
    """Of the books."""
    sublet_count: int
    delivered_count: int
    """Delivery days that ran and are closed."""
    cancelled_count: int
    """Days to come when the supplier ended."""
    shortfall_count: int
    """Those of them on which GPU-hours were missing."""
    funded_amount: int
    """What primary sales paid into escrow, less what buy-backs took."""
    released_amount: int
    """Of it, what went to the supplier for what was delivered."""
    refunded_amount: int
    """Of it, what went back to owners and their pledgees."""
    escrow_amount: int
    """What is still there."""
    rent_amount: int
    """Rents that are still in trust."""
    lowest_amount: int
    """The smallest of all balances, available or held, in any wallet."""

    def text(self) -> str:
        """For people, one figure a line."""
        return "\n".join(
            (
                f"verify       clean: {self.seq} records, state {self.state_hash[:16]}…",
                f"books        {self.trade_count} trades, {self.sublet_count} sublets",
                f"deliveries   {self.delivered_count} days, {self.shortfall_count} with a "
                f"shortfall; {self.cancelled_count} days cancelled",
                f"escrow       CNY {_yuan(self.funded_amount)} paid in, "
                f"{_yuan(self.released_amount)} released, {_yuan(self.refunded_amount)} refunded, "
                f"{_yuan(self.escrow_amount)} left",
                f"rents left   CNY {_yuan(self.rent_amount)}",
                f"balances     the lowest is CNY {_yuan(self.lowest_amount)}",
            )
        )


def reckon(records: Iterable[bytes]) -> Reckoning:
    """Decides every record again and adds it up; raises `Difference` at the first unlike it."""
    engine, tally = Engine(), Counter[str]()
    for record in records:
        for event in engine.verify(record)[1]:
            _count(event, tally)
    state = engine.state
    return Reckoning(
        seq=state.seq,
        state_hash=state.hash().hex(),
        trade_count=tally["trades"],
        sublet_count=tally["sublets"],
        delivered_count=tally["closed"] - tally["cancelled"],
        cancelled_count=tally["cancelled"],
        shortfall_count=tally["shortfalls"],
        funded_amount=tally["funded"],
        released_amount=tally["released"],
        refunded_amount=tally["refunded"],
        escrow_amount=_escrow(state),
        rent_amount=state.core.trust_amount(Trust.RENT),
        lowest_amount=_lowest(state),
    )


def _count(event: Event, tally: Counter[str]) -> None:
    match event:
        case TradeExecuted():
            tally["trades"] += 1
        case SubletOpened() | SubletGranted():
            tally["sublets"] += 1
        case DeliveryFinalized():
            tally["shortfalls"] += event.undelivered_hours > 0
        case DeliveryDayClosed():
            tally["closed"] += 1
        case DeliveryCancelled():
            tally["cancelled"] += 1
        case EscrowFunded():
            tally["funded"] += event.day_amount * (event.end_day - event.start_day)
        case EscrowReturned():
            tally["funded"] -= event.day_amount * (event.end_day - event.start_day)
        case EscrowReleased():
            is_released = event.purpose is Purpose.DELIVERY
            tally["released" if is_released else "refunded"] += event.released_amount


def _escrow(state: State) -> int:
    return sum(
        amount * (end_day - start_day)
        for product_id in state.products
        for start_day, end_day, _, amount in state.core.escrow(product_id)
    )


def _lowest(state: State) -> int:
    amounts = [a for each in (0, *state.participants) for a in state.core.balances(each)]
    wallets = [amount for wallet in state.wallets.values() for amount in wallet.values()]
    return min([*amounts, *wallets])


def _yuan(amount: int) -> str:
    return f"{amount // 100:,}.{amount % 100:02}"

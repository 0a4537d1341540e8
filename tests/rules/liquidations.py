"""A loan in default on a hundred GPUs of a quarter, and its bank; for the tests of its end."""

from typing import Any

from msgspec.structs import replace

from exchange.domain.enums import Role, TradingMode
from exchange.domain.events import Event
from exchange.domain.lending_commands import BuyLot, EnforceLoan, OfferLot
from exchange.domain.windows import day_at, start_ns
from tests.rules.deliveries import attest, readings, report
from tests.rules.lending import YUAN, LendingMarket
from tests.rules.markets import cross, day
from tests.scenario import AUDITOR, BANK, SUPPLIER, secret_hash

FIRST = day("2027-01-01")
END = day("2027-04-01")
BILLS = secret_hash("bills")
PRICE = 800
"""At which lots are offered, fen."""


class LiquidationMarket(LendingMarket):
    """The trader has drawn all that its first quarter lends; a stranger has cash to buy it."""

    def __init__(
        self, *, is_drawn: bool = True, is_enforced: bool = True, index_micro: int = 4 * YUAN
    ) -> None:
        super().__init__()
        self.buyer = self.admit("buyer", Role.TRADER)
        self.deposit(self.buyer, 10**12)
        if is_drawn:
            self.drawn()
        if is_drawn and is_enforced:
            self.enforce(index_micro)

    def enforce(self, index_micro: int = 4 * YUAN, costs_amount: int = 0) -> None:
        """The price falls so far that the loan is in default at once, and the bank enforces it."""
        self.price(index_micro)
        self.do(BANK, enforcement(costs_amount))

    @property
    def tomorrow(self) -> int:
        """The first day that has not begun, or the pledge's first."""
        return max(FIRST, day_at(self.state.market_ns) + 1)

    def offered(self, **fields: Any) -> int:
        """A lot that stands; its id."""
        return self.do(BANK, lot(self, **fields)).seq

    def bought(self, lot_id: int, limit_price: int = PRICE, buyer_id: int = 0) -> list[Event]:
        """A lot that is sold; its record."""
        self.do(buyer_id or self.buyer, BuyLot(lot_id=lot_id, limit_price=limit_price))
        return self.events


def enforcement(costs_amount: int = 0, loan_id: int = 1) -> EnforceLoan:
    """The bank's."""
    return EnforceLoan(loan_id=loan_id, costs_amount=costs_amount, evidence_sha256=BILLS)


def lot(market: LiquidationMarket, **fields: Any) -> OfferLot:
    """All of the first pledge to anybody, at a fixed price for an hour."""
    offer = OfferLot(
        pledge_id=1,
        mode=TradingMode.TITLE,
        start_day=market.tomorrow,
        end_day=END,
        lot_qty=100,
        start_price=PRICE,
        floor_price=PRICE,
        step_price=0,
        step_minutes_count=60,
    )
    return replace(offer, **fields)


def deliver(market: LiquidationMarket, available_qty: int) -> None:
    """The first day, reported, attested and final."""
    cross(market, start_ns(FIRST + 1))
    market.do(SUPPLIER, readings([available_qty] * 24, FIRST))
    market.do(SUPPLIER, report(FIRST))
    market.do(AUDITOR, attest(FIRST))
    cross(market, start_ns(FIRST + 6))


def of_kind(events: list[Event], kind: type[Event]) -> Any:
    """The only event of a kind in a record."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def cash_of(market: LiquidationMarket, *account_ids: int) -> list[int]:
    """What these accounts may use."""
    return [market.cash(account_id) for account_id in account_ids]

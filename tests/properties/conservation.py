"""
The market's conservation laws, checked from the outside: by queries and the records alone.

Title of a product-day sums to what was granted; money in accounts and escrow sums to what came in
less what went out; escrow is what primary sales paid less what buy-backs took and what delivery
released or refunded, which is all of it when a day is over.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from exchange.domain.commands import Command
from exchange.domain.enums import Currency, Trust
from exchange.domain.events import (
    CapacityGranted,
    CashDeposited,
    EscrowFunded,
    EscrowReturned,
    Event,
    SubletOpened,
)
from exchange.domain.movements import (
    CapacityWithdrawn,
    DeliveryDayClosed,
    EscrowReleased,
    TrustFunded,
    TrustReleased,
)
from exchange.domain.withdrawal_events import CashWithdrawn

FUNCTIONS = ("title", "lien", "sublet_out", "sublet_in", "reserved_sale", "reserved_sublet")


class Ledger:
    """Adds up what events say came into the market, and compares it with what the core holds."""

    def __init__(self) -> None:
        self.money: Counter[Currency] = Counter()
        """Fen by currency; only that in CNY is ever in escrow or in trust."""
        self.granted: Counter[tuple[int, int]] = Counter()
        """GPUs by (product, day)."""
        self.escrow: Counter[tuple[int, int]] = Counter()
        """Fen by (product, day)."""
        self.trusts: Counter[Trust] = Counter()

    def take(self, command: Command, events: list[Event]) -> None:
        """Notes a record."""
        for event in events:
            match event:
                case CashDeposited():
                    self.money[event.currency] += event.deposit_amount
                case CashWithdrawn():
                    self.money[event.currency] -= event.withdrawal_amount
                case CapacityGranted():
                    for day in range(event.start_day, event.end_day):
                        self.granted[event.product_id, day] += event.granted_qty
                case EscrowFunded():
                    for day in range(event.start_day, event.end_day):
                        self.escrow[event.product_id, day] += event.day_amount
                case EscrowReturned():
                    for day in range(event.start_day, event.end_day):
                        self.escrow[event.product_id, day] -= event.day_amount
                case EscrowReleased():
                    self.escrow[event.product_id, event.day] -= event.released_amount
                case SubletOpened():
                    days_count = event.end_day - event.start_day
                    hours = 24 * days_count * event.sublet_qty
                    self.trusts[Trust.RENT] += event.rent_price * hours
                case TrustFunded():
                    self.trusts[event.trust] += event.funded_amount
                case TrustReleased():
                    self.trusts[event.trust] -= event.released_amount
                case CapacityWithdrawn():
                    for day in range(event.start_day, event.end_day):
                        self.granted[event.product_id, day] -= event.withdrawn_qty
                case DeliveryDayClosed():
                    place = (event.product_id, event.day)
                    assert self.escrow.pop(place, 0) == 0, "released + refunded = escrowed"
                    self.granted.pop(place, None)

    def compare(self, state) -> None:
        """Asserts every law on the state."""
        core = state.core
        accounts = [0, *state.participants]
        balances = [core.balances(account_id) for account_id in accounts]
        assert all(amount >= 0 for pair in balances for amount in pair)
        escrow_total = 0
        for product_id in state.products:
            totals = {name: Counter() for name in FUNCTIONS}
            for account_id in state.participants:
                runs = [core.day_function(account_id, product_id, name) for name in FUNCTIONS]
                for days, quantities in pieces(runs):
                    title, lien, sublet_out, _, reserved_sale, reserved_sublet = quantities
                    assert min(quantities) >= 0
                    assert lien + reserved_sale <= title
                    assert sublet_out + reserved_sublet + reserved_sale <= title
                    for name, qty in zip(FUNCTIONS, quantities, strict=True):
                        if qty:
                            for day in days:
                                totals[name][day] += qty
            assert totals["sublet_out"] == totals["sublet_in"]
            granted = {d: q for (p, d), q in self.granted.items() if p == product_id and q}
            assert totals["title"] == granted
            escrow = {}
            for start_day, end_day, _, amount in core.escrow(product_id):
                escrow |= dict.fromkeys(range(start_day, end_day), amount)
            expected = {d: a for (p, d), a in self.escrow.items() if p == product_id and a}
            assert {d: a for d, a in escrow.items() if a} == expected
            escrow_total += sum(escrow.values())
        total = sum(map(sum, balances)) + escrow_total + self.trust(core)
        assert total == self.money[Currency.CNY]
        self.compare_wallets(state)

    def compare_wallets(self, state) -> None:
        """Other currencies only come in and go out."""
        wallets = list(state.wallets.values())
        assert all(amount > 0 for wallet in wallets for amount in wallet.values())
        assert all(Currency.CNY not in wallet for wallet in wallets)
        for currency in set(Currency) - {Currency.CNY}:
            total = sum(wallet.get(currency, 0) for wallet in wallets)
            assert total == self.money[currency]

    def trust(self, core) -> int:
        """What is in trust, which is what rents and bonds paid less what was given out."""
        amounts = [core.trust_amount(trust) for trust in Trust]
        assert amounts == [self.trusts[trust] for trust in Trust]
        return sum(amounts)


def pieces(
    functions: list[list[tuple[int, int, int]]],
) -> Iterator[tuple[range, list[int]]]:
    """The spans of days over which all day functions are constant, with the value of each."""
    cuts = sorted({day for runs in functions for run in runs for day in run[:2]})
    for start_day, end_day in pairwise(cuts):
        quantities = [
            sum(qty for first, last, qty in runs if first <= start_day < last) for runs in functions
        ]
        yield range(start_day, end_day), quantities

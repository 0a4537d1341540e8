"""
The oracle: a market's books kept with dicts and additions, from its records alone.

It shares no code with the rules or the core and looks at none of their state. What it checks after
every record are the equations of `DOMAIN.md` section 13, numbered as they are there:

1. per product and day: Σ title = granted, Σ sublet_out = Σ sublet_in, Σ usable = Σ title;
2. lien + reserved_sale ≤ title; sublet_out + reserved_sublet + reserved_sale ≤ title; all ≥ 0;
3. per currency: cash + escrow + trusts = deposits − withdrawals, and no balance is negative;
4. a product-day's escrow is what its primary sales paid, as corrected, less the buy-backs' share
   and what busted sales had paid;
5. a trade's price is quantity × hours × price, and is what moves;
6. released + refunded = escrowed when the day is over.

The first two are about one product-day each, so only those that a record touches are looked at
again; the third is a sum over everything. Number 8 is the engine's own and is tested where the run
ends; number 7 is here as far as liens go: what is pledged is what active pledges say.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from exchange.domain import events as e
from exchange.domain import movements as m
from exchange.domain.enums import Currency, TradeSource, Trust

VENUE = 0
TITLE, LIEN, OUT, IN, SALE, SUBLET = FUNCTIONS = (
    "title",
    "lien",
    "sublet_out",
    "sublet_in",
    "reserved_sale",
    "reserved_sublet",
)


class Books:
    """All balances, days and escrows of a market, as its records tell of them."""

    def __init__(self) -> None:
        self.available: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        self.wallets: Counter[tuple[int, Currency]] = Counter()
        """By account, of currencies other than CNY."""
        self.brought: Counter[Currency] = Counter()
        """Deposits less withdrawals."""
        self.trusts: Counter[Trust] = Counter()
        self.days: dict[tuple[int, int], dict[int, Counter[str]]] = defaultdict(
            lambda: defaultdict(Counter)
        )
        """By (product, day) and account, the six functions."""
        self.granted: Counter[tuple[int, int]] = Counter()
        self.escrow: Counter[tuple[int, int]] = Counter()
        """Fen by (product, day)."""
        self.sold: Counter[tuple[int, int]] = Counter()
        """GPUs by (product, day) that were paid into escrow."""
        self.paid_in: Counter[tuple[int, int]] = Counter()
        """What ever went into a day's escrow, less what buy-backs took."""
        self.paid_out: Counter[tuple[int, int]] = Counter()
        """What delivery released and refunded of it."""
        self.houses: dict[int, set[int]] = {}
        self.parties: dict[int, set[int]] = {}
        self.instruments: dict[int, e.InstrumentListed] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.groups: dict[tuple[int, int], dict[str, Any]] = {}
        """What open orders hold by account and link; an order that is linked to none by -id."""
        self.gave_way: Counter[int] = Counter()
        """What the record took from linked orders, until the trade that it made room for."""
        self.holds: dict[int, m.HoldOpened] = {}
        self.pledges: dict[int, e.PledgeRequested] = {}
        self.touched: set[tuple[int, int]] = set()
        """Product-days of the record that is taken in."""
        self.is_closed: set[tuple[int, int]] = set()
        self.traded: dict[tuple[TradeSource, int], int] = {}
        """GPUs of each trade, and what it paid for each of its days at the price it has now."""
        self.day_amounts: dict[tuple[TradeSource, int], int] = {}
        self.undone: int | None = None
        """What the trade that this record undoes or reprices had paid for a day; else None."""
        self.due: Counter[int] = Counter()
        """Fen that a trade of this record still owes the escrow, by trade."""

    # -- moving ------------------------------------------------------------------------------------

    def move(self, product_id: int, span: range, account_id: int, name: str, qty: int) -> None:
        """Adds a quantity to one of an account's functions on each day."""
        for day in span:
            self.days[product_id, day][account_id][name] += qty
            self.touched.add((product_id, day))

    def party_of(self, account_id: int) -> set[int]:
        """Everybody under one control with an account, itself too."""
        return self.parties.get(account_id, {account_id})

    def pay(self, account_id: int, amount: int) -> None:
        """Adds to available cash."""
        self.available[account_id] += amount

    def hold(self, account_id: int, amount: int) -> None:
        """Available cash is held; with a negative amount it is free again."""
        self.available[account_id] -= amount
        self.held[account_id] += amount

    def is_primary(self, product_id: int, buyer_id: int, seller_id: int) -> bool:
        """Whether the product's house sells to a stranger."""
        house = self.houses[product_id]
        return seller_id in house and buyer_id not in house

    # -- checking ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Asserts the equations, of the days that the last record touched."""
        for place in self.touched:
            self._check_day(place)
        for account_id in self.available:
            assert self.available[account_id] >= 0, f"(3) account {account_id}"
            assert self.held[account_id] >= 0, f"(3) account {account_id}"
        cash = sum(self.available.values()) + sum(self.held.values())
        kept = sum(self.escrow.values()) + sum(self.trusts.values())
        assert cash + kept == self.brought[Currency.CNY], "(3) cash + escrow + trusts"
        assert min(self.trusts.values(), default=0) >= 0, "(3) a trust is negative"
        for currency in set(Currency) - {Currency.CNY}:
            wallets = [qty for (_, kind), qty in self.wallets.items() if kind is currency]
            assert min(wallets, default=0) >= 0, f"(3) a wallet in {currency}"
            assert sum(wallets) == self.brought[currency], f"(3) {currency}"

    def _check_day(self, place: tuple[int, int]) -> None:
        total: Counter[str] = Counter()
        for account_id, own in self.days[place].items():
            assert min(own.values(), default=0) >= 0, f"(2) {place}, account {account_id}: {own}"
            assert own[LIEN] + own[SALE] <= own[TITLE], f"(2) {place}, account {account_id}: {own}"
            used = own[OUT] + own[SUBLET] + own[SALE]
            assert used <= own[TITLE], f"(2) {place}, account {account_id}: {own}"
            total.update(own)
        assert total[TITLE] == self.granted[place], f"(1) title of {place}"
        assert total[OUT] == total[IN], f"(1) use of {place}"
        usable = total[TITLE] - total[OUT] + total[IN]
        assert usable == total[TITLE], f"(1) usable of {place}"
        house = self.houses[place[0]]
        strangers = sum(own[TITLE] for a, own in self.days[place].items() if a not in house)
        assert self.sold[place] == strangers, f"(4) sold of {place}"
        escrow = self.escrow[place]
        assert escrow >= 0, f"(4) {place}"
        assert escrow == self.paid_in[place] - self.paid_out[place], f"(4) {place}"
        if place in self.is_closed:
            assert escrow == 0, f"(6) {place}"
            assert self.paid_out[place] == self.paid_in[place], f"(6) {place}"


def runs_of(quantities: dict[int, int]) -> Iterator[tuple[int, int, int]]:
    """A function by day as spans of equal quantity, without those of 0."""
    start_day = end_day = qty = 0
    for day in sorted(quantities):
        if quantities[day] != qty or day != end_day:
            if qty:
                yield start_day, end_day, qty
            start_day, qty = day, quantities[day]
        end_day = day + 1
    if qty:
        yield start_day, end_day, qty

"""
What the obvious venue does to cash and days outside the order path, and who may use which day.

Each day is kept on its own; held cash and reserved days are summed over open orders and holds. Like
the state it refuses nothing: what reaches this venue can be.
"""

from collections import Counter, defaultdict
from dataclasses import astuple
from itertools import groupby

from tests.reference_orders import SELL, Hold
from tests.reference_state import ReferenceState

RENT, BOND = 0, 1


class ReferenceCustody(ReferenceState):
    """Cash and money in trust, title, liens and sublets, the escrow of each day, holds."""

    def __init__(self, base_day: int, max_open_orders: int = 1000) -> None:
        super().__init__(base_day, max_open_orders)
        self.title: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.lien: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.sublet_out: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.sublet_in: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.holds: dict[int, Hold] = {}
        self.trusts = Counter()

    # -- cash

    def pay(self, payer_account_id, payee_account_id, amount):
        self.available[payer_account_id] -= amount
        self.available[payee_account_id] += amount

    def pay_into_trust(self, account_id, trust, amount):
        self.available[account_id] -= amount
        self.trusts[trust] += amount

    def pay_out_of_trust(self, trust, account_id, amount):
        self.pay_into_trust(account_id, trust, -amount)

    def settle_trade(self, buyer_id, seller_id, cash_amount, escrow_amount, buyer_fee, seller_fee):
        self.available[buyer_id] -= cash_amount + escrow_amount + buyer_fee
        self.available[seller_id] += cash_amount - seller_fee
        self.available[0] += buyer_fee + seller_fee

    # -- holds

    def open_hold(
        self,
        hold_id,
        account_id,
        amount,
        product_id=0,
        start_day=0,
        end_day=0,
        qty=0,
        is_sublet=False,
    ):
        self.available[account_id] -= amount
        self.holds[hold_id] = Hold(
            account_id, amount, product_id, start_day, end_day, qty, is_sublet
        )

    def close_hold(self, hold_id):
        hold = self.holds.pop(hold_id)
        self.available[hold.account_id] += hold.held_amount

    # -- days

    def grant(self, product_id, account_id, start_day, end_day, qty):
        for day in range(start_day, end_day):
            self.products[product_id].granted[day] += qty
            self.title[account_id, product_id][day] += qty

    def withdraw_capacity(self, product_id, account_id, start_day, end_day, qty):
        self.grant(product_id, account_id, start_day, end_day, -qty)

    def transfer_title(self, product_id, seller_id, buyer_id, start_day, end_day, qty):
        for day in range(start_day, end_day):
            self.title[seller_id, product_id][day] -= qty
            self.title[buyer_id, product_id][day] += qty

    def add_lien(self, account_id, product_id, start_day, end_day, qty):
        for day in range(start_day, end_day):
            self.lien[account_id, product_id][day] += qty

    def lift_lien(self, account_id, product_id, start_day, end_day, qty):
        self.add_lien(account_id, product_id, start_day, end_day, -qty)

    def sublet(self, product_id, lessor_id, lessee_id, start_day, end_day, qty):
        for day in range(start_day, end_day):
            self.sublet_out[lessor_id, product_id][day] += qty
            self.sublet_in[lessee_id, product_id][day] += qty

    def end_sublet(self, product_id, lessor_id, lessee_id, start_day, end_day, qty):
        self.sublet(product_id, lessor_id, lessee_id, start_day, end_day, -qty)

    # -- escrow

    def escrow_funded(self, trade_id, product_id, start_day, end_day, qty, day_amount):
        product = self.products[product_id]
        for day in range(start_day, end_day):
            product.escrow[day] += day_amount
            product.sold[day] += qty

    def escrow_returned(
        self, trade_id, product_id, account_id, start_day, end_day, qty, day_amount
    ):
        self.escrow_funded(trade_id, product_id, start_day, end_day, -qty, -day_amount)
        self.available[account_id] += (end_day - start_day) * day_amount

    def release_escrow(self, product_id, day, account_id, amount):
        self.products[product_id].escrow[day] -= amount
        self.available[account_id] += amount

    def close_day(self, product_id, day):
        product = self.products[product_id]
        product.granted[day] = product.sold[day] = 0
        for function in (self.title, self.lien, self.sublet_out, self.sublet_in):
            for (_, of_product_id), days in function.items():
                if of_product_id == product_id:
                    days[day] = 0

    # -- queries

    def trust_amount(self, trust):
        return self.trusts[trust]

    def held_by(self, hold_id):
        hold = self.holds.get(hold_id)
        return None if hold is None else astuple(hold)

    def balances(self, account_id):
        holds = [each for each in self.holds.values() if each.account_id == account_id]
        kept_amount = sum(hold.held_amount for hold in holds)
        return self.available[account_id], kept_amount + self.held_orders(account_id)

    def sellable(self, account_id, product_id, start_day, end_day):
        lien = self.lien[account_id, product_id]
        unused = self._unused(account_id, product_id, start_day, end_day)
        return min((max(0, qty - lien[day]), day) for qty, day in unused)

    def sublettable(self, account_id, product_id, start_day, end_day):
        return min(self._unused(account_id, product_id, start_day, end_day))

    def encumbered_day(self, account_id, product_id, start_day, end_day, qty):
        title, lien = self.title[account_id, product_id], self.lien[account_id, product_id]
        let = self._reserved(account_id, product_id, True) + self.sublet_out[account_id, product_id]
        for day in range(start_day, end_day):
            if lien[day] and let[day] + qty > title[day] - lien[day]:
                return day
        return end_day

    def day_function(self, account_id, product_id, name):
        if name.startswith("reserved"):
            return runs_of(self._reserved(account_id, product_id, name == "reserved_sublet"))
        return runs_of(getattr(self, name)[account_id, product_id])

    def granted(self, product_id):
        return runs_of(self.products[product_id].granted)

    def escrow(self, product_id):
        product = self.products[product_id]
        days = {day: (product.sold[day], product.escrow[day]) for day in product.granted}
        return [
            (start_day, end_day, *both)
            for start_day, end_day, both in runs_of(days, nothing=(0, 0))
        ]

    def day_totals(self, product_id, day):
        product = self.products[product_id]
        return product.granted[day], product.sold[day], product.escrow[day]

    def holders(self, product_id, day):
        house = self.products[product_id].house
        functions = (self.title, self.lien, self.sublet_out, self.sublet_in)
        rows = [
            (
                account_id,
                account_id in house,
                *(each[account_id, product_id][day] for each in functions),
            )
            for account_id in range(len(self.available))
        ]
        return [row for row in rows if row[2] or row[-1]]

    def escrow_shares(self, product_id, start_day, end_day, qty):
        product = self.products[product_id]
        shares = [
            (day, product.escrow[day] * qty // product.sold[day])
            for day in range(start_day, end_day)
        ]
        runs = []
        for day_amount, group in groupby(shares, key=lambda share: share[1]):
            days = [day for day, _ in group]
            runs.append((days[0], days[-1] + 1, day_amount))
        return runs

    def _unused(self, account_id, product_id, start_day, end_day):
        """Of each day what is owned, and neither let nor on offer, as (qty, day)."""
        key = account_id, product_id
        taken = Counter(self.sublet_out[key])
        taken.update(self._reserved(*key, False))
        taken.update(self._reserved(*key, True))
        return [(self.title[key][day] - taken[day], day) for day in range(start_day, end_day)]

    def _reserved(self, account_id, product_id, is_sublet):
        """What open sells and holds keep of each day, for a sale or for a sublet."""
        sales = [
            order
            for order in self.orders.values()
            if order.side == SELL
            and order.instrument.is_sublet == is_sublet
            and (order.account_id, order.instrument.product.product_id) == (account_id, product_id)
        ]
        reserved = Counter()
        for order in sales:
            for day in order.instrument.days:
                # Of linked sales a day is kept once, for the largest of them that covers it.
                linked = [each for each in self.group_of(order) if day in each.instrument.days]
                largest = max(linked, key=lambda each: (each.leaves_qty, each.order_id))
                reserved[day] += order.leaves_qty if largest is order else 0
        rows = [
            (hold.start_day, hold.end_day, hold.qty)
            for hold in self.holds.values()
            if hold.is_sublet == is_sublet
            and (hold.account_id, hold.product_id) == (account_id, product_id)
        ]
        for start_day, end_day, qty in rows:
            for day in range(start_day, end_day):
                reserved[day] += qty
        return reserved


def runs_of(days, nothing=0):
    """A function of days as (start_day, end_day, value) where it is not `nothing`."""
    runs = []
    for day in sorted(day for day, value in days.items() if value != nothing):
        if runs and runs[-1][1] == day and runs[-1][2] == days[day]:
            runs[-1] = (runs[-1][0], day + 1, days[day])
        else:
            runs.append((day, day + 1, days[day]))
    return runs

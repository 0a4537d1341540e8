"""
What each event that moves something does to the oracle's books: one function for each kind.

Everything else that a record says is words about these.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from exchange.domain import desk_events as de
from exchange.domain import events as e
from exchange.domain import movements as m
from exchange.domain import withdrawal_events as we
from exchange.domain.enums import Currency, Side, TradeSource, TradingMode, Trust
from exchange.domain.events import Event
from tests.whole_market.books import IN, LIEN, OUT, SALE, SUBLET, TITLE, VENUE, Books


class Ledger(Books):
    """The books, kept from the market's records."""

    def take(self, events: list[Event]) -> None:
        """Adds a record's events up and checks every equation that they may break."""
        self.touched.clear()
        self.undone = None
        self.gave_way.clear()
        for event in events:
            take = TAKE.get(type(event))
            if take is not None:
                take(self, event)
        assert not any(self.due.values()), f"unpaid escrow: {self.due}"
        self.due.clear()
        if any(isinstance(event, e.TradeExecuted) for event in events):
            assert not any(self.gave_way.values()), f"gave way to nothing: {self.gave_way}"
        self.check()


# -- orders ----------------------------------------------------------------------------------------


def _window(ledger: Ledger, instrument_id: int) -> tuple[int, range, TradingMode]:
    listed = ledger.instruments[instrument_id]
    return listed.product_id, range(listed.start_day, listed.end_day), listed.mode


def _reserved(ledger: Ledger, orders: dict[int, dict[str, Any]]) -> Counter[int]:
    """What exclusive sales set aside of each day: as much as the largest that covers it."""
    reserved: Counter[int] = Counter()
    for order in orders.values():
        for day in _window(ledger, order["instrument_id"])[1]:
            reserved[day] = max(reserved[day], order["leaves_qty"])
    return reserved


def _leave(ledger: Ledger, order: dict[str, Any], leaves_qty: int) -> None:
    """So much of an order is left; a sale's days are set aside."""
    product_id, span, mode = _window(ledger, order["instrument_id"])
    name = SUBLET if mode is TradingMode.SUBLET else SALE
    before = _reserved(ledger, order["group"]["orders"])
    order["leaves_qty"] = leaves_qty
    after = _reserved(ledger, order["group"]["orders"])
    if order["side"] is Side.SELL:
        for day in span:
            place = range(day, day + 1)
            ledger.move(product_id, place, order["account_id"], name, after[day] - before[day])


def _hold(ledger: Ledger, order: dict[str, Any], amount: int) -> None:
    """An order and those that it is linked to hold so much more."""
    ledger.hold(order["account_id"], amount)
    order["group"]["held_amount"] += amount
    assert order["group"]["held_amount"] >= 0, "what is held is 0 or more"


def _end(ledger: Ledger, order_id: int) -> None:
    """An order is open no longer; the last of a group holds nothing."""
    order = ledger.orders.pop(order_id)
    group = order["group"]
    del group["orders"][order_id]
    if not group["orders"]:
        assert group["held_amount"] == 0, "what has ended holds nothing"
        del ledger.groups[group["key"]]


def _give_way(ledger: Ledger, order_id: int, last_qty: int) -> None:
    """Before an order trades, each that is linked to it has given way by as much."""
    for sibling_id in ledger.orders[order_id]["group"]["orders"]:
        if sibling_id != order_id:
            assert ledger.gave_way.pop(sibling_id, 0) == last_qty, f"order {sibling_id}"


def _accepted(ledger: Ledger, event: e.OrderAccepted) -> None:
    order = {
        "account_id": event.account_id,
        "instrument_id": event.instrument_id,
        "side": Side(event.side),
        "leaves_qty": 0,
    }
    key = (event.account_id, event.link_id or -event.order_id)
    nobody = {"key": key, "held_amount": 0, "orders": {}}
    group = order["group"] = ledger.groups.setdefault(key, nobody)
    group["orders"][event.order_id] = order
    ledger.orders[event.order_id] = order
    _hold(ledger, order, event.held_amount)
    _leave(ledger, order, event.order_qty)


def _amended(ledger: Ledger, event: e.OrderAmended) -> None:
    order = ledger.orders[event.order_id]
    _hold(ledger, order, event.held_delta_amount)
    if not event.is_requeued:
        ledger.gave_way[event.order_id] += order["leaves_qty"] - event.leaves_qty
    _leave(ledger, order, event.leaves_qty)


def _cancelled(ledger: Ledger, event: e.OrderCancelled) -> None:
    order = ledger.orders[event.order_id]
    assert order["leaves_qty"] == event.cancelled_qty
    _hold(ledger, order, -event.released_amount)
    _leave(ledger, order, 0)
    _end(ledger, event.order_id)


def _traded(ledger: Ledger, event: e.TradeExecuted) -> None:
    product_id, span, mode = _window(ledger, event.instrument_id)
    price = event.last_qty * 24 * len(span) * event.last_price
    assert event.notional_amount == price, f"(5) trade {event.trade_id}"
    assert event.cash_amount + event.escrow_amount == price, f"(5) trade {event.trade_id}"
    sides = (
        (event.maker_order_id, event.maker_released_amount, event.maker_fee_amount),
        (event.taker_order_id, event.taker_released_amount, event.taker_fee_amount),
    )
    account_ids = {}
    for order_id, released_amount, fee in sides:
        order = ledger.orders[order_id]
        _give_way(ledger, order_id, event.last_qty)
        _hold(ledger, order, -released_amount)
        account_ids[order["side"]] = order["account_id"]
        is_buyer = order["side"] is Side.BUY
        ledger.pay(order["account_id"], (-price if is_buyer else event.cash_amount) - fee)
        ledger.pay(VENUE, fee)
        _leave(ledger, order, order["leaves_qty"] - event.last_qty)
        if order["leaves_qty"] == 0:
            _end(ledger, order_id)
    buyer_id, seller_id = account_ids[Side.BUY], account_ids[Side.SELL]
    if mode is TradingMode.TITLE:
        is_primary = ledger.is_primary(product_id, buyer_id, seller_id)
        assert event.escrow_amount == (price if is_primary else 0), f"(4) trade {event.trade_id}"
        ledger.move(product_id, span, seller_id, TITLE, -event.last_qty)
        ledger.move(product_id, span, buyer_id, TITLE, event.last_qty)
        ledger.day_amounts[TradeSource.BOOK, event.trade_id] = price // len(span)
        ledger.traded[TradeSource.BOOK, event.trade_id] = event.last_qty
    ledger.due[event.trade_id] += event.escrow_amount


def _sublet_opened(ledger: Ledger, event: e.SubletOpened) -> None:
    span = range(event.start_day, event.end_day)
    ledger.move(event.product_id, span, event.lessor_account_id, OUT, event.sublet_qty)
    ledger.move(event.product_id, span, event.lessee_account_id, IN, event.sublet_qty)
    rent = event.rent_price * 24 * len(span) * event.sublet_qty
    ledger.trusts[Trust.RENT] += rent
    ledger.due[event.sublet_id] -= rent


# -- escrow ----------------------------------------------------------------------------------------


def _funded(ledger: Ledger, event: e.EscrowFunded) -> None:
    for day in range(event.start_day, event.end_day):
        place = (event.product_id, day)
        ledger.sold[place] += event.sold_qty
        ledger.escrow[place] += event.day_amount
        ledger.paid_in[place] += event.day_amount
        ledger.touched.add(place)
        ledger.due[event.trade_id] -= event.day_amount


def _returned(ledger: Ledger, event: e.EscrowReturned) -> None:
    """
    Of each day's escrow the share of what goes back, rounded down.

    A sale that is undone or repriced takes what it paid in itself, or what there is of that, and
    everything where nobody else has bought.
    """
    for day in range(event.start_day, event.end_day):
        place = (event.product_id, day)
        share = ledger.escrow[place] * event.returned_qty // ledger.sold[place]
        is_last = ledger.sold[place] == event.returned_qty
        if ledger.undone is not None and not is_last:
            share = min(ledger.undone, ledger.escrow[place])
        assert event.day_amount == share, f"(4) what leaves the escrow of {place}"
        ledger.sold[place] -= event.returned_qty
        ledger.escrow[place] -= event.day_amount
        ledger.paid_in[place] -= event.day_amount
        ledger.touched.add(place)
        ledger.pay(event.account_id, event.day_amount)


def _released(ledger: Ledger, event: m.EscrowReleased) -> None:
    place = (event.product_id, event.day)
    ledger.escrow[place] -= event.released_amount
    ledger.paid_out[place] += event.released_amount
    ledger.touched.add(place)
    ledger.pay(event.account_id, event.released_amount)


def _closed(ledger: Ledger, event: m.DeliveryDayClosed) -> None:
    place = (event.product_id, event.day)
    for own in ledger.days[place].values():
        assert own[SALE] == own[SUBLET] == 0, f"days on offer were closed: {place}"
        own.clear()
    ledger.granted[place] = ledger.sold[place] = 0
    ledger.is_closed.add(place)
    ledger.touched.add(place)


# -- cash ------------------------------------------------------------------------------------------


def _deposited(ledger: Ledger, event: e.CashDeposited) -> None:
    _brought(ledger, event.account_id, event.currency, event.deposit_amount)


def _withdrawn(ledger: Ledger, event: we.CashWithdrawn) -> None:
    _brought(ledger, event.account_id, event.currency, -event.withdrawal_amount)


def _brought(ledger: Ledger, account_id: int, currency: Currency, amount: int) -> None:
    ledger.brought[currency] += amount
    if currency is Currency.CNY:
        ledger.pay(account_id, amount)
    else:
        ledger.wallets[account_id, currency] += amount


def _paid(ledger: Ledger, event: m.CashPaid) -> None:
    ledger.pay(event.payer_account_id, -event.paid_amount)
    ledger.pay(event.payee_account_id, event.paid_amount)


def _entrusted(ledger: Ledger, event: m.TrustFunded) -> None:
    ledger.pay(event.account_id, -event.funded_amount)
    ledger.trusts[event.trust] += event.funded_amount


def _given_back(ledger: Ledger, event: m.TrustReleased) -> None:
    ledger.trusts[event.trust] -= event.released_amount
    ledger.pay(event.account_id, event.released_amount)


def _settled(ledger: Ledger, event: m.TradeSettled) -> None:
    fees = event.buyer_fee_amount + event.seller_fee_amount
    price = event.cash_amount + event.escrow_amount
    ledger.pay(event.buyer_account_id, -price - event.buyer_fee_amount)
    ledger.pay(event.seller_account_id, event.cash_amount - event.seller_fee_amount)
    ledger.pay(VENUE, fees)
    ledger.due[event.trade_id] += event.escrow_amount


def _dealt(ledger: Ledger, event: de.DeskTradeExecuted) -> None:
    """The price is what the days cost; the movements that follow pay it."""
    price = event.traded_qty * 24 * (event.end_day - event.start_day) * event.trade_price
    assert event.notional_amount == price, f"(5) trade {event.trade_id}"
    is_primary = ledger.is_primary(
        event.product_id, event.buyer_account_id, event.seller_account_id
    )
    assert event.escrow_amount == (price if is_primary else 0), f"(4) trade {event.trade_id}"
    day_amount = price // (event.end_day - event.start_day)
    ledger.day_amounts[TradeSource.DESK, event.trade_id] = day_amount
    ledger.traded[TradeSource.DESK, event.trade_id] = event.traded_qty


def _busted(ledger: Ledger, event: de.TradeBusted) -> None:
    ledger.undone = ledger.day_amounts[event.trade_source, event.trade_id]


def _repriced(ledger: Ledger, event: de.TradePriceCorrected) -> None:
    trade = (event.trade_source, event.trade_id)
    ledger.undone = ledger.day_amounts[trade]
    ledger.day_amounts[trade] = ledger.traded[trade] * 24 * event.corrected_price


# -- days ------------------------------------------------------------------------------------------


def _granted(ledger: Ledger, event: e.CapacityGranted) -> None:
    span = range(event.start_day, event.end_day)
    ledger.move(event.product_id, span, event.account_id, TITLE, event.granted_qty)
    for day in span:
        ledger.granted[event.product_id, day] += event.granted_qty


def _ungranted(ledger: Ledger, event: m.CapacityWithdrawn) -> None:
    span = range(event.start_day, event.end_day)
    ledger.move(event.product_id, span, event.account_id, TITLE, -event.withdrawn_qty)
    for day in span:
        ledger.granted[event.product_id, day] -= event.withdrawn_qty


def _hold_opened(ledger: Ledger, event: m.HoldOpened) -> None:
    ledger.holds[event.hold_id] = event
    _held(ledger, event, 1)


def _hold_closed(ledger: Ledger, event: m.HoldClosed) -> None:
    _held(ledger, ledger.holds.pop(event.hold_id), -1)


def _held(ledger: Ledger, hold: m.HoldOpened, sign: int) -> None:
    ledger.hold(hold.account_id, sign * hold.held_amount)
    if hold.product_id:
        span = range(hold.start_day, hold.end_day)
        name = SUBLET if hold.is_sublet else SALE
        ledger.move(hold.product_id, span, hold.account_id, name, sign * hold.held_qty)


def _transferred(ledger: Ledger, event: m.TitleTransferred) -> None:
    span = range(event.start_day, event.end_day)
    qty = event.transferred_qty
    ledger.move(event.product_id, span, event.seller_account_id, TITLE, -qty)
    ledger.move(event.product_id, span, event.buyer_account_id, TITLE, qty)


def _use(ledger: Ledger, event: m.SubletGranted | m.SubletEnded, sign: int) -> None:
    span, qty = range(event.start_day, event.end_day), sign * event.sublet_qty
    ledger.move(event.product_id, span, event.lessor_account_id, OUT, qty)
    ledger.move(event.product_id, span, event.lessee_account_id, IN, qty)


def _pledged(ledger: Ledger, event: e.PledgeAccepted) -> None:
    asked = ledger.pledges[event.pledge_id]
    span = range(asked.start_day, asked.end_day)
    ledger.move(asked.product_id, span, asked.account_id, LIEN, asked.pledged_qty)


def _lifted(ledger: Ledger, event: e.PledgeReleased) -> None:
    """Of the days that are not over: those that are had their lien end with them."""
    asked = ledger.pledges[event.pledge_id]
    for day in range(asked.start_day, asked.end_day):
        if (asked.product_id, day) not in ledger.is_closed:
            days = range(day, day + 1)
            ledger.move(asked.product_id, days, asked.account_id, LIEN, -asked.pledged_qty)


# -- who is who ------------------------------------------------------------------------------------


def _admitted(ledger: Ledger, event: e.ParticipantAdmitted) -> None:
    """Whoever is tied to one of a party is of it; the parties are told by their members."""
    tied = [ledger.party_of(other_id) for other_id in event.affiliate_ids]
    party = {event.account_id}.union(*tied)
    for account_id in party:
        ledger.parties[account_id] = party
    for house in ledger.houses.values():
        if not house.isdisjoint(party):
            house |= party


def _product(ledger: Ledger, event: e.ProductDefined) -> None:
    ledger.houses[event.product_id] = set(ledger.party_of(event.supplier_account_id))


def _listed(ledger: Ledger, event: e.InstrumentListed) -> None:
    ledger.instruments[event.instrument_id] = event


def _requested(ledger: Ledger, event: e.PledgeRequested) -> None:
    ledger.pledges[event.pledge_id] = event


TAKE: dict[type[Event], Callable[[Ledger, Any], None]] = {
    e.OrderAccepted: _accepted,
    e.OrderAmended: _amended,
    e.OrderCancelled: _cancelled,
    e.TradeExecuted: _traded,
    e.SubletOpened: _sublet_opened,
    e.EscrowFunded: _funded,
    e.EscrowReturned: _returned,
    e.CashDeposited: _deposited,
    we.CashWithdrawn: _withdrawn,
    e.CapacityGranted: _granted,
    e.ParticipantAdmitted: _admitted,
    e.ProductDefined: _product,
    e.InstrumentListed: _listed,
    e.PledgeRequested: _requested,
    e.PledgeAccepted: _pledged,
    e.PledgeReleased: _lifted,
    de.DeskTradeExecuted: _dealt,
    de.TradeBusted: _busted,
    de.TradePriceCorrected: _repriced,
    m.HoldOpened: _hold_opened,
    m.HoldClosed: _hold_closed,
    m.CashPaid: _paid,
    m.TrustFunded: _entrusted,
    m.TrustReleased: _given_back,
    m.TradeSettled: _settled,
    m.TitleTransferred: _transferred,
    m.SubletGranted: lambda ledger, event: _use(ledger, event, 1),
    m.SubletEnded: lambda ledger, event: _use(ledger, event, -1),
    m.CapacityWithdrawn: _ungranted,
    m.EscrowReleased: _released,
    m.DeliveryDayClosed: _closed,
}
"""What moves something; all other events are words about it."""

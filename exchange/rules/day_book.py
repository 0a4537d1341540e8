"""
Who has what of a delivery day: holders, sublets and liens, read from the state.
"""

from exchange.domain.windows import day_at

from .delivery_state import DeliveryDay
from .shortfall import DayBook, Holder, Lien, Sublet
from .state import State


def day_book(entry: DeliveryDay, bond_amount: int, state: State) -> DayBook:
    """All that the settlement of a day follows from; `bond_amount` is what its damages may draw."""
    product_id, day = entry.product_id, entry.day
    supplier_id = state.products[product_id].supplier_account_id
    _, sold_qty, escrow_amount = state.core.day_totals(product_id, day)
    return DayBook(
        supplier_account_id=supplier_id,
        holders=holders_of(product_id, day, state),
        sublets=sublets_of(product_id, day, state),
        liens=liens_on(product_id, day, state),
        undelivered_hours=entry.undelivered_hours,
        escrow_amount=escrow_amount,
        sold_qty=sold_qty,
        reference_micro=entry.reference_micro,
        bond_amount=bond_amount,
    )


def holders_of(product_id: int, day: int, state: State) -> list[Holder]:
    """Everybody with days or use, by account id."""
    return [Holder(*row) for row in state.core.holders(product_id, day)]


def sublets_of(product_id: int, day: int, state: State) -> list[Sublet]:
    """The sublets of the day."""
    return [
        Sublet(
            s.sublet_id,
            s.lessor_account_id,
            s.lessee_account_id,
            s.sublet_qty,
            s.rent_price,
            *_pledgee_of(s.sublet_id, state),
        )
        for s in state.sublets.values()
        if s.product_id == product_id and s.start_day <= day < s.end_day
    ]


def _pledgee_of(sublet_id: int, state: State) -> tuple[int, int]:
    """The bank that let a sublet in a lot, and for which pledge; 0 and 0 for any other."""
    pledge_id = state.swept_sublets.get(sublet_id, 0)
    return (state.pledges[pledge_id].request.bank_account_id, pledge_id) if pledge_id else (0, 0)


def liens_on(product_id: int, day: int, state: State) -> list[Lien]:
    """The active pledges that cover the day."""
    found = []
    for pledge in state.pledges.values():
        asked = pledge.request
        if asked.product_id == product_id and asked.start_day <= day < asked.end_day:
            liened_qty = pledge.liened_qty(day)
            if liened_qty:
                found.append(
                    Lien(asked.pledge_id, asked.account_id, asked.bank_account_id, liened_qty)
                )
    return found


def is_on_offer(product_id: int, day: int, state: State) -> bool:
    """Whether anything of the day is still set aside, by an order or a hold."""
    for account_id, _, title_qty, _, sublet_out_qty, _ in state.core.holders(product_id, day):
        free_qty, _ = state.core.sublettable(account_id, product_id, day, day + 1)
        if free_qty != title_qty - sublet_out_qty:
            return True
    return False


def is_closed(product_id: int, day: int, state: State) -> bool:
    """Whether nobody has anything of a day any more: it is over, or was never to be delivered."""
    if day in state.deliveries.get(product_id, {}):
        return False
    if day <= day_at(state.market_ns):
        return True
    standing = state.standings.get(state.products[product_id].supplier_account_id)
    return standing is not None and standing.is_terminated


def open_spans(
    product_id: int, start_day: int, end_day: int, state: State
) -> list[tuple[int, int]]:
    """What of a span of days is not closed, as half-open spans in order."""
    spans: list[tuple[int, int]] = []
    for day in range(start_day, end_day):
        if not is_closed(product_id, day, state):
            if spans and spans[-1][1] == day:
                spans[-1] = (spans[-1][0], day + 1)
            else:
                spans.append((day, day + 1))
    return spans

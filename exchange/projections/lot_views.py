"""Lots as the wire shows them to one account, to those who answer for the market and to anybody."""

from collections.abc import Iterable

from exchange.domain.enums import Role
from exchange.domain.lending_events import LotOffered
from exchange.domain.lot_prices import lot_price, next_step_ns
from exchange.domain.lot_wire import LotGone, LotNews, LotView
from exchange.domain.units import HOURS_PER_DAY

from .bundle import Projections
from .desk_views import window_code
from .lots import GoneLot

ANYBODY = 0
"""A viewer that is no side of any lot."""


def sees_all_lots(account_id: int, projections: Projections) -> bool:
    """Whether the account answers for the market."""
    account = projections.participants.accounts.get(account_id)
    return account is not None and any(
        account.has_role(role) for role in (Role.OPERATOR, Role.AUDITOR)
    )


def lots_seen(account_id: int, projections: Projections) -> list[LotView]:
    """The lots that stand, as an account sees them, by id."""
    sees_all = sees_all_lots(account_id, projections)
    market_ns = projections.venue.market_ns
    return [
        _view(lot, account_id, market_ns, projections, sees_all=sees_all)
        for lot in projections.lots.seen_by(account_id, sees_all=sees_all)
    ]


def lots_page(account_id: int, after_lot_id: int, count: int, projections: Projections) -> LotNews:
    """The next lots that an account sees; the first page is the snapshot."""
    sees_all = sees_all_lots(account_id, projections)
    market_ns = projections.venue.market_ns
    seen = projections.lots.seen_by(account_id, sees_all=sees_all)
    left = [lot for lot in seen if lot.lot_id > after_lot_id]
    return LotNews(
        as_of_seq=projections.at_seq,
        market_ns=market_ns,
        lots=[
            _view(lot, account_id, market_ns, projections, sees_all=sees_all)
            for lot in left[:count]
        ],
        gone=[],
        snapshot=not after_lot_id,
        after_lot_id=after_lot_id,
        left_count=max(0, len(left) - count),
    )


def lot_news(
    account_id: int,
    lots: Iterable[LotOffered],
    gone: Iterable[GoneLot],
    projections: Projections,
    *,
    sees_all: bool,
) -> LotNews:
    """What has become of lots, as far as the account sees them."""
    table, market_ns = projections.lots, projections.venue.market_ns
    return LotNews(
        as_of_seq=projections.at_seq,
        market_ns=market_ns,
        lots=[
            _view(lot, account_id, market_ns, projections, sees_all=sees_all)
            for lot in lots
            if table.is_seen(lot, account_id, sees_all=sees_all)
        ],
        gone=[
            LotGone(
                lot_id=each.offered.lot_id,
                end=each.end,
                ended_seq=each.ended_seq,
                lot_price=each.lot_price,
            )
            for each in gone
            if table.is_seen(each.offered, account_id, sees_all=sees_all)
        ],
    )


def _view(
    lot: LotOffered, account_id: int, market_ns: int, projections: Projections, *, sees_all: bool
) -> LotView:
    knows_parties = sees_all or projections.lots.bank_of(lot) == account_id
    price = lot_price(lot, market_ns)
    hours = HOURS_PER_DAY * (lot.end_day - lot.start_day) * lot.lot_qty
    return LotView(
        lot_id=lot.lot_id,
        product=projections.listings.products[lot.product_id].code,
        mode=lot.mode.value,
        window=window_code(lot.start_day, lot.end_day),
        start_day=lot.start_day,
        end_day=lot.end_day,
        lot_qty=lot.lot_qty,
        lot_price=price,
        floor_price=lot.floor_price,
        notional_amount=price * hours,
        next_step_ns=next_step_ns(lot, market_ns),
        end_ns=lot.end_ns,
        loan_id=lot.loan_id if knows_parties else 0,
        pledge_id=lot.pledge_id if knows_parties else 0,
        buyer_account_id=lot.buyer_account_id,
    )

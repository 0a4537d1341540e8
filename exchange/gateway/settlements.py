"""`/v1/settlement_prices`, `/v1/cascades/{instrument}`: what the close of a day decided. Public."""

from aiohttp import web

from exchange.domain.events import ProductDefined
from exchange.domain.listing_views import (
    CascadeView,
    ChildView,
    CurveView,
    SettlementPrices,
    SettlementPriceView,
)
from exchange.domain.windows import Window, parts_of
from exchange.projections import Projections

from .answers import json_answer, not_found
from .border import HUB
from .listings import wanted_products

routes = web.RouteTableDef()


@routes.get("/v1/settlement_prices")
async def settlement_prices(request: web.Request) -> web.Response:
    """Prices of open windows and the curves, of one product (`?product=CODE`) or of all."""
    projections = request.app[HUB].projections
    products = wanted_products(request, projections)
    view = SettlementPrices(
        settled_day=projections.settlements.settled_day,
        prices=[view for product in products for view in _prices(product, projections)],
        curves=[view for product in products for view in _curves(product, projections)],
    )
    return json_answer(view, as_of_seq=projections.at_seq)


@routes.get("/v1/cascades/{instrument}")
async def cascade(request: web.Request) -> web.Response:
    """What a window became that traded for the last time: its parts, with their open interest."""
    projections = request.app[HUB].projections
    symbol = request.match_info["instrument"]
    listed = projections.listings.instrument_named(symbol)
    event = None if listed is None else projections.listings.cascades.get(listed.instrument_id)
    if listed is None or event is None:
        raise not_found("cascade of instrument", repr(symbol[:96]))
    product = projections.listings.products[listed.product_id]
    parts = parts_of(Window(listed.kind, listed.start_day, listed.end_day))
    view = CascadeView(
        instrument=symbol,
        open_interest_qty=event.open_interest_qty,
        children=[
            ChildView(
                instrument=f"{product.code}:{part.code}",
                is_listed=child.instrument_id != 0,
                start_day=child.start_day,
                end_day=child.end_day,
                open_interest_qty=child.open_interest_qty,
            )
            for part, child in zip(parts, event.children, strict=True)
        ],
    )
    return json_answer(view, as_of_seq=projections.at_seq)


def _prices(product: ProductDefined, projections: Projections) -> list[SettlementPriceView]:
    """Those of a product's open windows, in the order of delivery."""
    found = []
    for instrument in projections.listings.of_product(product.product_id):
        listed = instrument.listed
        settled = projections.settlements.prices.get(listed.instrument_id)
        if settled is None or not instrument.is_open:
            continue
        price, hours = settled.price, Window(listed.kind, listed.start_day, listed.end_day).hours
        found.append(
            SettlementPriceView(
                instrument=listed.symbol,
                product=product.code,
                kind=listed.kind.value,
                start_day=listed.start_day,
                end_day=listed.end_day,
                settlement_day=price.settlement_day,
                settlement_price=price.settlement_price,
                notional_amount=price.notional_amount or price.settlement_price * hours,
                gpu_hours=price.gpu_hours or hours,
                source=price.source.value,
                low_limit_price=price.low_limit_price,
                high_limit_price=price.high_limit_price,
                settlement_seq=settled.settlement_seq,
            )
        )
    return found


def _curves(product: ProductDefined, projections: Projections) -> list[CurveView]:
    """A product's curves, in the order of their months."""
    return [
        CurveView(
            product=product.code,
            month=curve.month,
            settlement_day=curve.settlement_day,
            rest_notional_amount=curve.rest_notional_amount,
            rest_hours=curve.rest_hours,
        )
        for _, curve in sorted(projections.settlements.curves.items())
        if curve.product_id == product.product_id
    ]

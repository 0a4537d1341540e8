"""`/v1/products`, `/v1/instruments`, `/v1/windows`: what can be traded. Public."""

from aiohttp import web
from msgspec.structs import asdict

from exchange.domain.enums import InstrumentStatus, WindowKind
from exchange.domain.events import ProductDefined
from exchange.domain.listing_views import InstrumentView, ProductView, WindowView
from exchange.domain.reasons import Reason
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at
from exchange.projections import Projections
from exchange.projections.listings import Instrument
from exchange.projections.status import status_of
from exchange.projections.views import session_word

from .answers import json_answer, not_found, problem
from .border import HUB

routes = web.RouteTableDef()


@routes.get("/v1/products")
async def products(request: web.Request) -> web.Response:
    """All products."""
    projections = request.app[HUB].projections
    views = [product_view(product) for product in projections.listings.products.values()]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.get("/v1/instruments")
async def instruments(request: web.Request) -> web.Response:
    """
    Instruments, open and expired, of one product (`?product=CODE`) or of all.

    `?kind=` and `?status=` leave those of one kind of window, or in one part of its life.
    """
    projections = request.app[HUB].projections
    kind = _word(request, "kind", [each.value for each in WindowKind])
    status = _word(request, "status", [each.value for each in InstrumentStatus])
    views = [
        instrument_view(instrument, product, projections)
        for product in wanted_products(request, projections)
        for instrument in projections.listings.of_product(product.product_id)
        if kind in ("", instrument.listed.kind)
        and status in ("", status_of(instrument.listed.instrument_id, projections))
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.get("/v1/windows")
async def windows(request: web.Request) -> web.Response:
    """A product's open windows in the order of delivery, each with the top of its book."""
    projections = request.app[HUB].projections
    product = _product(projections, request.query.get("product", ""))
    views = [
        window_view(instrument, product, projections)
        for instrument in projections.listings.of_product(product.product_id)
        if instrument.is_open
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


def product_view(product: ProductDefined) -> ProductView:
    """A product as the wire shows it."""
    return ProductView(
        product_id=product.product_id,
        code=product.code,
        gpu_class=product.gpu_class,
        region=product.region,
        supplier_account_id=product.supplier_account_id,
        lot_qty=product.lot_qty,
        maker_bps=product.maker_bps,
        taker_bps=product.taker_bps,
    )


def instrument_view(
    instrument: Instrument, product: ProductDefined, projections: Projections
) -> InstrumentView:
    """An instrument as the wire shows it."""
    listed = instrument.listed
    session = projections.sessions.books[listed.instrument_id]
    return InstrumentView(
        instrument_id=listed.instrument_id,
        instrument=listed.symbol,
        product=product.code,
        kind=listed.kind.value,
        start_day=listed.start_day,
        end_day=listed.end_day,
        hours=(listed.end_day - listed.start_day) * HOURS_PER_DAY,
        gate_closure_ns=listed.gate_closure_ns,
        is_open=instrument.is_open,
        mode=listed.mode.value,
        session_state=session_word(listed.instrument_id, projections),
        settlement_price=session.settlement_price,
        low_limit_price=session.low_limit_price,
        high_limit_price=session.high_limit_price,
        status=status_of(listed.instrument_id, projections).value,
        last_trading_day=day_at(listed.gate_closure_ns),
        open_interest_qty=projections.interest.of(
            product.product_id, listed.start_day, listed.end_day
        ),
    )


def window_view(
    instrument: Instrument, product: ProductDefined, projections: Projections
) -> WindowView:
    """An open window with its best prices and last trade, 0 where there is none."""
    listed = instrument.listed
    bids = projections.depth.bids(listed.instrument_id, 1)
    asks = projections.depth.asks(listed.instrument_id, 1)
    latest = projections.trades.latest(listed.instrument_id, 1)
    return WindowView(
        **asdict(instrument_view(instrument, product, projections)),
        bid_price=bids[0][0] if bids else 0,
        bid_qty=bids[0][1] if bids else 0,
        ask_price=asks[0][0] if asks else 0,
        ask_qty=asks[0][1] if asks else 0,
        last_price=latest[0].last_price if latest else 0,
        last_qty=latest[0].last_qty if latest else 0,
    )


def wanted_products(request: web.Request, projections: Projections) -> list[ProductDefined]:
    """The product of `?product=CODE`, or all."""
    code = request.query.get("product")
    if code is None:
        return list(projections.listings.products.values())
    return [_product(projections, code)]


def _word(request: web.Request, name: str, words: list[str]) -> str:
    """A query parameter that is one of some words; empty where it is not given."""
    word = request.query.get(name, "")
    if word and word not in words:
        raise problem(Reason.SCHEMA, f"{name} {word[:32]!r} is none of {', '.join(words)}", name)
    return word


def _product(projections: Projections, code: str) -> ProductDefined:
    product = projections.listings.product_named(code)
    if product is None:
        raise not_found("product", repr(code[:64]))
    return product

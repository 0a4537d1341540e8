"""Requests to the OTC desk as commands, for the websocket and HTTP alike."""

from typing import Any

from exchange.domain import desk_commands as d
from exchange.domain import desk_wire as w
from exchange.domain.commands import Command
from exchange.domain.enums import Side
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.wire_words import Request

from .hub import Hub

DESK_REQUESTS: tuple[type[Request], ...] = (
    w.RequestQuote,
    w.SubmitQuote,
    w.AcceptQuote,
    w.WithdrawQuote,
    w.WithdrawQuoteRequest,
    w.ProposeBlock,
    w.ConfirmBlock,
    w.DeclineBlock,
)
DeskRequest = (
    w.RequestQuote
    | w.SubmitQuote
    | w.AcceptQuote
    | w.WithdrawQuote
    | w.WithdrawQuoteRequest
    | w.ProposeBlock
    | w.ConfirmBlock
    | w.DeclineBlock
)
_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "both": None, None: None}


def desk_command(request: DeskRequest, hub: Hub) -> Command:
    """The command of a request, without whose it is; the rules refuse an unknown product, id 0."""
    match request:
        case w.RequestQuote():
            return d.RequestQuote(
                product_id=_product_id(request.product, hub),
                start_day=request.start_day,
                end_day=request.end_day,
                request_qty=request.request_qty,
                side=_SIDES[request.side],
                dealer_account_ids=request.dealer_account_ids,
                lifetime_ns=request.lifetime_s * NS_PER_SECOND,
                **_envelope(request, hub),
            )
        case w.SubmitQuote():
            return d.SubmitQuote(
                quote_request_id=request.quote_request_id,
                quote_price=request.quote_price,
                side=_SIDES[request.side],
                lifetime_ns=request.lifetime_s * NS_PER_SECOND,
                **_envelope(request, hub),
            )
        case w.ProposeBlock():
            side = _SIDES[request.side]
            assert side is not None, "a block has a side"
            return d.ProposeBlock(
                counterparty_account_id=request.counterparty_account_id,
                product_id=_product_id(request.product, hub),
                start_day=request.start_day,
                end_day=request.end_day,
                side=side,
                block_qty=request.block_qty,
                block_price=request.block_price,
                **_envelope(request, hub),
            )
    return _answer(request, hub)


def _answer(request: DeskRequest, hub: Hub) -> Command:
    """What is said about something that is on the desk."""
    match request:
        case w.AcceptQuote():
            return d.AcceptQuote(quote_id=request.quote_id, **_envelope(request, hub))
        case w.WithdrawQuote():
            return d.WithdrawQuote(quote_id=request.quote_id, **_envelope(request, hub))
        case w.WithdrawQuoteRequest():
            quote_request_id = request.quote_request_id
            return d.WithdrawQuoteRequest(
                quote_request_id=quote_request_id, **_envelope(request, hub)
            )
        case w.ConfirmBlock():
            return d.ConfirmBlock(block_id=request.block_id, **_envelope(request, hub))
        case w.DeclineBlock():
            return d.DeclineBlock(block_id=request.block_id, **_envelope(request, hub))
    raise AssertionError(f"{type(request).__name__} is not for the desk")


def _envelope(request: DeskRequest, hub: Hub) -> dict[str, Any]:
    """What every command of the desk has of its request."""
    return {
        "command_id": request.command_id,
        "valid_until_ns": hub.valid_until_ns(request.valid_until_ns),
    }


def _product_id(code: str, hub: Hub) -> int:
    product = hub.projections.listings.product_named(code)
    return 0 if product is None else product.product_id

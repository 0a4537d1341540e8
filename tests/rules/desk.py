"""What the tests of the desk share: a market in which two traders deal, and commands by default."""

from typing import Any

from exchange.domain.commands import PublishSettlementPrice
from exchange.domain.desk_commands import (
    AcceptQuote,
    ConfirmBlock,
    ProposeBlock,
    RequestQuote,
    SubmitQuote,
)
from exchange.domain.desk_events import DeskTradeExecuted
from exchange.domain.enums import Side
from exchange.domain.events import Event
from exchange.domain.units import NS_PER_MINUTE
from tests.rules.markets import OtherMarket, day, own
from tests.scenario import OTHER, SUPPLIER, TRADER, Market

MINUTE = NS_PER_MINUTE
SPAN = {"start_day": day("2027-06-05"), "end_day": day("2027-06-15")}
"""Ten days of June 2027 that nobody listed."""
HOURS = 240
CASH = 10**13


def desk_market(genesis: dict[str, Any] | None = None, lot_qty: int = 1) -> Market:
    """The supplier has 2000 of 2027 and has sold 1000 of June to the trader, at 10.00."""
    market = OtherMarket(genesis, lot_qty=lot_qty)
    market.grant("Y27", 2_000)
    own(market, TRADER, market.list_window("M2706"), 1_000, 1_000)
    return market


def request(side: Side | None = Side.BUY, request_qty: int = 100, **more: Any) -> RequestQuote:
    """A request for the ten days, by default of a buyer."""
    return RequestQuote(product_id=1, side=side, request_qty=request_qty, **{**SPAN, **more})


def quote(quote_request_id: int, quote_price: int = 1_000, **more: Any) -> SubmitQuote:
    """A quote, by default at 10.00 for five minutes."""
    return SubmitQuote(quote_request_id=quote_request_id, quote_price=quote_price, **more)


def asked(market: Market, account_id: int = OTHER, **fields: Any) -> int:
    """An open request's id."""
    return market.do(account_id, request(**fields)).seq


def quoted(
    market: Market,
    quote_request_id: int,
    account_id: int = TRADER,
    price: int = 1_000,
    **more: Any,
) -> int:
    """A firm quote's id."""
    return market.do(account_id, quote(quote_request_id, price, **more)).seq


def dealt(market: Market, **fields: Any) -> int:
    """The trade of a request that the trader quoted and the other accepted."""
    return market.do(OTHER, AcceptQuote(quote_id=quoted(market, asked(market, **fields)))).seq


def block(side: Side = Side.SELL, block_qty: int = 500, **more: Any) -> ProposeBlock:
    """A block of the ten days with the other trader: 500 at 10.00 are CNY 1.2 M."""
    fields = {"counterparty_account_id": OTHER, "block_price": 1_000, **SPAN, **more}
    return ProposeBlock(product_id=1, side=side, block_qty=block_qty, **fields)


def alleged(market: Market, account_id: int = TRADER, **fields: Any) -> int:
    """An alleged block's id."""
    return market.do(account_id, block(**fields)).seq


def registered(market: Market, account_id: int = TRADER, **fields: Any) -> int:
    """A registered block's id; the trade's is one higher."""
    block_id = alleged(market, account_id, **fields)
    counterparty_id = fields.get("counterparty_account_id", OTHER)
    market.do(counterparty_id, ConfirmBlock(block_id=block_id))
    return block_id


def trade_of(events: list[Event]) -> DeskTradeExecuted:
    """The trade of a record."""
    (trade,) = [event for event in events if isinstance(event, DeskTradeExecuted)]
    return trade


def cash_of(market: Market) -> dict[int, tuple[int, int]]:
    """(available, held) of the venue, the supplier and both traders."""
    return {a: market.core.balances(a) for a in (0, SUPPLIER, TRADER, OTHER)}


def title_of(market: Market, account_id: int) -> int:
    """What an account owns in the middle of the ten days."""
    at_day = SPAN["start_day"] + 3
    runs = market.core.day_function(account_id, 1, "title")
    return sum(qty for start_day, end_day, qty in runs if start_day <= at_day < end_day)


def publish(market: Market, settlement_price: int) -> None:
    """June's settlement price, and the band of a tenth around it."""
    market.do(1, PublishSettlementPrice(instrument_id=1, settlement_price=settlement_price))


def pass_time(market: Market, ns: int) -> None:
    """Moves the clock on by so much."""
    market.advance(market.state.market_ns + ns)

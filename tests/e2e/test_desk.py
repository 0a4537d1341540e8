"""A day at the OTC desk as its people live it: by the shell, by the SDK, and in the log."""

import asyncio

import msgspec
import pytest

from clients.sdk import ExchangeClient, Refused
from exchange.domain.desk_wire import BlockView, Desk, DeskTrades, QuoteRequestView
from exchange.domain.enums import WindowKind
from exchange.domain.windows import Window
from exchange.domain.wire import Balances

from .processes import VenueProcess
from .test_shell import REFUSED, USAGE, done, failed
from .venue import ACCOUNT_IDS, DEPOSIT_AMOUNT, PRODUCT, Market

TRADER, SUPPLIER, OTHER = (ACCOUNT_IDS[name] for name in ("trader", "supplier", "other"))
PRICE = 1_200


def code_of(market: Market) -> str:
    """Ten days in the middle of the month, listed by nobody."""
    first = market.month_start_day + 5
    return Window(WindowKind.USER_DEFINED, first, first + 10).code


def test_a_day_at_the_desk_by_the_shell(venue: VenueProcess, market: Market) -> None:
    """Asked, quoted, dealt; alleged, confirmed; disputed, undone; and printed."""
    venue.start()
    window = code_of(market)
    ask = ("rfq", "request", PRODUCT, window, 80, "--side", "buy", "--to", SUPPLIER)
    request_id = done(venue.shell(*ask, "--json")).value["created_id"]
    quote = ("rfq", "quote", request_id, PRICE, "--as", "supplier")
    quote_id = done(venue.shell(*quote, "--json")).value["created_id"]
    failed(venue.shell("rfq", "quote", request_id, PRICE, "--as", "other"), REFUSED, "4051")
    assert done(venue.shell("rfq", "list", "--as", "other", "--json")).value == []
    [shown] = msgspec.json.decode(
        done(venue.shell("rfq", "list", "--json")).stdout, type=list[QuoteRequestView]
    )
    assert [one.quote_id for one in shown.quotes] == [quote_id]
    trade_id = done(venue.shell("rfq", "accept", quote_id, "--json")).value["created_id"]
    failed(venue.shell("rfq", "accept", quote_id), REFUSED, "wrong_state (4019)")
    assert "executed" in done(venue.shell("rfq", "list")).stdout

    propose = ("block", "propose", PRODUCT, window, "sell", 40, 12_000, OTHER)
    block_id = done(venue.shell(*propose, "--json")).value["created_id"]
    failed(venue.shell("block", "confirm", block_id), REFUSED, "same_person (4020)")
    out_of_band = venue.shell("block", "confirm", block_id, "--as", "other")
    failed(out_of_band, REFUSED, "price_band (4004)", "12000")
    done(venue.shell("block", "waive", block_id, "agreed long ago"))
    done(venue.shell("block", "confirm-waiver", block_id, "--as", "second_operator"))
    bought = done(venue.shell("block", "confirm", block_id, "--as", "other", "--json")).value
    done(venue.shell("block", "allocate", block_id, f"{OTHER}=40", "--as", "other"))
    forty = venue.shell("block", "allocate", block_id, "forty", "--as", "other")
    assert (forty.exit_code, "forty" in forty.stderr) == (USAGE, True)
    [block] = msgspec.json.decode(
        done(venue.shell("block", "list", "--json")).stdout, type=list[BlockView]
    )
    assert (block.block_status, block.trade_id) == ("registered", bought["created_id"])
    assert "registered" in done(venue.shell("block", "list")).stdout
    public = done(venue.shell("block", "tape", "--json")).stdout
    assert msgspec.json.decode(public, type=DeskTrades).desk_trades == []

    bust = ("dispute", "bust", trade_id, "wrong window", "--json")
    wanted = done(venue.shell(*bust)).value["created_id"]
    done(venue.shell("dispute", "approve", wanted))
    refused = venue.shell("dispute", "approve", wanted, "--as", "second_operator")
    failed(refused, REFUSED, "title (5002)", "80 GPUs are wanted and 40 are free")
    done(venue.shell("dispute", "claim", wanted, 100_000, "40 are sold on"))
    assert "1,000.00" in done(venue.shell("dispute", "list")).stdout
    fix = ("dispute", "correct", bought["created_id"], 11_000, "typo", "--json")
    wanted = done(venue.shell(*fix)).value["created_id"]
    done(venue.shell("dispute", "decline", wanted, "agreed price"))

    rows = done(venue.shell("log", "tail", "--count", 1_000, "--json")).rows
    tags = {event["type"] for row in rows for event in row["events"]}
    assert {"quote_accepted", "band_waived", "block_allocated", "claim_recorded"} <= tags
    assert venue.stop() == 0
    done(venue.shell("verify"))


def test_a_day_at_the_desk_by_the_sdk(venue: VenueProcess, market: Market) -> None:
    """The desk of an account is pushed to it as it changes."""
    venue.start()
    asyncio.run(deal(venue, market))


async def deal(venue: VenueProcess, market: Market) -> None:
    """The trader asks all, watches its desk, and takes the first quote that comes."""
    days = {"start_day": market.month_start_day, "end_day": market.month_start_day + 9}
    async with (
        ExchangeClient(venue.url, venue.token("trader")) as trader,
        ExchangeClient(venue.url, venue.token("supplier")) as supplier,
    ):
        seen = await trader.follow_desk()
        assert isinstance(await anext(seen), Desk)
        asked = await trader.request_quote(
            product=PRODUCT, request_qty=80, side="buy", lifetime_s=600, **days
        )
        assert (await anext(seen)).quote_requests[0].quote_request_status == "open"
        [request] = await supplier.quote_requests()
        quoted = await supplier.submit_quote(request.quote_request_id, PRICE)
        assert request.quote_request_id == asked.created_id
        [offer] = (await anext(seen)).quote_requests[0].quotes
        assert offer.quote_id == quoted.created_id
        traded = await trader.accept_quote(offer.quote_id)
        news = await anext(seen)
        assert [trade.trade_id for trade in news.desk_trades] == [traded.created_id]
        check_balances(await trader.balances(), offer.notional_amount)
        with pytest.raises(Refused, match="4019"):
            await trader.accept_quote(offer.quote_id)
        assert (await trader.desk_trades(PRODUCT)).desk_trades == []


def check_balances(balances: Balances, notional_amount: int) -> None:
    """The price and the taker's fee are paid."""
    fee = -(-notional_amount * 10 // 10_000)
    assert balances.available_amount == DEPOSIT_AMOUNT - notional_amount - fee
    assert balances.held_amount == 0

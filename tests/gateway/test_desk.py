"""The OTC desk over the websocket and HTTP: what is dealt, and who sees what of it."""

import asyncio

import pytest

from exchange.domain import desk_wire as w
from exchange.domain.commands import AdvanceClock
from exchange.domain.desk_events import DeskTradePublished
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import day_at, parse_window, start_ns
from exchange.domain.wire import Ack, Error, PlaceOrder, Subscribe
from exchange.projections import Projections
from tests.scenario import PRODUCT

from .conftest import AUDITOR, BANK, FORMS, OPERATOR, OTHER, SUPPLIER, TRADER

WINDOW = parse_window("X270605-270615")
SPAN = {"product": PRODUCT, "start_day": WINDOW.start_day, "end_day": WINDOW.end_day}
ASKED = {**SPAN, "request_qty": 100, "side": "buy"}
BLOCK = {**SPAN, "side": "sell", "block_qty": 500, "block_price": 1_000}
NOTIONAL = 100 * 240 * 1_000


async def asked(house, key_id=TRADER, key="ask", **more) -> int:
    """A request's id."""
    status, receipt = await house.post("/v1/rfqs", {**ASKED, **more}, key_id, key)
    assert status == 201, receipt
    return receipt["created_id"]


async def quoted(house, request_id, key_id=SUPPLIER, key="quote", price=1_000) -> int:
    """A quote's id."""
    path = f"/v1/rfqs/{request_id}/quotes"
    status, receipt = await house.post(path, {"quote_price": price}, key_id, key)
    assert status == 201, receipt
    return receipt["created_id"]


async def seen(house, path, key_id):
    """What an account is shown."""
    status, body = await house.get(path, key_id)
    assert status == 200, body
    return body


async def test_a_quote_is_asked_for_given_and_taken_over_http(house):
    request_id = await asked(house)
    quote_id = await quoted(house, request_id)
    status, receipt = await house.post(f"/v1/quotes/{quote_id}/accept", {}, TRADER, "take")
    assert status == 201
    [request] = await seen(house, "/v1/rfqs", TRADER)
    assert (request["quote_request_status"], request["window"]) == ("executed", WINDOW.code)
    [quote] = request["quotes"]
    assert (quote["quote_status"], quote["trade_id"]) == ("accepted", receipt["created_id"])
    desk = await seen(house, "/v1/desk", TRADER)
    [trade] = desk["desk_trades"]
    assert (trade["made_by"], trade["notional_amount"]) == ("quote", NOTIONAL)
    assert (trade["buyer_account_id"], trade["escrow_amount"]) == (TRADER, NOTIONAL)


async def test_a_repeated_request_is_answered_as_the_first(house):
    request_id = await asked(house)
    status, again = await house.post("/v1/rfqs", ASKED, TRADER, "ask")
    assert (status, again["created_id"], again["duplicate"]) == (201, request_id, True)
    status, problem = await house.post("/v1/rfqs", {**ASKED, "side": "sell"}, TRADER, "ask")
    assert (status, problem["code"]) == (409, Reason.ID_CONFLICT)


async def test_a_quote_is_shown_to_its_asker_and_its_quoter_alone(house):
    request_id = await asked(house)
    quote_id = await quoted(house, request_id)
    for key_id, shown in ((TRADER, [quote_id]), (SUPPLIER, [quote_id]), (OTHER, [])):
        found = await seen(house, "/v1/quotes", key_id)
        assert [quote["quote_id"] for quote in found] == shown
    [request] = await seen(house, "/v1/rfqs", OTHER)
    assert request["quotes"] == []
    assert await seen(house, "/v1/rfqs", BANK) == []


async def test_a_request_to_named_dealers_is_shown_to_them_alone(house):
    await asked(house, dealer_account_ids=[SUPPLIER])
    assert await seen(house, "/v1/rfqs", OTHER) == []
    [request] = await seen(house, "/v1/rfqs", SUPPLIER)
    assert request["dealer_account_ids"] == []
    [request] = await seen(house, "/v1/rfqs", TRADER)
    assert request["dealer_account_ids"] == [SUPPLIER]
    for key_id in (OPERATOR, AUDITOR):
        assert len(await seen(house, "/v1/rfqs", key_id)) == 1


async def test_quotes_and_requests_are_withdrawn(house):
    request_id = await asked(house)
    quote_id = await quoted(house, request_id)
    assert (await house.post(f"/v1/quotes/{quote_id}/withdraw", {}, SUPPLIER, "w1"))[0] == 201
    assert (await house.post(f"/v1/rfqs/{request_id}/withdraw", {}, TRADER, "w2"))[0] == 201
    [request] = await seen(house, "/v1/rfqs", TRADER)
    assert request["quote_request_status"] == "withdrawn"
    assert request["quotes"][0]["quote_status"] == "withdrawn"


async def test_a_block_is_public_after_its_delay_without_its_sides(house):
    block = {**BLOCK, "counterparty_account_id": TRADER}
    _, receipt = await house.post("/v1/blocks", block, SUPPLIER, "b1")
    block_id = receipt["created_id"]
    assert await seen(house, "/v1/blocks", OTHER) == []
    status, receipt = await house.post(f"/v1/blocks/{block_id}/confirm", {}, TRADER, "b2")
    assert status == 201
    for key_id in (SUPPLIER, TRADER):
        [shown] = await seen(house, "/v1/blocks", key_id)
        assert (shown["block_status"], shown["trade_id"]) == ("registered", receipt["created_id"])
    public = await seen(house, "/v1/desk_trades", 0)
    assert public["desk_trades"] == []
    await pass_time(house, 15 * NS_PER_MINUTE)
    public = await seen(house, f"/v1/desk_trades?product={PRODUCT}", 0)
    [trade] = public["desk_trades"]
    assert (trade["trade_price"], trade["displayed_qty"]) == (1_000, 500)
    assert trade["is_capped"] is False
    assert not [name for name in trade if "account" in name]
    status, problem = await house.get("/v1/desk_trades?product=nothing")
    assert (status, problem["code"]) == (404, Reason.NOT_FOUND)


async def open_interest(house) -> int:
    """Of the block's days as the public sees it, in both places the same."""
    shown = set()
    for path in ("instruments", f"windows?product={PRODUCT}"):
        listed = {one["instrument"]: one for one in await seen(house, f"/v1/{path}", 0)}
        shown.add(listed[f"{PRODUCT}:{WINDOW.code}"]["open_interest_qty"])
    (open_interest_qty,) = shown
    return open_interest_qty


async def register(house, **more) -> int:
    """A block of the supplier with the trader; its trade's id."""
    block = {**BLOCK, "counterparty_account_id": TRADER, **more}
    _, receipt = await house.post("/v1/blocks", block, SUPPLIER, f"b{len(house.records)}")
    path = f"/v1/blocks/{receipt['created_id']}/confirm"
    status, receipt = await house.post(path, {}, TRADER, f"c{len(house.records)}")
    assert status == 201, receipt
    return receipt["created_id"]


async def list_block_days(house) -> None:
    """The days of the blocks trade in a book too."""
    body = {"product_id": 1, "kind": "user_defined"}
    days = {"start_day": WINDOW.start_day, "end_day": WINDOW.end_day}
    status, receipt = await house.post("/v1/admin/list_instrument", body | days, OPERATOR, "list")
    assert status == 201, receipt


async def test_open_interest_tells_of_a_block_with_the_day_after_its_publication(house):
    await list_block_days(house)
    await register(house)
    assert await open_interest(house) == 0
    await pass_time(house, 15 * NS_PER_MINUTE)
    assert len((await seen(house, "/v1/desk_trades", 0))["desk_trades"]) == 1
    assert await open_interest(house) == 0
    midnight_ns = start_ns(day_at(house.sequencer.market_ns) + 1)
    await pass_time(house, midnight_ns - 1 - house.sequencer.market_ns)
    assert await open_interest(house) == 0
    again = Projections.restore(house.projections.checkpoint())
    assert again.interest.digest() == house.projections.interest.digest()
    await pass_time(house, 1)
    assert await open_interest(house) == 500


async def test_a_block_over_midnight_is_not_told_of_before_it_is_public(house):
    await list_block_days(house)
    midnight_ns = start_ns(day_at(house.sequencer.market_ns) + 1)
    await pass_time(house, midnight_ns - NS_PER_MINUTE - house.sequencer.market_ns)
    await register(house)
    await pass_time(house, NS_PER_MINUTE)
    assert await open_interest(house) == 0
    await pass_time(house, NS_PER_DAY)
    assert await open_interest(house) == 500


async def test_a_block_undone_before_it_is_public_leaves_no_trace_in_open_interest(house):
    await list_block_days(house)
    trade_id = await register(house)
    body = {"note": "wrong window"}
    _, receipt = await house.post(f"/v1/desk_trades/{trade_id}/dispute", body, TRADER, "x1")
    body = {"correction_id": receipt["created_id"]}
    for operator_id in (1, 2):
        status, _ = await house.post("/v1/admin/approve_correction", body, operator_id, "ok")
        assert status == 201
        assert await open_interest(house) == 0
    await pass_time(house, NS_PER_DAY)
    assert await open_interest(house) == 0


async def pass_time(house, ns: int) -> None:
    """The clock moves on, boundary by boundary."""
    target_ns = house.sequencer.market_ns + ns
    while house.market.state.market_ns < target_ns:
        await house.sequencer.execute(AdvanceClock(market_ns=target_ns))


async def test_a_block_is_declined_by_either_side(house):
    block = {**BLOCK, "counterparty_account_id": TRADER}
    _, receipt = await house.post("/v1/blocks", block, SUPPLIER, "b1")
    path = f"/v1/blocks/{receipt['created_id']}/decline"
    assert (await house.post(path, {}, TRADER, "d"))[0] == 201
    status, problem = await house.post(path, {}, SUPPLIER, "d")
    assert (status, problem["code"]) == (409, Reason.WRONG_STATE)


async def test_an_allocation_is_shown_to_the_buyer_alone(house):
    _, receipt = await house.post(
        "/v1/blocks", {**BLOCK, "counterparty_account_id": TRADER}, SUPPLIER, "b1"
    )
    block_id = receipt["created_id"]
    await house.post(f"/v1/blocks/{block_id}/confirm", {}, TRADER, "b2")
    parts = [{"account_id": TRADER, "allocated_qty": 500}]
    body = {"allocations": parts}
    status, _ = await house.post(f"/v1/blocks/{block_id}/allocate", body, TRADER, "a")
    assert status == 201
    assert (await seen(house, "/v1/blocks", TRADER))[0]["allocations"] == parts
    assert (await seen(house, "/v1/blocks", SUPPLIER))[0]["allocations"] == []


async def test_a_bust_is_asked_for_by_a_party_and_done_by_two_operators(house):
    quote_id = await quoted(house, await asked(house))
    _, receipt = await house.post(f"/v1/quotes/{quote_id}/accept", {}, TRADER, "take")
    trade_id = receipt["created_id"]
    path = f"/v1/desk_trades/{trade_id}/dispute"
    _, receipt = await house.post(path, {"note": "wrong window"}, TRADER, "x1")
    body = {"correction_id": receipt["created_id"]}
    [wanted] = await seen(house, "/v1/corrections", OPERATOR)
    assert (wanted["note"], wanted["correction_status"]) == ("wrong window", "requested")
    assert await seen(house, "/v1/corrections", OTHER) == []
    for operator_id in (1, 2):
        status, _ = await house.post("/v1/admin/approve_correction", body, operator_id, "ok")
        assert status == 201
    desk = await seen(house, "/v1/desk", SUPPLIER)
    assert desk["desk_trades"][0]["is_busted"] is True
    assert desk["corrections"][0]["correction_status"] == "done"
    balances = await seen(house, "/v1/accounts/me/balances", TRADER)
    assert balances["available_amount"] == 10**13


async def test_a_trade_of_a_book_is_busted_under_its_own_number(house):
    for side, key_id in (("sell", SUPPLIER), ("buy", TRADER)):
        session = await house.session(key_id)
        order = PlaceOrder(
            client_order_id=side,
            instrument=f"{PRODUCT}:M2706",
            side=side,
            order_qty=8,
            limit_price=1_000,
        )
        assert isinstance(await session.ask(order), Ack)
    [trade] = await seen(house, f"/v1/trades/{PRODUCT}:M2706", TRADER)
    path = f"/v1/book_trades/{trade['trade_id']}/dispute"
    status, receipt = await house.post(path, {"note": "wrong month"}, TRADER, "x1")
    assert status == 201, receipt
    [shown] = await seen(house, "/v1/corrections", SUPPLIER)
    assert (shown["trade_source"], shown["trade_id"]) == ("book", trade["trade_id"])
    assert await seen(house, "/v1/corrections", OTHER) == []
    body = {"correction_id": receipt["created_id"]}
    for operator_id in (1, 2):
        await house.post("/v1/admin/approve_correction", body, operator_id, "ok")
    [busted] = await seen(house, f"/v1/trades/{PRODUCT}:M2706", TRADER)
    assert busted == {**trade, "is_busted": True}
    balances = await seen(house, "/v1/accounts/me/balances", TRADER)
    assert balances["available_amount"] == 10**13


async def test_a_correction_names_its_price_and_a_claim_its_amount(house):
    quote_id = await quoted(house, await asked(house))
    _, receipt = await house.post(f"/v1/quotes/{quote_id}/accept", {}, TRADER, "take")
    path = f"/v1/desk_trades/{receipt['created_id']}/dispute"
    wanted = {"note": "typo", "corrected_price": 990}
    _, receipt = await house.post(path, wanted, SUPPLIER, "x1")
    claim = {"correction_id": receipt["created_id"], "claim_amount": 7, "note": "no cash"}
    assert (await house.post("/v1/admin/record_claim", claim, OPERATOR, "c"))[0] == 201
    [shown] = await seen(house, "/v1/corrections", TRADER)
    assert (shown["corrected_price"], shown["claim_amount"]) == (990, 7)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product": PRODUCT}, "start_day"),
        ({**ASKED, "request_qty": 0}, "request_qty"),
        ({**ASKED, "side": "sideways"}, "side"),
        ({**ASKED, "colour": "red"}, "colour"),
        ({**ASKED, "dealer_account_ids": [3] * 33}, "dealer_account_ids"),
    ],
)
async def test_what_does_not_fit_is_named(house, body, field):
    status, problem = await house.post("/v1/rfqs", body, TRADER, "bad")
    assert (status, problem["code"], problem["field"]) == (400, Reason.SCHEMA, field)


async def test_a_market_refusal_has_its_sentence(house):
    status, problem = await house.post("/v1/quotes/99/accept", {}, TRADER, "none")
    assert (status, problem["code"]) == (409, Reason.UNKNOWN_QUOTE)
    assert problem["message"] == "there is no quote 99"
    unknown = {**ASKED, "product": "none"}
    status, problem = await house.post("/v1/rfqs", unknown, TRADER, "p")
    assert (status, problem["code"]) == (409, Reason.UNKNOWN_PRODUCT)


@FORMS
async def test_the_desk_deals_over_the_websocket(house, form):
    trader, supplier = await house.session(TRADER, form), await house.session(SUPPLIER, form)
    ack = await trader.ask(w.RequestQuote(request_id=1, command_id="r", **ASKED))
    assert isinstance(ack, Ack)
    quote = w.SubmitQuote(request_id=2, command_id="q", quote_request_id=ack.log_seq, quote_price=9)
    quote_ack = await supplier.ask(quote)
    taken = await trader.ask(
        w.AcceptQuote(request_id=3, command_id="t", quote_id=quote_ack.log_seq)
    )
    assert (taken.request_id, taken.order_id) == (3, 0)
    over = await supplier.ask(w.WithdrawQuote(command_id="w", quote_id=quote_ack.log_seq))
    assert isinstance(over, Error)
    assert over.code == Reason.WRONG_STATE
    block = w.ProposeBlock(command_id="b", counterparty_account_id=TRADER, **BLOCK)
    block_id = (await supplier.ask(block)).log_seq
    assert isinstance(await trader.ask(w.ConfirmBlock(command_id="c", block_id=block_id)), Ack)
    ended = await trader.ask(w.DeclineBlock(command_id="d", block_id=block_id))
    assert ended.code == Reason.WRONG_STATE
    wanted = (await trader.ask(w.RequestQuote(command_id="r2", **ASKED))).log_seq
    gone = w.WithdrawQuoteRequest(command_id="w2", quote_request_id=wanted)
    assert isinstance(await trader.ask(gone), Ack)


async def test_the_desk_is_pushed_to_those_whom_it_concerns(house):
    trader, other = await house.session(TRADER), await house.session(OTHER)
    for socket in (trader, other):
        await socket.send(Subscribe(channels=["desk"]))
        assert (await socket.until(w.Desk)).quote_requests == []
    request_id = await asked(house)
    assert len((await other.until(w.Desk)).quote_requests) == 1
    assert len((await trader.until(w.Desk)).quote_requests) == 1
    await quoted(house, request_id)
    news = await trader.until(w.Desk)
    assert [quote.quote_price for quote in news.quote_requests[0].quotes] == [1_000]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await other.until(w.Desk)


async def test_public_trades_are_pushed_when_their_delay_is_over(house):
    other = await house.session(OTHER)
    await other.send(Subscribe(channels=["desk_trades"]))
    assert (await other.until(w.DeskTrades)).desk_trades == []
    quote_id = await quoted(house, await asked(house))
    await house.post(f"/v1/quotes/{quote_id}/accept", {}, TRADER, "take")
    await pass_time(house, 15 * NS_PER_MINUTE)
    [trade] = (await other.until(w.DeskTrades)).desk_trades
    assert (trade.product, trade.window, trade.displayed_qty) == (PRODUCT, WINDOW.code, 100)
    assert DeskTradePublished(trade_id=trade.trade_id) in house.events()

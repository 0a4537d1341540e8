"""A trader, a bank and an operator through a whole day, and through the death of the exchange."""

import asyncio

from clients.sdk import Backoff, ExchangeClient
from exchange.domain.units import HOURS_PER_DAY, PPM_WHOLE
from exchange.domain.wire import Execution, Orders

from .processes import VenueProcess, free_port, in_time
from .venue import ACCOUNT_IDS, DEPOSIT_AMOUNT, PRODUCT, Market, fetch, picture

QUICK = Backoff(first_s=0.05, longest_s=0.2, give_up_s=30.0)
PRICE = 1_300


@in_time
async def test_a_day_of_a_trader_a_bank_and_an_operator_survives_a_kill(
    venue: VenueProcess, market: Market
) -> None:
    """What every party was told and shown before the kill it is told and shown after it."""
    port = free_port()
    await asyncio.to_thread(venue.start, http_port=port)
    async with (
        ExchangeClient(venue.url, venue.token("supplier"), backoff=QUICK) as supplier,
        ExchangeClient(venue.url, venue.token("trader"), backoff=QUICK) as trader,
        ExchangeClient(venue.url, venue.token("bank"), backoff=QUICK) as bank,
        ExchangeClient(venue.url, venue.token("operator"), backoff=QUICK) as operator,
    ):
        own_orders = await trader.follow_orders()
        assert isinstance(await own_orders.next(), Orders)

        # The trader buys what the supplier offers; a part of its bid goes on resting.
        offer = await supplier.place(
            market.month_symbol, "sell", order_qty=16, limit_price=PRICE, client_order_id="offer"
        )
        bid = await trader.place(
            market.month_symbol, "buy", order_qty=24, limit_price=PRICE, client_order_id="bid"
        )
        fill = await _execution(own_orders, "trade")
        assert (fill.order_id, fill.last_qty, fill.last_price) == (bid.order_id, 16, PRICE)
        days = market.month_end_day - market.month_start_day
        notional_amount = 16 * PRICE * days * HOURS_PER_DAY
        assert fill.notional_amount == notional_amount
        [held] = (await trader.positions()).positions
        assert [(run.start_day, run.end_day, run.qty) for run in held.title] == [
            (market.month_start_day, market.month_end_day, 16)
        ]
        balances = await trader.balances()
        spent_amount = notional_amount + fill.fee_amount
        held_amount = balances.held_amount
        assert held_amount >= 8 * PRICE * days * HOURS_PER_DAY
        assert balances.available_amount == DEPOSIT_AMOUNT - spent_amount - held_amount
        book = await trader.book(market.month_symbol)
        assert (book.bids, book.asks) == ([(PRICE, 8, 1)], [])

        # It pledges half of it; the bank accepts and pulls a mark.
        asked = await trader.request_pledge(
            product=PRODUCT,
            start_day=market.month_start_day,
            end_day=market.month_end_day,
            pledged_qty=8,
            bank_account_id=ACCOUNT_IDS["bank"],
        )
        await bank.accept_pledge(asked.created_id)
        [mark] = await bank.collateral_marks()
        assert (mark.pledge_id, mark.collateral_qty) == (asked.created_id, 8)
        assert mark.level > 0
        assert 0 <= mark.lendable_amount < mark.value_amount
        assert mark.haircut_ppm == min(PPM_WHOLE, sum(mark.haircut_lines.values()))

        # As of one record the same question has the same bytes.
        path = f"/v1/collateral/marks?as_of_seq={mark.as_of_seq}"
        first = await fetch(venue, path, "bank")
        again = await fetch(venue, path, "bank")
        assert first.status == 200
        assert (first.body, first.headers["ETag"]) == (again.body, again.headers["ETag"])
        known = await fetch(venue, path, "bank", headers={"If-None-Match": first.headers["ETag"]})
        assert (known.status, known.body) == (304, b"")

        # The operator reads the log; nobody else does.
        records = [record async for record in operator.log_records(limit=1_000)]
        assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
        by_seq = {record["seq"]: record for record in records}
        assert by_seq[bid.log_seq]["command"]["command_id"] == "bid"
        assert [event["type"] for event in by_seq[bid.log_seq]["events"]] == [
            "order_accepted",
            "trade_executed",
            "escrow_funded",
            "order_rested",
        ]
        for name in ("trader", "bank", "supplier"):
            assert (await fetch(venue, "/v1/log", name)).status == 403
        assert (await fetch(venue, "/v1/log", "auditor")).status == 200

        # The bank releases; the mark of before stands as it was.
        released = await bank.release_pledge(asked.created_id)
        assert [pledge.pledge_status for pledge in await trader.pledges()] == ["released"]
        assert await bank.collateral_marks() == []
        assert (await fetch(venue, path, "bank")).body == first.body
        resting = await trader.place(
            market.next_month_symbol, "buy", order_qty=8, limit_price=900, client_order_id="rests"
        )
        before = await picture(venue, mark.as_of_seq)
        log_server_pid = venue.log_server_pid

        await asyncio.to_thread(venue.kill)
        await asyncio.to_thread(venue.start, http_port=port)

        assert venue.log_server_pid == log_server_pid, "the living log server is adopted"
        after = await picture(venue, mark.as_of_seq)
        assert after == before

        # Every acknowledged command is in the log once, where it was said to be.
        wanted = {"offer": offer.log_seq, "bid": bid.log_seq, "rests": resting.log_seq}
        now = [record async for record in operator.log_records(limit=1_000)]
        assert now[: len(records)] == records
        places = [(record["command"]["command_id"], record["seq"]) for record in now]
        for command_id, seq in wanted.items():
            assert [place for place in places if place[0] == command_id] == [(command_id, seq)]
        assert released.log_seq in {seq for _, seq in places}

        # The clients go on in the sessions they have, and hear what happens next without a hole.
        cancelled = await trader.cancel(client_order_id="rests")
        assert cancelled.order_id == resting.order_id or cancelled.client_order_id == "rests"
        assert (await _execution(own_orders, "cancelled")).order_id == resting.order_id
        assert trader.session is not None
        assert trader.session.connection_count == 2
        again_bid = await trader.place(
            market.month_symbol, "buy", order_qty=24, limit_price=PRICE, client_order_id="bid"
        )
        assert again_bid.duplicate
        assert (again_bid.log_seq, again_bid.order_id) == (bid.log_seq, bid.order_id)
        for client in (trader, supplier):
            await client.logout()
    assert await asyncio.to_thread(venue.stop) == 0
    assert await asyncio.to_thread(venue.verify) > released.log_seq


async def _execution(own_orders, exec_type: str) -> Execution:
    """The next execution of a kind."""
    async with asyncio.timeout(30):
        while True:
            update = await own_orders.next()
            if isinstance(update, Execution) and update.exec_type == exec_type:
                return update

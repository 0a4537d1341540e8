"""A loan on a real exchange whose days are short: called and cured, called again and lost."""

import asyncio
import hashlib
from typing import Any

import pytest

from clients.errors import Refused
from clients.sdk import ExchangeClient
from exchange.domain.lending_wire import CollateralBody
from exchange.domain.windows import day_at

from .processes import PATIENCE_S, VenueProcess
from .test_shell import REFUSED, done, failed
from .venue import ACCOUNT_IDS, DEPOSIT_AMOUNT, INDEX_MICRO, PRODUCT, Market

SPEED = 15_000
"""A market day in six seconds, a marking cycle in a quarter of one."""
HOUR_NS = 3_600 * 10**9


class Scene:
    """Both sides of a loan, and an operator who reads the log."""

    def __init__(self, venue: VenueProcess, market: Market) -> None:
        self.market = market
        names = ("operator", "supplier", "trader", "other", "bank")
        self.clients = {name: ExchangeClient(venue.url, venue.token(name)) for name in names}
        self.first_seq = 1
        self.next_seqs: dict[str, int] = {}

    def __getattr__(self, name: str) -> ExchangeClient:
        return self.clients[name]

    async def price(self, index_micro: int) -> None:
        """Another price from outside, of today."""
        market_ns = (await self.operator.health()).market_ns
        await self.operator.admin(
            "publish_index_price",
            gpu_class="A100-80",
            region="SG1",
            index_micro=index_micro,
            usd_micro=index_micro * 10 // 71,
            usd_cny_ppm=7_100_000,
            observed_day=day_at(market_ns),
            source="e2e",
            row_count=1,
            file_sha256=hashlib.sha256(b"prices").hexdigest(),
        )

    async def event(self, tag: str) -> dict[str, Any]:
        """The next event of a kind that the log has or will have, each once."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                next_seq = self.next_seqs.get(tag, self.first_seq)
                async for record in self.operator.log_records(next_seq, 1_000):
                    self.next_seqs[tag] = record["seq"] + 1
                    for event in record["events"]:
                        if event["type"] == tag:
                            return event
                await asyncio.sleep(0.05)

    async def trade(self) -> None:
        """The trader owns 512 GPUs of the month; so much was traded that they can be sold."""
        for buyer, qty in ((self.trader, 512), (self.other, 3_200)):
            symbol = self.market.month_symbol
            await self.supplier.place(symbol, "sell", order_qty=qty, limit_price=1_200)
            await buyer.place(symbol, "buy", order_qty=qty, limit_price=1_200)
        await self.operator.admin(
            "deposit_cash",
            account_id=ACCOUNT_IDS["bank"],
            deposit_amount=DEPOSIT_AMOUNT,
            external_reference="capital",
        )
        traded_ns = (await self.operator.health()).market_ns
        async with asyncio.timeout(PATIENCE_S):
            while (await self.operator.health()).market_ns < traded_ns + 26 * HOUR_NS:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def draw(self) -> None:
        """All that the month lends, by the marks of the moment."""
        await self.price(INDEX_MICRO)
        applied = await self.trader.apply_for_loan(
            bank_account_id=ACCOUNT_IDS["bank"],
            principal_amount=DEPOSIT_AMOUNT,
            maturity_day=self.market.month_end_day - 1,
            collateral=[
                CollateralBody(
                    product=PRODUCT,
                    start_day=self.market.month_start_day,
                    end_day=self.market.month_end_day,
                    pledged_qty=512,
                )
            ],
        )
        mark = await self.event("pledge_marked")
        amount = mark["lendable_amount"]
        await self.bank.offer_loan(applied.created_id, principal_amount=amount, interest_ppm=50_000)
        await self.trader.draw_loan(applied.created_id)


async def _live(venue: VenueProcess, market: Market) -> None:
    scene = Scene(venue, market)
    try:
        await scene.trade()
        await scene.draw()
        drawn = await scene.event("loan_drawn")
        assert drawn["drawn_ltv_ppm"] * drawn["value_amount"] // 10**6 == drawn["principal_amount"]
        await scene.price(INDEX_MICRO * 8 // 10)
        call = await scene.event("margin_call_issued")
        await scene.trader.repay_loan(1, call["call_cash_amount"])
        ended = await scene.event("margin_call_ended")
        assert (ended["call_id"], ended["end"]) == (call["call_id"], "met")
        await scene.price(INDEX_MICRO * 64 // 100)
        second = await scene.event("margin_call_issued")
        assert second["call_id"] > call["call_id"]
        ended = await scene.event("margin_call_ended")
        assert (ended["call_id"], ended["end"]) == (second["call_id"], "expired")
        default = await scene.event("loan_defaulted")
        assert default["cause"] == "call_expired"
        with pytest.raises(Refused) as late:
            await scene.trader.repay_loan(1, second["call_cash_amount"])
        assert late.value.code == 4088
    finally:
        for client in scene.clients.values():
            await client.close()


def test_a_called_loan_is_cured_by_cash_and_an_expired_call_is_a_default(
    venue: VenueProcess, market: Market
) -> None:
    """A fall, and a cure; another fall that nobody answers; redeemed by the shell."""
    venue.start("--speed", SPEED)
    asyncio.run(_live(venue, market))
    failed(
        venue.shell("loan", "add-collateral", 1, f"{PRODUCT}:{market.month_code}:8"),
        REFUSED,
        "4088",
    )
    done(venue.shell("loan", "repay", 1, DEPOSIT_AMOUNT, "--json"))
    failed(venue.shell("loan", "repay", 1, 1), REFUSED, "wrong_state (4019)")
    assert venue.stop() == 0
    venue.verify()

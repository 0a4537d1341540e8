"""A loan on a real exchange whose days are short: called and cured, called again and lost."""

import asyncio
import hashlib
from typing import Any

import pytest

from clients.errors import Refused
from clients.sdk import ExchangeClient, SyncExchangeClient
from exchange.domain.lending_wire import CollateralBody
from exchange.domain.windows import date_of, day_at

from .processes import PATIENCE_S, VenueProcess, wait_until
from .test_shell import REFUSED, USAGE, done, failed
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
            usd_micro=index_micro,
            usd_cny_ppm=1_000_000,
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


def test_the_shell_borrows_lends_and_changes_collateral(
    venue: VenueProcess, market: Market
) -> None:
    """Apply, offer, draw, add, release, substitute, repay; and what is not understood."""
    venue.start("--speed", 600)
    symbol, days = market.month_symbol, f"{PRODUCT}:{market.month_code}"
    for buyer, qty in (("trader", 64), ("other", 3_200)):
        done(venue.shell("order", symbol, "sell", qty, 1_200, "--as", "supplier"))
        done(venue.shell("order", symbol, "buy", qty, 1_200, "--as", buyer))
    with SyncExchangeClient(venue.url, venue.token("operator")) as operator:
        operator.admin(
            "deposit_cash",
            account_id=ACCOUNT_IDS["bank"],
            deposit_amount=DEPOSIT_AMOUNT,
            external_reference="capital",
        )
        wait_until(
            lambda: any(node.level in (1, 3) for node in operator.marks().marks),
            "the trades have marked the month",
        )
    due = f"{date_of(market.month_start_day)}"
    bank = ACCOUNT_IDS["bank"]
    apply = ("loan", "apply", bank, 1_000_000, due, f"{days}:16", f"{days}:8", "--json")
    assert done(venue.shell(*apply)).value["created_id"] == 1
    failed(venue.shell("loan", "apply", bank, 1, due, f"{days}:72"), REFUSED, "title (5002)")
    for words in (
        (due, days),
        (due, f"{days}:x"),
        (due, f"{PRODUCT}:M13:8"),
        ("soon", f"{days}:8"),
    ):
        assert venue.shell("loan", "apply", bank, 1, *words).exit_code == USAGE
    offer = venue.shell("loan", "offer", 1, 1_000_001, 50_000)
    failed(offer, REFUSED, "above the 1000000 fen that can be lent")
    done(venue.shell("loan", "offer", 1, 1_000_000, 50_000))
    assert "loan 1 is drawn at seq" in done(venue.shell("loan", "draw", 1)).stdout
    failed(venue.shell("loan", "draw", 1), REFUSED, "wrong_state (4019)")
    assert (
        done(venue.shell("loan", "add-collateral", 1, f"{days}:8", "--json")).value["created_id"]
        == 3
    )
    done(venue.shell("pledge", "release", 3))
    new = done(venue.shell("loan", "substitute", 2, f"{days}:16", "--json")).value
    assert new["created_id"] == 4
    done(venue.shell("pledge", "release", 4, 8))
    failed(venue.shell("pledge", "release", 4, 4), REFUSED, "lot (4003)")
    done(venue.shell("loan", "repay", 1, 2_000_000))
    done(venue.shell("loan", "apply", bank, 1, due, f"{days}:64"))
    assert "loan 2 is over" in done(venue.shell("loan", "decline", 2)).stdout
    assert venue.stop() == 0
    venue.verify()

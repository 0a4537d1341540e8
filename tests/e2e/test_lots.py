"""The shell's words for liquidations on a real exchange: one without loans, and one with a loss."""

import asyncio
from pathlib import Path

import msgspec

from exchange.domain.lot_wire import LotNews, Lots

from .processes import VenueProcess
from .test_loans import SPEED, Scene
from .test_shell import REFUSED, done, failed
from .venue import INDEX_MICRO, Market


def test_the_shell_names_what_there_is_not(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    """There is no loan, so each command is refused for what it names."""
    venue.start()
    bills = tmp_path / "bills.txt"
    bills.write_text("lawyers")
    enforce = ("loan", "enforce", 9, bills, "--costs", 5)
    failed(venue.shell(*enforce), REFUSED, "enforce loan 9: there is no loan 9", "4080")
    window = market.month_code
    offer = ("lot", "offer", 9, window, 8, 900, "--floor-price", 800, "--step-price", 10)
    failed(venue.shell(*offer, "--as", "bank"), REFUSED, "offer 8 of pledge 9", "4012")
    failed(venue.shell("lot", "withdraw", 9), REFUSED, "there is no lot 9", "4081")
    failed(venue.shell("lot", "buy", 9, 900), REFUSED, "there is no lot 9", "4081")
    failed(venue.shell("lot", "buy", 9, 900, "--as", "bank"), REFUSED, "wrong_role (4022)")
    listed = done(venue.shell("lot", "list", "--json"))
    assert msgspec.json.decode(listed.stdout, type=Lots).lots == []
    assert "lots at seq" in done(venue.shell("lot", "list")).stdout
    assert "nothing is on offer" in done(venue.shell("lot", "follow", "--count", 1)).stdout


async def _default(venue: VenueProcess, market: Market) -> None:
    """A loan of all that the month lends, whose price falls to a third at once."""
    scene = Scene(venue, market)
    try:
        await scene.trade()
        await scene.draw()
        await scene.price(INDEX_MICRO // 3)
        default = await scene.event("loan_defaulted")
        assert default["cause"] == "liquidation_ratio"
    finally:
        for client in scene.clients.values():
            await client.close()


def test_a_loan_in_default_is_enforced_and_its_collateral_sold_over_a_kill(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    """The bank offers the whole month, the exchange dies, another buys, and the loan is repaid."""
    venue.start("--speed", SPEED)
    asyncio.run(_default(venue, market))
    bills = tmp_path / "bills.txt"
    bills.write_text("lawyers")
    done(venue.shell("loan", "enforce", 1, bills, "--costs", 500))
    offer = ("lot", "offer", 1, market.month_code, 512, 1_100, "--floor-price", 1_000)
    steps = ("--step-price", 1, "--step-minutes", 1_440)
    lot_id = done(venue.shell(*offer, *steps, "--json")).value["created_id"]
    venue.kill()
    venue.start("--speed", SPEED)
    listed = done(venue.shell("lot", "list", "--as", "other", "--json"))
    (lot,) = msgspec.json.decode(listed.stdout, type=Lots).lots
    assert (lot.lot_id, lot.lot_qty, lot.loan_id) == (lot_id, 512, 0)
    assert 1_000 <= lot.lot_price <= 1_100
    followed = done(venue.shell("lot", "follow", "--count", 1, "--as", "other", "--json"))
    (seen,) = msgspec.json.decode(followed.stdout, type=LotNews).lots
    assert (seen.lot_id, seen.loan_id) == (lot_id, 0)
    said = done(venue.shell("lot", "follow", "--count", 1)).stdout
    assert f"lot {lot_id} at 1" in said
    failed(venue.shell("lot", "buy", lot_id, 1_100), REFUSED, "affiliate (4062)")
    done(venue.shell("lot", "buy", lot_id, 1_100, "--as", "other"))
    failed(venue.shell("lot", "buy", lot_id, 1_100, "--as", "other"), REFUSED, "4081")
    failed(venue.shell("loan", "repay", 1, 1), REFUSED, "wrong_state (4019)")
    assert venue.stop() == 0
    venue.verify()

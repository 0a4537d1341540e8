"""The shell's words for liquidations, each taken by a real exchange where nothing is in default."""

from pathlib import Path

import msgspec

from exchange.domain.lot_wire import Lots

from .processes import VenueProcess
from .test_shell import REFUSED, done, failed
from .venue import Market


def test_the_shell_offers_withdraws_buys_and_lists_lots(
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

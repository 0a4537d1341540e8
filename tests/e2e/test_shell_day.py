"""A day of the market through the shell: what traders, operators and suppliers type."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clients.errors import Refused
from exchange.cli import app

from .processes import VenueProcess
from .venue import Market


class Desk:
    """Types commands to a venue, each in this process: starting one costs a second."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def type(self, *words: object) -> Any:
        """Any command, however it ends."""
        typed = [*map(str, words), "--data", str(self.data_dir)]
        return CliRunner(env={"COLUMNS": "160"}).invoke(app, typed)

    def shown(self, *words: object) -> str:
        """What people are shown of a command that must succeed."""
        answer = self.type(*words)
        assert answer.exit_code == 0, (words, answer.output, answer.exception)
        return answer.stdout

    def told(self, *words: object) -> Any:
        """Its one JSON value."""
        return json.loads(self.shown(*words, "--json"))

    def refused(self, *words: object) -> str:
        """What the market says against a command that it must refuse."""
        answer = self.type(*words)
        assert isinstance(answer.exception, Refused), (words, answer.output, answer.exception)
        return str(answer.exception)


@pytest.fixture
def desk(venue: VenueProcess) -> Desk:
    """The shell of the prepared venue, which serves."""
    venue.start()
    return Desk(venue.data_dir)


# -- who trades ------------------------------------------------------------------------------------


def test_a_trader_amends_its_orders_sees_its_fills_and_cancels_what_is_left(
    desk: Desk, market: Market
) -> None:
    """An amended offer trades at its new price; mass cancel takes a side, an instrument, all."""
    month, next_month = market.month_symbol, market.next_month_symbol
    sold = ("order", month, "sell", 16, 1_300, "--as", "supplier")
    offer_id = desk.told(*sold)["order_id"]
    assert "--limit-price" in desk.type("amend", offer_id, "--as", "supplier").output
    changed = ("--order-qty", 24, "--limit-price", 1_250, "--as", "supplier")
    assert desk.told("amend", offer_id, *changed)["order_id"] == offer_id
    assert desk.told("book", month)["asks"] == [[1_250, 24, 1]]
    assert "4041" in desk.refused("amend", offer_id, "--order-qty", 8)

    bought = desk.told("order", month, "buy", 8, 1_300)["order_id"]
    [trade] = desk.told("trades", month)
    assert (trade["last_price"], trade["last_qty"], trade["taker_side"]) == (1_250, 8, "buy")
    assert "12.50" in desk.shown("trades", month)
    assert desk.told("trades", month, "--as-of-seq", bought - 1) == []
    [fill] = desk.told("fills")
    assert (fill["order_id"], fill["cum_qty"]) == (bought, 8)
    shown = desk.shown("fills", "--as", "supplier")
    assert "8/24" in shown
    assert "│ 1250 " in shown

    for symbol, side, price in ((month, "buy", 900), (next_month, "buy", 800)):
        desk.told("order", symbol, side, 8, price)
    desk.told("order", month, "sell", 8, 1_400)
    desk.told("mass-cancel", "--side", "sell")
    assert open_orders(desk) == {(month, "buy"), (next_month, "buy")}
    assert month in desk.shown("mass-cancel", month)
    assert open_orders(desk) == {(next_month, "buy")}
    desk.told("mass-cancel")
    assert open_orders(desk) == set()
    assert desk.told("book", month)["asks"] == [[1_250, 16, 1]], "others' orders stay"


def open_orders(desk: Desk) -> set[tuple[str, str]]:
    """Where the trader still bids and offers."""
    orders = desk.told("orders")["orders"]
    return {(one["instrument"], one["side"]) for one in orders if one["leaves_qty"]}


def test_a_trader_follows_its_trades_as_they_happen(desk: Desk, market: Market) -> None:
    """First what was traded before, then each trade with the number that a dispute names."""
    month = market.month_symbol
    desk.told("order", month, "sell", 16, 1_250, "--as", "supplier")
    followed = [sys.executable, "-m", "exchange.cli", "fills", "--follow", "--count", "1"]
    with subprocess.Popen(
        [*followed, "--json", "--data", str(desk.data_dir)], stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline()) == []
        desk.told("order", month, "buy", 8, 1_250)
        fill = json.loads(following.stdout.readline())
        assert following.wait() == 0
    [trade] = desk.told("trades", month)
    assert (fill["trade_id"], fill["last_qty"], fill["liquidity"]) == (
        trade["trade_id"],
        8,
        "taker",
    )

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

from .processes import VenueProcess, wait_until
from .venue import ACCOUNT_IDS, PRODUCT, Market


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


# -- who runs the venue ----------------------------------------------------------------------------


def test_operators_admit_people_and_put_a_new_product_on_the_market(
    desk: Desk, market: Market, tmp_path: Path
) -> None:
    """An account with cash; an auditor by two operators; a product, a window, a price, a halt."""
    supplier_id = desk.told("admit", "site two", "supplier", "--grade", "B")["created_id"]
    desk.told("cash", "deposit", supplier_id, 5_000_000, "wire 17")
    assert "4015" in desk.refused("cash", "deposit", supplier_id, 5_000_000, "wire 17")
    desk.told("key", "register", supplier_id, "site_two")
    assert desk.told("balances", "--as", "site_two")["available_amount"] == 5_000_000

    secret = tmp_path / "secret"
    sha256 = CliRunner().invoke(app, ["key", "secret", str(secret)]).output.strip()
    assert secret.stat().st_mode & 0o077 == 0, "only the owner reads it"
    assert CliRunner().invoke(app, ["key", "secret", str(secret)]).exit_code == 2
    admitted = desk.told("admit", "inspectors", "auditor", "--key-sha256", sha256)
    desk.refused("confirm-admission", admitted["created_id"], "--as", "operator")
    key_id = desk.told("confirm-admission", admitted["created_id"])["created_id"]
    desk.shown("key", "keep", "inspector", key_id, secret)
    desk.told("capacity", "list", "--as", "inspector")

    defined = desk.told("product", "define", "H100.SG1", "H100", "SG1", supplier_id)
    assert "H100.SG1" in desk.shown("product", "list")
    code, symbol = market.month_code, f"H100.SG1:{market.month_code}"
    assert f"{symbol}, " in desk.shown("window", "open", "H100.SG1", code)
    assert "no product 'H200'" in desk.type("window", "open", "H200", code).output
    [listed] = desk.told("instruments", "--product", "H100.SG1")
    assert (listed["instrument"], defined["created_id"]) == (symbol, 2)

    desk.told("bands", "publish", 500, 2_000, 300)
    desk.told("settlement-price", "publish", symbol, 2_000)
    [banded] = desk.told("instruments", "--product", "H100.SG1")
    assert (banded["low_limit_price"], banded["high_limit_price"]) == (1_900, 2_100)
    bid = ("order", symbol, "buy", 8)
    assert "price_band" in desk.refused(*bid, 2_101)
    desk.told(*bid, 2_000)
    assert "is halted" in desk.shown("halt", symbol)
    assert "halted" in desk.refused(*bid, 1_950)
    assert "no instrument" in desk.type("resume", "H100.SG1:M9901").output
    desk.told("resume", symbol)
    assert desk.told("book", symbol)["session_state"] == "auction"


def test_operators_and_auditors_stop_what_a_supplier_cannot_deliver(
    desk: Desk, market: Market, tmp_path: Path
) -> None:
    """Capacity rejected, withdrawn, derated; sales suspended and allowed again."""
    report = tmp_path / "report.pdf"
    report.write_bytes(b"four racks are gone")
    code, symbol, supplier_id = market.month_code, market.month_symbol, ACCOUNT_IDS["supplier"]
    grant_id = desk.told("capacity", "submit", PRODUCT, code, 16)["created_id"]
    desk.told("capacity", "reject", grant_id)
    assert "wrong_state" in desk.refused("capacity", "verify", grant_id)
    desk.told("capacity", "withdraw", PRODUCT, code, 96)
    assert free_qtys(desk) == {4_096, 4_000}
    desk.told("capacity", "derate", PRODUCT, code, 3_000, report)
    assert free_qtys(desk) == {4_096, 3_000}

    sale = ("order", symbol, "sell", 8, 1_200, "--as", "supplier")
    desk.told("supplier", "suspend", supplier_id)
    assert "suspended" in desk.refused(*sale)
    assert "wrong_state" in desk.refused("supplier", "suspend", supplier_id)
    desk.told("supplier", "reinstate", supplier_id)
    desk.told(*sale)


def test_a_supplier_that_is_terminated_pays_what_its_bond_does_not(
    desk: Desk, market: Market
) -> None:
    """Days sold at 12.00 and worth 13.00: each day's damages are a claim, to be paid in parts."""
    symbol, supplier_id = market.month_symbol, ACCOUNT_IDS["supplier"]
    desk.told("order", symbol, "sell", 8, 1_200, "--as", "supplier")
    desk.told("order", symbol, "buy", 8, 1_200)
    desk.told("settlement-price", "publish", symbol, 1_300)
    assert "wrong_state" in desk.refused("supplier", "terminate", supplier_id)
    desk.told("supplier", "suspend", supplier_id)
    assert "is terminated" in desk.shown("supplier", "terminate", supplier_id)
    assert "│ terminated │" in desk.shown("bond", "list")

    days_count, owed_amount = market.month_end_day - market.month_start_day, 8 * 24 * 100
    wait_until(lambda: len(desk.told("claim", "list")) == days_count, "every day is settled")
    first = desk.told("claim", "list", "--as", "trader")[0]
    assert (first["day"], first["left_amount"]) == (market.month_start_day, owed_amount)
    assert "192.00" in desk.shown("claim", "list")
    before_amount = desk.told("balances")["available_amount"]
    desk.told("claim", "pay", first["claim_id"], 9_200)
    assert desk.told("balances")["available_amount"] == before_amount + 9_200
    assert desk.told("claim", "list")[0]["left_amount"] == 10_000
    assert "unknown_claim" in desk.refused("claim", "pay", 999, 100)


def free_qtys(desk: Desk) -> set[int]:
    """GPUs of the supplier's that are for sale, on whatever days."""
    [held] = desk.told("positions", "--as", "supplier")["positions"]
    return {qty for _, _, qty in held["sellable"]}

"""A state as people look at it: its books, positions, balances and marks, by name."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from clients.shell import money
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.windows import date_of
from exchange.gateway.named import named
from exchange.rules import State


def picture_of(state: State) -> dict[str, Any]:
    """Books, positions and marks of a state, by name."""
    core = state.core
    books = {}
    for _, instrument_id in state.gates:
        bids, asks = (core.levels(instrument_id, side, 5) for side in (1, 2))
        if bids or asks:
            books[state.instruments[instrument_id].symbol] = {"bids": bids, "asks": asks}
    positions = []
    for account_id, participant in state.participants.items():
        for product in state.products.values():
            functions = {
                name: core.day_function(account_id, product.product_id, name)
                for name in ("title", "lien", "reserved_sale")
            }
            if any(functions.values()):
                row = {"account": participant.name, "product": product.code, **functions}
                positions.append(row)
    marks = [node.mark for node in state.market_data.nodes.values() if node.mark]
    return {
        "seq": state.seq,
        "market_ns": state.market_ns,
        "state_hash": state.hash().hex(),
        "books": books,
        "positions": positions,
        "balances": {
            participant.name: core.balances(account_id)
            for account_id, participant in state.participants.items()
        },
        "marks": [named(mark) for mark in marks],
    }


def print_picture(picture: dict[str, Any]) -> None:
    """Tables of it."""
    console = Console()
    at = datetime.fromtimestamp(picture["market_ns"] / NS_PER_SECOND, UTC)
    console.print(f"seq {picture['seq']}, market time {at:%Y-%m-%d %H:%M:%S} UTC")
    console.print(f"state {picture['state_hash']}")
    books = Table("instrument", "bids", "asks", title="books")
    for symbol, book in picture["books"].items():
        sides = (
            ", ".join(f"{qty} @ {money(price)}" for price, qty, _ in book[side])
            for side in ("bids", "asks")
        )
        books.add_row(symbol, *sides)
    positions = Table("account", "product", "function", "from", "to", "GPUs", title="positions")
    for row in picture["positions"]:
        for name in ("title", "lien", "reserved_sale"):
            for start_day, end_day, qty in row[name]:
                span = (f"{date_of(start_day)}", f"{date_of(end_day)}", str(qty))
                positions.add_row(row["account"], row["product"], name, *span)
    marks = Table("class", "region", "month", "CNY per GPU-hour", "level", "notes", title="marks")
    for mark in picture["marks"]:
        price = f"{mark['mark_micro'] / 1_000_000:.6f}"
        node = (mark["gpu_class"], mark["region"], str(mark["month"]))
        marks.add_row(*node, price, str(mark["level"]), ", ".join(mark["notes"]))
    for table in (books, positions, marks):
        console.print(table)
